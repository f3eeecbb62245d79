/* Many deadlines on one libuv timer: a heap of entries embedded in what they belong to. Times are
 * absolute milliseconds of timers_now. */
#pragma once

#include <uv.h>

#include "base/base.h"

struct timers;

struct timer {
    uint64_t due_ms;
    uint32_t at; /* place in the heap + 1; 0: not set */
    void (*run)(struct timer *timer);
};

int timers_new(struct timers **ret, uv_loop_t *loop);
/* Entries are forgotten; its handle is gone after the loop's next turn. */
void timers_free(struct timers **self);

uint64_t timers_now(void);

/* Calls timer->run(timer) once when due_ms has come, not before; an earlier setting of it is
 * replaced. run may set or cancel any timer, this one too. */
void timers_set(struct timers *self, struct timer *timer, uint64_t due_ms);
void timers_cancel(struct timers *self, struct timer *timer);
