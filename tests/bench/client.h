/* Thousands of Socket.IO clients in one thread: WebSocket only, the public protocol alone, on
 * epoll. A measuring instrument: it checks what it must in order to count right, and ends the
 * program with a message at the first surprise. */
#pragma once

#include "base/buf.h"

struct client;

/* connected: the CONNECT was answered; text: a Socket.IO packet came (after the Engine.IO digit 4);
 * closed: the connection has ended, and self is free for client_open again. */
struct client_ops {
    void (*connected)(struct client *self);
    void (*text)(struct client *self, const char *packet, size_t len);
    void (*closed)(struct client *self);
    /* It could not be opened: status is the server's answer, 0 when there was none; self is free
     * for client_open again. NULL: that ends the program. */
    void (*refused)(struct client *self, int status);
};

struct client {
    const struct client_ops *ops;
    const char *token; /* borrowed */
    int fd;            /* -1: closed */
    enum { CLIENT_UPGRADING, CLIENT_OPENING, CLIENT_JOINING, CLIENT_READY } state;
    struct buf in, out;
    unsigned index;      /* the owner's */
    uint64_t next_ack;   /* the owner's */
    uint64_t started_us; /* when client_open was called */
};

struct crowd {
    int epoll;
    const char *host; /* an IPv4 address */
    uint16_t port;
    uint64_t bytes_in;
};

void crowd_init(struct crowd *self, const char *host, uint16_t port);
void client_init(struct client *self, const struct client_ops *ops, const char *token);

/* Starts connecting: WebSocket, Engine.IO, CONNECT with the token. */
void client_open(struct crowd *crowd, struct client *self);
void client_close(struct client *self); /* closed is not called */

/* Sends a Socket.IO packet, e.g. 2["event",{}]; written at once, or when the socket takes it. */
void client_send(struct client *self, const char *packet, size_t len);

/* Waits at most timeout_ms and serves what is due. */
void crowd_turn(struct crowd *self, int timeout_ms);
