/* The server: one libwebsockets context with one vhost on the caller's loop. Here are its settings,
 * each of which avoids a known fault of libwebsockets 4.1.6 (tests/edge/README.md), and the one
 * callback, which only finds out whom an event is about. */
#include "edge/transport/private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SERVICE_BUFFER 65536   /* smaller: uploads over TLS hang */
#define RECEIVE_BUFFER 1920    /* per WebSocket: so an idle client takes less than 4 kB in all */
#define HEADERS_IDLE_S 3600    /* longest request; after it libwebsockets logs its headers */
#define HANDSHAKE_TIMEOUT_S 20 /* for headers, or the next piece of a body */
#define KEEP_ALIVE_S 60
#define WRITE_AT_ONCE (1u << 20) /* larger frames go out in several system calls */
#define LOG_LINES_PER_S 10
#define TEARDOWN_TURNS 16

static void on_log(int level, const char *line)
{
    static uint64_t second;
    static unsigned lines;
    uint64_t now = clock_monotonic_ms() / 1000;
    size_t len = strcspn(line, "\n");
    char text[300];

    if (now != second)
        lines = 0;
    second = now;
    if (lines++ >= LOG_LINES_PER_S) /* what hostile input causes must not fill the disk */
        return;
    snprintf(text, sizeof(text), "%.*s", (int)len, line);
    log_line(level == LLL_ERR ? LEVEL_ERROR : LEVEL_WARN, "libwebsockets", "line=%s",
             log_quote(text));
}

static int on_request_event(struct http_request *self, enum lws_callback_reasons reason, void *in,
                            size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP_BODY:
        return request_on_body(self, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return request_on_body_end(self);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return request_on_writable(self);
    case LWS_CALLBACK_ADD_HEADERS:
        return request_on_upgrade_headers(self, in);
    case LWS_CALLBACK_ESTABLISHED:
        return ws_on_established(self);
    case LWS_CALLBACK_CLOSED: /* before it was established */
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        request_on_closed(self);
        return 0;
    default:
        return 0;
    }
}

static int on_ws_event(struct ws *self, enum lws_callback_reasons reason, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        return ws_on_receive(self, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ws_on_writable(self);
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        ws_on_closed(self);
        return 0;
    default:
        return 0;
    }
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct transport *transport = lws_context_user(lws_get_context(wsi));
    struct conn *conn = lws_get_opaque_user_data(wsi);

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return conn ? -1 : request_on_upgrade(transport, wsi);
    case LWS_CALLBACK_HTTP:
        return conn ? -1 : request_on_headers(transport, wsi);
    case LWS_CALLBACK_RAW_ADOPT: /* the method CONNECT */
    case LWS_CALLBACK_RAW_RX:
        return -1;
    default:
        break;
    }
    if (!conn)
        return 0;
    if (conn->kind == CONN_REQUEST)
        return on_request_event((struct http_request *)conn, reason, in, len);
    return on_ws_event((struct ws *)conn, reason, in, len);
}

static const struct lws_protocols protocols[] = {
    {.name = "parley",
     .callback = on_event,
     .rx_buffer_size = RECEIVE_BUFFER,
     .tx_packet_size = WRITE_AT_ONCE},
    {.name = NULL},
};

/* Why nothing could be bound there: libwebsockets does not say. */
static int why_not_bound(const struct transport_options *options)
{
    struct sockaddr_in six_less = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)options->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)options->port)};
    bool is_six = strchr(options->address, ':');
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = 0;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (inet_pton(is_six ? AF_INET6 : AF_INET, options->address,
                  is_six ? (void *)&six.sin6_addr : (void *)&six_less.sin_addr) != 1)
        rc = -EADDRNOTAVAIL;
    else if (bind(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&six_less,
                  is_six ? sizeof(six) : sizeof(six_less)) < 0 ||
             listen(fd, 1) < 0)
        rc = -errno;
    close(fd);
    return rc ? rc : options->cert ? -EINVAL : -EADDRINUSE;
}

static void copy_options(struct transport *self, const struct transport_options *options)
{
    struct transport_options *to = &self->options;

    *to = *options;
    to->address = base_strdup(options->address);
    to->files = options->files ? base_strdup(options->files) : NULL;
    to->cert = options->cert ? base_strdup(options->cert) : NULL;
    to->key = options->key ? base_strdup(options->key) : NULL;
}

