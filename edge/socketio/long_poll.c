/* The polling transport: one GET that waits for packets, POSTs that bring some, a queue between. */
#include "edge/socketio/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge/socketio/polling.h"

#define KEEP 64 /* places of the queue that are kept when it is empty */

static void answer(struct engineio_session *self, struct http_request **request, const char *type,
                   const void *body, size_t len)
{
    char headers[CORS_ROOM + 64] = "Cache-Control: no-store\r\n";

    request_cors(self->server, *request, headers + strlen(headers));
    http_answer(request,
                &(struct http_answer){
                    .status = 200, .type = type, .headers = headers, .body = body, .len = len});
}

/* Only to release the request: nobody is there any more. */
static void drop(struct http_request **request)
{
    http_answer_text(request, 400, NULL, "");
}

static void answer_get(struct engineio_session *self, const struct buf *body)
{
    struct http_request *get = TAKE(self->polling->get);

    http_on_gone(get, NULL, NULL);
    answer(self, &get, "text/plain; charset=UTF-8", body->data, body->len);
}

static void put(struct buf *body, const struct payload *payload)
{
    size_t len;
    const uint8_t *content = payload_content(payload, &len);

    polling_put(body, payload_is_binary(payload), content, len);
}

void long_poll_release(struct engineio_session *self, struct payload *payload)
{
    AUTO(buf_done) struct buf body;

    buf_init(&body, SIZE_MAX / 2);
    put(&body, payload);
    if (self->polling->get)
        answer_get(self, &body);
}

void long_poll_flush(struct engineio_session *self)
{
    struct polling *polling = self->polling;
    AUTO(buf_done) struct buf body;

    buf_init(&body, SIZE_MAX / 2);
    if (!polling->get || !polling->count)
        return;
    for (size_t i = 0; i < polling->count; i++) {
        put(&body, polling->queue[i]);
        payload_unref(&polling->queue[i]);
    }
    polling->count = polling->bytes = 0;
    if (polling->room > KEEP) {
        free(TAKE(polling->queue));
        polling->room = 0;
    }
    answer_get(self, &body);
}

static bool is_full(const struct engineio_session *self, size_t len)
{
    const struct engineio_options *options = &self->server->options;
    const struct polling *polling = self->polling;

    return polling->count && (polling->count >= options->queue_messages ||
                              polling->bytes + len > options->queue_bytes || payload_is_scarce());
}

int long_poll_push(struct engineio_session *self, struct payload *payload)
{
    struct polling *polling = self->polling;
    size_t len;

    payload_frame(payload, &len); /* counted as for a WebSocket, which may take them over */
    if (is_full(self, len) && polling->get) /* of much in one turn, what can go goes now */
        long_poll_flush(self);
    if (is_full(self, len))
        return -ENOBUFS;
    if (polling->count == polling->room) {
        polling->room = polling->room ? polling->room * 2 : 8;
        polling->queue = base_realloc(polling->queue, polling->room, sizeof(struct payload *));
    }
    polling->queue[polling->count++] = payload_ref(payload);
    polling->bytes += len;
    if (polling->get)
        turn_add(transport_turn(self->server->transport), &self->turn);
    return 0;
}

size_t long_poll_drop(struct engineio_session *self)
{
    struct polling *polling = self->polling;
    size_t kept = 0, dropped;

    for (size_t i = 0; i < polling->count; i++) {
        struct payload *payload = polling->queue[i];
        size_t len;

        if (!payload_is_droppable(payload)) {
            polling->queue[kept++] = payload;
            continue;
        }
        payload_frame(payload, &len);
        polling->bytes -= len;
        payload_unref(&payload);
    }
    dropped = polling->count - kept;
    polling->count = kept;
    return dropped;
}

static void on_get_gone(void *arg, struct http_request *request)
{
    struct engineio_session *self = arg;

    self->polling->get = NULL;
    drop(&request);
    session_end(self, ENGINEIO_CLIENT);
}

