/* How users come to be: they register, or the operator adds them, with a password or without. */
#include "base/clock.h"
#include "edge/api/calls.h"
#include "edge/api/write.h"

struct adding {
    struct buf record; /* the user, encoded */
};

static void adding_done(void *state)
{
    buf_done(&((struct adding *)state)->record);
}

static void answer(struct call *call, const struct wire_user *user)
{
    struct writer to = call_write(call);

    writer_open_object(&to);
    writer_name(&to, "user");
    write_user(&to, user, true);
    writer_close_object(&to);
    call_answer(call, CALL_CREATED, &to);
}

static void on_added(struct call *call, const struct wire_bytes *bytes)
{
    const struct adding *state = call->state;
    struct wire_user_add_reply reply = {0};
    struct wire_user user = {0};
    AUTO(base_free_text) char *taken = NULL;
    AUTO(buf_done) struct buf record = state->record; /* call_sign_in replaces the state */
    int rc = wire_user_add_reply_decode(*bytes, &reply);

    ((struct adding *)call->state)->record = (struct buf){0};
    if (rc == 0 && reply.status == WIRE_CONFLICT) {
        taken = wire_bytes_dup(reply.detail);
        call_fail_with(call, &(struct call_error){.code = WIRE_CONFLICT,
                                                  .message = "somebody else has that already",
                                                  .details = json_pack("{s:s}", "member", taken)});
        return;
    }
    if (call_failed(call, rc, reply.status))
        return;
    if (wire_user_decode(wire_buf(&record), &user) < 0)
        call_fail_busy(call, "the user cannot be read again");
    else if (call->spec == &call_admin_user)
        answer(call, &user);
    else
        call_sign_in(call, &user, CALL_CREATED);
}

static void add(struct call *call, const char *hash)
{
    struct adding *state = call_state(call, sizeof *state, adding_done);
    AUTO(base_free_text) char *email = base_strdup(shape_cstring(call->input, "email"));
    struct wire_user user = {.id = id_random(), .created_ms = clock_wall_ms()};
    struct wire_user_add query;

    call_lower(email);
    user.username = shape_text(call->input, "username");
    user.email = wire_text(email);
    user.display_name = shape_text(call->input, "displayName");
    if (user.display_name.len == 0)
        user.display_name = user.username;
    user.password = wire_text(hash);
    buf_init(&state->record, 8192);
    wire_user_encode(&state->record, &user);
    query.user = wire_buf(&state->record);
    CALL_ASK(call, id_partition(&user.id), user_add, USER_ADD, &query, on_added);
}

static void on_hashed(void *arg, const char *hash, enum password_result result)
{
    (void)result;
    if (hash)
        add(arg, hash);
    else
        call_fail_busy(arg, "the password could not be hashed");
}

static void run(struct call *call)
{
    const char *password = shape_cstring(call->input, "password");

    if (!*password)
        add(call, "");
    else if (password_hash(call->api->password, password, on_hashed, call) < 0)
        call_fail_busy(call, "too many passwords are waiting to be hashed");
}

#define USER_MEMBERS(must)                                                                          \
    {"username", SHAPE_TEXT, true, 3, 32, shape_is_username, "of a-z, 0-9, '.', '_', '-'", NULL},   \
        {"email", SHAPE_TEXT, must, 3, CALL_EMAIL_MOST, shape_is_email, "an e-mail address", NULL}, \
        {"password", SHAPE_TEXT, must, 8, CALL_PASSWORD_MOST, NULL, NULL, NULL},                    \
        CALL_DISPLAY_NAME_MEMBER(false), CALL_DEVICE_MEMBER

static const struct shape_member register_shape[] = {USER_MEMBERS(true), SHAPE_DONE};
static const struct shape_member admin_user_shape[] = {USER_MEMBERS(false), SHAPE_DONE};

const struct call_spec call_register = {true, CALL_RATE_SIGN_IN, register_shape, run};
const struct call_spec call_admin_user = {true, CALL_RATE_NONE, admin_user_shape, run};
