/* WebSockets. In: libwebsockets gives pieces, put together here under our own maximum. Out:
 * payloads wait in a list until the turn ends, then go out joined in one write, framed already.
 * What the kernel does not take of it waits inside libwebsockets, and nothing more is given to it
 * till then.
 */
#include "edge/transport/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge/transport/utf8.h"

#define CLOSE_TOO_BIG 1009
#define CLOSE_BAD_TEXT 1007
#define BATCH 13
#define SPARES 4096 /* batches kept for the next time: 512 kB */

/* Payloads that wait, some at a time: a slow reader has thousands of them. */
struct batch {
    struct batch *next;
    uint8_t first, end;
    struct payload *payloads[BATCH]; /* from first to end; never none */
};

/* One per connection, thousands of them: kept small. */
struct ws {
    struct conn conn;
    const struct ws_events *events;
    void *user;
    bool closing;    /* its owner has forgotten it */
    bool excess;     /* the message being read is too big */
    bool broken;     /* it cannot be written to; closed at the end of the turn */
    uint16_t code;   /* to close with */
    uint32_t frames; /* waiting here, in batches: */
    struct batch *first, *last;
    size_t bytes;
    size_t max;
    struct buf *in; /* pieces of a message, or NULL */
    struct turn_item turn;
    struct timer *deadline; /* of the closing, or NULL */
};

/* ---- out ---- */

static struct batch *add_batch(struct ws *self)
{
    struct transport *transport = self->conn.transport;
    struct batch *batch = transport->spare;

    if (batch) {
        transport->spare = batch->next;
        transport->spares--;
    } else {
        batch = NEW(struct batch);
    }
    batch->next = NULL;
    batch->first = batch->end = 0;
    if (self->last)
        self->last->next = batch;
    else
        self->first = batch;
    self->last = batch;
    return batch;
}

/* It is out of the list already. */
static void free_batch(struct transport *transport, struct batch *batch)
{
    if (transport->spares >= SPARES) {
        free(batch);
        return;
    }
    batch->next = transport->spare;
    transport->spare = batch;
    transport->spares++;
}

static void push(struct ws *self, struct payload *payload, size_t len)
{
    struct batch *batch = self->last;

    if (!batch || batch->end == BATCH)
        batch = add_batch(self);
    batch->payloads[batch->end++] = payload_ref(payload);
    self->frames++;
    self->bytes += len;
}

static struct payload *front(const struct ws *self)
{
    return self->first->payloads[self->first->first];
}

static void release(struct ws *self, struct payload **payload)
{
    size_t len;

    payload_frame(*payload, &len);
    self->frames--;
    self->bytes -= len;
    payload_unref(payload);
}

static void pop(struct ws *self)
{
    struct batch *batch = self->first;

    release(self, &batch->payloads[batch->first]);
    if (++batch->first < batch->end)
        return;
    self->first = batch->next;
    if (!self->first)
        self->last = NULL;
    free_batch(self->conn.transport, batch);
}

void ws_free_spares(struct transport *transport)
{
    while (transport->spare) {
        struct batch *batch = transport->spare;

        transport->spare = batch->next;
        free(batch);
    }
}

/* Frames that are there, as many as fit into one write. A single one is not copied. */
static int write_some(struct ws *self)
{
    struct transport *transport = self->conn.transport;
    uint8_t *to = transport->scratch + LWS_PRE;
    size_t len, total = 0;
    const uint8_t *bytes = payload_frame(front(self), &len);
    int rc;

    if (self->frames == 1 || len > TRANSPORT_WRITE) {
        rc = conn_write(&self->conn, bytes, len);
        transport->stats.frames_out++;
        pop(self);
        return rc;
    }
    while (self->first) {
        bytes = payload_frame(front(self), &len);
        if (total + len > TRANSPORT_WRITE)
            break;
        memcpy(to + total, bytes, len);
        total += len;
        transport->stats.frames_out++;
        pop(self);
    }
    return conn_write(&self->conn, to, total);
}

static int flush(struct ws *self)
{
    while (self->first && !conn_is_choked(&self->conn)) {
        if (write_some(self) < 0)
            return -1;
    }
    return 0;
}

/* Outside of libwebsockets' callbacks, which alone may close. */
static void on_turn(struct turn_item *item)
{
    struct ws *self = CONTAINER_OF(item, struct ws, turn);

    if (self->broken || flush(self) < 0)
        conn_break(&self->conn);
    else if (self->closing)
        lws_callback_on_writable(self->conn.wsi);
}

static bool is_full(const struct ws *self, size_t len)
{
    const struct transport_options *options = &self->conn.transport->options;

    return self->first && (self->frames >= options->queue_messages ||
                           self->bytes + len > options->queue_bytes || payload_is_scarce());
}

int ws_send(struct ws *self, struct payload *payload)
{
    size_t len;

    payload_frame(payload, &len);
    if (is_full(self, len) && !self->broken) /* of much in one turn, what can go goes now */
        self->broken = flush(self) < 0;
    if (is_full(self, len)) {
        self->conn.transport->stats.overflows++;
        return -ENOBUFS;
    }
    push(self, payload, len);
    turn_add(self->conn.transport->turn, &self->turn);
    return 0;
}

