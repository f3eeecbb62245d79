/* Questions to persist workers: one DEALER per worker, a deadline each, a limit on how many are
 * under way. The poll for holders of partitions is the health check, too. */
#pragma once

#include "edge/api/pipe.h"

struct query;

/* The reply's message (of the reply type that belongs to the question), or NULL when none came in
 * time or persist is away: then the outcome is unknown. Called exactly once, never from inside
 * query_send. */
typedef void query_fn(void *arg, const struct wire_bytes *reply);

/* most: how many may be under way; timeout_ms: how long each may take. pipes is borrowed. */
int query_new(struct query **ret, struct pipes *pipes, size_t most, uint64_t timeout_ms) MUST_CHECK;
/* Answers outstanding ones NULL and takes no more. */
void query_stop(struct query *self);
void query_free(struct query **self); /* stops it, too */

/* Asks the worker of the partition (see id_partition). body is an encoded message of the given
 * type. Returns a handle for query_cancel (> 0), or -EAGAIN when the limit is reached (the caller
 * answers unavailable). */
int64_t query_send(struct query *self, unsigned partition, enum wire_type type,
                   const struct buf *body, query_fn *fn, void *arg) MUST_CHECK;
/* The same for questions that are asked again when they fail: given up sooner. */
int64_t query_read(struct query *self, unsigned partition, enum wire_type type,
                   const struct buf *body, query_fn *fn, void *arg) MUST_CHECK;
/* fn will not be called any more. */
void query_cancel(struct query *self, int64_t handle);

/* NULL while every worker answers the poll for holders and is well; else what is wrong (borrowed
 * until the loop turns). */
const char *query_trouble(const struct query *self);

/* Called with each good reply to the poll for holders, every 500 ms. */
typedef void query_holders_fn(void *arg, struct wire_list holdings);
void query_on_holders(struct query *self, query_holders_fn *fn, void *arg);

/* Polls, and gives up what is overdue. */
void query_tick(struct query *self);
