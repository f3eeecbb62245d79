/* What is put together here, lowest first: transport, api, backend, live. Requests are offered to
 * the doors in turn; what none of them takes is a file, or nothing. */
#include "edge/edge.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/log.h"
#include "edge/api/admin.h"
#include "edge/api/backend.h"
#include "edge/api/live.h"
#include "edge/api/rest.h"
#include "edge/bus_uv.h"
#include "edge/transport/lws.h"
#include "edge/transport/payload.h"

#define WATCH_MS 200     /* how often health and gauges are looked at */
#define STALL_S 45       /* as long as a Socket.IO client may be silent */
#define OTHER_FILES 1000 /* beside connections: the bus, requests, files */

struct edge {
    struct service *service;
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_timer_t watch;
    struct bus_uv *control;
    struct api *api;
    struct transport *transport;
    struct live *live;
    struct backend *backend;
    bool stopping;
};

/* ---- requests ---- */

/* As calls are that are under way; the doors may be gone already. */
static void refuse_stopping(struct http_request *request)
{
    static const char body[] = "{\"error\":{\"code\":\"unavailable\",\"message\":\"this server is "
                               "stopping\",\"retryAfterMs\":1000}}";

    http_answer(&request, &(struct http_answer){.status = 503,
                                                .type = "application/json",
                                                .headers = "Retry-After: 1\r\n",
                                                .body = body,
                                                .len = sizeof body - 1});
}

static bool on_request(void *arg, struct http_request *request)
{
    struct edge *self = arg;

    if (self->stopping) {
        refuse_stopping(request);
        return true;
    }
    return live_request(self->live, request) || rest_request(self->api, request);
}

/* ---- health and gauges ---- */

static void set_gauge(struct edge *self, const char *name, uint64_t value)
{
    *stat_counter(service_stats(self->service), name) = value;
}

static void on_watch(uv_timer_t *timer)
{
    struct edge *self = timer->data;
    const struct transport_stats *transport = transport_stats(self->transport);
    const struct engineio_stats *engine = live_stats(self->live);

    service_set_health(self->service, backend_trouble(self->backend));
    set_gauge(self, "http_requests", transport->requests);
    set_gauge(self, "http_refused", transport->refused);
    set_gauge(self, "http_held", transport->held);
    set_gauge(self, "websocket_frames_out", transport->frames_out);
    set_gauge(self, "websocket_writes", transport->writes);
    set_gauge(self, "websocket_bytes_out", transport->bytes_out);
    set_gauge(self, "waiting_bytes", payload_memory());
    set_gauge(self, "websocket_messages_in", transport->messages_in);
    set_gauge(self, "socket_handshakes", engine->handshakes);
    set_gauge(self, "socket_refused", engine->refused);
    set_gauge(self, "socket_malformed", engine->malformed);
    set_gauge(self, "socket_timeouts", engine->timeouts);
    set_gauge(self, "socket_overflows", engine->overflows);
    set_gauge(self, "events_dropped", engine->dropped);
    set_gauge(self, "sockets", engine->sessions);
    set_gauge(self, "sockets_polling", engine->polling);
    set_gauge(self, "passwords_waiting", password_waiting(self->api->password));
}

/* ---- signals and the control socket ---- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct edge *self = handle->data;

    log_info("stopping", "signal=%d", number);
    uv_stop(&self->loop);
}

static void on_control(void *arg)
{
    struct edge *self = arg;

    service_on_control(self->service);
}

static int watch(struct edge *self)
{
    uv_signal_init(&self->loop, &self->interrupt);
    uv_signal_init(&self->loop, &self->terminate);
    uv_timer_init(&self->loop, &self->watch);
    self->interrupt.data = self->terminate.data = self->watch.data = self;
    uv_signal_start(&self->interrupt, on_signal, SIGINT);
    uv_signal_start(&self->terminate, on_signal, SIGTERM);
    uv_timer_start(&self->watch, on_watch, WATCH_MS, WATCH_MS);
    service_set_health(self->service, "starting");
    service_on_command(self->service, admin_request, self->api);
    return bus_uv_new(&self->control, &self->loop, service_control(self->service), NULL, on_control,
                      self);
}

/* ---- life ---- */

static const char *path_or_null(struct conf *conf, const char *key)
{
    const char *path = conf_path(conf, key);

    return *path ? path : NULL;
}

static int check_files(const char *files)
{
    struct stat about;

    if (!files || (stat(files, &about) == 0 && S_ISDIR(about.st_mode)))
        return 0;
    log_error("edge/web is no folder: build the web client, or leave the key empty", "path=%s",
              log_quote(files));
    return -ENOTDIR;
}

static int listen_failed(struct edge *self, int rc)
{
    struct conf *conf = service_conf(self->service);
    const char *host = conf_text(conf, "edge/host");
    long port = (long)conf_number(conf, "edge/port");

    if (rc == -EADDRINUSE)
        log_error("the port is taken by another program: choose another edge/port",
                  "host=%s port=%ld", host, port);
    else if (rc == -EINVAL)
        log_error("edge/tls_cert and edge/tls_key do not load", "cert=%s key=%s",
                  log_quote(conf_path(conf, "edge/tls_cert")),
                  log_quote(conf_path(conf, "edge/tls_key")));
    else if (rc == -ENOSYS)
        log_error("libwebsockets lacks its libuv part: install libwebsockets-evlib-uv", "%s", "");
    else
        log_error("cannot listen", "host=%s port=%ld why=%s", host, port, log_quote(strerror(-rc)));
    return rc;
}

