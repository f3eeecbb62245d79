/* When a job that failed is tried again. */
#pragma once

#include "base/base.h"

struct retry {
    uint64_t first_ms;
    uint64_t most_ms;
    uint32_t tries; /* in all; after the last one the job is dead */
};

/* The wait before the next try of a job that has been tried so often (at least once): doubling from
 * first_ms to most_ms, of which chance (any number) takes away up to a half, so that jobs that
 * failed together do not come back together. */
uint64_t retry_wait_ms(const struct retry *self, uint32_t tried, uint64_t chance);

bool retry_is_dead(const struct retry *self, uint32_t tried);
