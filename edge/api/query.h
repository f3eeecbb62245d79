/* Questions to persist workers: one DEALER per worker, a deadline each, a limit on how many are under way. */
#pragma once

#include <uv.h>

#include "base/service.h"

struct query;

/* The reply's message (of the reply type that belongs to the question), or NULL when none came in time or persist is
 * away: then the outcome is unknown. Called exactly once, never from inside query_send. */
typedef void query_fn(void *arg, const struct wire_bytes *reply);

int query_new(struct query **ret, struct service *service, uv_loop_t *loop) MUST_CHECK;
void query_free(struct query **self); /* outstanding ones are answered NULL */

/* Asks the worker of the partition (see id_partition). body is an encoded message of the given type. Returns a handle
 * for query_cancel (> 0), or -EAGAIN when edge/queries are under way already (the caller answers unavailable). */
int64_t query_send(struct query *self, unsigned partition, enum wire_type type,
                   const struct buf *body, query_fn *fn, void *arg) MUST_CHECK;
/* fn will not be called any more. */
void query_cancel(struct query *self, int64_t handle);

/* NULL while persist answers the poll for holders and is well; else what is wrong (borrowed until the loop turns). */
const char *query_trouble(const struct query *self);

/* Called with each reply to the poll for holders, every 500 ms. */
typedef void query_holders_fn(void *arg, struct wire_list holdings);
void query_on_holders(struct query *self, query_holders_fn *fn, void *arg);
