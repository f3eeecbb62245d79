/* Which partitions this router holds, by which epochs: claimed worker by worker, then announced,
 * and announced again and again, since a holder that is silent loses its lease. What another router
 * holds is claimed again and again, too: this one stands by for it, and takes it over when the
 * other falls silent. */
#pragma once

#include "base/topology.h"
#include "base/wire.h"

enum partition_state {
    PARTITION_FOREIGN, /* not ours, or another epoch */
    PARTITION_EARLY,   /* on its way to be held: nothing may be taken yet */
    PARTITION_HELD,
};

struct partitions;

struct partition_out {
    void *arg;
    int (*send)(void *arg, size_t worker, const struct buf *frame); /* as bus_send */
    void (*held)(void *arg, uint64_t mask);                         /* may be taken from now on */
    void (*lost)(void *arg, uint64_t mask); /* were claimed; no longer ours */
};

/* Masks: wanted ones are ours when nobody ever had them; those of standby only when whoever has
 * them is silent for lease_ms. name and topology are borrowed. */
struct partition_spec {
    const struct topology *topology;
    const char *name;
    uint64_t wanted, standby;
    uint64_t lease_ms;
};

/* Masks and lease from the configuration. -EINVAL: has logged what is wrong with it. */
int partitions_configure(struct partition_spec *spec, struct conf *conf) MUST_CHECK;
/* head: what frames start with. out is copied. */
int partitions_new(struct partitions **ret, const struct partition_spec *spec,
                   const struct wire_head *head, const struct partition_out *out) MUST_CHECK;
void partitions_free(struct partitions **self);

/* Sends what is due, first claims included. */
void partitions_tick(struct partitions *self, uint64_t now_ms);
/* Answers of a worker: claimed, announced. Ones to an earlier claim, or to an announcement of less,
 * count for nothing. */
void partitions_claimed(struct partitions *self, size_t worker, uint64_t trace,
                        const struct wire_claimed *claimed, uint64_t now_ms);
void partitions_announced(struct partitions *self, size_t worker, uint64_t trace,
                          const struct wire_announced *announced, uint64_t now_ms);
/* Announces at once, to hear whether the worker is still the same process. */
void partitions_probe(struct partitions *self, size_t worker);

/* What was asked of this worker before may be lost: asks again what has no answer. */
void partitions_ask_again(struct partitions *self, size_t worker, uint64_t now_ms);

/* The store has refused this partition's epoch. */
void partitions_fence(struct partitions *self, uint64_t mask);

enum partition_state partitions_state(const struct partitions *self, unsigned partition,
                                      uint32_t epoch);
uint32_t partitions_epoch(const struct partitions *self, unsigned partition); /* 0: none */
/* Masks: those that may be ours, those that are, those that were, and those of which no worker has
 * said yet whether they are. */
uint64_t partitions_reach(const struct partitions *self);
uint64_t partitions_held(const struct partitions *self);
uint64_t partitions_lost(const struct partitions *self);
uint64_t partitions_unsure(const struct partitions *self);
/* enum wire_durability, as the partition's worker says; 0 before. */
uint8_t partitions_durability(const struct partitions *self, unsigned partition);

/* All that are held, as records `holding`. */
struct wire_list partitions_holdings(struct partitions *self, struct buf *list);
