/* Open addressing with linear probing; a removal closes the gap, so there are no tombstones. Ids
 * are random or hashes: their bytes are the hash. */
#include "edge/api/idmap.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_LEAST 64

void idmap_init(struct idmap *self)
{
    *self = (struct idmap){0};
}

void idmap_done(struct idmap *self)
{
    free(self->slots);
    idmap_init(self);
}

/* The first byte says the partition, so the others are better spread. */
static size_t place_of(const struct idmap *self, const struct id *id)
{
    uint64_t hash;

    memcpy(&hash, id->bytes + 8, sizeof hash);
    return (size_t)hash & (self->room - 1);
}

static size_t slot_of(const struct idmap *self, const struct id *id)
{
    size_t at = place_of(self, id);

    while (self->slots[at] && !id_equal(self->slots[at], id))
        at = (at + 1) & (self->room - 1);
    return at;
}

void *idmap_find(const struct idmap *self, const struct id *id)
{
    return self->count ? self->slots[slot_of(self, id)] : NULL;
}

static void grow(struct idmap *self)
{
    struct idmap old = *self;

    self->room = old.room ? old.room * 2 : ROOM_LEAST;
    self->slots = NEW_ARRAY(self->room, struct id *);
    for (size_t i = 0; i < old.room; i++)
        if (old.slots[i])
            self->slots[slot_of(self, old.slots[i])] = old.slots[i];
    free(old.slots);
}

void idmap_add(struct idmap *self, struct id *object)
{
    if ((self->count + 1) * 4 > self->room * 3)
        grow(self);
    self->slots[slot_of(self, object)] = object;
    self->count++;
}

void idmap_remove(struct idmap *self, const struct id *id)
{
    size_t mask = self->room - 1, hole, at;

    if (!self->count)
        return;
    hole = slot_of(self, id);
    if (!self->slots[hole])
        return;
    for (at = (hole + 1) & mask; self->slots[at]; at = (at + 1) & mask)
        if (((at - place_of(self, self->slots[at])) & mask) >= ((at - hole) & mask)) {
            self->slots[hole] = self->slots[at];
            hole = at;
        }
    self->slots[hole] = NULL;
    self->count--;
}

void *idmap_next(const struct idmap *self, size_t *at)
{
    while (*at < self->room) {
        struct id *object = self->slots[(*at)++];

        if (object)
            return object;
    }
    return NULL;
}
