/* The application's side: sockets by handle, what it sends to them, and their end. */
#include "edge/socketio/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/socketio/writer.h"

static const char *const root_only[] = {"/", NULL};

const struct socketio_options socketio_defaults = {
    .engine =
        {
            .path = "/socket.io/",
            .ping_interval_ms = 25000,
            .ping_timeout_ms = 20000,
            .upgrade_timeout_ms = 10000,
            .max_payload = 1000000,
            .queue_bytes = 4u << 20,
            .queue_messages = 10000,
        },
    .namespaces = root_only,
    .connect_timeout_ms = 45000,
};

/* ---- handles ---- */

static socketio_handle take_slot(struct socketio *self, struct socketio_socket *socket)
{
    uint32_t at;

    if (!self->first_free) {
        uint32_t count = self->slot_count ? self->slot_count * 2 : 64;

        self->slots = base_realloc(self->slots, count, sizeof(struct slot));
        for (at = count; at-- > self->slot_count;) {
            self->slots[at] = (struct slot){.generation = 1, .next_free = self->first_free};
            self->first_free = at + 1;
        }
        self->slot_count = count;
    }
    at = self->first_free - 1;
    self->first_free = self->slots[at].next_free;
    self->slots[at].socket = socket;
    return (uint64_t)self->slots[at].generation << 32 | at;
}

static void give_slot(struct socketio *self, socketio_handle handle)
{
    uint32_t at = (uint32_t)handle;

    self->slots[at].socket = NULL;
    if (++self->slots[at].generation == 0)
        return; /* used up: never again */
    self->slots[at].next_free = self->first_free;
    self->first_free = at + 1;
}

struct socketio_socket *socketio_find(struct socketio *self, socketio_handle handle)
{
    uint32_t at = (uint32_t)handle;

    if (at >= self->slot_count || self->slots[at].generation != handle >> 32)
        return NULL;
    return self->slots[at].socket;
}

/* ---- sockets ---- */

struct socketio_socket *socket_new(struct client *client, const char *namespace)
{
    struct socketio_socket *self = NEW(struct socketio_socket);
    struct id id = id_random();

    self->client = client;
    self->namespace = namespace;
    self->handle = take_slot(client->server, self);
    id_to_text(&id, self->id);
    self->next = client->sockets;
    client->sockets = self;
    return self;
}

static void release(struct socketio_socket *self)
{
    if (--self->holds == 0 && !self->client)
        free(self);
}

void socket_end(struct socketio_socket *self, const char *reason)
{
    struct client *client = self->client;
    struct socketio_socket **at = &client->sockets;

    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    self->holds++;
    if (reason)
        client->server->events->disconnected(client->server->arg, self, reason);
    give_slot(client->server, self->handle);
    self->client = NULL;
    while (self->waiting) {
        struct arrival *arrival = self->waiting;

        self->waiting = arrival->next;
        arrival_free(&arrival);
    }
    release(self);
}

socketio_handle socketio_socket_handle(const struct socketio_socket *socket)
{
    return socket->handle;
}

const char *socketio_socket_id(const struct socketio_socket *socket)
{
    return socket->id;
}

const char *socketio_socket_namespace(const struct socketio_socket *socket)
{
    return socket->namespace;
}

const char *socketio_socket_remote(const struct socketio_socket *socket)
{
    return engineio_remote(socket->client->session);
}

void *socketio_socket_user(const struct socketio_socket *socket)
{
    return socket->user;
}

void socketio_socket_set_user(struct socketio_socket *socket, void *user)
{
    socket->user = user;
}

/* ---- sending ---- */

static struct payload_piece piece(const char *text)
{
    return (struct payload_piece){text, strlen(text)};
}

/* TYPE[attachments-][namespace,][id], and the content: CONTENT_PIECES of them. */
#define CONTENT_PIECES 5
static struct payload *make(enum packet_type type, unsigned attachments, const char *namespace,
                            const uint64_t *id, const struct payload_piece *content)
{
    char head[16], number[24] = "";
    bool is_root = strcmp(namespace, "/") == 0;
    struct payload_piece pieces[4 + CONTENT_PIECES] = {
        {head, 0}, piece(is_root ? "" : namespace), piece(is_root ? "" : ","), {number, 0}};

    if (attachments)
        snprintf(head, sizeof(head), "%d%u-", (int)type, attachments);
    else
        snprintf(head, sizeof(head), "%d", (int)type);
    if (id)
        snprintf(number, sizeof(number), "%llu", (unsigned long long)*id);
    pieces[0].len = strlen(head);
    pieces[3].len = strlen(number);
    memcpy(pieces + 4, content, CONTENT_PIECES * sizeof(*content));
    return engineio_text(pieces, COUNT_OF(pieces));
}

/* The text as JSON; the buffer, which is made here, holds it. */
static struct payload_piece quote(struct buf *made, const char *text)
{
    struct writer to = writer_of(made);

    buf_init(made, 6 * strlen(text) + 3); /* as long as it can become */
    writer_cstring(&to, text);
    return (struct payload_piece){made->data, made->len};
}

static struct payload *make_event(const char *namespace, const char *name, const char *args,
                                  unsigned attachments)
{
    AUTO(buf_done) struct buf quoted;
    struct payload_piece content[CONTENT_PIECES] = {
        {"[", 1}, quote(&quoted, name), piece(*args ? "," : ""), piece(args), {"]", 1}};

    return make(attachments ? PACKET_BINARY_EVENT : PACKET_EVENT, attachments, namespace, NULL,
                content);
}

