/* ZeroMQ sockets: made here and nowhere else, so that every one has high-water marks, no send
 * timeout, no linger. A message is one frame of base/wire.h, behind a routing id on ROUTER sockets.
 */
#pragma once

#include <czmq.h>

#include "base/wire.h"

#define BUS_PEER_MAX 48 /* bytes of a routing id: NAME#BOOT */

struct bus_options {
    int type;             /* ZMQ_ROUTER, ZMQ_DEALER, ZMQ_PUSH, ZMQ_PULL */
    const char *endpoint; /* of topology_endpoint */
    bool bind;            /* else connect */
    int high_water;       /* messages per peer and direction; 0 is refused */
    const char *identity; /* what a ROUTER knows this DEALER by; NULL: none */
};

struct bus_peer {
    uint8_t len;
    uint8_t bytes[BUS_PEER_MAX];
};

/* A received frame; head and body borrow from msg, which lives until bus_frame_done. */
struct bus_frame {
    zmq_msg_t msg;
    struct bus_peer peer; /* ROUTER only */
    struct wire_head head;
    struct wire_bytes body;
};

/* tcp sockets are CURVE ones (base/curve.h): -ENOKEY without a key. Else -errno as zmq gives it
 * (-EADDRINUSE, -ENAMETOOLONG for an ipc path beyond 107 bytes, …). A bound ipc socket is readable
 * and writable by its owner alone. ROUTER sockets report an unreachable peer (mandatory) and let a
 * peer that comes back under its old name take over (handover). */
int bus_open(zsock_t **ret, const struct bus_options *options) MUST_CHECK;

/* The next frame: 1; 0 when none waits; -EPROTO for a malformed one, -EPERM for one that its sender
 * may not send (base/permit.h), which are dropped. After 1, and only then, bus_frame_done is due.
 * Never blocks. */
int bus_recv(zsock_t *sock, struct bus_frame *ret) MUST_CHECK;
void bus_frame_done(struct bus_frame *frame); /* for AUTO too */

/* Receives what waits, at most `most` frames, and hands each to fn, which borrows it (but may move
 * its message away). Returns how many were dropped. */
typedef void bus_frame_fn(void *arg, struct bus_frame *frame);
unsigned bus_drain(zsock_t *sock, unsigned most, bus_frame_fn *fn, void *arg);

/* Sends a frame made by wire_head_encode and wire_X_encode. -EAGAIN: the queue is at its high-water
 * mark; -EHOSTUNREACH: the ROUTER knows no such peer; -EMSGSIZE: frame->over. Nothing was sent
 * then. Never blocks. */
int bus_send(zsock_t *sock, const struct buf *frame) MUST_CHECK;
int bus_send_to(zsock_t *sock, const struct bus_peer *peer, const struct buf *frame) MUST_CHECK;
