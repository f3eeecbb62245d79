/* Profiles: one's own, another's, and a search by prefix. */
#include "edge/api/calls.h"
#include "edge/api/write.h"

static void on_user(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_user_reply reply = {0};
    struct wire_user user;
    struct writer to;

    if (CALL_FAILED(call, user_reply, bytes, &reply))
        return;
    if (wire_user_decode(reply.user, &user) < 0) {
        call_fail_busy(call, "the store's answer cannot be read");
        return;
    }
    to = call_write(call);
    write_user(&to, &user, id_equal(&user.id, &call->claims.user));
    call_answer(call, CALL_DONE, &to);
}

static void get(struct call *call, const struct id *id)
{
    struct wire_user_get query = {.id = *id};

    CALL_ASK(call, id_partition(id), user_get, USER_GET, &query, on_user);
}

static void run_me(struct call *call)
{
    get(call, &call->claims.user);
}

const struct call_spec call_me = {false, CALL_RATE_OTHER, NULL, run_me};

static void run_user(struct call *call)
{
    struct id id = shape_id(call->input, "userId");

    get(call, &id);
}

static const struct shape_member user_shape[] = {
    {.name = "userId", .type = SHAPE_ID, .required = true},
    SHAPE_DONE,
};

const struct call_spec call_user = {false, CALL_RATE_OTHER, user_shape, run_user};

static void on_changed(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_status_reply reply = {0};

    if (!CALL_FAILED(call, status_reply, bytes, &reply))
        get(call, &call->claims.user);
}

static void run_change(struct call *call)
{
    struct wire_user_update update = {call->claims.user, shape_text(call->input, "displayName")};

    CALL_ASK(call, id_partition(&update.id), user_update, USER_UPDATE, &update, on_changed);
}

static const struct shape_member change_shape[] = {
    CALL_DISPLAY_NAME_MEMBER(true),
    SHAPE_DONE,
};

const struct call_spec call_me_change = {false, CALL_RATE_OTHER, change_shape, run_change};

static void on_found(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_users_reply reply = {0};
    struct wire_user user;
    struct wire_bytes item;
    struct writer to;

    if (CALL_FAILED(call, users_reply, bytes, &reply))
        return;
    to = call_write(call);
    writer_open_object(&to);
    writer_name(&to, "users");
    writer_open_array(&to);
    while (wire_list_next(&reply.users, &item))
        if (wire_user_decode(item, &user) == 0)
            write_user(&to, &user, false);
    writer_close_array(&to);
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

static void run_find(struct call *call)
{
    AUTO(base_free_text) char *prefix = base_strdup(shape_cstring(call->input, "q"));
    struct wire_user_find find = {.limit = call_limit(call, 20, 100)};

    call_lower(prefix);
    find.prefix = wire_text(prefix);
    CALL_ASK(call, id_partition(&call->claims.user), user_find, USER_FIND, &find, on_found);
}

static const struct shape_member find_shape[] = {
    {"q", SHAPE_TEXT, true, 1, 64, NULL, NULL, NULL},
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_users = {false, CALL_RATE_OTHER, find_shape, run_find};
