/* Epochs: claims are inserts, so that of two who want the same one only one has it. */
#include "persist/fence.h"

#include <errno.h>

#define CLAIM_TRIES 20

static bool raise_claimed(void *arg, const struct wire_holding *holding)
{
    struct fence *self = arg;
    size_t p = holding->partition;

    if (p < ID_PARTITIONS && holding->epoch > self->claimed[p])
        self->claimed[p] = holding->epoch;
    return true;
}

int fence_open(struct fence *self, struct store *store)
{
    int rc;

    self->store = store;
    rc = store->ops->holdings(store, WIRE_ROUTER, raise_claimed, self);
    for (size_t p = 0; p < ID_PARTITIONS && rc == 0; p++)
        if (self->claimed[p] > self->epochs[p])
            self->epochs[p] = self->claimed[p];
    return rc;
}

bool fence_owns(const struct fence *self, const struct id *id)
{
    return self->partitions >> id_partition(id) & 1;
}

int fence_pass(struct fence *self, unsigned partition, uint32_t epoch)
{
    int rc = 0;

    if (partition >= ID_PARTITIONS || !(self->partitions >> partition & 1) ||
        epoch < self->epochs[partition])
        return -ESTALE;
    if (epoch > self->claimed[partition])
        rc = self->store->ops->holdings(self->store, WIRE_ROUTER, raise_claimed, self);
    if (rc < 0)
        return rc;
    if (epoch > self->claimed[partition])
        return -ESTALE;
    self->epochs[partition] = epoch;
    return 0;
}

static bool keep_highest(void *arg, const struct wire_holding *holding)
{
    uint32_t *epochs = arg;

    if (holding->partition < ID_PARTITIONS)
        epochs[holding->partition] = holding->epoch;
    return true;
}

/* Claims what is left of *mask, as far as nobody is faster. */
static int claim_round(struct store *store, const struct wire_claim *claim, uint64_t *mask,
                       struct buf *list, uint32_t *count)
{
    uint32_t epochs[ID_PARTITIONS] = {0};
    int rc = store->ops->holdings(store, claim->role, keep_highest, epochs);

    for (unsigned p = 0; p < ID_PARTITIONS && rc == 0; p++) {
        struct wire_holding holding = {(uint16_t)p, epochs[p] + 1, claim->role, claim->holder};

        if (!(*mask >> p & 1))
            continue;
        rc = store->ops->claim(store, &holding);
        if (rc == 0) {
            wire_holding_add(list, count, &holding);
            *mask &= ~(1ull << p);
        } else if (rc == -EEXIST) {
            rc = 0; /* the next round sees whose it is */
        }
    }
    return rc;
}

int fence_claim(const struct fence *self, struct store *store, const struct wire_claim *claim,
                struct buf *list, uint32_t *count)
{
    uint64_t mask = claim->partitions & self->partitions;
    int rc = 0;

    for (int i = 0; i < CLAIM_TRIES && mask && rc == 0; i++)
        rc = claim_round(store, claim, &mask, list, count);
    return rc == 0 && mask ? -EAGAIN : rc;
}
