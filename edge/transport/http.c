/* A request's way: headers, perhaps a body, the owner's callback, perhaps a wait, the answer.
 * libwebsockets spins on a connection that waits for its answer, so such a one is not read from
 * (flow control) and watched for its end by watch.c; the answer is then written by serving the
 * connection as if it had just become writable. */
#include "edge/transport/private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_turn(struct turn_item *item);
static void on_watch(struct watch_item *item, bool gone);

static const enum http_method methods[] = {HTTP_GET,   HTTP_POST,   HTTP_OPTIONS, HTTP_PUT,
                                           HTTP_PATCH, HTTP_DELETE, HTTP_GET,     HTTP_HEAD};
#define LWS_METHOD_CONNECT 6

static struct http_request *request_new(struct transport *transport, struct lws *wsi)
{
    char *path = NULL;
    int len = 0;
    int method = lws_http_get_uri_and_method(wsi, &path, &len);
    struct http_request *self;

    if (method < 0 || method >= (int)COUNT_OF(methods) || method == LWS_METHOD_CONNECT || len < 1)
        return NULL;
    self = base_alloc(1, sizeof(*self) + (size_t)len + 1);
    self->conn = (struct conn){.kind = CONN_REQUEST, .wsi = wsi, .transport = transport};
    self->method = methods[method];
    self->file = -1;
    self->watch = (struct watch_item){.fd = -1, .run = on_watch};
    self->turn.run = on_turn;
    memcpy(self->path, path, (size_t)len);
    buf_init(&self->out, SIZE_MAX / 2);
    lws_set_opaque_user_data(wsi, self);
    transport->stats.requests++;
    transport->stats.held++;
    return self;
}

void request_free(struct http_request *self)
{
    struct transport *transport = self->conn.transport;

    if (self->conn.wsi)
        lws_set_opaque_user_data(self->conn.wsi, NULL);
    watch_stop(transport->watch, &self->watch);
    turn_cancel(transport->turn, &self->turn);
    transport->stats.held--;
    if (self->file >= 0)
        close(self->file);
    buf_done(&self->body);
    buf_done(&self->out);
    free(self->ws_headers);
    free(self);
}

static bool has_token(const char *list, const char *token)
{
    size_t len = strlen(token);

    for (const char *at = list; *at;) {
        size_t n;

        at += strspn(at, ", \t");
        n = strcspn(at, ", \t");
        if (n == len && strncasecmp(at, token, len) == 0)
            return true;
        at += n;
    }
    return false;
}

static bool connection_has(const struct http_request *self, const char *token)
{
    char value[256];

    return http_header(self, "connection", value, sizeof(value)) > 0 && has_token(value, token);
}

static bool is_http_1_1(struct lws *wsi)
{
    char version[16];

    return lws_hdr_copy(wsi, version, sizeof(version), WSI_TOKEN_HTTP) > 0 &&
           strcmp(version, "HTTP/1.1") == 0;
}

/* 0, or the status that refuses it. Two Content-Length headers arrive joined by a comma. */
static int read_length(struct http_request *self)
{
    char value[32];
    int len = http_header(self, "content-length", value, sizeof(value));
    bool awaited =
        self->method == HTTP_POST || self->method == HTTP_PUT || self->method == HTTP_PATCH;

    if (request_has(self, WSI_TOKEN_HTTP_TRANSFER_ENCODING)) {
        self->body_endless = awaited;
        return 411;
    }
    if (len == -ENOENT) {
        self->body_endless = awaited;
        return 0;
    }
    if (len < 1 || len > 18 || strspn(value, "0123456789") != (size_t)len)
        return 400;
    self->body_left = strtoull(value, NULL, 10);
    return 0;
}

/* ---- writing ---- */

/* 1: all is written, 0: there is no room now, −1: the connection is broken. */
static int write_out(struct http_request *self)
{
    struct conn *conn = &self->conn;

    while (self->out_at < self->out.len) {
        size_t len = self->out.len - self->out_at;

        if (conn_is_choked(conn))
            return 0;
        len = len < TRANSPORT_WRITE ? len : TRANSPORT_WRITE;
        if (conn_write(conn, self->out.data + self->out_at, len) < 0)
            return -1;
        self->out_at += len;
    }
    while (self->file_left) {
        uint8_t *to = conn->transport->scratch + LWS_PRE;
        ssize_t len;

        if (conn_is_choked(conn))
            return 0;
        len = read(self->file, to,
                   self->file_left < TRANSPORT_WRITE ? self->file_left : TRANSPORT_WRITE);
        if (len <= 0 || conn_write(conn, to, (size_t)len) < 0)
            return -1; /* shorter than it was: the client must notice */
        self->file_left -= (uint64_t)len;
    }
    return conn_is_choked(conn) ? 0 : 1;
}

