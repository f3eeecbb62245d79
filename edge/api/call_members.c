/* Who belongs to a conversation. These calls are repeatable by nature: who is there already, or has
 * gone already, makes no event. */
#include <errno.h>
#include <stdlib.h>

#include "edge/api/calls.h"
#include "edge/api/render.h"
#include "edge/api/write.h"

#define PAGE 50
#define PAGE_MOST 1000

static const char *const roles[] = {"member", "admin", "owner", NULL};

/* ---- list ---- */

static void on_list(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_members_reply reply = {0};
    struct wire_member member = {0};
    struct wire_list walk;
    struct wire_bytes item;
    struct writer to;

    if (CALL_FAILED(call, members_reply, bytes, &reply))
        return;
    walk = reply.members;
    while (wire_list_next(&walk, &item))
        if (wire_member_decode(item, &member) < 0)
            break;
    to = call_write(call);
    writer_open_object(&to);
    writer_name(&to, "members");
    write_members(&to, reply.members);
    writer_name(&to, "nextCursor");
    call_cursor_write(&to, wire_bytes_of(&member.user, reply.more ? sizeof member.user : 0));
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

static void run_list(struct call *call)
{
    struct wire_members query = {.conversation = shape_id(call->input, "conversationId"),
                                 .user = call->claims.user,
                                 .limit = call_limit(call, PAGE, PAGE_MOST)};
    struct call_cursor cursor;

    if (!call_cursor_read(call, &cursor))
        return;
    if (cursor.len && cursor.len != sizeof query.after) {
        call_fail_member(call, "cursor", "cursor is none that this server gave");
        return;
    }
    if (cursor.len)
        query.after = *(struct id *)cursor.bytes;
    CALL_ASK(call, id_partition(&query.conversation), members, MEMBERS, &query, on_list);
}

static const struct shape_member list_shape[] = {
    CALL_CONVERSATION_MEMBER,
    CALL_CURSOR_MEMBER,
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_members = {false, CALL_RATE_OTHER, list_shape, run_list};

/* ---- one change ---- */

static void post_change(struct call *call, enum wire_kind kind, const struct id *user,
                        enum wire_role role, call_answer_fn *then)
{
    AUTO(buf_done) struct buf body;
    char own_id[CALL_OWN_ID];
    struct wire_body_member change = {*user, (uint8_t)role};
    struct wire_post post = {.conversation = shape_id(call->input, "conversationId"),
                             .kind = (uint8_t)kind,
                             .actor = call->claims.user};

    call_own_id(call, user, own_id);
    buf_init(&body, 64);
    wire_body_member_encode(&body, &change);
    post.client_id = wire_text(own_id);
    post.body = wire_buf(&body);
    post.fingerprint = id_fingerprint(post.kind, body.data, body.len);
    call_post(call, &post, then);
}

/* An Idempotency-Key that was used for another change, else the conversation as it is now. */
static void on_changed(struct call *call, const struct wire_answer *answer, bool resent)
{
    struct id conversation = shape_id(call->input, "conversationId");

    (void)resent;
    if (answer->status == WIRE_CONFLICT)
        call_fail_conflict(call, &conversation, answer->seq);
    else
        call_conversation_answer(call, &conversation, CALL_DONE);
}

static void run_change(struct call *call)
{
    struct id user = shape_id(call->input, "userId");

    post_change(call, WIRE_KIND_MEMBER_UPDATED, &user,
                render_role_of(shape_cstring(call->input, "role")), on_changed);
}

static const struct shape_member change_shape[] = {
    CALL_CONVERSATION_MEMBER,
    {.name = "userId", .type = SHAPE_ID, .required = true},
    {.name = "role", .type = SHAPE_CHOICE, .required = true, .choices = roles},
    SHAPE_DONE,
};

const struct call_spec call_member_change = {false, CALL_RATE_OTHER, change_shape, run_change};

/* ---- remove, or leave ---- */

static void on_removed(struct call *call, const struct wire_answer *answer, bool resent)
{
    struct id conversation = shape_id(call->input, "conversationId");

    (void)resent;
    if (answer->status == WIRE_CONFLICT)
        call_fail_conflict(call, &conversation, answer->seq);
    else
        call_answer(call, CALL_EMPTY, NULL);
}

static void run_remove(struct call *call)
{
    struct id user = shape_id(call->input, "userId");

    post_change(call, WIRE_KIND_MEMBER_REMOVED, &user, WIRE_ROLE_NONE, on_removed);
}

static const struct shape_member remove_shape[] = {
    CALL_CONVERSATION_MEMBER,
    {.name = "userId", .type = SHAPE_ID, .required = true},
    SHAPE_DONE,
};

const struct call_spec call_member_remove = {false, CALL_RATE_OTHER, remove_shape, run_remove};

/* ---- add ---- */

struct addition {
    struct id *users;
    size_t count, added;
    enum wire_role role;
};

static void addition_done(void *state)
{
    free(((struct addition *)state)->users);
}

static void add_next(struct call *call);

static void on_added(struct call *call, const struct wire_answer *answer, bool resent)
{
    struct addition *state = call->state;

    state->added++;
    if (answer->status == WIRE_CONFLICT || state->added == state->count)
        on_changed(call, answer, resent);
    else
        add_next(call);
}

static void on_exists(struct call *call, const struct wire_bytes *bytes)
{
    const struct addition *state = call->state;
    struct wire_user_reply reply = {0};
    int rc = wire_user_reply_decode(*bytes, &reply);

    if (rc == 0 && reply.status == WIRE_NOT_FOUND)
        call_fail_unknown(call, "userIds", &state->users[state->added]);
    else if (!call_failed(call, rc, reply.status))
        post_change(call, WIRE_KIND_MEMBER_ADDED, &state->users[state->added], state->role,
                    on_added);
}

static void add_next(struct call *call)
{
    const struct addition *state = call->state;
    struct wire_user_get get = {.id = state->users[state->added]};

    CALL_ASK(call, id_partition(&get.id), user_get, USER_GET, &get, on_exists);
}

static void run_add(struct call *call)
{
    struct addition *state = call_state(call, sizeof *state, addition_done);
    const char *role = shape_cstring(call->input, "role");

    state->role = *role ? render_role_of(role) : WIRE_ROLE_MEMBER;
    if (!call_ids(call, "userIds", &state->users, &state->count))
        return;
    if (state->count == 0) {
        call_fail_member(call, "userIds", "userIds must name somebody else");
        return;
    }
    call_charge(call, state->count - 1); /* one event each */
    add_next(call);
}

static const struct shape_member add_shape[] = {
    CALL_CONVERSATION_MEMBER,
    {.name = "userIds", .type = SHAPE_IDS, .required = true, .least = 1, .most = SIZE_MAX},
    {.name = "role", .type = SHAPE_CHOICE, .choices = roles},
    SHAPE_DONE,
};

const struct call_spec call_members_add = {false, CALL_RATE_OTHER, add_shape, run_add};
