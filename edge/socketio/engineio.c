/* Sessions: their table, their heartbeat, their end, and what comes in whichever transport it came
 * by. request.c decides what a request may do, long_poll.c and takeover.c are the transports. */
#include "edge/socketio/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 256
#define CLOSE_NORMAL 1000
#define CLOSE_MALFORMED 1002

const struct engineio_options engineio_defaults = {
    .path = "/engine.io/",
    .ping_interval_ms = 25000,
    .ping_timeout_ms = 20000,
    .upgrade_timeout_ms = 10000,
    .max_payload = 1000000,
    .queue_bytes = 4u << 20,
    .queue_messages = 10000,
};

static const struct payload_piece message_type = {"4", 1};

static void on_heartbeat(struct timer *timer);
static void on_turn(struct turn_item *item);

/* ---- the table ---- */

static struct engineio_session **bucket_of(struct engineio *self, const struct id *id)
{
    uint64_t hash;

    memcpy(&hash, id->bytes, sizeof(hash)); /* ids are random */
    return &self->buckets[hash & (self->bucket_count - 1)];
}

static void grow(struct engineio *self)
{
    struct engineio_session **old = self->buckets;
    size_t count = self->bucket_count;

    self->bucket_count = count * 2;
    self->buckets = NEW_ARRAY(self->bucket_count, struct engineio_session *);
    for (size_t i = 0; i < count; i++) {
        while (old[i]) {
            struct engineio_session *session = old[i];
            struct engineio_session **bucket = bucket_of(self, &session->id);

            old[i] = session->next;
            session->next = *bucket;
            *bucket = session;
        }
    }
    free(old);
}

static void remove_session(struct engineio_session *session)
{
    struct engineio_session **at = bucket_of(session->server, &session->id);

    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    session->server->stats.sessions--;
}

struct engineio_session *session_find(struct engineio *server, const char *sid)
{
    struct engineio_session *session;
    struct id id;

    if (id_from_text(&id, sid) < 0)
        return NULL;
    session = *bucket_of(server, &id);
    while (session && !id_equal(&session->id, &id))
        session = session->next;
    return session;
}

struct engineio_session *session_new(struct engineio *server, struct http_request *request)
{
    struct engineio_session *self = NEW(struct engineio_session);
    struct engineio_session **bucket;

    if (server->stats.sessions >= server->bucket_count)
        grow(server);
    self->server = server;
    self->id = id_random();
    self->heartbeat.run = on_heartbeat;
    self->turn.run = on_turn;
    http_remote(request, self->remote);
    bucket = bucket_of(server, &self->id);
    self->next = *bucket;
    *bucket = self;
    server->stats.sessions++;
    server->stats.handshakes++;
    timers_set(transport_timers(server->transport), &self->heartbeat,
               timers_now() + server->options.ping_interval_ms);
    return self;
}

struct payload *session_open_packet(const struct engineio_session *self, bool may_upgrade)
{
    const struct engineio_options *options = &self->server->options;
    char text[256], sid[ID_TEXT];

    id_to_text(&self->id, sid);
    snprintf(text, sizeof(text),
             "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,"
             "\"maxPayload\":%zu}",
             sid, may_upgrade ? "\"websocket\"" : "", options->ping_interval_ms,
             options->ping_timeout_ms, options->max_payload);
    return payload_text(text);
}

/* ---- life and death ---- */

void session_opened(struct engineio_session *self)
{
    session_hold(self);
    self->user = self->server->events->opened(self->server->arg, self);
    session_release(self);
}

void session_hold(struct engineio_session *self)
{
    self->holds++;
}

void session_release(struct engineio_session *self)
{
    if (--self->holds == 0 && self->state == SESSION_ENDED)
        free(self);
}

static void forget(struct engineio_session *self)
{
    struct transport *transport = self->server->transport;

    self->state = SESSION_ENDED;
    remove_session(self);
    timers_cancel(transport_timers(transport), &self->heartbeat);
    turn_cancel(transport_turn(transport), &self->turn);
    long_poll_free(self);
    self->holds++;
    session_release(self);
}

static void count_end(struct engineio_stats *stats, enum engineio_reason reason)
{
    stats->malformed += reason == ENGINEIO_MALFORMED;
    stats->timeouts += reason == ENGINEIO_TIMEOUT;
    stats->overflows += reason == ENGINEIO_OVERFLOW;
}

void session_end(struct engineio_session *self, enum engineio_reason reason)
{
    struct engineio *server = self->server;
    bool wait;

    if (self->state != SESSION_OPEN)
        return;
    self->state = SESSION_CLOSING; /* from here on only forget() frees it */
    count_end(&server->stats, reason);
    server->events->closed(self->user, reason);
    if (self->ws) {
        server->stats.websockets--;
        ws_close(&self->ws, reason == ENGINEIO_MALFORMED ? CLOSE_MALFORMED : CLOSE_NORMAL);
    }
    wait = self->polling && long_poll_end(self, reason);
    if (wait)
        timers_set(transport_timers(server->transport), &self->heartbeat,
                   timers_now() + server->options.ping_timeout_ms);
    else
        forget(self);
}

static void on_turn(struct turn_item *item)
{
    struct engineio_session *self = CONTAINER_OF(item, struct engineio_session, turn);

    if (self->overflowed)
        session_end(self, ENGINEIO_OVERFLOW);
    else if (self->polling)
        long_poll_flush(self);
}

