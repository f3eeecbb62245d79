/* Every request that persist answers: which reply it gets, who works on it, and how. */
#pragma once

#include "persist/leases.h"
#include "persist/query.h"

#define REQUEST_REPLY_MAX (WIRE_FRAME_MAX - WIRE_HEAD_BYTES) /* bytes of a reply's body */

struct request_desk {
    struct store *store;
    struct fence *fence;   /* the writer's alone */
    struct leases *leases; /* the writer's alone */
};

/* Puts the reply's body into out. -EPROTO: the question cannot be read; -ESTALE: not this worker's
 * partition, or an epoch that is over; otherwise what the store failed with. */
typedef int request_fn(struct request_desk *desk, const struct wire_head *head,
                       struct wire_bytes body, struct buf *out);

struct request {
    uint8_t type, reply;
    bool writer;    /* for the one thread that writes; else for any that reads */
    request_fn *fn; /* NULL: a batch, which is written together with others (commit.h) */
};

/* NULL: no request of ours. */
const struct request *request_find(uint8_t type);

/* The body of any reply that says no more than this: all of them begin with a status. */
void request_refuse(uint8_t reply, struct buf *out, enum wire_result status, const char *detail);
