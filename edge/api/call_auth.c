/* Who are you: login, refresh, logout, and a token on the operator's word. A session is a record in
 * the store; its refresh secret is known there by hash alone. */
#include <string.h>

#include "base/clock.h"
#include "edge/api/calls.h"
#include "edge/api/refresh.h"
#include "edge/api/write.h"

#define USER_MAX 65536 /* bytes of one as JSON: far more than its shape allows */

struct sign_in {
    struct buf user; /* as JSON: as the client sees itself; empty: not known */
    struct id id;
    uint64_t at_ms;
    enum call_outcome outcome;
    struct refresh refresh;
};

static void sign_in_done(void *state)
{
    struct sign_in *self = state;

    buf_done(&self->user);
}

static struct sign_in *begin(struct call *call)
{
    struct sign_in *self = call_state(call, sizeof *self, sign_in_done);

    buf_init(&self->user, USER_MAX);
    return self;
}

static void remember_user(struct sign_in *self, const struct wire_user *user)
{
    struct writer to = writer_of(&self->user);

    self->id = user->id;
    write_user(&to, user, true);
}

static void succeed(struct call *call)
{
    const struct sign_in *state = call->state;
    uint64_t life_s = call->spec == &call_admin_token ? call->api->limits.admin_token_s
                                                      : call->api->limits.token_s;
    uint64_t at_s = state->at_ms / 1000;
    struct token_claims claims = {state->id, state->refresh.session, at_s, at_s + life_s};
    AUTO(base_free_text) char *token = token_sign(call->api->key, &claims);
    char refresh[REFRESH_TEXT];
    struct writer to = call_write(call);

    refresh_to_text(&state->refresh, refresh);
    writer_open_object(&to);
    writer_name(&to, "user");
    writer_raw(&to, state->user.data, state->user.len);
    writer_name(&to, "accessToken");
    writer_plain(&to, token);
    writer_name(&to, "expiresIn");
    writer_number(&to, life_s);
    writer_name(&to, "refreshToken");
    writer_plain(&to, refresh);
    writer_close_object(&to);
    call_answer(call, state->outcome, &to);
}

/* ---- a new session ---- */

static void on_session_added(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_status_reply reply = {0};

    if (!CALL_FAILED(call, status_reply, bytes, &reply))
        succeed(call);
}

static void open_session(struct call *call)
{
    struct sign_in *state = call->state;
    struct wire_bytes device = shape_text(call->input, "device");
    AUTO(buf_done) struct buf record;
    struct wire_session session = {.id = id_of_session(&state->id), .user = state->id};
    struct wire_session_add add;
    uint8_t hash[32];

    state->at_ms = clock_wall_ms();
    state->refresh = refresh_random(&session.id);
    refresh_hash(state->refresh.secret, sizeof state->refresh.secret, hash);
    session.device = device.len ? device : wire_text(call->device);
    session.created_ms = session.used_ms = state->at_ms;
    buf_init(&record, 4096);
    wire_session_encode(&record, &session);
    add = (struct wire_session_add){wire_buf(&record), wire_bytes_of(hash, sizeof hash)};
    CALL_ASK(call, id_partition(&session.id), session_add, SESSION_ADD, &add, on_session_added);
}

void call_sign_in(struct call *call, const struct wire_user *user, enum call_outcome outcome)
{
    struct sign_in *state;

    call_state_drop(call);
    state = begin(call);
    remember_user(state, user);
    state->outcome = outcome;
    open_session(call);
}

/* ---- login ---- */

static void on_checked(void *arg, const char *hash, enum password_result result)
{
    struct call *call = arg;
    const struct sign_in *state = call->state;

    (void)hash;
    if (result == PASSWORD_UNDONE)
        call_fail_busy(call, "the password could not be checked");
    else if (result == PASSWORD_GOOD && state->user.len)
        open_session(call);
    else
        call_fail(call, WIRE_UNAUTHORIZED, "login or password is wrong");
}

/* Unknown users cost the same work, so that the time does not tell who exists. */
static void check_password(struct call *call, const struct wire_user *user)
{
    AUTO(base_free_text) char *hash = wire_bytes_dup(user->password);
    struct sign_in *state = begin(call);

    if (!id_is_zero(&user->id))
        remember_user(state, user);
    if (password_check(call->api->password, shape_cstring(call->input, "password"), hash,
                       on_checked, call) < 0)
        call_fail_busy(call, "too many passwords are waiting to be checked");
}

static void on_login(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_user_reply reply = {0};
    struct wire_user user = {0};
    int rc = wire_user_reply_decode(*bytes, &reply);
    bool known = rc == 0 && reply.status == WIRE_OK && wire_user_decode(reply.user, &user) == 0;
    bool asked = call->spec == &call_admin_token;

    if (!known && (asked || rc < 0 || reply.status != WIRE_NOT_FOUND) &&
        call_failed(call, rc, reply.status))
        return;
    if (known && asked)
        call_sign_in(call, &user, CALL_DONE);
    else
        check_password(call, &user);
}

