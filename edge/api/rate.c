/* Limits per user and per address. The table is a cache of sets: a key lives in one of four places,
 * and who needs a place takes the one whose bucket is the fullest, which loses the least. */
#include "edge/api/rate.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4
#define TOKEN 1000000LL /* a token, in millionths: one microsecond adds per_second of them */

struct bucket {
    struct id key;
    int64_t level; /* below zero: a debt */
    uint64_t at_us;
};

struct rate {
    struct rate_options options;
    size_t sets;
    struct bucket *buckets;
};

void rate_new(struct rate **ret, const struct rate_options *options)
{
    struct rate *self = NEW(struct rate);

    self->options = *options;
    self->sets = (options->keys + WAYS - 1) / WAYS;
    self->buckets = NEW_ARRAY(self->sets * WAYS, struct bucket);
    *ret = self;
}

void rate_free(struct rate **self)
{
    if (!*self)
        return;
    free((*self)->buckets);
    free(TAKE(*self));
}

static int64_t level_now(const struct rate *self, const struct bucket *bucket, uint64_t now_us)
{
    int64_t most = self->options.burst * TOKEN, level;
    int64_t passed = now_us > bucket->at_us ? (int64_t)(now_us - bucket->at_us) : 0;

    if (id_is_zero(&bucket->key) || passed > 2 * most) /* in that time any bucket is full */
        return most;
    level = bucket->level + passed * self->options.per_second;
    return level < most ? level : most;
}

static struct bucket *find(struct rate *self, const struct id *key, uint64_t now_us)
{
    uint64_t hash;
    struct bucket *set, *fullest;

    memcpy(&hash, key->bytes + 8, sizeof hash);
    set = &self->buckets[hash % self->sets * WAYS];
    fullest = set;
    for (struct bucket *bucket = set; bucket < set + WAYS; bucket++) {
        if (id_equal(&bucket->key, key))
            return bucket;
        if (level_now(self, bucket, now_us) > level_now(self, fullest, now_us))
            fullest = bucket;
    }
    *fullest = (struct bucket){*key, self->options.burst * TOKEN, now_us};
    return fullest;
}

uint32_t rate_take(struct rate *self, const struct id *key, uint64_t now_us)
{
    struct bucket *bucket = find(self, key, now_us);
    int64_t missing_us;

    bucket->level = level_now(self, bucket, now_us);
    bucket->at_us = now_us;
    if (bucket->level >= TOKEN) {
        bucket->level -= TOKEN;
        return 0;
    }
    missing_us = (TOKEN - bucket->level + self->options.per_second - 1) / self->options.per_second;
    return (uint32_t)(missing_us / 1000 + 1);
}

void rate_charge(struct rate *self, const struct id *key, uint64_t tokens, uint64_t now_us)
{
    struct bucket *bucket = find(self, key, now_us);
    int64_t most = self->options.burst * TOKEN;
    int64_t cost = tokens < self->options.burst ? (int64_t)tokens * TOKEN : most;

    bucket->level = level_now(self, bucket, now_us) - cost;
    bucket->at_us = now_us;
    if (bucket->level < -most)
        bucket->level = -most;
}

struct id rate_key_of_address(const char *address)
{
    static const struct id nobody;
    struct in6_addr six;

    if (inet_pton(AF_INET6, address, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six))
        return id_of_client(&nobody, &six, 8);
    return id_of_client(&nobody, address, strlen(address));
}
