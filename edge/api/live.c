/* Sockets of people: a token lets them in, interest knows what they follow, calls do what they ask.
 * An event is rendered once and the same bytes go to all. */
#include "edge/api/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/api/admission.h"
#include "edge/api/backend.h"
#include "edge/api/calls.h"
#include "edge/api/reader.h"
#include "edge/api/render.h"
#include "edge/api/write.h"

#define BUCKETS 8192
#define OVERLOAD_RETRY_S 5
#define START_RETRY_S 1
#define ENTER_MS 30000 /* so long a CONNECT may wait for its turn */

struct live {
    struct api *api;
    struct live_options options;
    struct socketio *socketio;
    struct timers *timers;
    struct admission *admission;
    struct client *buckets[BUCKETS]; /* by user */
    struct readers readers;
    struct buf text; /* what is being said to clients */
};

/* One socket, from CONNECT to its end. */
struct client {
    struct live *live;
    struct client *next, **link;
    struct socketio_socket *socket;
    struct interest_member *member;
    struct token_claims claims;
    struct admission_entry entry;
    struct reader reader;
    struct timer timer; /* its turn does not come; later: the token is about to end, or has */
    bool accepted, warned;
};

/* ---- clients ---- */

static struct client **bucket_of(struct live *self, const struct id *user)
{
    uint32_t hash;

    memcpy(&hash, user->bytes + 4, sizeof hash);
    return &self->buckets[hash % BUCKETS];
}

static struct client *client_new(struct live *self, struct socketio_socket *socket,
                                 const struct token_claims *claims)
{
    struct client *client = NEW(struct client);
    struct client **bucket = bucket_of(self, &claims->user);

    *client = (struct client){
        .live = self, .next = *bucket, .link = bucket, .socket = socket, .claims = *claims};
    if (*bucket)
        (*bucket)->link = &client->next;
    *bucket = client;
    socketio_socket_set_user(socket, client);
    reader_init(&client->reader, &self->readers, socket);
    return client;
}

static void client_free(struct client *client)
{
    timers_cancel(client->live->timers, &client->timer);
    admission_leave(client->live->admission, &client->entry);
    if (client->member)
        interest_leave(client->live->api->interest, &client->member);
    reader_done(&client->reader);
    *client->link = client->next;
    if (client->next)
        client->next->link = client->link;
    free(client);
}

/* ---- what is said ---- */

static struct writer begin_text(struct live *self)
{
    buf_clear(&self->text);
    return writer_of(&self->text);
}

/* Holds until the next begin_text. */
static const char *end_text(struct live *self)
{
    buf_put(&self->text, "", 1);
    return (const char *)self->text.data;
}

/* ---- a token's life ---- */

static uint64_t left_ms(const struct client *client)
{
    uint64_t now_ms = clock_wall_ms(), end_ms = client->claims.expires_s * 1000;

    return end_ms > now_ms ? end_ms - now_ms : 0;
}

static void watch_token(struct client *client)
{
    uint64_t left = left_ms(client), warn_ms = client->live->options.expiring_s * 1000;
    uint64_t wait = left;

    if (!client->warned)
        wait = left > warn_ms ? left - warn_ms : 0;
    timers_set(client->live->timers, &client->timer, timers_now() + wait);
}

static void on_timer(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, timer);
    uint64_t left = left_ms(client);
    char args[60];

    if (left == 0) {
        socketio_disconnect(client->socket); /* on_disconnected frees the client */
        return;
    }
    if (!client->warned && left <= client->live->options.expiring_s * 1000) {
        client->warned = true;
        snprintf(args, sizeof args, "{\"expiresIn\":%" PRIu64 "}", (left + 999) / 1000);
        if (socketio_emit(client->socket, "auth:expiring", args, NULL, 0) < 0)
            return; /* it is being closed */
    }
    watch_token(client);
}

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
    watch_token(client);
    call_answer(call, CALL_DONE, NULL);
}

