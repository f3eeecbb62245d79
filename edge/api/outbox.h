/* What clients want changed, on its way to the routers: frames are kept until answered, numbered per partition and
 * epoch, sent again on a time-out, a gap, a new epoch or a repair; so a sender's order survives every crash. */
#pragma once

#include "base/service.h"

struct outbox;
struct links; /* the sockets to the routers, edge/api/links.h */

/* What became of it; status unavailable when the deadline (edge/answer_ms) passed first: outcome unknown. resent: the
 * frame went out more than once, so a `duplicate` may be its own. Called exactly once, never from inside outbox_post. */
typedef void outbox_fn(void *arg, const struct wire_answer *answer, bool resent);

/* Takes a copy. Returns the trace (> 0) for outbox_forget, or -EAGAIN when the partition or the whole table is full:
 * the caller answers unavailable with retryAfterMs. */
int64_t outbox_post(struct outbox *self, const struct wire_post *post, uint64_t at_ms, outbox_fn *fn,
                    void *arg) MUST_CHECK;
int64_t outbox_revoke(struct outbox *self, const struct wire_revoke *revoke, outbox_fn *fn,
                      void *arg) MUST_CHECK;
/* fn will not be called any more; the frame is kept until answered all the same. */
void outbox_forget(struct outbox *self, int64_t trace);