/* The client has its answer and is still sending: closing now would reset the connection under
 * it. */
static int linger(struct http_request *self)
{
    self->state = REQUEST_LINGERING;
    shutdown(lws_get_socket_fd(self->conn.wsi), SHUT_WR);
    lws_rx_flow_control(self->conn.wsi, 1);
    lws_set_timeout(self->conn.wsi, PENDING_TIMEOUT_HTTP_CONTENT, TRANSPORT_LINGER_S);
    return 0;
}

static bool may_go_on(const struct http_request *self)
{
    return self->keep_alive && !self->body_endless && self->body_left <= TRANSPORT_DISCARD;
}

static int finish(struct http_request *self)
{
    struct lws *wsi = self->conn.wsi;
    bool go_on = may_go_on(self);

    if (!go_on && self->body_left && !self->upgrade)
        return linger(self);
    if (go_on && self->body_left)
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, TRANSPORT_LINGER_S);
    request_free(self);
    return go_on && lws_http_transaction_completed(wsi) == 0 ? 0 : -1;
}

/* Unless it waits for room, or lingers, the request is freed. */
static int write_answer(struct http_request *self, bool *ret_waits)
{
    int rc = write_out(self);

    *ret_waits = rc == 0;
    if (rc == 1)
        return finish(self);
    self->state = REQUEST_WRITING;
    return rc;
}

/* Not read from while it waits. for_writing: the answer waits for room. */
static void pause_reading(struct http_request *self, bool for_writing)
{
    unsigned stall_s = self->conn.transport->options.stall_s;
    struct lws *wsi = self->conn.wsi;

    lws_rx_flow_control(wsi, 0);
    if (for_writing && stall_s)
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT,
                        (int)stall_s); /* anew, as some has gone */
    else
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
    watch_start(self->conn.transport->watch, &self->watch, lws_get_socket_fd(wsi), for_writing);
}

/* Outside of libwebsockets' callbacks: lets it call request_on_writable. */
static void serve_writable(struct http_request *self)
{
    struct lws *wsi = self->conn.wsi;
    struct lws_pollfd event = {
        .fd = lws_get_socket_fd(wsi), .events = LWS_POLLOUT, .revents = LWS_POLLOUT};

    watch_stop(self->conn.transport->watch, &self->watch);
    lws_rx_flow_control(wsi, 1);
    if (lws_service_fd(self->conn.transport->context, &event) != 0)
        return; /* the connection is gone */
    if (lws_get_opaque_user_data(wsi) == self && self->state == REQUEST_WRITING)
        pause_reading(self, true);
}

static void on_turn(struct turn_item *item)
{
    serve_writable(CONTAINER_OF(item, struct http_request, turn));
}

static void on_watch(struct watch_item *item, bool gone)
{
    struct http_request *self = CONTAINER_OF(item, struct http_request, watch);

    if (gone)
        conn_break(&self->conn);
    else
        serve_writable(self);
}

int request_on_writable(struct http_request *self)
{
    bool waits;

    if (self->state == REQUEST_ANSWERED || self->state == REQUEST_WRITING)
        return write_answer(self, &waits);
    return 0;
}

/* ---- the request's callbacks ---- */

/* Its owner's callback has returned. */
static int settle(struct http_request *self)
{
    bool upgrade = self->upgrade, waits;
    int rc = 0;

    self->conn.inside = false;
    if (self->state == REQUEST_ANSWERED) {
        rc = write_answer(self, &waits);
        if (upgrade)
            return -1;
        if (waits)
            pause_reading(self, true);
    } else if (self->state == REQUEST_NEW) {
        self->state = REQUEST_HELD;
        pause_reading(self, false);
    }
    return rc;
}

static int refuse(struct http_request *self, int status, const char *text, const char *headers)
{
    struct http_request *request = self;

    self->conn.transport->stats.refused++;
    self->keep_alive = false;
    self->conn.inside = true;
    http_answer(&request, &(struct http_answer){.status = status,
                                                .type = "text/html",
                                                .headers = headers,
                                                .body = text,
                                                .len = strlen(text)});
    return settle(self);
}