static const struct shape_member token_refresh_shape[] = {
    {"token", SHAPE_TEXT, true, 1, TOKEN_MAX, NULL, NULL, NULL},
    SHAPE_DONE,
};

static const struct call_spec token_refresh = {false, CALL_RATE_OTHER, token_refresh_shape,
                                               run_token_refresh};

/* ---- CONNECT ---- */

static void refuse(struct socketio_socket *socket, enum token_result result)
{
    char data[40];

    snprintf(data, sizeof data, "{\"code\":\"%s\"}", token_result_text(result));
    socketio_refuse(socket, "unauthorized", data);
}

/* Without an answer from routers and persist the client is sent away without a word: it comes back
 * by itself, as it would not after a CONNECT_ERROR. */
static void on_joined(void *arg, enum wire_result result)
{
    struct client *client = arg;

    admission_leave(client->live->admission, &client->entry);
    if (result != WIRE_OK) {
        socketio_hang_up(client->socket);
        return;
    }
    client->accepted = true;
    client->timer.run = on_timer;
    watch_token(client);
    socketio_accept(client->socket); /* from here on it may be gone */
}

/* It goes and comes back, as above. */
static void on_not_begun(struct timer *timer)
{
    socketio_hang_up(CONTAINER_OF(timer, struct client, timer)->socket);
}

static void begin(struct admission_entry *entry)
{
    struct client *client = CONTAINER_OF(entry, struct client, entry);
    struct live *self = client->live;

    timers_cancel(self->timers, &client->timer);
    interest_join(self->api->interest, &client->member, &client->claims.user, client, on_joined,
                  client);
}

static void on_connect(void *arg, struct socketio_socket *socket, const json_t *auth)
{
    struct live *self = arg;
    struct token_claims claims;
    const char *token = json_string_value(json_object_get(auth, "token"));
    enum token_result result = api_authenticate(self->api, token, &claims);
    struct client *client;

    if (result != TOKEN_GOOD) {
        refuse(socket, result);
        return;
    }
    client = client_new(self, socket, &claims);
    client->entry.begin = begin;
    client->timer.run = on_not_begun;
    timers_set(self->timers, &client->timer, timers_now() + ENTER_MS);
    if (!admission_enter(self->admission, &client->entry))
        socketio_hang_up(socket); /* on_disconnected frees the client */
}

static void on_disconnected(void *arg, struct socketio_socket *socket, const char *reason)
{
    struct client *client = socketio_socket_user(socket);

    (void)arg;
    (void)reason;
    if (client)
        client_free(client);
}

static bool on_handshake(void *arg, struct http_request *request, struct engineio_refusal *ret)
{
    struct live *self = arg;
    unsigned retry_s;

    (void)request;
    if (socketio_stats(self->socketio)->sessions >= self->options.connections)
        *ret = (struct engineio_refusal){503, "Too many connections", OVERLOAD_RETRY_S};
    else if (backend_tokens_trouble(self->api->backend)) /* it could be a revoked one's */
        *ret = (struct engineio_refusal){503, "Starting", START_RETRY_S};
    else if ((retry_s = admission_handshake(self->admission)) > 0)
        *ret = (struct engineio_refusal){503, "Too many at once", retry_s};
    else
        return true;
    return false;
}

/* ---- events from clients ---- */

static const struct {
    const char *name;
    const struct call_spec *spec;
} events[] = {
    {"message:send", &call_message_send},
    {"sync", &call_sync},
    {"auth:refresh", &token_refresh},
};

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
    struct writer to = begin_text(self);

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
    acknowledge(call, end_text(self), call->partial ? READER_PARTIAL : READER_COMPLETE);
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

static void on_event(void *arg, struct socketio_socket *socket, const struct socketio_event *event)
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

static void on_invalid(void *arg, struct socketio_socket *socket, const struct socketio_ack *ack)
{
    start(arg, socket, &invalid, ack, NULL);
}

static void send_event(void *socket, struct payload *event)
{
    if (socketio_send(socket, event) < 0)
        log_debug("event not sent", "socket=%s", socketio_socket_id(socket));
}

