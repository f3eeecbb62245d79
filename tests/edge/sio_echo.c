/* The server that the protocol suites talk to, made from the edge's own modules: bare Engine.IO on
 * /engine.io/, Socket.IO with "/", "/custom" and "/slow" on /socket.io/, plain HTTP below /http/.
 *
 *   parley-sio-echo --port N [--cert FILE --key FILE] [--files DIR] [--origin URL]
 *                   [--queue BYTES] [--slow-ping] [--stall SECONDS]
 *
 * Prints "port N" when it listens; ends on SIGTERM or SIGINT, with status 1 if anything was left in
 * its loop. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "edge/socketio/socketio.h"
#include "tests/edge/http_echo.h"

#define PAYLOAD_MAX 1000000

struct echo {
    struct transport *transport;
    struct engineio *engine;
    struct socketio *socketio;
    struct http_echo http;
    const char *origins[2];
    struct transport_options options;
    bool slow_ping; /* the defaults' heartbeat, for tests of something else */
    uv_signal_t signals[2];
};

/* ---- bare Engine.IO: what comes goes back ---- */

static void *on_session(void *arg, struct engineio_session *session)
{
    (void)arg;
    return session;
}

static void on_message(void *user, bool binary, const void *data, size_t len)
{
    struct payload_piece piece = {data, len};
    AUTO(payload_unref)
    struct payload *payload = binary ? payload_new(true, &piece, 1) : engineio_text(&piece, 1);

    engineio_send(user, &payload, 1);
}

static void on_session_closed(void *user, enum engineio_reason reason)
{
    (void)user;
    (void)reason;
}

static const struct engineio_events engine_events = {
    .opened = on_session, .message = on_message, .closed = on_session_closed};

/* ---- Socket.IO ---- */

/* The arguments' text without the array's brackets. */
static char *text_of(const json_t *args)
{
    char *text = json_dumps(args, JSON_COMPACT);

    text[strlen(text) - 1] = '\0';
    memmove(text, text + 1, strlen(text));
    return text;
}

static void accept_socket(struct socketio_socket *socket, const json_t *auth)
{
    AUTO(base_free_text) char *text = json_dumps(auth, JSON_COMPACT);

    socketio_accept(socket);
    socketio_emit(socket, "auth", text, NULL, 0);
}

/* A decision that comes later. */
struct decision {
    uv_timer_t timer;
    struct socketio *server;
    socketio_handle socket;
};

static void free_decision(uv_handle_t *timer)
{
    free(CONTAINER_OF(timer, struct decision, timer));
}

static void decide(uv_timer_t *timer)
{
    struct decision *self = CONTAINER_OF(timer, struct decision, timer);
    struct socketio_socket *socket = socketio_find(self->server, self->socket);

    if (socket)
        socketio_accept(socket);
    uv_close((uv_handle_t *)timer, free_decision);
}

static void decide_later(struct echo *self, struct socketio_socket *socket)
{
    struct decision *decision = NEW(struct decision);

    decision->server = self->socketio;
    decision->socket = socketio_socket_handle(socket);
    uv_timer_init(uv_default_loop(), &decision->timer);
    uv_timer_start(&decision->timer, decide, 100, 0);
}

static void on_connect(void *arg, struct socketio_socket *socket, const json_t *auth)
{
    const char *token = json_string_value(json_object_get(auth, "token"));

    if (token && strcmp(token, "refused") == 0)
        socketio_refuse(socket, "unauthorized", "{\"code\":\"invalid\"}");
    else if (strcmp(socketio_socket_namespace(socket), "/slow") == 0)
        decide_later(arg, socket);
    else
        accept_socket(socket, auth);
}

static void burst(struct socketio_socket *socket, json_int_t count)
{
    for (json_int_t i = 0; i < count; i++) {
        char number[32];

        snprintf(number, sizeof(number), "%lld", (long long)i);
        socketio_emit(socket, "burst", number, NULL, 0);
    }
}

/* Made events, each with so many bytes, until one is dropped. */
static void flood(struct socketio_socket *socket, const json_t *args)
{
    json_int_t count = json_integer_value(json_array_get(args, 0));
    size_t bytes = (size_t)json_integer_value(json_array_get(args, 1));
    int rc = 0;

    for (json_int_t i = 0; i < count && rc == 0; i++) {
        AUTO(base_free_text) char *text = base_alloc(1, bytes + 32);
        AUTO(payload_unref) struct payload *event = NULL;
        int at = snprintf(text, 32, "%lld,\"", (long long)i);

        memset(text + at, 'x', bytes);
        text[(size_t)at + bytes] = '"';
        event = socketio_make(socketio_socket_namespace(socket), "flood", text);
        rc = socketio_send(socket, event);
    }
}

static void on_dropped(void *arg, struct socketio_socket *socket)
{
    (void)arg;
    socketio_emit(socket, "dropped", "", NULL, 0);
}