void long_poll_get(struct engineio_session *self, struct http_request *request)
{
    struct polling *polling = self->polling;

    if (self->state == SESSION_CLOSING) {
        polling->get = request;
        long_poll_push(self, self->server->close);
        long_poll_flush(self);
        /* on_heartbeat forgets the session, soon enough */
        return;
    }
    if (polling->get) {
        request_refuse(self->server, &request, 400, 3, "Bad request");
        session_end(self, ENGINEIO_MALFORMED);
        return;
    }
    polling->get = request;
    http_on_gone(request, on_get_gone, self);
    long_poll_flush(self);
}

/* ---- POST ---- */

/* Every packet in it, until the session ends. */
static int take_packets(struct engineio_session *self, const void *body, size_t len)
{
    AUTO(polling_done) struct polling_reader reader;
    struct polling_packet packet;
    int rc;

    polling_init(&reader, body, len);
    while ((rc = polling_next(&reader, &packet)) == 1 && self->state == SESSION_OPEN)
        session_packet(self, packet.type, packet.binary, packet.data, packet.len);
    return rc < 0 ? rc : 0;
}

static void on_body(void *arg, struct http_request *request, int rc, const void *body, size_t len)
{
    struct engineio_session *self = arg;

    self->posting = false;
    if (self->state == SESSION_ENDED) {
        drop(&request); /* the server may be gone too */
    } else if (rc == -ECONNRESET) {
        drop(&request);
        session_end(self, ENGINEIO_CLIENT);
    } else if (rc == -EMSGSIZE) {
        request_refuse(self->server, &request, 413, 3, "Payload too large");
    } else if (self->state != SESSION_OPEN) {
        request_refuse(self->server, &request, 400, 1, "Session ID unknown");
    } else if (take_packets(self, body, len) < 0) {
        request_refuse(self->server, &request, 400, 3, "Bad request");
        session_end(self, ENGINEIO_MALFORMED);
    } else {
        answer(self, &request, "text/html", "ok", 2);
    }
    session_release(self);
}

void long_poll_post(struct engineio_session *self, struct http_request *request)
{
    char type[64];
    bool is_binary = http_header(request, "content-type", type, sizeof(type)) > 0 &&
                     strcmp(type, "application/octet-stream") == 0;

    if (self->state != SESSION_OPEN) {
        request_refuse(self->server, &request, 400, 1, "Session ID unknown");
    } else if (self->posting || is_binary) {
        request_refuse(self->server, &request, 400, 3, "Bad request");
        session_end(self, ENGINEIO_MALFORMED);
    } else {
        self->posting = true;
        session_hold(self);
        http_receive(request, self->server->options.max_payload, on_body, self);
    }
}

/* ---- begin and end ---- */

static void on_give_up(struct timer *timer)
{
    takeover_cancel(CONTAINER_OF(timer, struct polling, give_up)->session);
}

static void on_release(struct timer *timer)
{
    struct engineio_session *self = CONTAINER_OF(timer, struct polling, release)->session;

    long_poll_release(self, self->server->noop);
    timers_set(transport_timers(self->server->transport), timer, timer->due_ms + RELEASE_MS);
}

void long_poll_start(struct engineio_session *self)
{
    self->polling = NEW(struct polling);
    self->polling->session = self;
    self->polling->give_up.run = on_give_up;
    self->polling->release.run = on_release;
    self->server->stats.polling++;
}

bool long_poll_end(struct engineio_session *self, enum engineio_reason reason)
{
    struct engineio *server = self->server;

    takeover_cancel(self);
    if (reason == ENGINEIO_CLIENT) {
        long_poll_release(self, server->noop);
        return false;
    }
    if (reason != ENGINEIO_SERVER && !self->polling->get)
        return false;
    if (!self->polling->get)
        return true;
    long_poll_push(self, server->close);
    long_poll_flush(self);
    return false;
}

void long_poll_free(struct engineio_session *self)
{
    struct polling *polling = TAKE(self->polling);
    struct timers *timers = transport_timers(self->server->transport);

    if (!polling)
        return;
    self->server->stats.polling--;
    timers_cancel(timers, &polling->give_up);
    timers_cancel(timers, &polling->release);
    for (size_t i = 0; i < polling->count; i++)
        payload_unref(&polling->queue[i]);
    free(polling->queue);
    free(polling);
}
