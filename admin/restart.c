/* The supervisor's patience, apart from processes and clocks. */
#include "admin/restart.h"

#include <errno.h>

void restart_started(struct restart *self, uint64_t now_ms)
{
    self->started_ms = now_ms;
    self->is_ready = false;
}

void restart_ready(struct restart *self)
{
    self->is_ready = self->was_ready = true;
}

static uint64_t delay_after(unsigned quick_deaths)
{
    uint64_t delay_ms = RESTART_FIRST_MS;

    if (quick_deaths == 0)
        return 0;
    while (--quick_deaths && delay_ms < RESTART_MOST_MS)
        delay_ms *= 2;
    return delay_ms < RESTART_MOST_MS ? delay_ms : RESTART_MOST_MS;
}

int restart_died(struct restart *self, bool failed, uint64_t now_ms, uint64_t *ret_delay_ms)
{
    if (failed && !self->was_ready && ++self->failed_starts >= RESTART_FAILURES)
        return -ECANCELED;
    if (now_ms - self->started_ms >= (self->is_ready ? RESTART_READY_MS : RESTART_QUICK_MS))
        self->quick_deaths = 0;
    *ret_delay_ms = delay_after(self->quick_deaths++);
    return 0;
}
