/* MongoDB: the worker of bus/workers whose partitions this process serves, its slot. Several
 * processes may want to; who serves is the holder of the highest epoch of persist/partition/epoch,
 * where partition is the slot's first one. Used by the writer's thread alone. */
#pragma once

#include "base/topology.h"
#include "persist/store.h"

#define SLOT_NONE (-1)
#define SLOT_CHECK_MS 500

/* What a process asks for. index: of bus/workers, when its holder at the epoch `expected` is silent
 * (0: nobody ever had it, as far as is known); or SLOT_NONE: whatever was ours last, or has our
 * name and was nobody's. */
struct slot_wish {
    int index;
    uint32_t expected;
};

struct slot {
    const struct topology *topology; /* borrowed; NULL: nothing to claim, one process serves all */
    const char *name;                /* ours; borrowed */
    struct slot_wish wish;
    int index;      /* that we serve, or SLOT_NONE */
    uint32_t epoch; /* of our claim; without, the one that was found instead of what was expected */
    uint64_t checked_ms;
};

/* 0: index is ours; -EPERM: it is somebody else's; or what the store failed with. */
int slot_claim(struct slot *self, struct store *store) MUST_CHECK;
/* 0: still ours, or looked at less than SLOT_CHECK_MS ago; -ESTALE: somebody has claimed it since;
 * or what the store failed with. */
int slot_check(struct slot *self, struct store *store) MUST_CHECK;

/* The partition by which a slot is claimed. */
unsigned slot_partition(const struct topology *topology, int index);
