/* Where an id falls in a hash table. Ids come from outside, so the place depends on a seed that
 * nobody knows. */
#pragma once

#include <string.h>

#include "base/id.h"

static inline uint64_t hash_id(const struct id *id, uint64_t seed)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t a, b;
    wide product;

    memcpy(&a, id->bytes, 8);
    memcpy(&b, id->bytes + 8, 8);
    product = (wide)(a ^ seed) * (b ^ 0x9e3779b97f4a7c15u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_seed(void)
{
    struct id random = id_random();
    uint64_t seed;

    memcpy(&seed, random.bytes, sizeof seed);
    return seed;
}
