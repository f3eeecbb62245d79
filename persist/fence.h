/* Which router may write into which partition: the highest epoch that was claimed or announced.
 * Lower ones are over, whatever they still send. */
#pragma once

#include "persist/store.h"

struct fence {
    uint64_t partitions; /* a mask: those that this worker owns */
    uint32_t epochs[ID_PARTITIONS];
};

/* Takes the highest claims from the store. */
int fence_load(struct fence *self, struct store *store);
bool fence_owns(const struct fence *self, const struct id *id);
/* False: the partition is not this worker's, or the epoch is over. A higher one is a new router's,
 * and ends the lower ones. */
bool fence_pass(struct fence *self, unsigned partition, uint32_t epoch);

/* Inserts the next epoch of every partition of the mask that this worker owns, and adds records
 * `holding` to the list. */
int fence_claim(const struct fence *self, struct store *store, const struct wire_claim *claim,
                struct buf *list, uint32_t *count);
