/* Counters and histograms. The histogram is log-linear (the idea of HdrHistogram): 8 equal steps
 * per doubling. */
#include "base/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_MAX 128
#define HISTOGRAMS_MAX 32
#define STEPS 8
#define BUCKETS (STEPS * 40) /* up to 2^40 µs */

struct stat_histogram {
    const char *name;
    uint64_t count;
    uint64_t largest;
    uint64_t buckets[BUCKETS];
};

struct stat_set {
    const char *names[COUNTERS_MAX];
    uint64_t values[COUNTERS_MAX];
    size_t counters;
    struct stat_histogram *histograms[HISTOGRAMS_MAX];
    size_t histogram_count;
};

int stat_new(struct stat_set **ret)
{
    *ret = NEW(struct stat_set);
    return 0;
}

void stat_free(struct stat_set **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < (*self)->histogram_count; i++)
        free((*self)->histograms[i]);
    free(*self);
    *self = NULL;
}

uint64_t *stat_counter(struct stat_set *self, const char *name)
{
    for (size_t i = 0; i < self->counters; i++)
        if (strcmp(self->names[i], name) == 0)
            return &self->values[i];
    if (self->counters == COUNTERS_MAX)
        abort();
    self->names[self->counters] = name;
    return &self->values[self->counters++];
}

struct stat_histogram *stat_histogram(struct stat_set *self, const char *name)
{
    struct stat_histogram *made;

    for (size_t i = 0; i < self->histogram_count; i++)
        if (strcmp(self->histograms[i]->name, name) == 0)
            return self->histograms[i];
    if (self->histogram_count == HISTOGRAMS_MAX)
        abort();
    made = NEW(struct stat_histogram);
    made->name = name;
    self->histograms[self->histogram_count++] = made;
    return made;
}

/* 0…7 have a bucket each; above, the three bits behind the leading one choose the step. */
static size_t bucket_of(uint64_t us)
{
    unsigned top;
    size_t bucket;

    if (us < STEPS)
        return us;
    top = 63 - (unsigned)__builtin_clzll(us);
    bucket = (size_t)(top - 2) * STEPS + (us >> (top - 3) & (STEPS - 1));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_end(size_t bucket)
{
    unsigned top = (unsigned)(bucket / STEPS) + 2;

    if (bucket < STEPS)
        return bucket;
    return ((uint64_t)(STEPS + bucket % STEPS + 1) << (top - 3)) - 1;
}

void stat_record(struct stat_histogram *self, uint64_t us)
{
    self->buckets[bucket_of(us)]++;
    self->count++;
    if (us > self->largest)
        self->largest = us;
}

uint64_t stat_percentile(const struct stat_histogram *self, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)self->count + 0.5);
    uint64_t seen = 0;

    if (self->count == 0)
        return 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += self->buckets[i];
        if (seen >= wanted && seen > 0)
            return bucket_end(i) < self->largest ? bucket_end(i) : self->largest;
    }
    return self->largest;
}

static void add(struct buf *list, uint32_t *count, const char *name, const char *suffix,
                uint64_t value)
{
    char full[96];
    struct wire_counter counter;

    snprintf(full, sizeof full, "%s%s", name, suffix);
    counter = (struct wire_counter){.name = wire_text(full), .value = value};
    wire_counter_add(list, count, &counter);
}

void stat_snapshot(struct stat_set *self, struct buf *list, uint32_t *count)
{
    for (size_t i = 0; i < self->counters; i++)
        add(list, count, self->names[i], "", self->values[i]);
    for (size_t i = 0; i < self->histogram_count; i++) {
        const struct stat_histogram *h = self->histograms[i];

        add(list, count, h->name, "_count", h->count);
        add(list, count, h->name, "_p50_us", stat_percentile(h, 0.5));
        add(list, count, h->name, "_p99_us", stat_percentile(h, 0.99));
        add(list, count, h->name, "_max_us", h->largest);
    }
}
