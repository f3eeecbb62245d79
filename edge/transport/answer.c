/* What the owner of a request may ask and do: its parts, its body, its answer. */
#include "edge/transport/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum http_method http_method(const struct http_request *self)
{
    return self->method;
}

const char *http_path(const struct http_request *self)
{
    return self->path;
}

bool http_is_upgrade(const struct http_request *self)
{
    return self->upgrade;
}

bool request_has(const struct http_request *self, enum lws_token_indexes header)
{
    char empty[1];

    return lws_hdr_total_length(self->conn.wsi, header) > 0 ||
           lws_hdr_copy_fragment(self->conn.wsi, empty, sizeof(empty), header, 0) == 0;
}

/* libwebsockets' number of a header, or −1; it knows their names with a colon. */
static int known_header(const char *name, size_t len)
{
    for (int i = 0; i < WSI_TOKEN_COUNT; i++) {
        const char *known = (const char *)lws_token_to_string((enum lws_token_indexes)i);

        if (known && strncmp(known, name, len) == 0 && strcmp(known + len, ":") == 0)
            return i;
    }
    return -1;
}

static int trim(char *value, int len)
{
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    value[len] = '\0';
    return len;
}

static int custom_header(struct lws *wsi, const char *name, size_t len, char *ret, size_t room)
{
    char colon[64];
    int n;

    if (len + 2 > sizeof(colon))
        return -ENOENT;
    memcpy(colon, name, len);
    colon[len] = ':';
    n = lws_hdr_custom_length(wsi, colon, (int)len + 1);
    if (n < 0)
        return -ENOENT;
    if ((size_t)n >= room || lws_hdr_custom_copy(wsi, ret, (int)room, colon, (int)len + 1) < 0)
        return -EMSGSIZE;
    return trim(ret, n);
}

int http_header(const struct http_request *self, const char *name, char *ret, size_t room)
{
    struct lws *wsi = self->conn.wsi;
    size_t len = strlen(name);
    int known = known_header(name, len);
    int n;

    if (!wsi)
        return -ENOENT;
    if (known < 0)
        return custom_header(wsi, name, len, ret, room);
    if (!request_has(self, (enum lws_token_indexes)known))
        return -ENOENT;
    n = lws_hdr_copy(wsi, ret, (int)room, (enum lws_token_indexes)known);
    return n < 0 ? -EMSGSIZE : trim(ret, n);
}

int http_query(const struct http_request *self, const char *name, char *ret, size_t room)
{
    struct transport *transport = self->conn.transport;
    char *part = (char *)transport->scratch;
    size_t len = strlen(name);
    int n;

    for (int i = 0; self->conn.wsi; i++) {
        n = lws_hdr_copy_fragment(self->conn.wsi, part, sizeof(transport->scratch),
                                  WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n < 0)
            return -ENOENT;
        if ((size_t)n < len || memcmp(part, name, len) != 0 || (part[len] && part[len] != '='))
            continue;
        n -= (int)len + (part[len] == '=');
        if ((size_t)n >= room)
            return -EMSGSIZE;
        memcpy(ret, part + len + (part[len] == '='), (size_t)n);
        ret[n] = '\0';
        return n;
    }
    return -ENOENT;
}

void http_remote(const struct http_request *self, char ret[HTTP_ADDRESS_TEXT])
{
    static const char mapped[] = "::ffff:";
    char text[HTTP_ADDRESS_TEXT] = "";

    if (self->conn.wsi)
        lws_get_peer_simple(self->conn.wsi, text, sizeof(text));
    if (strncmp(text, mapped, strlen(mapped)) == 0 && strchr(text, '.'))
        snprintf(ret, HTTP_ADDRESS_TEXT, "%s", text + strlen(mapped));
    else
        snprintf(ret, HTTP_ADDRESS_TEXT, "%s", text);
}

void http_receive(struct http_request *self, size_t max, http_body_fn received, void *arg)
{
    if (self->body_left == 0) {
        received(arg, self, 0, NULL, 0);
    } else if (self->body_left > max) {
        received(arg, self, -EMSGSIZE, NULL, 0);
    } else {
        buf_init(&self->body, max);
        self->received = received;
        self->received_arg = arg;
        self->state = REQUEST_RECEIVING;
    }
}

void http_on_gone(struct http_request *self, http_gone_fn gone, void *arg)
{
    self->gone = gone;
    self->gone_arg = arg;
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Payload Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "Status";
}

static void put_head(struct http_request *self, const struct http_answer *answer, uint64_t len)
{
    struct buf *out = &self->out;
    bool close = !self->keep_alive || self->body_endless || self->upgrade ||
                 self->body_left > TRANSPORT_DISCARD;

    buf_printf(out, "HTTP/1.1 %d %s\r\n", answer->status, reason(answer->status));
    if (answer->type)
        buf_printf(out, "Content-Type: %s\r\n", answer->type);
    if (answer->status != 204 && answer->status != 304)
        buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)len);
    if (answer->headers)
        buf_put_text(out, answer->headers);
    buf_printf(out, "Connection: %s\r\n\r\n", close ? "close" : "keep-alive");
    if (close)
        self->keep_alive = false;
}

/* To be written when the callback returns, or at the end of the turn. */
static void send_off(struct http_request *self)
{
    watch_stop(self->conn.transport->watch, &self->watch);
    self->state = REQUEST_ANSWERED;
    if (!self->conn.inside)
        turn_add(self->conn.transport->turn, &self->turn);
}

void http_answer(struct http_request **self, const struct http_answer *answer)
{
    struct http_request *request = TAKE(*self);

    if (!request->conn.wsi) {
        request_free(request);
        return;
    }
    put_head(request, answer, answer->len);
    if (request->method != HTTP_HEAD)
        buf_put(&request->out, answer->body, answer->len);
    send_off(request);
}

void http_answer_file(struct http_request **self, const struct http_answer *answer, int file,
                      uint64_t len)
{
    struct http_request *request = TAKE(*self);

    request->file = file;
    put_head(request, answer, len);
    request->file_left = request->method == HTTP_HEAD ? 0 : len;
    send_off(request);
}

void http_answer_text(struct http_request **self, int status, const char *type, const char *text)
{
    http_answer(self, &(struct http_answer){
                          .status = status, .type = type, .body = text, .len = strlen(text)});
}

void ws_accept(struct http_request **request, const struct ws_events *events, void *arg, size_t max,
               const char *headers)
{
    struct http_request *self = TAKE(*request);

    self->ws_events = events;
    self->ws_arg = arg;
    self->ws_max = max;
    self->ws_headers = headers ? base_strdup(headers) : NULL;
    self->state = REQUEST_ACCEPTED;
}
