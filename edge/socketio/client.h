/* What the files of Socket.IO share; nobody else includes this. A client is a connection with the
 * sockets it has in its namespaces, one each. */
#pragma once

#include "base/id.h"
#include "edge/socketio/socketio.h"

#define CLIENT_WAITING 32 /* events that may wait for a CONNECT's answer */

struct slot {
    struct socketio_socket *socket; /* NULL: free */
    uint32_t generation;
    uint32_t next_free; /* + 1 */
};

struct socketio {
    struct engineio *engine;
    struct transport *transport;
    struct socketio_options options;
    const struct socketio_events *events;
    void *arg;
    struct slot *slots; /* by the low half of a handle */
    uint32_t slot_count, first_free;
};

/* An event as it came, with the binary messages that belong to it. */
struct arrival {
    struct arrival *next;
    socketio_handle socket;
    json_t *array; /* with the name; NULL: refused by our parser */
    bool has_id;
    uint64_t id;
    unsigned expected, count; /* attachments */
    size_t bytes;             /* of text and attachments */
    struct payload_piece attachments[PACKET_ATTACHMENTS];
    bool is_ack; /* of which only the attachments matter: they go with it */
};

struct client {
    struct socketio *server;
    struct engineio_session *session;
    struct socketio_socket *sockets;
    struct arrival *incomplete; /* whose attachments are due */
    struct timer connect_timer;
};

struct socketio_socket {
    struct client *client; /* NULL: gone, held by a call */
    struct socketio_socket *next;
    const char *namespace; /* one of the options' */
    socketio_handle handle;
    void *user;
    bool accepted;
    unsigned holds;
    struct arrival *waiting; /* for the CONNECT's answer, oldest first */
    unsigned waiting_count;
    size_t waiting_bytes;
    char id[ID_TEXT];
};

/* client.c: the connection's side */
extern const struct engineio_events client_engine_events;
struct socketio_socket *client_socket(const struct client *self, const char *namespace, size_t len);
/* The protocol was broken. The client may be gone afterwards. */
void client_fail(struct client *self);

/* event.c: events on their way to the application */
struct arrival *arrival_new(const struct packet *packet, socketio_handle socket);
void arrival_free(struct arrival **self); /* for AUTO too */
/* -EPROTO: against the protocol. Otherwise it can be delivered. */
int arrival_parse(struct arrival *self, const struct packet *packet);
/* Gives it to the application, or lets it wait. -EPROTO: too much waits. */
int arrival_deliver(struct arrival **self, struct socketio_socket *socket);

/* socketio.c: sockets */
struct socketio_socket *socket_new(struct client *client, const char *namespace);
/* Removes it; reason NULL: the application is not told. */
void socket_end(struct socketio_socket *self, const char *reason);