static int send_one(struct socketio_socket *socket, struct payload *payload)
{
    return engineio_send(socket->client->session, &payload, 1);
}

/* With what its placeholders mean: all together, so that nothing comes between them. */
static int send_all(struct socketio_socket *socket, struct payload *payload,
                    const struct payload_piece *attachments, unsigned count)
{
    struct payload *all[1 + PACKET_ATTACHMENTS] = {payload};
    int rc;

    for (unsigned i = 0; i < count; i++)
        all[1 + i] = payload_new(true, &attachments[i], 1);
    rc = engineio_send(socket->client->session, all, 1 + count);
    for (unsigned i = 0; i < count; i++)
        payload_unref(&all[1 + i]);
    return rc;
}

struct payload *socketio_make(const char *namespace, const char *name, const char *args)
{
    struct payload *event = make_event(namespace, name, args, 0);

    payload_set_droppable(event);
    return event;
}

int socketio_send(struct socketio_socket *socket, struct payload *event)
{
    return socket->accepted ? send_one(socket, event) : -ENOTCONN;
}

int socketio_emit(struct socketio_socket *socket, const char *name, const char *args,
                  const struct payload_piece *attachments, unsigned count)
{
    AUTO(payload_unref) struct payload *event = NULL;

    if (count > PACKET_ATTACHMENTS)
        return -EINVAL;
    if (!socket->accepted)
        return -ENOTCONN;
    event = make_event(socket->namespace, name, args, count);
    return send_all(socket, event, attachments, count);
}

int socketio_answer(struct socketio *self, const struct socketio_ack *ack, const char *args,
                    const struct payload_piece *attachments, unsigned count)
{
    struct socketio_socket *socket = socketio_find(self, ack->socket);
    struct payload_piece content[CONTENT_PIECES] = {{"[", 1}, piece(args), {"]", 1}};
    AUTO(payload_unref) struct payload *payload = NULL;

    if (count > PACKET_ATTACHMENTS)
        return -EINVAL;
    if (!ack->wanted || !socket || !socket->accepted)
        return -ENOTCONN;
    payload =
        make(count ? PACKET_BINARY_ACK : PACKET_ACK, count, socket->namespace, &ack->id, content);
    return send_all(socket, payload, attachments, count);
}

/* ---- decisions ---- */

static void deliver_waiting(struct socketio_socket *self)
{
    self->holds++;
    while (self->waiting && self->client) {
        struct arrival *arrival = self->waiting;

        self->waiting = arrival->next;
        arrival->next = NULL;
        if (arrival_deliver(&arrival, self) < 0) /* cannot be: it is accepted */
            break;
    }
    release(self);
}

void socketio_accept(struct socketio_socket *socket)
{
    struct payload_piece content[CONTENT_PIECES] = {
        {"{\"sid\":\"", 8}, piece(socket->id), {"\"}", 2}};
    AUTO(payload_unref) struct payload *payload = NULL;
    struct client *client = socket->client;

    if (socket->accepted)
        return;
    socket->accepted = true;
    timers_cancel(transport_timers(client->server->transport), &client->connect_timer);
    payload = make(PACKET_CONNECT, 0, socket->namespace, NULL, content);
    send_one(socket, payload);
    deliver_waiting(socket);
}

void socketio_refuse(struct socketio_socket *socket, const char *message, const char *data)
{
    struct client *client = socket->client;
    struct socketio *server = client->server;
    AUTO(buf_done) struct buf quoted;
    struct payload_piece content[CONTENT_PIECES] = {{"{\"message\":", 11},
                                                    quote(&quoted, message),
                                                    piece(data ? ",\"data\":" : ""),
                                                    piece(data ? data : ""),
                                                    {"}", 1}};
    AUTO(payload_unref) struct payload *payload = NULL;

    payload = make(PACKET_CONNECT_ERROR, 0, socket->namespace, NULL, content);
    send_one(socket, payload);
    socket_end(socket, NULL);
    if (!client->sockets)
        timers_set(transport_timers(server->transport), &client->connect_timer,
                   timers_now() + server->options.connect_timeout_ms);
}

void socketio_disconnect(struct socketio_socket *socket)
{
    struct payload_piece nothing[CONTENT_PIECES] = {0};
    AUTO(payload_unref)
    struct payload *payload = make(PACKET_DISCONNECT, 0, socket->namespace, NULL, nothing);

    send_one(socket, payload);
    socket_end(socket, "server namespace disconnect");
}

void socketio_hang_up(struct socketio_socket *socket)
{
    engineio_close(socket->client->session);
}

/* ---- the server ---- */

int socketio_new(struct socketio **ret, struct transport *transport,
                 const struct socketio_options *options, const struct socketio_events *events,
                 void *arg)
{
    struct socketio *self = NEW(struct socketio);
    int rc;

    self->transport = transport;
    self->options = *options;
    self->events = events;
    self->arg = arg;
    rc = engineio_new(&self->engine, transport, &options->engine, &client_engine_events, self);
    if (rc < 0) {
        free(self);
        return rc;
    }
    *ret = self;
    return 0;
}

void socketio_free(struct socketio **self)
{
    struct socketio *server = TAKE(*self);

    if (!server)
        return;
    engineio_free(&server->engine);
    free(server->slots);
    free(server);
}

bool socketio_request(struct socketio *self, struct http_request *request)
{
    return engineio_request(self->engine, request);
}

const struct engineio_stats *socketio_stats(const struct socketio *self)
{
    return engineio_stats(self->engine);
}
