/* The clocks of every daemon. */
#include "base/clock.h"

#include <time.h>

static uint64_t system_monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t system_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static const struct clock_source system_clock = {system_monotonic_us, system_wall_ms};
static const struct clock_source *clock_in_use = &system_clock;

uint64_t clock_monotonic_us(void)
{
    return clock_in_use->monotonic_us();
}

uint64_t clock_monotonic_ms(void)
{
    return clock_in_use->monotonic_us() / 1000;
}

uint64_t clock_wall_ms(void)
{
    return clock_in_use->wall_ms();
}

void clock_replace(const struct clock_source *source)
{
    clock_in_use = source ? source : &system_clock;
}
