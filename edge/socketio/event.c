/* Events: JSON parsed once, checked against the protocol, and delivered, after their attachments
 * and not before the application has accepted the socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/socketio/client.h"

struct arrival *arrival_new(const struct packet *packet, socketio_handle socket)
{
    struct arrival *self = NEW(struct arrival);

    self->socket = socket;
    self->has_id = packet->has_id;
    self->id = packet->id;
    self->expected = packet->attachments;
    self->bytes = packet->json.len;
    self->is_ack = packet->type == PACKET_ACK || packet->type == PACKET_BINARY_ACK;
    return self;
}

void arrival_free(struct arrival **self)
{
    struct arrival *arrival = TAKE(*self);

    if (!arrival)
        return;
    for (unsigned i = 0; i < arrival->count; i++)
        free((void *)(uintptr_t)arrival->attachments[i].data);
    json_decref(arrival->array);
    free(arrival);
}

static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};

    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        if (strcmp(name, reserved[i]) == 0)
            return true;
    }
    return false;
}

static int check_name(json_t *array)
{
    json_t *first = json_array_get(array, 0);
    char text[32];

    if (json_is_integer(first)) { /* as good as its text */
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(first));
        return json_array_set_new(array, 0, json_string(text)) == 0 ? 0 : -EPROTO;
    }
    return json_is_string(first) && !is_reserved(json_string_value(first)) ? 0 : -EPROTO;
}

/* Every placeholder, at any depth, names an attachment. The parser bounds the depth. */
static int check_placeholders(const json_t *value, unsigned count)
{
    const char *key;
    const json_t *item;
    size_t i;

    if (json_is_true(json_object_get(value, "_placeholder"))) {
        const json_t *num = json_object_get(value, "num");

        return json_is_integer(num) && json_integer_value(num) >= 0 &&
                       json_integer_value(num) < count
                   ? 0
                   : -EPROTO;
    }
    if (json_is_array(value)) {
        for (i = 0; i < json_array_size(value); i++) {
            if (check_placeholders(json_array_get(value, i), count) < 0)
                return -EPROTO;
        }
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)value); at;
         at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        key = json_object_iter_key(at);
        item = json_object_get(value, key);
        if (check_placeholders(item, count) < 0)
            return -EPROTO;
    }
    return 0;
}

int arrival_parse(struct arrival *self, const struct packet *packet)
{
    const struct packet_view *json = &packet->json;

    self->array = json_loadb(json->data, json->len, 0, NULL);
    if (!self->array)
        return json->len && json->data[0] == '[' && packet_json_is_valid(json->data, json->len)
                   ? 0
                   : -EPROTO;
    if (!json_is_array(self->array))
        return -EPROTO;
    if (self->is_ack)
        return self->has_id ? 0 : -EPROTO;
    if (check_name(self->array) < 0)
        return -EPROTO;
    return self->expected ? check_placeholders(self->array, self->expected) : 0;
}

static void give(struct arrival *self, struct socketio_socket *socket)
{
    struct socketio *server = socket->client->server;
    struct socketio_event event = {
        .attachments = self->attachments,
        .attachment_count = self->count,
        .ack = {.socket = socket->handle, .id = self->id, .wanted = self->has_id},
    };
    json_t *name;

    if (!self->array) {
        if (self->has_id)
            server->events->invalid(server->arg, socket, &event.ack);
        return;
    }
    name = json_incref(json_array_get(self->array, 0));
    json_array_remove(self->array, 0);
    event.name = json_string_value(name);
    event.args = self->array;
    server->events->event(server->arg, socket, &event);
    json_decref(name);
}

static int let_wait(struct arrival **self, struct socketio_socket *socket)
{
    struct arrival **at = &socket->waiting;

    socket->waiting_bytes += (*self)->bytes;
    if (++socket->waiting_count > CLIENT_WAITING ||
        socket->waiting_bytes > socket->client->server->options.engine.max_payload)
        return -EPROTO;
    while (*at)
        at = &(*at)->next;
    *at = TAKE(*self);
    return 0;
}

int arrival_deliver(struct arrival **self, struct socketio_socket *socket)
{
    AUTO(arrival_free) struct arrival *arrival = TAKE(*self);

    if (arrival->is_ack) /* we ask for none */
        return 0;
    if (!socket->accepted)
        return let_wait(&arrival, socket);
    give(arrival, socket);
    return 0;
}
