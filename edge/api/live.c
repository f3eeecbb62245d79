/* Sockets of people: a token lets them in, interest knows what they follow, calls do what they ask.
 * An event is rendered once and the same bytes go to all. */
#include "edge/api/live_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/api/backend.h"
#include "edge/api/write.h"

#define OVERLOAD_RETRY_S 5
#define START_RETRY_S 1
#define ENTER_MS 30000 /* so long a CONNECT may wait for its turn */

/* ---- clients ---- */

static struct client **bucket_of(struct live *self, const struct id *user)
{
    uint32_t hash;

    memcpy(&hash, user->bytes + 4, sizeof hash);
    return &self->buckets[hash % LIVE_BUCKETS];
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

/* ---- a token's life ---- */

static uint64_t left_ms(const struct client *client)
{
    uint64_t now_ms = clock_wall_ms(), end_ms = client->claims.expires_s * 1000;

    return end_ms > now_ms ? end_ms - now_ms : 0;
}

void live_watch_token(struct client *client)
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
    live_watch_token(client);
}

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
    live_watch_token(client);
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

/* ---- events to clients ---- */

static void send_event(void *socket, struct payload *event)
{
    if (socketio_send(socket, event) < 0)
        log_debug("event not sent", "socket=%s", socketio_socket_id(socket));
}

static void send_resync(void *socket, enum reader_cause cause)
{
    const char *what = cause == READER_SLOW ? "{\"conversations\":\"all\",\"reason\":\"slow\"}"
                                            : "{\"conversations\":\"all\",\"reason\":\"repair\"}";

    socketio_emit(socket, "resync", what, NULL, 0);
}

static const struct reader_ops reader_ops = {send_event, send_resync};

static void on_dropped(void *arg, struct socketio_socket *socket)
{
    struct client *client = socketio_socket_user(socket);

    (void)arg;
    reader_fall_behind(&client->reader, READER_SLOW);
}

static const struct socketio_events socketio_events = {
    .handshake = on_handshake,
    .connect = on_connect,
    .event = live_on_event,
    .invalid = live_on_invalid,
    .disconnected = on_disconnected,
    .dropped = on_dropped,
};

static void *render(void *arg, const struct wire_event *event)
{
    struct live *self = arg;
    struct reader_event *rendered = NEW(struct reader_event);
    struct writer to = live_begin_text(self);
    struct tail_item item = tail_item_of(event);

    write_event(&to, event);
    item.len = self->text.len;
    if (!self->text.over)
        tail_put(self->api->tail, &event->conversation, &item, 1, self->text.data);
    *rendered = (struct reader_event){socketio_make("/", "event", live_end_text(self)),
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

static void on_behind(void *arg, void *socket)
{
    struct client *client = socket;

    (void)arg;
    reader_fall_behind(&client->reader, READER_UNSURE);
}

static void on_broken(void *arg)
{
    const struct live *self = arg;

    tail_empty(self->api->tail);
}

const struct interest_ops live_interest_ops = {render,  release,   send_to,  on_revoked,
                                               on_lost, on_behind, on_broken};

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
