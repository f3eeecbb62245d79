/* libcurl's multi interface says which sockets and which time-out it waits for; the zloop waits. */
#include "notify/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 5000L

struct request {
    struct http *http;
    struct request *next, **link; /* of all under way */
    CURL *easy;
    struct curl_slist *headers;
    http_fn *fn;
    void *arg;
    char error[CURL_ERROR_SIZE];
};

struct http {
    zloop_t *loop;
    CURLM *multi;
    int timer; /* −1: none */
    struct request *requests;
};

static void request_free(struct request **request)
{
    struct request *self = *request;

    if (!self)
        return;
    if (self->link) {
        *self->link = self->next;
        if (self->next)
            self->next->link = self->link;
        curl_multi_remove_handle(self->http->multi, self->easy);
    }
    curl_easy_cleanup(self->easy);
    curl_slist_free_all(self->headers);
    free(self);
    *request = NULL;
}

static void finish(CURLMsg *message)
{
    struct request *request = NULL;
    CURLcode result = message->data.result;
    char why[CURL_ERROR_SIZE];
    long status = 0;

    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
    if (result == CURLE_OK) {
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        snprintf(why, sizeof why, "status %ld", status);
    } else {
        snprintf(why, sizeof why, "%s",
                 request->error[0] ? request->error : curl_easy_strerror(result));
    }
    request->fn(request->arg, status >= 200 && status < 300, why);
    request_free(&request);
}

/* Tells libcurl what happened and hands out what is done. */
static void act(struct http *self, curl_socket_t fd, int events)
{
    CURLMsg *message;
    int running, left;

    curl_multi_socket_action(self->multi, fd, events, &running);
    while ((message = curl_multi_info_read(self->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            finish(message);
}

static int on_ready(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    int events = 0;

    (void)loop;
    if (item->revents & ZMQ_POLLIN)
        events |= CURL_CSELECT_IN;
    if (item->revents & ZMQ_POLLOUT)
        events |= CURL_CSELECT_OUT;
    if (item->revents & ZMQ_POLLERR)
        events |= CURL_CSELECT_ERR;
    act(arg, item->fd, events);
    return 0;
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct http *self = arg;
    zmq_pollitem_t item = {.fd = fd};

    (void)easy;
    (void)unused;
    zloop_poller_end(self->loop, &item);
    if (what == CURL_POLL_REMOVE)
        return 0;
    if (what != CURL_POLL_OUT)
        item.events |= ZMQ_POLLIN;
    if (what != CURL_POLL_IN)
        item.events |= ZMQ_POLLOUT;
    zloop_poller(self->loop, &item, on_ready, self);
    zloop_poller_set_tolerant(self->loop, &item);
    return 0;
}

static int on_timeout(zloop_t *loop, int timer, void *arg)
{
    struct http *self = arg;

    (void)loop;
    if (timer != self->timer)
        return 0;
    self->timer = -1;
    act(self, CURL_SOCKET_TIMEOUT, 0);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http *self = arg;

    (void)multi;
    if (self->timer >= 0)
        zloop_timer_end(self->loop, self->timer);
    self->timer = -1;
    if (timeout_ms >= 0)
        self->timer =
            zloop_timer(self->loop, timeout_ms ? (size_t)timeout_ms : 1, 1, on_timeout, self);
    return 0;
}

int http_new(struct http **ret, zloop_t *loop, long connections)
{
    AUTO(http_free) struct http *self = NEW(struct http);

    self->loop = loop;
    self->timer = -1;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    self->multi = curl_multi_init();
    if (!self->multi)
        return -ENOMEM;
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, connections);
    *ret = TAKE(self);
    return 0;
}

void http_free(struct http **self)
{
    if (!*self)
        return;
    while ((*self)->requests) {
        struct request *request = (*self)->requests;

        request_free(&request);
    }
    curl_multi_cleanup((*self)->multi);
    if ((*self)->timer >= 0)
        zloop_timer_end((*self)->loop, (*self)->timer);
    curl_global_cleanup();
    free(*self);
    *self = NULL;
}

/* Nobody looks at the answer's body. */
static size_t ignore(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static bool set_options(struct request *request, const struct http_post *post)
{
    CURL *easy = request->easy;
    bool good = true;

    for (size_t i = 0; i < HTTP_HEADERS_MAX && post->headers[i]; i++)
        request->headers = curl_slist_append(request->headers, post->headers[i]);
    good &= curl_easy_setopt(easy, CURLOPT_URL, post->url) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post->body) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "Parley/" PARLEY_VERSION) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, post->timeout_ms) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error) == CURLE_OK;
    good &= curl_easy_setopt(easy, CURLOPT_PRIVATE, request) == CURLE_OK;
    return good;
}

int http_post(struct http *self, const struct http_post *post, http_fn *fn, void *arg)
{
    AUTO(request_free) struct request *request = NEW(struct request);

    request->http = self;
    request->fn = fn;
    request->arg = arg;
    request->easy = curl_easy_init();
    if (!request->easy || !set_options(request, post) ||
        curl_multi_add_handle(self->multi, request->easy) != CURLM_OK)
        return -EINVAL;
    request->next = self->requests;
    request->link = &self->requests;
    if (request->next)
        request->next->link = &request->next;
    self->requests = request;
    (void)TAKE(request);
    return 0;
}
