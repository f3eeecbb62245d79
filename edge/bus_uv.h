/* A ZeroMQ socket on a libuv loop. ZMQ_FD is edge-triggered and a send can use the edge up, so it
 * only wakes the loop; whether something waits is asked before every sleep. */
#pragma once

#include <uv.h>

#include "base/bus.h"

struct bus_uv;

/* Called for each frame; borrowed. */
typedef void bus_uv_fn(void *arg, const struct bus_frame *frame);
/* Called instead when the owner reads the socket itself. */
typedef void bus_uv_ready_fn(void *arg);

/* Watches sock (borrowed, must outlive it). Exactly one of on_frame and on_ready is given. At most
 * 256 frames are read per turn of the loop, then others have theirs. */
int bus_uv_new(struct bus_uv **ret, uv_loop_t *loop, zsock_t *sock, bus_uv_fn *on_frame,
               bus_uv_ready_fn *on_ready, void *arg) MUST_CHECK;
/* Frames that could not be read are counted there (borrowed). */
void bus_uv_count_malformed(struct bus_uv *self, uint64_t *malformed);
/* Stops watching, also inside a callback. The loop must turn once more before it is closed. */
void bus_uv_free(struct bus_uv **self);
