/* A claim says which epoch it follows, so of two standbys that saw the same silence only one gets
 * it, and the other one sees a holder that it has not watched yet. */
#include "persist/slot.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

struct found {
    uint32_t epochs[ID_PARTITIONS];
    bool ours[ID_PARTITIONS];
    struct wire_bytes name;
};

unsigned slot_partition(const struct topology *topology, int index)
{
    return (unsigned)__builtin_ctzll(topology->workers[index].partitions);
}

static bool take_found(void *arg, const struct wire_holding *holding)
{
    struct found *found = arg;

    if (holding->partition < ID_PARTITIONS) {
        found->epochs[holding->partition] = holding->epoch;
        found->ours[holding->partition] = wire_bytes_equal(holding->holder, found->name);
    }
    return true;
}

static int find(const struct slot *self, struct store *store, struct found *found)
{
    *found = (struct found){.name = wire_text(self->name)};
    return store->ops->holdings(store, WIRE_PERSIST, take_found, found);
}

/* Our own before others that we took over once. */
static int find_mine(const struct slot *self, const struct found *found)
{
    int mine = SLOT_NONE;

    for (int i = 0; i < (int)self->topology->worker_count; i++) {
        unsigned p = slot_partition(self->topology, i);
        bool is_named = strcmp(self->topology->workers[i].name, self->name) == 0;

        if (is_named && (found->ours[p] || found->epochs[p] == 0))
            return i;
        if (found->ours[p] && mine == SLOT_NONE)
            mine = i;
    }
    return mine;
}

static int choose(struct slot *self, const struct found *found)
{
    uint32_t epoch;

    if (self->wish.index == SLOT_NONE)
        return find_mine(self, found);
    epoch = found->epochs[slot_partition(self->topology, self->wish.index)];
    if (epoch == self->wish.expected)
        return self->wish.index;
    self->epoch = epoch;
    return SLOT_NONE;
}

int slot_claim(struct slot *self, struct store *store)
{
    struct wire_holding holding = {.role = WIRE_PERSIST, .holder = wire_text(self->name)};
    uint64_t now_ms = clock_monotonic_ms();
    struct found found;
    int rc = find(self, store, &found), index;

    if (rc < 0)
        return rc;
    index = choose(self, &found);
    if (index == SLOT_NONE)
        return -EPERM;
    holding.partition = (uint16_t)slot_partition(self->topology, index);
    holding.epoch = found.epochs[holding.partition] + 1;
    rc = store_claim(store, &holding);
    if (rc == -EEXIST)
        self->epoch = holding.epoch;
    if (rc < 0)
        return rc == -EEXIST ? -EPERM : rc;
    self->index = index;
    self->epoch = holding.epoch;
    self->checked_ms = now_ms;
    return 0;
}

int slot_check(struct slot *self, struct store *store)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct found found;
    int rc;

    if (now_ms - self->checked_ms < SLOT_CHECK_MS)
        return 0;
    rc = find(self, store, &found);
    if (rc < 0)
        return rc;
    if (found.epochs[slot_partition(self->topology, self->index)] != self->epoch)
        return -ESTALE;
    self->checked_ms = now_ms;
    return 0;
}
