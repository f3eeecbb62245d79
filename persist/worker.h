/* A thread with a connection of its own to the store: the one writer, or one of the readers. It
 * opens the store, and again soon, then every second, when that failed; until then every request is
 * answered `unavailable`. */
#pragma once

#include <czmq.h>

#include "persist/slot.h"

struct worker_start {
    const struct store_ops *ops;
    struct store_place place;
    struct wire_head head; /* sender and boot of the daemon */
    uint64_t partitions;   /* unless they are those of a slot that is to be claimed first */
    uint64_t lease_ms;     /* of routers */
    struct slot slot;
};

/* A zactor's function; arg is a struct worker_start that outlives it. Its pipe speaks
 * persist/task.h. */
void worker_run(zsock_t *pipe, void *arg);
