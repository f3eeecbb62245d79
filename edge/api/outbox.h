/* What clients want changed, on its way to the routers: frames are kept until answered, numbered
 * per partition and epoch, sent again on a time-out, a gap, a new epoch or a repair; so a sender's
 * order survives every crash. */
#pragma once

#include "edge/api/links.h"

struct outbox;

struct outbox_limits {
    size_t most;               /* unanswered frames in all, at most 65,535; … */
    size_t most_per_partition; /* … and of one partition */
    uint64_t answer_ms;        /* so long a client waits */
};

/* What became of it; status unavailable when the deadline passed first: outcome unknown. resent:
 * the frame went out more than once, so a `duplicate` may be its own. Called exactly once, never
 * from inside outbox_post. */
typedef void outbox_fn(void *arg, const struct wire_answer *answer, bool resent);

/* pipes and links are borrowed. */
int outbox_new(struct outbox **ret, struct pipes *pipes, struct links *links,
               const struct outbox_limits *limits) MUST_CHECK;
/* Answers outstanding ones unavailable and takes no more. */
void outbox_stop(struct outbox *self);
void outbox_free(struct outbox **self); /* stops it, too */

/* Takes a copy. Returns the trace (> 0) for outbox_forget; -EAGAIN when the partition or the whole
 * table is full: the caller answers unavailable with retryAfterMs; -EMSGSIZE: beyond what a frame
 * may hold. */
int64_t outbox_post(struct outbox *self, const struct wire_post *post, uint64_t at_ms,
                    outbox_fn *fn, void *arg) MUST_CHECK;
int64_t outbox_revoke(struct outbox *self, const struct wire_revoke *revoke, outbox_fn *fn,
                      void *arg) MUST_CHECK;
/* fn will not be called any more; the frame is kept until answered all the same. */
void outbox_forget(struct outbox *self, int64_t trace);

/* Sends what is unanswered of these partitions again, in order, in a new epoch with new numbers. */
void outbox_restart(struct outbox *self, uint64_t partitions);

/* Frames of the routers' streams. */
void outbox_on_answer(struct outbox *self, const struct bus_frame *frame);
void outbox_on_gap(struct outbox *self, const struct bus_frame *frame);

/* Deadlines, time-outs, and what could not be sent. */
void outbox_tick(struct outbox *self);

/* Frames that wait for an answer now. */
size_t outbox_unanswered(const struct outbox *self);
