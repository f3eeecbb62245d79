/* Which router may write into which partition: the highest epoch that was claimed or announced.
 * Lower ones are over, whatever they still send. And who may claim: a holder that lets nothing be
 * heard of it for lease_ms has lost its lease, by this process's monotonic clock. While this
 * process itself did not turn (it was stopped, or waited for its store) it cannot have heard
 * anybody: then all leases begin anew. */
#pragma once

#include "base/topology.h"
#include "persist/store.h"

#define FENCE_HOLDERS_MAX (ID_PARTITIONS + 2) /* each its own, nobody, and one who comes */

struct fence_holder {
    char name[TOPOLOGY_NAME_MAX + 1]; /* "": nobody, of partitions that were never claimed */
    uint64_t heard_ms;
};

struct fence {
    uint64_t partitions;             /* a mask: those that this worker owns */
    uint64_t lease_ms;               /* 0: a lease ends at once */
    struct store *store;             /* where claims are looked up; borrowed */
    uint64_t turned_ms;              /* when this process last turned */
    uint32_t epochs[ID_PARTITIONS];  /* lower ones are over */
    uint32_t claimed[ID_PARTITIONS]; /* the highest there is, as last looked up … */
    uint8_t holder[ID_PARTITIONS];   /* … whose: an index … */
    uint64_t boots[ID_PARTITIONS];   /* … and of which process of that name; 0: not known */
    struct fence_holder holders[FENCE_HOLDERS_MAX];
};

/* Takes the highest claims from the store, which the fence borrows from now on. All leases begin
 * anew. */
int fence_open(struct fence *self, struct store *store) MUST_CHECK;
bool fence_owns(const struct fence *self, const struct id *id);
/* To be called several times per lease_ms, so that it is seen when it was not. */
void fence_turn(struct fence *self);
/* 0, and its holder's lease is renewed; -ESTALE: the partition is not this worker's, the epoch is
 * over, or nobody ever claimed it; or what the store failed with. A higher one is a new router's,
 * and ends the lower ones. */
int fence_pass(struct fence *self, unsigned partition, uint32_t epoch) MUST_CHECK;

/* Inserts the next epoch of those partitions of this worker that the claim may have now, and adds
 * records `holding` to the list: of `partitions` those that were never claimed; of both masks those
 * that another process of the same name had, and those whose lease has ended. Those that this very
 * process (boot) claimed before are added as they stand: the answer was slow, so it has asked
 * again.
 */
int fence_claim(struct fence *self, const struct wire_claim *claim, uint64_t boot, struct buf *list,
                uint32_t *count) MUST_CHECK;
