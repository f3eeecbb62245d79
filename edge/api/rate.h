/* Token buckets by key, in a table of fixed size. */
#pragma once

#include "base/id.h"

struct rate;

struct rate_options {
    uint32_t per_second;
    uint32_t burst;
    uint32_t keys; /* how many are remembered; the fullest bucket goes when more come */
};

void rate_new(struct rate **ret, const struct rate_options *options);
void rate_free(struct rate **self);

/* 0: one token was taken. Else the milliseconds until there is one again. */
uint32_t rate_take(struct rate *self, const struct id *key, uint64_t now_us);

/* Takes tokens more for what turns out to be a big one, as a debt if they are not there: the next
 * ones wait for it. At most a burst is charged, and owed. */
void rate_charge(struct rate *self, const struct id *key, uint64_t tokens, uint64_t now_us);

/* The key of an address as text: IPv6 ones count by their first 64 bits. */
struct id rate_key_of_address(const char *address);
