/* Arithmetic of patience, apart from clocks and sockets. */
#include "notify/retry.h"

uint64_t retry_wait_ms(const struct retry *self, uint32_t tried, uint64_t chance)
{
    uint64_t wait_ms = self->first_ms;

    for (uint32_t i = 1; i < tried && wait_ms < self->most_ms; i++)
        wait_ms *= 2;
    if (wait_ms > self->most_ms)
        wait_ms = self->most_ms;
    return wait_ms - chance % (wait_ms / 2 + 1);
}

bool retry_is_dead(const struct retry *self, uint32_t tried)
{
    return tried >= self->tries;
}
