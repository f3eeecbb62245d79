/* A connection: what its messages mean, in the order of the protocol, and whom they are for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge/socketio/client.h"

#define ATTACHMENTS_MAX 4 /* times max_payload: bytes of one event's attachments */

void client_fail(struct client *self)
{
    engineio_fail(self->session);
}

struct socketio_socket *client_socket(const struct client *self, const char *namespace, size_t len)
{
    struct socketio_socket *socket = self->sockets;

    while (socket &&
           (strlen(socket->namespace) != len || memcmp(socket->namespace, namespace, len) != 0))
        socket = socket->next;
    return socket;
}

static const char *known_namespace(const struct socketio *server, const struct packet_view *name)
{
    for (const char *const *at = server->options.namespaces; *at; at++) {
        if (strlen(*at) == name->len && memcmp(*at, name->data, name->len) == 0)
            return *at;
    }
    return NULL;
}

static void refuse_namespace(struct client *self, const struct packet_view *name)
{
    static const char why[] = ",{\"message\":\"Invalid namespace\"}";
    struct payload_piece pieces[] = {{"4", 1}, {name->data, name->len}, {why, sizeof(why) - 1}};
    AUTO(payload_unref) struct payload *payload = engineio_text(pieces, COUNT_OF(pieces));

    engineio_send(self->session, &payload, 1);
}

static void on_connect(struct client *self, const struct packet *packet)
{
    struct socketio *server = self->server;
    const char *namespace = known_namespace(server, &packet->namespace);
    json_t *auth =
        packet->json.len ? json_loadb(packet->json.data, packet->json.len, 0, NULL) : json_object();

    if (!json_is_object(auth) || client_socket(self, packet->namespace.data, packet->namespace.len))
        client_fail(self);
    else if (!namespace)
        refuse_namespace(self, &packet->namespace);
    else
        server->events->connect(server->arg, socket_new(self, namespace), auth);
    json_decref(auth);
}

static void on_event(struct client *self, const struct packet *packet,
                     struct socketio_socket *socket)
{
    AUTO(arrival_free) struct arrival *arrival = arrival_new(packet, socket->handle);

    if (arrival_parse(arrival, packet) < 0)
        client_fail(self);
    else if (arrival->expected)
        self->incomplete = TAKE(arrival);
    else if (arrival_deliver(&arrival, socket) < 0)
        client_fail(self);
}

static void on_packet(struct client *self, const struct packet *packet)
{
    struct socketio_socket *socket =
        client_socket(self, packet->namespace.data, packet->namespace.len);

    if (packet->type == PACKET_CONNECT)
        on_connect(self, packet);
    else if (!socket || packet->type == PACKET_CONNECT_ERROR)
        client_fail(self);
    else if (packet->type != PACKET_DISCONNECT)
        on_event(self, packet, socket);
    else if (packet->json.len || packet->has_id)
        client_fail(self);
    else
        socket_end(socket, "client namespace disconnect");
}

static void on_attachment(struct client *self, const void *data, size_t len)
{
    struct arrival *arrival = self->incomplete;
    struct socketio_socket *socket;
    void *copy;

    if (!arrival ||
        arrival->bytes + len > ATTACHMENTS_MAX * self->server->options.engine.max_payload) {
        client_fail(self);
        return;
    }
    copy = base_alloc(1, len + 1);
    if (len)
        memcpy(copy, data, len);
    arrival->bytes += len;
    arrival->attachments[arrival->count++] = (struct payload_piece){copy, len};
    if (arrival->count < arrival->expected)
        return;
    self->incomplete = NULL;
    socket = socketio_find(self->server, arrival->socket);
    if (!socket)
        arrival_free(&arrival);
    else if (arrival_deliver(&arrival, socket) < 0)
        client_fail(self);
}

static void on_message(void *user, bool binary, const void *data, size_t len)
{
    struct client *self = user;
    struct packet packet;

    if (binary)
        on_attachment(self, data, len);
    else if (self->incomplete || packet_decode(&packet, data, len) < 0)
        client_fail(self);
    else
        on_packet(self, &packet);
}

static void on_connect_timer(struct timer *timer)
{
    struct client *self = CONTAINER_OF(timer, struct client, connect_timer);

    if (!self->sockets)
        engineio_close(self->session);
}

static void *on_opened(void *arg, struct engineio_session *session)
{
    struct socketio *server = arg;
    struct client *self = NEW(struct client);

    self->server = server;
    self->session = session;
    self->connect_timer.run = on_connect_timer;
    timers_set(transport_timers(server->transport), &self->connect_timer,
               timers_now() + server->options.connect_timeout_ms);
    return self;
}

static void on_closed(void *user, enum engineio_reason reason)
{
    struct client *self = user;

    while (self->sockets)
        socket_end(self->sockets, engineio_reason_text(reason));
    timers_cancel(transport_timers(self->server->transport), &self->connect_timer);
    arrival_free(&self->incomplete);
    free(self);
}

static void on_dropped(void *user, size_t count)
{
    const struct client *self = user;
    struct socketio *server = self->server;

    (void)count;
    if (!server->events->dropped)
        return;
    for (struct socketio_socket *at = self->sockets; at; at = at->next)
        if (at->accepted)
            server->events->dropped(server->arg, at);
}

static bool on_handshake(void *arg, struct http_request *request, struct engineio_refusal *ret)
{
    struct socketio *server = arg;

    return !server->events->handshake || server->events->handshake(server->arg, request, ret);
}

const struct engineio_events client_engine_events = {on_handshake, on_opened, on_message, on_closed,
                                                     on_dropped};
