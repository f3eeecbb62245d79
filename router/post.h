/* A client's event on its way: from the edge's frame to its number and the store's verdict. One
 * allocation holds it and the bytes of the frame. */
#pragma once

#include <sys/queue.h>
#include <uthash.h>

#include "base/wire.h"
#include "router/rules.h"

#define POST_WAITERS_MAX 8
#define POST_BYTES_MAX (256u << 10) /* of a frame's body */

struct conversation;
struct batch;

/* Who waits for an answer: an edge (edge_handle) and the trace of its frame. */
struct post_waiter {
    uint64_t edge;
    uint64_t trace;
};

struct post {
    TAILQ_ENTRY(post) entry;  /* of the conversation's list: waiting or pending */
    TAILQ_ENTRY(post) queued; /* of a worker's queue, until it is in a batch */
    UT_hash_handle hh;        /* by client id, while it is pending */
    struct conversation *conversation;
    struct batch *batch; /* that carries it now; NULL: none */
    uint32_t slot;       /* in that batch */
    bool in_queue;
    bool is_looked_up; /* the store was asked for its client id */
    bool came_before;  /* its frame was taken once already, whatever became of it */
    uint8_t partition;
    uint8_t waiter_count;
    uint32_t epoch;
    uint32_t jobs;
    struct {
        struct id conversation;
        struct id key; /* id_of_client(actor, client_id) */
    } name;
    uint64_t at_ms, seq, messages, last_message;
    struct post_waiter waiters[POST_WAITERS_MAX];
    struct wire_post request;     /* borrows from bytes */
    struct rules_request meaning; /* so does it */
    size_t size;                  /* of bytes */
    uint8_t bytes[];
};

TAILQ_HEAD(post_list, post);

/* A copy of what the frame says. Not WIRE_OK (and *ret unchanged): the frame's body is malformed,
 * breaks a rule that needs no look at the conversation, belongs to another partition
 * (WIRE_INVALID), or is too long (WIRE_TOO_LARGE). */
enum wire_result post_new(struct post **ret, const struct wire_head *head, struct wire_bytes body,
                          uint64_t edge) MUST_CHECK;
void post_free(struct post **self);
size_t post_size(const struct post *self); /* bytes of memory */

/* One more to be answered with it. Asking twice counts once. false: there are POST_WAITERS_MAX. */
bool post_add_waiter(struct post *self, const struct post_waiter *waiter);

/* The event as it stands in the log once it is stored; borrows from the post. */
struct wire_event post_event(const struct post *self);
/* What stands there instead when its number cannot be used. */
struct wire_event post_void(const struct post *self);