static void run_login(struct call *call)
{
    AUTO(base_free_text) char *login = base_strdup(shape_cstring(call->input, "login"));
    struct wire_user_get get = {0};

    call_lower(login);
    get.login = wire_text(login);
    CALL_ASK(call, call_partition_of_login(login), user_get, USER_GET, &get, on_login);
}

static const struct shape_member login_shape[] = {
    {"login", SHAPE_TEXT, true, 1, CALL_EMAIL_MOST, NULL, NULL, NULL},
    {"password", SHAPE_TEXT, true, 1, CALL_PASSWORD_MOST, NULL, NULL, NULL},
    CALL_DEVICE_MEMBER,
    SHAPE_DONE,
};

static const struct shape_member admin_token_shape[] = {
    {"login", SHAPE_TEXT, true, 1, CALL_EMAIL_MOST, NULL, NULL, NULL},
    SHAPE_DONE,
};

const struct call_spec call_login = {true, CALL_RATE_SIGN_IN, login_shape, run_login};
const struct call_spec call_admin_token = {true, CALL_RATE_NONE, admin_token_shape, run_login};

/* ---- refresh ---- */

static void refuse_refresh(struct call *call)
{
    call_fail(call, WIRE_UNAUTHORIZED, "this refresh token does not hold");
}

/* The store has ended the family already: edges that are not told now read it there, soon. */
static void on_family_revoked(struct call *call, const struct wire_answer *answer, bool resent)
{
    (void)answer;
    (void)resent;
    refuse_refresh(call);
}

static void on_refreshed(struct call *call, const struct wire_bytes *bytes)
{
    struct sign_in *state = call->state;
    struct wire_user_reply reply = {0};
    struct wire_user user = {0};

    if (CALL_FAILED(call, user_reply, bytes, &reply))
        return;
    if (wire_user_decode(reply.user, &user) == 0) {
        remember_user(state, &user);
        succeed(call);
    } else {
        call_fail_busy(call, "the store's answer cannot be read");
    }
}

static void on_rotated(struct call *call, const struct wire_bytes *bytes)
{
    struct sign_in *state = call->state;
    struct wire_session_rotate_reply reply = {0};
    int rc = wire_session_rotate_reply_decode(*bytes, &reply);
    struct wire_user_get get = {0};
    struct wire_revoke revoke;

    if (rc == 0 && reply.status == WIRE_UNAUTHORIZED && reply.detail.len &&
        !id_is_zero(&reply.user)) {
        revoke = (struct wire_revoke){reply.user, state->refresh.session};
        call_revoke(call, &revoke, on_family_revoked);
    } else if (rc == 0 && reply.status == WIRE_UNAUTHORIZED) {
        refuse_refresh(call);
    } else if (!call_failed(call, rc, reply.status)) {
        state->id = get.id = reply.user;
        state->at_ms = reply.at_ms;
        CALL_ASK(call, id_partition(&get.id), user_get, USER_GET, &get, on_refreshed);
    }
}

static void run_refresh(struct call *call)
{
    struct sign_in *state = begin(call);
    struct wire_session_rotate rotate = {0};
    uint8_t was[32], is[32], key[32];
    struct refresh old;

    if (refresh_from_text(&old, shape_cstring(call->input, "refreshToken")) < 0) {
        refuse_refresh(call);
        return;
    }
    state->refresh = refresh_next(&old, call->api->key, call->key);
    refresh_hash(old.secret, sizeof old.secret, was);
    refresh_hash(state->refresh.secret, sizeof state->refresh.secret, is);
    refresh_hash(call->key, strlen(call->key), key);
    rotate.session = old.session;
    rotate.old_hash = wire_bytes_of(was, sizeof was);
    rotate.new_hash = wire_bytes_of(is, sizeof is);
    rotate.idempotency = wire_bytes_of(key, call->key[0] ? sizeof key : 0);
    rotate.now_ms = clock_wall_ms();
    rotate.max_age_ms = call->api->limits.refresh_ms;
    CALL_ASK(call, id_partition(&old.session), session_rotate, SESSION_ROTATE, &rotate, on_rotated);
}

static const struct shape_member refresh_shape[] = {
    {"refreshToken", SHAPE_TEXT, true, 1, TOKEN_MAX, NULL, NULL, NULL},
    SHAPE_DONE,
};

const struct call_spec call_refresh = {true, CALL_RATE_OTHER, refresh_shape, run_refresh};

/* ---- logout ---- */

static void run_logout(struct call *call)
{
    call_session_revoke(call, &call->claims.session);
}

const struct call_spec call_logout = {false, CALL_RATE_OTHER, NULL, run_logout};
