/* WebSockets: those that begin a session, and those that take one over from polling. Until its "5"
 * a newcomer changes nothing: packets go on by polling, and if it fails, only it is closed. */
#include "edge/socketio/session.h"

#include <string.h>

#define CLOSE_NORMAL 1000

static void *on_opened(void *arg, struct ws *ws, struct http_request *request);
static void on_message(void *user, bool binary, const void *data, size_t len);
static void on_closed(void *user);
static void on_probe_message(void *user, bool binary, const void *data, size_t len);
static void on_probe_closed(void *user);

/* A session's transport, from the beginning … */
static const struct ws_events events = {on_opened, on_message, on_closed};

/* … or later: what comes is for the newcomer until it has taken over. */
static bool is_probe(const struct engineio_session *self)
{
    return self->polling;
}

static void *open_session(struct engineio *server, struct ws *ws, struct http_request *request)
{
    struct engineio_session *self = session_new(server, request);
    AUTO(payload_unref) struct payload *open = session_open_packet(self, false);

    self->ws = ws;
    server->stats.websockets++;
    ws_send(ws, open);
    session_opened(self);
    return self;
}

static void *on_opened(void *arg, struct ws *ws, struct http_request *request)
{
    struct engineio *server = arg;
    struct engineio_session *self;
    char sid[ID_TEXT];

    if (http_query(request, "sid", sid, sizeof(sid)) < 0)
        return open_session(server, ws, request);
    self = session_find(server, sid); /* request.c has just seen it */
    self->polling->probe = ws;
    timers_set(transport_timers(server->transport), &self->polling->give_up,
               timers_now() + server->options.upgrade_timeout_ms);
    return self;
}

void takeover_accept(struct engineio *server, struct http_request **request, const char *headers)
{
    ws_accept(request, &events, server, server->options.max_payload, headers);
}

void takeover_cancel(struct engineio_session *self)
{
    struct polling *polling = self->polling;
    struct timers *timers = transport_timers(self->server->transport);

    timers_cancel(timers, &polling->give_up);
    timers_cancel(timers, &polling->release);
    polling->probed = false;
    ws_close(&polling->probe, CLOSE_NORMAL);
}

/* From now on this is the session's transport. What waited goes out by it, first. */
static void take_over(struct engineio_session *self)
{
    struct polling *polling = self->polling;
    struct engineio *server = self->server;

    long_poll_release(self, server->noop);
    self->ws = TAKE(polling->probe);
    for (size_t i = 0; i < polling->count; i++)
        ws_append(self->ws, polling->queue[i]); /* it was within its limits */
    long_poll_free(self);
    server->stats.websockets++;
    server->stats.upgrades++;
}

static void on_probe_message(void *user, bool binary, const void *data, size_t len)
{
    struct engineio_session *self = user;
    struct polling *polling = self->polling;
    struct timers *timers = transport_timers(self->server->transport);

    if (!binary && !polling->probed && len == 6 && memcmp(data, "2probe", 6) == 0) {
        polling->probed = true;
        ws_send(polling->probe, self->server->probe_answer);
        timers_set(timers, &polling->release, timers_now() + RELEASE_MS);
    } else if (!binary && polling->probed && len == 1 && memcmp(data, "5", 1) == 0) {
        take_over(self);
    } else {
        takeover_cancel(self);
    }
}

static void on_probe_closed(void *user)
{
    struct engineio_session *self = user;

    self->polling->probe = NULL;
    takeover_cancel(self);
}

static void on_message(void *user, bool binary, const void *data, size_t len)
{
    struct engineio_session *self = user;
    const char *text = data;

    if (is_probe(self))
        on_probe_message(user, binary, data, len);
    else if (binary)
        session_packet(self, '4', true, data, len);
    else
        session_packet(self, len ? text[0] : '?', false, text + (len ? 1 : 0), len ? len - 1 : 0);
}

static void on_closed(void *user)
{
    struct engineio_session *self = user;

    if (is_probe(self)) {
        on_probe_closed(self);
        return;
    }
    self->ws = NULL;
    self->server->stats.websockets--;
    session_end(self, ENGINEIO_CLIENT);
}