/* Every connection is an open file, and some clients open two. Often a process may have 1,024 of
 * them unless it says so; often a million, and then libwebsockets walks through as many places
 * whenever a connection is closed. */
static void allow_files(struct conf *conf)
{
    rlim_t connections = (rlim_t)conf_number(conf, "edge/connections");
    rlim_t wanted = connections + connections / 2 + OTHER_FILES;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = wanted < files.rlim_max ? wanted : files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur < connections)
        log_warn("the limit of open files allows fewer than edge/connections", "files=%lu",
                 (unsigned long)files.rlim_cur);
}

static int open_transport(struct edge *self)
{
    struct conf *conf = service_conf(self->service);
    struct transport_options options = {
        .address = conf_text(conf, "edge/host"),
        .port = (unsigned)conf_number(conf, "edge/port"),
        .files = path_or_null(conf, "edge/web"),
        .cert = path_or_null(conf, "edge/tls_cert"),
        .key = path_or_null(conf, "edge/tls_key"),
        .queue_bytes = (size_t)conf_number(conf, "edge/queue_bytes"),
        .queue_messages = (size_t)conf_number(conf, "edge/queue_messages"),
        .stall_s = STALL_S,
        .request = on_request,
        .arg = self,
    };
    int rc = check_files(options.files);

    payload_limit_memory((size_t)conf_number(conf, "edge/queues_megabytes") << 20);

    if (rc < 0)
        return rc;
    allow_files(conf);
    rc = transport_new(&self->transport, &self->loop, &options);
    return rc < 0 ? listen_failed(self, rc) : 0;
}

static int open_api(struct edge *self)
{
    AUTO(base_free_text) char *why = NULL;
    int rc = api_new(&self->api, self->service, &self->loop, &why);

    if (rc < 0)
        log_error("cannot start", "why=%s", log_quote(why ? why : strerror(-rc)));
    return rc;
}

static int open_backend(struct edge *self)
{
    int rc =
        backend_new(&self->backend, self->service, &self->loop, &live_interest_ops, self->live);

    if (rc < 0) {
        log_error("cannot open the ways to the other daemons", "why=%s", log_quote(strerror(-rc)));
        return rc;
    }
    backend_keep_revocations(self->backend, api_longest_token_s(self->api) * 1000);
    self->api->backend = self->backend;
    self->api->query = backend_query(self->backend);
    self->api->outbox = backend_outbox(self->backend);
    self->api->interest = backend_interest(self->backend);
    return 0;
}

static int open_live(struct edge *self)
{
    struct conf *conf = service_conf(self->service);
    struct live_options options = {
        .connections = (unsigned)conf_number(conf, "edge/connections"),
        .expiring_s = (uint64_t)conf_number(conf, "edge/expiring_s"),
        .admission = {.handshakes_rate = (uint32_t)conf_number(conf, "edge/handshakes_rate"),
                      .handshakes_burst = (uint32_t)conf_number(conf, "edge/handshakes_burst"),
                      .connects_rate = (uint32_t)conf_number(conf, "edge/connects_rate"),
                      .connecting = (size_t)conf_number(conf, "edge/connecting"),
                      .waiting = (size_t)conf_number(conf, "edge/connects_waiting")},
    };

    options.queue_bytes = (size_t)conf_number(conf, "edge/queue_bytes");
    options.queue_messages = (size_t)conf_number(conf, "edge/queue_messages");
    return live_new(&self->live, self->api, self->transport, &options);
}

/* jansson's memory: running out aborts, as everywhere. */
static void *take(size_t size)
{
    return base_realloc(NULL, 1, size);
}

int edge_new(struct edge **ret, struct service *service)
{
    AUTO(edge_free) struct edge *self = NEW(struct edge);
    int rc;

    json_set_alloc_funcs(take, free);
    self->service = service;
    rc = uv_loop_init(&self->loop);
    if (rc < 0) {
        free(TAKE(self));
        return rc;
    }
    rc = open_api(self);
    rc = rc < 0 ? rc : open_transport(self);
    rc = rc < 0 ? rc : open_live(self);
    rc = rc < 0 ? rc : open_backend(self);
    rc = rc < 0 ? rc : watch(self);
    if (rc < 0)
        return rc;
    log_info("listening", "url=%s://%s:%u/",
             path_or_null(service_conf(service), "edge/tls_cert") ? "https" : "http",
             conf_text(service_conf(service), "edge/host"), transport_port(self->transport));
    *ret = TAKE(self);
    return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Doors first, so that nobody asks any more; then what is under way is answered; then the
 * connections that the answers went to. */
void edge_free(struct edge **self)
{
    struct edge *edge = TAKE(*self);

    if (!edge)
        return;
    edge->stopping = true; /* the loop still turns below */
    bus_uv_free(&edge->control);
    if (edge->watch.data)
        uv_timer_stop(&edge->watch);
    if (edge->api)
        edge->api->stopping = true;
    if (edge->live)
        live_close(edge->live);
    backend_free(&edge->backend);
    api_free(&edge->api);
    live_free(&edge->live);
    transport_free(&edge->transport);
    uv_walk(&edge->loop, close_handle, NULL);
    uv_run(&edge->loop, UV_RUN_DEFAULT);
    uv_loop_close(&edge->loop);
    free(edge);
}

void edge_run(struct edge *self)
{
    uv_run(&self->loop, UV_RUN_DEFAULT);
}