void ws_append(struct ws *self, struct payload *payload)
{
    size_t len;

    payload_frame(payload, &len);
    push(self, payload, len);
    turn_add(self->conn.transport->turn, &self->turn);
}

/* What is kept moves together. */
static void drop_some(struct ws *self, struct batch *batch)
{
    uint8_t kept = 0;

    for (uint8_t i = batch->first; i < batch->end; i++) {
        if (payload_is_droppable(batch->payloads[i]))
            release(self, &batch->payloads[i]);
        else
            batch->payloads[kept++] = batch->payloads[i];
    }
    batch->first = 0;
    batch->end = kept;
}

size_t ws_drop(struct ws *self)
{
    struct batch **at = &self->first;
    size_t before = self->frames;

    self->last = NULL;
    while (*at) {
        struct batch *batch = *at;

        drop_some(self, batch);
        if (batch->end) {
            self->last = batch;
            at = &batch->next;
        } else {
            *at = batch->next;
            free_batch(self->conn.transport, batch);
        }
    }
    return before - self->frames;
}

size_t ws_queued_bytes(const struct ws *self)
{
    return self->bytes;
}

int ws_on_writable(struct ws *self)
{
    if (flush(self) < 0)
        return -1;
    if (!self->closing || self->first || conn_is_choked(&self->conn))
        return 0;
    lws_close_reason(self->conn.wsi, (enum lws_close_status)self->code, NULL, 0);
    return -1;
}

/* ---- its end ---- */

struct deadline {
    struct timer timer;
    struct ws *ws;
};

static void on_deadline(struct timer *timer)
{
    conn_break(&CONTAINER_OF(timer, struct deadline, timer)->ws->conn);
}

void ws_close(struct ws **self, unsigned code)
{
    struct ws *ws = TAKE(*self);
    struct transport *transport;
    struct deadline *deadline;

    if (!ws)
        return;
    transport = ws->conn.transport;
    ws->closing = true;
    ws->code = (uint16_t)code;
    deadline = NEW(struct deadline);
    *deadline = (struct deadline){.timer.run = on_deadline, .ws = ws};
    ws->deadline = &deadline->timer;
    timers_set(transport->timers, ws->deadline, timers_now() + TRANSPORT_CLOSE_MS);
    turn_add(transport->turn, &ws->turn);
}

static void drop_in(struct ws *self)
{
    if (self->in)
        buf_done(self->in);
    free(self->in);
    self->in = NULL;
}

void ws_on_closed(struct ws *self)
{
    struct transport *transport = self->conn.transport;

    lws_set_opaque_user_data(self->conn.wsi, NULL);
    self->conn.wsi = NULL;
    if (!self->closing)
        self->events->closed(self->user);
    turn_cancel(transport->turn, &self->turn);
    if (self->deadline) {
        timers_cancel(transport->timers, self->deadline);
        free(CONTAINER_OF(self->deadline, struct deadline, timer));
    }
    while (self->first)
        pop(self);
    drop_in(self);
    transport->stats.websockets--;
    free(self);
}

/* ---- in ---- */

int ws_on_established(struct http_request *request)
{
    struct ws *self = NEW(struct ws);
    struct transport *transport = request->conn.transport;

    self->conn = (struct conn){.kind = CONN_WS, .wsi = request->conn.wsi, .transport = transport};
    self->events = request->ws_events;
    self->max = request->ws_max;
    self->turn.run = on_turn;
    transport->stats.websockets++;
    self->user = self->events->opened(request->ws_arg, self, request);
    request_free(request);
    lws_set_opaque_user_data(self->conn.wsi, self);
    return 0;
}

/* The protocol of the messages is broken: says why, and ends. */
static int fail(struct ws *self, unsigned code)
{
    drop_in(self);
    if (!self->closing) {
        self->closing = true;
        self->events->closed(self->user);
    }
    lws_close_reason(self->conn.wsi, (enum lws_close_status)code, NULL, 0);
    return -1;
}

static int deliver(struct ws *self, bool binary, const void *data, size_t len)
{
    if (!binary && !utf8_is_valid(data, len))
        return fail(self, CLOSE_BAD_TEXT);
    self->conn.transport->stats.messages_in++;
    self->events->message(self->user, binary, data, len);
    return 0;
}

/* Reads the rest of a frame that is not far too big: closing over unread bytes would reset the
 * connection, and the client would not learn why. */
static int refuse(struct ws *self, size_t left)
{
    drop_in(self);
    self->excess = true;
    return left > 0 && left <= self->max ? 0 : fail(self, CLOSE_TOO_BIG);
}

int ws_on_receive(struct ws *self, const void *data, size_t len)
{
    struct lws *wsi = self->conn.wsi;
    bool binary = lws_frame_is_binary(wsi);
    size_t left = lws_remaining_packet_payload(wsi);
    bool whole = lws_is_final_fragment(wsi);
    size_t before = self->in ? self->in->len : 0;
    int rc;

    if (self->closing)
        return 0;
    if (self->excess || left > self->max || len + before > self->max - left)
        return refuse(self, left);
    if (whole && !self->in)
        return deliver(self, binary, data, len);
    if (!self->in) {
        self->in = NEW(struct buf);
        buf_init(self->in, self->max);
    }
    buf_put(self->in, data, len);
    if (!whole)
        return 0;
    rc = deliver(self, binary, self->in->data, self->in->len);
    drop_in(self);
    return rc;
}
