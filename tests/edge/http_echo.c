#include "tests/edge/http_echo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define BODY_MAX (128u << 20)
#define BIG_MAX (256u << 20)

/* A request answered by a timer. */
struct waiting {
    struct http_echo *echo;
    struct waiting *next;
    struct http_request *request;
    uv_timer_t timer;
    char *body;
    size_t len;
};

static void answer(struct http_request **request, const void *body, size_t len)
{
    http_answer(request, &(struct http_answer){.status = 200,
                                               .type = "application/octet-stream",
                                               .headers = "X-Echo: yes\r\n",
                                               .body = body,
                                               .len = len});
}

static long number(const struct http_request *request, const char *name)
{
    char text[24];

    return http_query(request, name, text, sizeof(text)) > 0 ? atol(text) : 0;
}

static void free_waiting(uv_handle_t *timer)
{
    struct waiting *self = CONTAINER_OF(timer, struct waiting, timer);

    free(self->body);
    free(self);
}

static void finish(struct waiting *self)
{
    struct waiting **at = &self->echo->waiting;

    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    answer(&self->request, self->body, self->len);
    uv_close((uv_handle_t *)&self->timer, free_waiting);
}

static void on_timer(uv_timer_t *timer)
{
    finish(CONTAINER_OF(timer, struct waiting, timer));
}

static void on_gone(void *arg, struct http_request *request)
{
    struct waiting *self = arg;

    (void)request;
    self->echo->gone++;
    uv_timer_start(&self->timer, on_timer, 0, 0);
}

static void answer_later(struct http_echo *self, struct http_request *request, const void *body,
                         size_t len)
{
    struct waiting *waiting = NEW(struct waiting);

    waiting->echo = self;
    waiting->next = self->waiting;
    self->waiting = waiting;
    waiting->request = request;
    waiting->body = base_alloc(1, len + 1);
    waiting->len = len;
    if (len)
        memcpy(waiting->body, body, len);
    uv_timer_init(self->loop, &waiting->timer);
    uv_timer_start(&waiting->timer, on_timer, (uint64_t)number(request, "ms"), 0);
    http_on_gone(request, on_gone, waiting);
}

static void on_body(void *arg, struct http_request *request, int rc, const void *body, size_t len)
{
    bool is_later = strcmp(http_path(request), "/http/later") == 0;

    if (rc == -EMSGSIZE)
        http_answer_text(&request, 413, "text/plain", "too large");
    else if (rc == 0 && is_later)
        answer_later(arg, request, body, len);
    else
        answer(&request, body, len);
}

static void describe(struct http_echo *self, struct http_request *request, bool later)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    char query[256], header[256], remote[HTTP_ADDRESS_TEXT], text[700];

    if (http_query(request, "q", query, sizeof(query)) < 0)
        strcpy(query, "-");
    if (http_header(request, "x-test", header, sizeof(header)) < 0)
        strcpy(header, "-");
    http_remote(request, remote);
    snprintf(text, sizeof(text), "%s %s %s %s", names[http_method(request)], query, header, remote);
    if (later)
        answer_later(self, request, text, strlen(text));
    else
        answer(&request, text, strlen(text));
}

static void big(struct http_request *request)
{
    long len = number(request, "bytes");
    char *body = base_alloc(1, (size_t)(len > 0 && len < BIG_MAX ? len : 1));

    answer(&request, body, len > 0 && len < BIG_MAX ? (size_t)len : 0);
    free(body);
}

static void stats(struct http_echo *self, struct http_request *request)
{
    const struct transport_stats *counters = transport_stats(self->transport);
    struct rusage usage;
    char text[512];

    getrusage(RUSAGE_SELF, &usage);
    snprintf(text, sizeof(text),
             "{\"turns\":%llu,\"rss\":%ld,\"held\":%llu,\"websockets\":%llu,\"frames\":%llu,"
             "\"writes\":%llu,\"overflows\":%llu}",
             (unsigned long long)self->turns, usage.ru_maxrss, (unsigned long long)counters->held,
             (unsigned long long)counters->websockets, (unsigned long long)counters->frames_out,
             (unsigned long long)counters->writes, (unsigned long long)counters->overflows);
    answer(&request, text, strlen(text));
}

/* ---- /http/flood ---- */

static void *on_opened(void *arg, struct ws *ws, struct http_request *request)
{
    (void)arg;
    (void)request;
    return ws;
}

static void on_message(void *user, bool binary, const void *data, size_t len)
{
    struct ws *ws = user;
    char text[64] = "";
    unsigned count, size;
    struct payload_piece piece;
    AUTO(payload_unref) struct payload *payload = NULL;

    if (!binary && len < sizeof(text))
        memcpy(text, data, len);
    if (sscanf(text, "%u %u", &count, &size) != 2) {
        piece = (struct payload_piece){data, len};
        payload = payload_new(binary, &piece, 1);
        ws_send(ws, payload);
        return;
    }
    piece = (struct payload_piece){base_alloc(1, size + 1), size};
    payload = payload_new(true, &piece, 1);
    free((void *)(uintptr_t)piece.data);
    while (count-- > 0 && ws_send(ws, payload) == 0)
        continue;
    if (count + 1 > 0)
        ws_close(&ws, 1008);
}

static void on_closed(void *user)
{
    (void)user;
}

static const struct ws_events flood = {on_opened, on_message, on_closed};

bool http_echo_request(struct http_echo *self, struct http_request *request)
{
    const char *path = http_path(request);
    enum http_method method = http_method(request);
    bool has_body = method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;

    if (strcmp(path, "/http/flood") == 0 && http_is_upgrade(request))
        ws_accept(&request, &flood, NULL, 1000000, NULL);
    else if (http_is_upgrade(request))
        return false;
    else if (strcmp(path, "/http/gone") == 0)
        answer(&request, (char[]){(char)('0' + self->gone)}, 1);
    else if (strcmp(path, "/http/stats") == 0)
        stats(self, request);
    else if (strcmp(path, "/http/big") == 0)
        big(request);
    else if (strcmp(path, "/http/echo") != 0 && strcmp(path, "/http/later") != 0)
        return false;
    else if (has_body)
        http_receive(request, BODY_MAX, on_body, self);
    else
        describe(self, request, strcmp(path, "/http/later") == 0);
    return true;
}

static void on_prepare(uv_prepare_t *prepare)
{
    CONTAINER_OF(prepare, struct http_echo, prepare)->turns++;
}

void http_echo_init(struct http_echo *self, struct transport *transport)
{
    self->loop = uv_default_loop();
    self->transport = transport;
    uv_prepare_init(self->loop, &self->prepare);
    uv_prepare_start(&self->prepare, on_prepare);
}

void http_echo_done(struct http_echo *self)
{
    uv_close((uv_handle_t *)&self->prepare, NULL);
    while (self->waiting)
        finish(self->waiting);
}
