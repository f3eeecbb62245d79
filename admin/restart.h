/* When a daemon that has died is started again: at once the first time, then ever later while it
 * keeps dying within seconds, or right after it was ready; and when to give up: only if it never
 * was ready and ended three times by its own decision. */
#pragma once

#include "base/base.h"

#define RESTART_QUICK_MS 5000 /* lived less than this: it died at once … */
#define RESTART_READY_MS 1000 /* … or less than this, if it was ready meanwhile */
#define RESTART_FIRST_MS 100
#define RESTART_MOST_MS 5000
#define RESTART_FAILURES 3

struct restart {
    uint64_t started_ms;
    unsigned quick_deaths; /* in a row */
    unsigned failed_starts;
    bool is_ready;  /* was, since it was started */
    bool was_ready; /* ever */
};

void restart_started(struct restart *self, uint64_t now_ms);
void restart_ready(struct restart *self);

/* It has died; failed: by its own decision, with an exit status other than 0. 0 and how long to
 * wait before it is started again, or -ECANCELED: give up. */
int restart_died(struct restart *self, bool failed, uint64_t now_ms, uint64_t *ret_delay_ms)
    MUST_CHECK;