static void on_event(void *arg, struct socketio_socket *socket, const struct socketio_event *event)
{
    struct echo *self = arg;
    AUTO(base_free_text) char *text = text_of(event->args);

    if (strcmp(event->name, "message") == 0)
        socketio_emit(socket, "message-back", text, event->attachments, event->attachment_count);
    else if (strcmp(event->name, "message-with-ack") == 0)
        socketio_answer(self->socketio, &event->ack, text, event->attachments,
                        event->attachment_count);
    else if (strcmp(event->name, "burst") == 0)
        burst(socket, json_integer_value(json_array_get(event->args, 0)));
    else if (strcmp(event->name, "flood") == 0)
        flood(socket, event->args);
    else if (strcmp(event->name, "leave") == 0)
        socketio_disconnect(socket);
    else if (strcmp(event->name, "hang-up") == 0)
        socketio_hang_up(socket);
}

static void on_invalid(void *arg, struct socketio_socket *socket, const struct socketio_ack *ack)
{
    struct echo *self = arg;

    (void)socket;
    socketio_answer(self->socketio, ack, "{\"error\":{\"code\":\"invalid\"}}", NULL, 0);
}

static void on_disconnected(void *arg, struct socketio_socket *socket, const char *reason)
{
    (void)arg;
    (void)socket;
    (void)reason;
}

static bool on_handshake(void *arg, struct http_request *request, struct engineio_refusal *ret)
{
    char wish[16];

    (void)arg;
    if (http_query(request, "refuse", wish, sizeof(wish)) < 0)
        return true;
    if (strcmp(wish, "busy") == 0)
        *ret = (struct engineio_refusal){503, "Busy", 7};
    return false;
}

static const struct socketio_events socketio_events = {on_handshake, on_connect,      on_event,
                                                       on_invalid,   on_disconnected, on_dropped};

/* ---- the composition ---- */

static bool on_request(void *arg, struct http_request *request)
{
    struct echo *self = arg;

    return engineio_request(self->engine, request) || socketio_request(self->socketio, request) ||
           http_echo_request(&self->http, request);
}

static int compose(struct echo *self)
{
    static const char *const namespaces[] = {"/", "/custom", "/slow", NULL};
    struct engineio_options engine = engineio_defaults;
    struct socketio_options options = socketio_defaults;
    int rc;

    if (!self->slow_ping) {
        engine.ping_interval_ms = 300;
        engine.ping_timeout_ms = 200;
    }
    engine.max_payload = PAYLOAD_MAX;
    engine.queue_bytes = self->options.queue_bytes;
    engine.origins = self->origins[0] ? self->origins : NULL;
    options.engine = engine;
    options.engine.path = "/socket.io/";
    options.namespaces = namespaces;
    options.connect_timeout_ms = 1000;
    self->options.address = "127.0.0.1";
    self->options.queue_messages = 10000;
    self->options.request = on_request;
    self->options.arg = self;
    rc = transport_new(&self->transport, uv_default_loop(), &self->options);
    if (rc == 0)
        rc = engineio_new(&self->engine, self->transport, &engine, &engine_events, self);
    if (rc == 0)
        rc = socketio_new(&self->socketio, self->transport, &options, &socketio_events, self);
    if (rc == 0)
        http_echo_init(&self->http, self->transport);
    return rc;
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

static void watch_signals(struct echo *self)
{
    const int numbers[] = {SIGTERM, SIGINT};

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        uv_signal_init(uv_default_loop(), &self->signals[i]);
        uv_signal_start(&self->signals[i], on_signal, numbers[i]);
    }
}

/* 0 when nothing was left open. */
static int take_down(struct echo *self)
{
    http_echo_done(&self->http);
    socketio_free(&self->socketio);
    engineio_free(&self->engine);
    for (size_t i = 0; i < COUNT_OF(self->signals); i++)
        uv_close((uv_handle_t *)&self->signals[i], NULL);
    transport_free(&self->transport);
    uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    return uv_loop_close(uv_default_loop());
}

static void read_flags(struct echo *self, int argc, char **argv)
{
    static const struct option flags[] = {
        {"port", required_argument, NULL, 'p'},
        {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"files", required_argument, NULL, 'f'},
        {"origin", required_argument, NULL, 'o'},
        {"queue", required_argument, NULL, 'q'},
        {"slow-ping", no_argument, NULL, 's'},
        {"stall", required_argument, NULL, 'S'},
        {0},
    };
    int flag;

    self->options.queue_bytes = 16u << 20;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (flag) {
        case 'p':
            self->options.port = (unsigned)atoi(optarg);
            break;
        case 'c':
            self->options.cert = optarg;
            break;
        case 'k':
            self->options.key = optarg;
            break;
        case 'f':
            self->options.files = optarg;
            break;
        case 'o':
            self->origins[0] = optarg;
            break;
        case 'q':
            self->options.queue_bytes = (size_t)atol(optarg);
            break;
        case 'S':
            self->options.stall_s = (unsigned)atoi(optarg);
            break;
        case 's':
            self->slow_ping = true;
            break;
        default:
            exit(EXIT_FAILURE);
        }
    }
}

int main(int argc, char **argv)
{
    struct echo self = {0};
    int rc;

    log_init("sio-echo", LEVEL_WARN);
    read_flags(&self, argc, argv);
    rc = compose(&self);
    if (rc < 0) {
        fprintf(stderr, "cannot start: %s\n", strerror(-rc));
        return EXIT_FAILURE;
    }
    watch_signals(&self);
    printf("port %u\n", transport_port(self.transport));
    fflush(stdout);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    rc = take_down(&self);
    if (rc != 0)
        fprintf(stderr, "left in the loop: %s\n", uv_strerror(rc));
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
