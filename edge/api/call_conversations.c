/* Conversations: list, look, create, rename. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "edge/api/calls.h"
#include "edge/api/write.h"

#define TITLE_MOST 200
#define MEMBERS_A_CALL 10 /* named ones that count as another call */
#define PAGE 50
#define PAGE_MOST 100

/* ---- look ---- */

struct look {
    enum call_outcome outcome;
};

static void on_one(struct call *call, const struct wire_bytes *bytes)
{
    const struct look *state = call->state;
    struct wire_conversations_reply reply = {0};
    struct wire_conversation conversation;
    struct wire_bytes item;
    struct writer to;

    if (CALL_FAILED(call, conversations_reply, bytes, &reply))
        return;
    if (!wire_list_next(&reply.conversations, &item) ||
        wire_conversation_decode(item, &conversation) < 0) {
        call_fail(call, WIRE_NOT_FOUND, "there is no such conversation, or it is not yours");
        return;
    }
    to = call_write(call);
    write_conversation(&to, &conversation);
    call_answer(call, state->outcome, &to);
}

void call_conversation_answer(struct call *call, const struct id *conversation,
                              enum call_outcome outcome)
{
    struct wire_conversations query = {.user = call->claims.user, .id = *conversation, .limit = 1};
    struct look *state;

    call_state_drop(call);
    state = call_state(call, sizeof *state, NULL);
    state->outcome = outcome;
    CALL_ASK(call, id_partition(conversation), conversations, CONVERSATIONS, &query, on_one);
}

static void run_look(struct call *call)
{
    struct id id = shape_id(call->input, "conversationId");

    call_conversation_answer(call, &id, CALL_DONE);
}