/* Deadlines follow from each other, not from when their timers ran. */
static void on_heartbeat(struct timer *timer)
{
    struct engineio_session *self = CONTAINER_OF(timer, struct engineio_session, heartbeat);
    struct engineio *server = self->server;

    if (self->state == SESSION_CLOSING) {
        forget(self);
    } else if (self->pong_due) {
        session_end(self, ENGINEIO_TIMEOUT);
    } else {
        self->pong_due = true;
        self->extended = false;
        timers_set(transport_timers(server->transport), timer,
                   timer->due_ms + server->options.ping_timeout_ms);
        engineio_send(self, &server->ping, 1);
    }
}

/* A sign of life while a pong is due: it may be stuck behind something large. */
static void extend(struct engineio_session *self)
{
    if (!self->pong_due || self->extended)
        return;
    self->extended = true;
    timers_set(transport_timers(self->server->transport), &self->heartbeat,
               self->heartbeat.due_ms + self->server->options.ping_timeout_ms);
}

static void on_pong(struct engineio_session *self)
{
    if (!self->pong_due)
        return;
    self->pong_due = false;
    timers_set(transport_timers(self->server->transport), &self->heartbeat,
               timers_now() + self->server->options.ping_interval_ms);
}

void session_packet(struct engineio_session *self, char type, bool binary, const void *data,
                    size_t len)
{
    if (self->state != SESSION_OPEN)
        return;
    switch (type) {
    case '1':
        session_end(self, ENGINEIO_CLIENT);
        break;
    case '3':
        on_pong(self);
        break;
    case '4':
        extend(self);
        self->server->events->message(self->user, binary, data, len);
        break;
    case '6':
        break;
    default: /* "open", a ping of the client, "upgrade" where there is none, or nonsense */
        session_end(self, ENGINEIO_MALFORMED);
    }
}

/* ---- for the owner ---- */

struct payload *engineio_text(const struct payload_piece *pieces, size_t count)
{
    struct payload_piece all[12] = {message_type};

    if (count >= COUNT_OF(all))
        return NULL;
    memcpy(all + 1, pieces, count * sizeof(*pieces));
    return payload_new(false, all, count + 1);
}

static int push(struct engineio_session *session, struct payload *payload)
{
    return session->ws ? ws_send(session->ws, payload) : long_poll_push(session, payload);
}

/* At the limit it drops what may be dropped, and counts that. */
static int push_or_drop(struct engineio_session *session, struct payload *payload, size_t *dropped)
{
    int rc = push(session, payload);

    if (rc != -ENOBUFS)
        return rc;
    *dropped += session->ws ? ws_drop(session->ws) : long_poll_drop(session);
    if (!payload_is_droppable(payload))
        return push(session, payload);
    (*dropped)++;
    return -ENOBUFS;
}

int engineio_send(struct engineio_session *session, struct payload *const *payloads, size_t count)
{
    struct engineio *server = session->server;
    size_t dropped = 0;
    int rc = 0;

    if (session->state != SESSION_OPEN || session->overflowed)
        return -ENOTCONN;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = push_or_drop(session, payloads[i], &dropped);
    if (rc == -ENOBUFS && !payload_is_droppable(payloads[0])) {
        session->overflowed = true; /* not now: the caller may be going through a list of them */
        turn_add(transport_turn(server->transport), &session->turn);
    }
    server->stats.dropped += dropped;
    if (dropped && server->events->dropped)
        server->events->dropped(session->user, dropped);
    return rc;
}

void engineio_close(struct engineio_session *session)
{
    session_end(session, ENGINEIO_SERVER);
}

void engineio_fail(struct engineio_session *session)
{
    session_end(session, ENGINEIO_MALFORMED);
}

const char *engineio_remote(const struct engineio_session *session)
{
    return session->remote;
}

bool engineio_is_polling(const struct engineio_session *session)
{
    return session->polling;
}

const struct engineio_stats *engineio_stats(const struct engineio *self)
{
    return &self->stats;
}

const char *engineio_reason_text(enum engineio_reason reason)
{
    static const char *const texts[] = {
        [ENGINEIO_CLIENT] = "transport close",  [ENGINEIO_SERVER] = "forced close",
        [ENGINEIO_TIMEOUT] = "ping timeout",    [ENGINEIO_MALFORMED] = "parse error",
        [ENGINEIO_OVERFLOW] = "queue overflow",
    };

    return texts[reason];
}

int engineio_new(struct engineio **ret, struct transport *transport,
                 const struct engineio_options *options, const struct engineio_events *events,
                 void *arg)
{
    struct engineio *self;

    if (!options->path || options->path[0] != '/' || options->ping_interval_ms == 0 ||
        options->max_payload == 0 || options->queue_messages == 0)
        return -EINVAL;
    self = NEW(struct engineio);
    self->transport = transport;
    self->options = *options;
    self->options.path = base_strdup(options->path);
    self->events = events;
    self->arg = arg;
    self->bucket_count = FIRST_BUCKETS;
    self->buckets = NEW_ARRAY(FIRST_BUCKETS, struct engineio_session *);
    self->ping = payload_text("2");
    self->noop = payload_text("6");
    self->close = payload_text("1");
    self->probe_answer = payload_text("3probe");
    *ret = self;
    return 0;
}

void engineio_free(struct engineio **self)
{
    struct engineio *server = TAKE(*self);

    if (!server)
        return;
    for (size_t i = 0; i < server->bucket_count; i++) {
        while (server->buckets[i]) {
            struct engineio_session *session = server->buckets[i];

            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is freed is out of its bucket */
            if (session->state == SESSION_CLOSING)
                forget(session);
            else
                session_end(session, ENGINEIO_SERVER);
        }
    }
    payload_unref(&server->ping);
    payload_unref(&server->noop);
    payload_unref(&server->close);
    payload_unref(&server->probe_answer);
    free(server->buckets);
    free((void *)(uintptr_t)server->options.path);
    free(server);
}
