/* Pushes posts to the routers as an edge does: signs of life on a stream of its own, frames
 * numbered per partition and epoch, back to the gap when one is missing, sent again when an answer
 * may be missing, and again to whoever holds the partition next. */
#pragma once

#include "admin/ask.h"

#define FEEDER_WINDOW 1024     /* posts under way, … */
#define FEEDER_LANE 128        /* … of one partition */
#define FEEDER_SILENT_MS 60000 /* no answer at all for so long: something is wrong */

struct feeder;

/* An answer to the post with this tag, once per post. It may post. */
typedef void feeder_fn(void *arg, uint32_t tag, const struct wire_answer *answer);

/* place and ask are borrowed. */
int feeder_new(struct feeder **ret, struct place *place, struct ask *ask, feeder_fn *fn, void *arg)
    MUST_CHECK;
void feeder_free(struct feeder **self);

/* Whether a post of this partition would be taken. */
bool feeder_has_room(const struct feeder *self, unsigned partition);
/* at_ms and body as they were recorded; copied. */
void feeder_post(struct feeder *self, const struct wire_head *head, struct wire_bytes body,
                 uint32_t tag);
size_t feeder_unanswered(const struct feeder *self);

/* Waits for what comes, at most so long, and does what is due. */
void feeder_step(struct feeder *self, int timeout_ms);
/* NULL, or what keeps it from going on for longer than FEEDER_SILENT_MS. Borrowed. */
const char *feeder_trouble(struct feeder *self);