static const struct shape_member look_shape[] = {
    CALL_CONVERSATION_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_conversation = {false, CALL_RATE_OTHER, look_shape, run_look};

/* ---- list ---- */

static void on_list(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_conversations_reply reply = {0};
    struct wire_conversation conversation;
    struct wire_bytes item;
    struct writer to;

    if (CALL_FAILED(call, conversations_reply, bytes, &reply))
        return;
    to = call_write(call);
    writer_open_object(&to);
    writer_name(&to, "conversations");
    writer_open_array(&to);
    while (wire_list_next(&reply.conversations, &item))
        if (wire_conversation_decode(item, &conversation) == 0)
            write_conversation(&to, &conversation);
    writer_close_array(&to);
    writer_name(&to, "nextCursor");
    call_cursor_write(&to, reply.next);
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

static void run_list(struct call *call)
{
    struct wire_conversations query = {.user = call->claims.user};
    struct call_cursor cursor;

    if (!call_cursor_read(call, &cursor))
        return;
    query.cursor = wire_bytes_of(cursor.bytes, cursor.len);
    query.limit = call_limit(call, PAGE, PAGE_MOST);
    CALL_ASK(call, id_partition(&query.user), conversations, CONVERSATIONS, &query, on_list);
}

static const struct shape_member list_shape[] = {
    CALL_CURSOR_MEMBER,
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_conversations = {false, CALL_RATE_OTHER, list_shape, run_list};

/* ---- create ---- */

struct creation {
    struct id id;
    bool direct;
    size_t count;   /* of others */
    size_t checked; /* of them: they exist */
    uint64_t at_ms;
    struct id *others;
};

static void creation_done(void *state)
{
    free(((struct creation *)state)->others);
}

static void on_created(struct call *call, const struct wire_answer *answer, bool resent)
{
    struct creation *state = call->state;
    struct id id = state->id;

    if (answer->status == WIRE_CONFLICT)
        call_fail_conflict(call, &id, answer->seq);
    else
        call_conversation_answer(
            call, &id,
            answer->status == WIRE_OK || (resent && !state->direct) ? CALL_CREATED : CALL_REPEATED);
}

static void add_member(struct buf *list, uint32_t *count, const struct id *user,
                       enum wire_role role)
{
    struct wire_member member = {.user = *user, .role = (uint8_t)role, .from = 1};

    wire_member_add(list, count, &member);
}

static void post_creation(struct call *call)
{
    const struct creation *state = call->state;
    AUTO(buf_done) struct buf members, body;
    uint32_t count = 0;
    struct wire_body_created created = {.kind = state->direct ? WIRE_DIRECT : WIRE_GROUP,
                                        .title = shape_text(call->input, "title")};
    struct wire_post post = {.conversation = state->id,
                             .kind = WIRE_KIND_CONVERSATION_CREATED,
                             .actor = call->claims.user};

    buf_init(&members, WIRE_FRAME_MAX);
    buf_init(&body, WIRE_FRAME_MAX);
    if (!call_client_id(call, &post.client_id))
        return;
    if (state->direct)
        created.title = wire_text("");
    add_member(&members, &count, &call->claims.user,
               state->direct ? WIRE_ROLE_MEMBER : WIRE_ROLE_OWNER);
    for (size_t i = 0; i < state->count; i++)
        add_member(&members, &count, &state->others[i], WIRE_ROLE_MEMBER);
    created.members = wire_list_of(&members, count);
    wire_body_created_encode(&body, &created);
    post.body = wire_buf(&body);
    post.fingerprint = id_fingerprint(post.kind, body.data, body.len);
    call_post(call, &post, on_created);
}

static void check_next(struct call *call);

static void on_checked(struct call *call, const struct wire_bytes *bytes)
{
    struct creation *state = call->state;
    struct wire_user_reply reply = {0};
    int rc = wire_user_reply_decode(*bytes, &reply);

    if (rc == 0 && reply.status == WIRE_NOT_FOUND) {
        call_fail_unknown(call, "memberIds", &state->others[state->checked]);
    } else if (!call_failed(call, rc, reply.status)) {
        state->checked++;
        check_next(call);
    }
}

/* Nobody is added who does not exist. */
static void check_next(struct call *call)
{
    const struct creation *state = call->state;
    struct wire_user_get get = {0};

    if (state->checked == state->count) {
        post_creation(call);
        return;
    }
    get.id = state->others[state->checked];
    CALL_ASK(call, id_partition(&get.id), user_get, USER_GET, &get, on_checked);
}

static void run_create(struct call *call)
{
    struct creation *state = call_state(call, sizeof *state, creation_done);
    struct wire_bytes client_id;

    if (!call_client_id(call, &client_id))
        return;
    state->direct = strcmp(shape_cstring(call->input, "kind"), "direct") == 0;
    if (!call_ids(call, "memberIds", &state->others, &state->count))
        return;
    if (state->direct && state->count != 1) {
        call_fail_member(call, "memberIds",
                         "memberIds must name exactly one other person for a direct conversation");
        return;
    }
    state->id = state->direct
                    ? id_of_pair(&call->claims.user, &state->others[0])
                    : id_of_conversation(&call->claims.user, client_id.data, client_id.len);
    call_charge(call, state->count / MEMBERS_A_CALL);
    check_next(call);
}

static const char *const kinds[] = {"direct", "group", NULL};

static const struct shape_member create_shape[] = {
    {.name = "kind", .type = SHAPE_CHOICE, .required = true, .choices = kinds},
    {"title", SHAPE_TEXT, false, 0, TITLE_MOST, NULL, NULL, NULL},
    {.name = "memberIds", .type = SHAPE_IDS, .most = SIZE_MAX},
    CALL_CLIENT_ID_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_conversation_create = {false, CALL_RATE_OTHER, create_shape,
                                                   run_create};

/* ---- rename ---- */

static void on_renamed(struct call *call, const struct wire_answer *answer, bool resent)
{
    struct id id = shape_id(call->input, "conversationId");

    (void)resent;
    if (answer->status == WIRE_CONFLICT)
        call_fail_conflict(call, &id, answer->seq);
    else
        call_conversation_answer(call, &id, CALL_DONE);
}

static void run_change(struct call *call)
{
    AUTO(buf_done) struct buf body;
    char own_id[CALL_OWN_ID];
    struct wire_body_updated updated = {shape_text(call->input, "title")};
    struct wire_post post = {.conversation = shape_id(call->input, "conversationId"),
                             .kind = WIRE_KIND_CONVERSATION_UPDATED,
                             .actor = call->claims.user,
                             .client_id = shape_text(call->input, "clientId")};

    call_own_id(call, &post.conversation, own_id);
    if (post.client_id.len == 0)
        post.client_id = wire_text(own_id);
    buf_init(&body, WIRE_FRAME_MAX);
    wire_body_updated_encode(&body, &updated);
    post.body = wire_buf(&body);
    post.fingerprint = id_fingerprint(post.kind, body.data, body.len);
    call_post(call, &post, on_renamed);
}

static const struct shape_member change_shape[] = {
    CALL_CONVERSATION_MEMBER,
    {"title", SHAPE_TEXT, true, 0, TITLE_MOST, NULL, NULL, NULL},
    CALL_CLIENT_ID_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_conversation_change = {false, CALL_RATE_OTHER, change_shape,
                                                   run_change};
