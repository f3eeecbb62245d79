/* How long to wait before asking again one who said no: 100 ms, doubling to 2 s. */
#pragma once

#include "base/base.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 2000

/* Embedded; zeroed: nothing failed. */
struct backoff {
    uint64_t until_ms; /* not before */
    uint64_t wait_ms;  /* of the last failure; 0: none since it was cleared */
};

static inline void backoff_fail(struct backoff *self, uint64_t now_ms)
{
    if (now_ms < self->until_ms) /* another answer to what was asked before the last failure */
        return;
    self->wait_ms = self->wait_ms ? self->wait_ms * 2 : BACKOFF_FIRST_MS;
    if (self->wait_ms > BACKOFF_MOST_MS)
        self->wait_ms = BACKOFF_MOST_MS;
    self->until_ms = now_ms + self->wait_ms;
}

static inline void backoff_clear(struct backoff *self)
{
    *self = (struct backoff){0};
}
