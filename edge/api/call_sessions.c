/* A user's devices: to look at, and to end. */
#include "base/clock.h"
#include "edge/api/calls.h"
#include "edge/api/write.h"

static void on_list(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_sessions_reply reply = {0};
    struct wire_session session;
    struct wire_bytes item;
    struct writer to;

    if (CALL_FAILED(call, sessions_reply, bytes, &reply))
        return;
    to = call_write(call);
    writer_open_object(&to);
    writer_name(&to, "sessions");
    writer_open_array(&to);
    while (wire_list_next(&reply.sessions, &item))
        if (wire_session_decode(item, &session) == 0 && !session.revoked_ms)
            write_session(&to, &session, id_equal(&session.id, &call->claims.session));
    writer_close_array(&to);
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

static void run_list(struct call *call)
{
    struct wire_session_list list = {.user = call->claims.user};

    CALL_ASK(call, id_partition(&list.user), session_list, SESSION_LIST, &list, on_list);
}

const struct call_spec call_sessions = {false, CALL_RATE_OTHER, NULL, run_list};

struct ending {
    struct id session;
};

static void on_told(struct call *call, const struct wire_answer *answer, bool resent)
{
    (void)answer;
    (void)resent;
    call_answer(call, CALL_EMPTY, NULL);
}

static void on_revoked(struct call *call, const struct wire_bytes *bytes)
{
    const struct ending *state = call->state;
    struct wire_status_reply reply = {0};
    struct wire_revoke revoke = {call->claims.user, state->session};

    if (!CALL_FAILED(call, status_reply, bytes, &reply))
        call_revoke(call, &revoke, on_told);
}

void call_session_revoke(struct call *call, const struct id *session)
{
    struct ending *state = call_state(call, sizeof *state, NULL);
    struct wire_session_revoke revoke = {call->claims.user, *session, clock_wall_ms()};

    state->session = *session;
    CALL_ASK(call, id_partition(session), session_revoke, SESSION_REVOKE, &revoke, on_revoked);
}

static void run_end(struct call *call)
{
    struct id session = shape_id(call->input, "sessionId");

    call_session_revoke(call, &session);
}

static const struct shape_member end_shape[] = {
    {.name = "sessionId", .type = SHAPE_ID, .required = true},
    SHAPE_DONE,
};

const struct call_spec call_session_end = {false, CALL_RATE_OTHER, end_shape, run_end};
