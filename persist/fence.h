/* Which router may write into which partition: the highest epoch that was claimed or announced.
 * Lower ones are over, whatever they still send. */
#pragma once

#include "persist/store.h"

struct fence {
    uint64_t partitions;             /* a mask: those that this worker owns */
    struct store *store;             /* where claims are looked up; borrowed */
    uint32_t epochs[ID_PARTITIONS];  /* lower ones are over */
    uint32_t claimed[ID_PARTITIONS]; /* the highest there is, as last looked up */
};

/* Takes the highest claims from the store, which the fence borrows from now on. */
int fence_open(struct fence *self, struct store *store);
bool fence_owns(const struct fence *self, const struct id *id);
/* 0; -ESTALE: the partition is not this worker's, the epoch is over, or nobody ever claimed it; or
 * what the store failed with. A higher one is a new router's, and ends the lower ones. */
int fence_pass(struct fence *self, unsigned partition, uint32_t epoch) MUST_CHECK;

/* Inserts the next epoch of every partition of the mask that this worker owns, and adds records
 * `holding` to the list. */
int fence_claim(const struct fence *self, struct store *store, const struct wire_claim *claim,
                struct buf *list, uint32_t *count);