static void send_resync(void *socket)
{
    socketio_emit(socket, "resync", "{\"conversations\":\"all\",\"reason\":\"slow\"}", NULL, 0);
}

static const struct reader_ops reader_ops = {send_event, send_resync};

static void on_dropped(void *arg, struct socketio_socket *socket)
{
    struct client *client = socketio_socket_user(socket);

    (void)arg;
    reader_on_dropped(&client->reader);
}

static const struct socketio_events socketio_events = {
    .handshake = on_handshake,
    .connect = on_connect,
    .event = on_event,
    .invalid = on_invalid,
    .disconnected = on_disconnected,
    .dropped = on_dropped,
};

/* ---- events to clients ---- */

static void *render(void *arg, const struct wire_event *event)
{
    struct live *self = arg;
    struct reader_event *rendered = NEW(struct reader_event);
    struct writer to = begin_text(self);

    write_event(&to, event);
    *rendered = (struct reader_event){socketio_make("/", "event", end_text(self)),
                                      event->conversation, event->seq};
    return rendered;
}

static void release(void *arg, void *rendered)
{
    struct reader_event *event = rendered;

    (void)arg;
    payload_unref(&event->payload);
    free(event);
}

static void send_to(void *arg, void *socket, void *rendered)
{
    struct client *client = socket;

    (void)arg;
    if (client->accepted)
        reader_send(&client->reader, rendered);
}

static void on_revoked(void *arg, const struct id *user, const struct id *session)
{
    struct live *self = arg;
    bool all = id_is_zero(session);

    if (!revoked_add(self->api->revoked, user, session, clock_wall_ms() / 1000))
        log_warn("too many revocations: the oldest are forgotten", "%s", "");
    for (struct client *client = *bucket_of(self, user), *next; client; client = next) {
        struct socketio_socket *socket = client->socket;

        next = client->next;
        if (!id_equal(&client->claims.user, user) ||
            (!all && !id_equal(&client->claims.session, session)))
            continue;
        if (client->accepted) {
            socketio_disconnect(socket);
        } else {
            client_free(client);
            refuse(socket, TOKEN_REVOKED);
        }
    }
}

/* It comes back, and catches up. */
static void on_lost(void *arg, void *socket)
{
    const struct client *client = socket;

    (void)arg;
    socketio_hang_up(client->socket);
}

const struct interest_ops live_interest_ops = {render, release, send_to, on_revoked, on_lost};

/* ---- life ---- */

int live_new(struct live **ret, struct api *api, struct transport *transport,
             const struct live_options *options)
{
    struct socketio_options socketio = socketio_defaults;
    AUTO(live_free) struct live *self = NEW(struct live);
    int rc;

    self->api = api;
    self->options = *options;
    self->readers.hold_bytes = options->queue_bytes;
    self->readers.hold_events = options->queue_messages;
    readers_init(&self->readers, &reader_ops, service_stats(api->service));
    buf_init(&self->text, CALL_ANSWER_MAX + 100);
    self->timers = transport_timers(transport);
    admission_new(&self->admission, &options->admission, self->timers, service_stats(api->service));
    socketio.engine.origins = api_origins(api);
    socketio.engine.queue_bytes = options->queue_bytes;
    socketio.engine.queue_messages = options->queue_messages;
    rc = socketio_new(&self->socketio, transport, &socketio, &socketio_events, self);
    if (rc < 0)
        return rc;
    *ret = TAKE(self);
    return 0;
}

void live_close(struct live *self)
{
    admission_stop(self->admission);
    socketio_free(&self->socketio);
}

void live_free(struct live **self)
{
    if (!*self)
        return;
    live_close(*self);
    admission_free(&(*self)->admission);
    buf_done(&(*self)->text);
    free(TAKE(*self));
}

bool live_request(struct live *self, struct http_request *request)
{
    return socketio_request(self->socketio, request);
}

const struct engineio_stats *live_stats(const struct live *self)
{
    return socketio_stats(self->socketio);
}
