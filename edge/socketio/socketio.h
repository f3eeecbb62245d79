/* Socket.IO v5: namespaces, events, acknowledgements, binary attachments, over Engine.IO. Knows
 * nothing of chat. */
#pragma once

#include <jansson.h>

#include "edge/socketio/engineio.h"
#include "edge/socketio/packet.h"

struct socketio;
struct socketio_socket; /* one client in one namespace */

/* A socket by name: never used again for another, so it may be kept for as long as one likes. */
typedef uint64_t socketio_handle;

struct socketio_options {
    struct engineio_options engine;
    const char *const *namespaces; /* ends with NULL; borrowed */
    unsigned connect_timeout_ms;   /* to join a namespace */
};
extern const struct socketio_options socketio_defaults; /* namespace "/" */

/* Where an acknowledgement goes; a plain value, to be kept and answered once, or never. */
struct socketio_ack {
    socketio_handle socket;
    uint64_t id;
    bool wanted; /* the client asked for it */
};

struct socketio_event {
    const char *name;
    const json_t *args; /* array, without the name; binary ones are placeholders inside */
    const struct payload_piece *attachments;
    unsigned attachment_count;
    struct socketio_ack ack;
};

struct socketio_events {
    /* May refuse a handshake, as Engine.IO's. NULL: never. */
    bool (*handshake)(void *arg, struct http_request *request, struct engineio_refusal *ret);
    /* A client wants in. auth: an object. Decide by socketio_accept or socketio_refuse, now or
     * later; until then its events wait. */
    void (*connect)(void *arg, struct socketio_socket *socket, const json_t *auth);
    /* Everything in event is valid during the call. */
    void (*event)(void *arg, struct socketio_socket *socket, const struct socketio_event *event);
    /* JSON that our parser refuses though it is JSON (lone surrogates, NUL): to be acknowledged as
     * invalid. Called only when the client wants an ack. */
    void (*invalid)(void *arg, struct socketio_socket *socket, const struct socketio_ack *ack);
    /* It is gone: once for each socket that connect was called for, except refused ones. reason: in
     * the reference's words. */
    void (*disconnected)(void *arg, struct socketio_socket *socket, const char *reason);
    /* Its connection's queue was at its limit, and what waited there of made events (socketio_make)
     * is lost. From within the call that sent; the socket may be sent to, and is not gone yet.
     * NULL: not told. */
    void (*dropped)(void *arg, struct socketio_socket *socket);
};

int socketio_new(struct socketio **ret, struct transport *transport,
                 const struct socketio_options *options, const struct socketio_events *events,
                 void *arg) MUST_CHECK;
void socketio_free(struct socketio **self); /* before transport_free */

/* Takes a request to its path: true. */
bool socketio_request(struct socketio *self, struct http_request *request);

const struct engineio_stats *socketio_stats(const struct socketio *self);

/* The socket of this handle, or NULL when it is gone. */
struct socketio_socket *socketio_find(struct socketio *self, socketio_handle handle);

socketio_handle socketio_socket_handle(const struct socketio_socket *socket);
const char *socketio_socket_id(const struct socketio_socket *socket); /* its public sid */
const char *socketio_socket_namespace(const struct socketio_socket *socket);
const char *socketio_socket_remote(const struct socketio_socket *socket);
void *socketio_socket_user(const struct socketio_socket *socket);
void socketio_socket_set_user(struct socketio_socket *socket, void *user);

/* Answers a CONNECT. After socketio_accept the events that waited are delivered (from within it);
 * after socketio_refuse the socket is gone. data: JSON text or NULL. */
void socketio_accept(struct socketio_socket *socket);
void socketio_refuse(struct socketio_socket *socket, const char *message, const char *data);

/* An event made once, for any number of sockets of the namespace. A queue at its limit drops it;
 * all else that is sent is dropped by nothing. args: JSON texts separated by commas, "" for none.
 * The caller owns the reference (payload_unref). */
struct payload *socketio_make(const char *namespace, const char *name, const char *args);

/* Sends a made event. -ENOBUFS: the client's queue was at its limit, this and all that waited like
 * it were dropped. -ENOTCONN: not accepted, or closing. */
int socketio_send(struct socketio_socket *socket, struct payload *event);

/* Makes and sends one. attachments: what the placeholders in args mean. -ENOBUFS: there was no room
 * even after dropping, and the client is being closed; so too for answers. */
int socketio_emit(struct socketio_socket *socket, const char *name, const char *args,
                  const struct payload_piece *attachments, unsigned count);

/* Answers an event, if the ack is wanted and the socket still there. args as in socketio_make. */
int socketio_answer(struct socketio *self, const struct socketio_ack *ack, const char *args,
                    const struct payload_piece *attachments, unsigned count);

/* Tells the client that it is out (it will not come back by itself); its connection stays open. */
void socketio_disconnect(struct socketio_socket *socket);
/* Closes the connection below it, with every namespace: the client will come back. */
void socketio_hang_up(struct socketio_socket *socket);
