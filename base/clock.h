/* Time, from a source that a test can replace. Time orders nothing: it is shown to people and
 * bounds waiting. */
#pragma once

#include "base/base.h"

struct clock_source {
    uint64_t (*monotonic_us)(void); /* never goes back; its zero means nothing */
    uint64_t (*wall_ms)(void);      /* since 1970, UTC */
};

uint64_t clock_monotonic_us(void);
uint64_t clock_monotonic_ms(void);
uint64_t clock_wall_ms(void);

/* NULL: the system's clocks again. source is borrowed. */
void clock_replace(const struct clock_source *source);
