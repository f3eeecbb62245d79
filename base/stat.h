/* Named counters and latency histograms of one daemon, added to by its loop and read by `parley
 * status`. */
#pragma once

#include "base/wire.h"

struct stat_set;
struct stat_histogram;

int stat_new(struct stat_set **ret);
void stat_free(struct stat_set **self);

/* A counter or gauge: the caller adds to or sets the value. The same one for the same name; lives
 * as long as the set. name is borrowed. At most 128 of them; one more is a bug and aborts. */
uint64_t *stat_counter(struct stat_set *self, const char *name);

/* A histogram of microseconds: log-linear, 8 steps per doubling, so a percentile is right to about
 * 12 %. Its p50, p99, max and count appear as NAME_p50_us and so on. At most 32. */
struct stat_histogram *stat_histogram(struct stat_set *self, const char *name);
void stat_record(struct stat_histogram *self, uint64_t us);
/* The value that the given share (0…1) of the records does not exceed; 0 when there are none. */
uint64_t stat_percentile(const struct stat_histogram *self, double share);

/* All of them as records `counter`, for a list. */
void stat_snapshot(struct stat_set *self, struct buf *list, uint32_t *count);
