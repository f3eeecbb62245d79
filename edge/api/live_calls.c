/* Events of clients become calls, and their answers acknowledgements. */
#include <stdlib.h>
#include <string.h>

#include "edge/api/calls.h"
#include "edge/api/live_private.h"
#include "edge/api/render.h"
#include "edge/api/write.h"

static struct client *client_of(struct live *self, const struct call *call)
{
    struct socketio_socket *socket =
        self->socketio ? socketio_find(self->socketio, call->ack.socket) : NULL;

    return socket ? socketio_socket_user(socket) : NULL;
}

static void run_token_refresh(struct call *call)
{
    struct client *client = client_of(call->end_arg, call);
    struct token_claims claims;
    enum token_result result =
        api_authenticate(call->api, shape_cstring(call->input, "token"), &claims);

    if (result == TOKEN_GOOD && !id_equal(&claims.user, &call->claims.user))
        result = TOKEN_INVALID;
    if (result != TOKEN_GOOD || !client) {
        call_fail_with(call, &(struct call_error){.code = WIRE_UNAUTHORIZED,
                                                  .message = "this token does not hold",
                                                  .details = json_pack("{s:s}", "reason",
                                                                       token_result_text(result))});
        return;
    }
    client->claims = claims;
    client->warned = false;
    live_watch_token(client);
    call_answer(call, CALL_DONE, NULL);
}

static const struct shape_member token_refresh_shape[] = {
    {"token", SHAPE_TEXT, true, 1, TOKEN_MAX, NULL, NULL, NULL},
    SHAPE_DONE,
};

static const struct call_spec token_refresh = {false, CALL_RATE_OTHER, token_refresh_shape,
                                               run_token_refresh};

/* ---- answers ---- */

static void acknowledge(const struct call *call, const char *text, enum reader_answer answer)
{
    struct live *self = call->end_arg;
    struct client *client = client_of(self, call);

    if (!client)
        return;
    socketio_answer(self->socketio, &call->ack, text, NULL, 0);
    if (call->spec == &call_sync)
        reader_on_answered(&client->reader, call->catch_up, answer);
}

/* {"ok":true,…the members of body…,"duplicate":false} */
static void succeed(struct call *call, enum call_outcome outcome, struct wire_bytes body)
{
    struct live *self = call->end_arg;
    struct writer to = live_begin_text(self);

    if (!call->ack.wanted)
        return;
    writer_open_object(&to);
    writer_name(&to, "ok");
    writer_bool(&to, true);
    if (body.len > 2) /* more than {} */
        writer_raw(&to, body.data + 1, body.len - 2);
    if (outcome == CALL_CREATED || outcome == CALL_REPEATED) {
        writer_name(&to, "duplicate");
        writer_bool(&to, outcome == CALL_REPEATED);
    }
    writer_close_object(&to);
    acknowledge(call, live_end_text(self), call->partial ? READER_PARTIAL : READER_COMPLETE);
}

static void fail(struct call *call, int http, uint32_t retry_after_ms, json_t *error)
{
    AUTO(render_drop) json_t *answer = json_pack("{s:b,s:O}", "ok", 0, "error", error);
    AUTO(base_free_text) char *text = call->ack.wanted ? json_dumps(answer, JSON_COMPACT) : NULL;

    (void)http;
    (void)retry_after_ms;
    if (text)
        acknowledge(call, text, READER_FAILED);
}

static void tell(struct call *call, const struct id *conversation, uint64_t seq)
{
    struct client *client = client_of(call->end_arg, call);
    struct reader_told told = {*conversation, seq,
                               interest_seen(call->api->interest, conversation)};

    if (client && call->ack.wanted)
        reader_on_told(&client->reader, &told);
}

static const struct call_end live_end = {succeed, fail, tell};

/* ---- calls ---- */

static const struct {
    const char *name;
    const struct call_spec *spec;
} events[] = {
    {"message:send", &call_message_send},
    {"sync", &call_sync},
    {"auth:refresh", &token_refresh},
};

static void run_unknown(struct call *call)
{
    call_fail(call, WIRE_NOT_FOUND, "there is no such event");
}

static void run_invalid(struct call *call)
{
    call_fail_member(call, "argument",
                     "the argument must be an object, without NUL or half "
                     "characters");
}

static const struct call_spec unknown = {false, CALL_RATE_OTHER, NULL, run_unknown};
static const struct call_spec invalid = {false, CALL_RATE_OTHER, NULL, run_invalid};

static void start(struct live *self, struct socketio_socket *socket, const struct call_spec *spec,
                  const struct socketio_ack *ack, json_t *input)
{
    struct client *client = socketio_socket_user(socket);
    struct call *call = call_new(self->api, spec, &live_end);

    call->end_arg = self;
    call->ack = *ack;
    call->claims = client->claims;
    call->input = json_incref(input);
    if (!call_admit(call, NULL))
        return;
    if (spec == &call_sync && ack->wanted)
        call->catch_up = reader_on_sync(&client->reader);
    call_run(call);
}

void live_on_event(void *arg, struct socketio_socket *socket, const struct socketio_event *event)
{
    json_t *input = json_array_get(event->args, 0);
    const struct call_spec *spec = &unknown;

    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (strcmp(events[i].name, event->name) == 0)
            spec = events[i].spec;
    if (spec != &unknown && input && !json_is_object(input))
        spec = &invalid;
    start(arg, socket, spec, &event->ack, input);
}

void live_on_invalid(void *arg, struct socketio_socket *socket, const struct socketio_ack *ack)
{
    start(arg, socket, &invalid, ack, NULL);
}