static int create_vhost(struct transport *self, struct lws_context_creation_info *info)
{
    info->port = (int)self->options.port;
    info->iface = self->options.address;
    info->ssl_cert_filepath = self->options.cert;
    info->ssl_private_key_filepath = self->options.key;
    if (!strchr(self->options.address, ':'))
        info->options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    self->vhost = lws_create_vhost(self->context, info);
    return self->vhost ? 0 : why_not_bound(&self->options);
}

/* Without idle times: Engine.IO has a heartbeat of its own, and libwebsockets would keep the
 * deadlines of all WebSockets in a sorted list that it searches from the front for every new one.
 */
static const lws_retry_bo_t never_idle;

static int create_context(struct transport *self)
{
    void *loops[] = {self->loop};
    struct lws_context_creation_info info = {
        .protocols = protocols,
        .extensions = NULL, /* permessage-deflate aborts the process */
        .alpn = "http/1.1", /* HTTP/2 breaks large bodies */
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (self->options.cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .foreign_loops = loops,
        .user = self,
        .pt_serv_buf_size = SERVICE_BUFFER,
        .max_http_header_data = TRANSPORT_HEADERS,
        .timeout_secs_ah_idle = HEADERS_IDLE_S,
        .timeout_secs = HANDSHAKE_TIMEOUT_S,
        .keepalive_timeout = KEEP_ALIVE_S,
        .retry_and_idle_policy = &never_idle,
        .pcontext = &self->context,
    };

    lws_set_log_level(LLL_ERR | LLL_WARN, on_log); /* below that it logs headers */
    self->context = lws_create_context(&info);
    if (!self->context)
        return -ENOSYS;
    return create_vhost(self, &info);
}

int transport_new(struct transport **ret, uv_loop_t *loop, const struct transport_options *options)
{
    struct transport *self = NEW(struct transport);
    int rc;

    self->loop = loop;
    copy_options(self, options);
    rc = turn_new(&self->turn, loop);
    rc = rc ? rc : timers_new(&self->timers, loop);
    rc = rc ? rc : watch_new(&self->watch, loop);
    rc = rc ? rc : create_context(self);
    if (rc < 0) {
        transport_free(&self);
        return rc;
    }
    *ret = self;
    return 0;
}

void transport_free(struct transport **self)
{
    struct transport *transport = TAKE(*self);

    if (!transport)
        return;
    if (transport->context)
        lws_context_destroy(transport->context);
    for (int i = 0; transport->context && i < TEARDOWN_TURNS; i++)
        uv_run(transport->loop, UV_RUN_NOWAIT);
    if (transport->context)
        lws_context_destroy(transport->context);
    turn_free(&transport->turn);
    timers_free(&transport->timers);
    watch_free(&transport->watch);
    uv_run(transport->loop, UV_RUN_NOWAIT);
    ws_free_spares(transport);
    free((void *)(uintptr_t)transport->options.address);
    free((void *)(uintptr_t)transport->options.files);
    free((void *)(uintptr_t)transport->options.cert);
    free((void *)(uintptr_t)transport->options.key);
    free(transport);
}

unsigned transport_port(const struct transport *self)
{
    return (unsigned)lws_get_vhost_listen_port(self->vhost);
}

const struct transport_stats *transport_stats(const struct transport *self)
{
    return &self->stats;
}

struct turn *transport_turn(struct transport *self)
{
    return self->turn;
}

struct timers *transport_timers(struct transport *self)
{
    return self->timers;
}

int conn_write(struct conn *conn, const void *data, size_t len)
{
    /* Written as HTTP, the bytes go out as they are, and are not changed. */
    conn->transport->stats.writes++;
    conn->transport->stats.bytes_out += len;
    return lws_write(conn->wsi, (unsigned char *)(uintptr_t)data, len, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

bool conn_is_choked(const struct conn *conn)
{
    return lws_partial_buffered(conn->wsi);
}

void conn_break(struct conn *conn)
{
    struct lws_pollfd event = {.revents = LWS_POLLHUP};

    if (!conn->wsi)
        return;
    event.fd = lws_get_socket_fd(conn->wsi);
    lws_service_fd(conn->transport->context, &event);
}