static int dispatch(struct http_request *self)
{
    struct transport *transport = self->conn.transport;
    struct http_request *request = self;

    self->conn.inside = true;
    if (!transport->options.request(transport->options.arg, self))
        files_answer(&request, self->upgrade ? NULL : transport->options.files);
    assert(!self->upgrade || self->state != REQUEST_NEW);
    return settle(self);
}

/* Of a request that came in one packet with the one before it libwebsockets takes the headers for
 * the body. Such a one was kept, and is looked at when the loop is not at its sockets. */
static bool came_with_another(const struct http_request *self)
{
    return !turn_is_at_sockets(self->conn.transport->turn);
}

int request_on_headers(struct transport *transport, struct lws *wsi)
{
    struct http_request *self = request_new(transport, wsi);
    int status;

    if (!self)
        return -1;
    self->keep_alive = is_http_1_1(wsi) && !connection_has(self, "close");
    status = read_length(self);
    if (status) {
        if (self->body_endless) /* chunks will come, which nobody can read */
            self->body_left = UINT64_MAX;
        return refuse(self, status, status == 411 ? "Length Required" : "Bad Request", NULL);
    }
    if (self->body_left && came_with_another(self)) {
        transport->stats.refused++;
        return -1;
    }
    return dispatch(self);
}

/* What libwebsockets would answer by hanging up, or by an upgrade that it should not make. */
static int upgrade_fault(const struct http_request *self)
{
    char value[64];

    if (http_header(self, "upgrade", value, sizeof(value)) < 0 ||
        strcasecmp(value, "websocket") != 0 || self->method != HTTP_GET ||
        !connection_has(self, "upgrade"))
        return 400;
    if (http_header(self, "sec-websocket-version", value, sizeof(value)) < 0 ||
        strcmp(value, "13") != 0)
        return 426;
    if (http_header(self, "sec-websocket-key", value, sizeof(value)) < 1 ||
        http_header(self, "sec-websocket-protocol", value, sizeof(value)) != -ENOENT)
        return 400;
    return 0;
}

int request_on_upgrade(struct transport *transport, struct lws *wsi)
{
    struct http_request *self;
    int status;

    if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) == 0)
        return -1; /* libwebsockets has refused it itself; the headers are gone */
    self = request_new(transport, wsi);
    if (!self)
        return -1;
    self->upgrade = true;
    status = upgrade_fault(self);
    if (status == 426)
        return refuse(self, 426, "Upgrade Required", "Sec-WebSocket-Version: 13\r\n");
    return status ? refuse(self, status, "Bad Request", NULL) : dispatch(self);
}

int request_on_upgrade_headers(struct http_request *self, struct lws_process_html_args *out)
{
    size_t len = self->ws_headers ? strlen(self->ws_headers) : 0;

    if (self->state != REQUEST_ACCEPTED || (size_t)out->max_len <= len)
        return -1;
    if (len)
        memcpy(out->p, self->ws_headers, len);
    out->p += len;
    return 0;
}

int request_on_body(struct http_request *self, const void *data, size_t len)
{
    if (self->state == REQUEST_LINGERING) {
        self->dropped += len;
        return self->dropped > TRANSPORT_DISCARD ? -1 : 0;
    }
    self->body_left -= len < self->body_left ? len : self->body_left;
    if (self->state == REQUEST_RECEIVING)
        buf_put(&self->body, data, len);
    return 0;
}

static void deliver_body(struct http_request *self, int rc)
{
    http_body_fn received = self->received;

    self->state = REQUEST_NEW;
    self->received = NULL;
    received(self->received_arg, self, rc, self->body.data, rc ? 0 : self->body.len);
}

/* Also called for requests that have no body, or have been answered. */
int request_on_body_end(struct http_request *self)
{
    if (self->state == REQUEST_LINGERING)
        return -1;
    if (self->state != REQUEST_RECEIVING || self->body_left)
        return 0;
    self->conn.inside = true;
    deliver_body(self, 0);
    return settle(self);
}

void request_on_closed(struct http_request *self)
{
    http_gone_fn gone = TAKE(self->gone);

    lws_set_opaque_user_data(self->conn.wsi, NULL);
    self->conn.wsi = NULL;
    watch_stop(self->conn.transport->watch, &self->watch);
    turn_cancel(self->conn.transport->turn, &self->turn);
    if (self->state == REQUEST_RECEIVING) {
        deliver_body(self, -ECONNRESET);
    } else if (self->state == REQUEST_HELD) {
        if (gone)
            gone(self->gone_arg, self);
    } else {
        request_free(self);
    }
}
