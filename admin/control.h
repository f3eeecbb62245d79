/* The control socket of a daemon, from the asking side. */
#pragma once

#include <czmq.h>

#include "admin/place.h"
#include "base/bus.h"

/* Connects to a daemon of the installation, whether it runs or not. -errno as bus_open. */
int control_open(zsock_t **ret, struct place *place, const char *daemon) MUST_CHECK;
/* Another of its sockets; identity: what a ROUTER there knows us by, NULL: none. */
int control_reach(zsock_t **ret, struct place *place, const char *daemon,
                  enum topology_channel channel, const char *identity) MUST_CHECK;

/* Starts a request's frame: the header, with this trace. What follows is the message itself. */
void control_begin(struct buf *frame, enum wire_type type, uint64_t trace);

/* Asks for the daemon's status. -EAGAIN: it has not read what it was asked before. */
int control_ask_status(zsock_t *sock, uint64_t trace) MUST_CHECK;

/* The answer to that: 1 and what it says, which borrows from frame (bus_frame_done is due); 0: none
 * has come, or what came was none. */
int control_read_status(zsock_t *sock, struct bus_frame *frame, struct wire_status_is *ret)
    MUST_CHECK;

/* Waits until one of the sockets is readable, at most so long. */
void control_wait(zsock_t *const *socks, size_t count, int timeout_ms);
