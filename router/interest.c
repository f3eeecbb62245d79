/* A flat hash table with linear probing: 32 bytes a conversation, one cache line a look-up, and
 * cheap to walk. An entry that nobody wants any more keeps its place until the table is made anew.
 */
#include "router/interest.h"

#include <errno.h>
#include <stdlib.h>

#include "router/hash.h"

#define ROOM_AT_FIRST 1024 /* a power of two */

struct wanted {
    struct id conversation;
    uint64_t edges; /* 0: nobody, any more or yet */
    bool used;
};

struct interest {
    struct wanted *places;
    size_t room, filled; /* filled: used places, wanted or not */
    size_t wanted, most;
    uint64_t seed;
};

static void make_room(struct interest *self, size_t room)
{
    self->places = NEW_ARRAY(room, struct wanted);
    self->room = room;
    self->filled = 0;
}

int interest_new(struct interest **ret, size_t most)
{
    struct interest *self = NEW(struct interest);

    self->most = most;
    self->seed = hash_seed();
    make_room(self, ROOM_AT_FIRST);
    *ret = self;
    return 0;
}

void interest_free(struct interest **self)
{
    if (!*self)
        return;
    free((*self)->places);
    free(*self);
    *self = NULL;
}

/* The place of this conversation, or the free one where it belongs. */
static size_t find(const struct interest *self, const struct id *conversation)
{
    size_t at = hash_id(conversation, self->seed) & (self->room - 1);

    while (self->places[at].used && !id_equal(&self->places[at].conversation, conversation))
        at = (at + 1) & (self->room - 1);
    return at;
}

static struct wanted *insert(struct interest *self, const struct id *conversation)
{
    size_t at = find(self, conversation);

    if (!self->places[at].used) {
        self->places[at] = (struct wanted){.conversation = *conversation, .used = true};
        self->filled++;
    }
    return &self->places[at];
}

/* Twice as large as what is wanted needs; what nobody wants stays behind. */
static void rebuild(struct interest *self)
{
    struct wanted *places = self->places;
    size_t room = self->room, wanted_room = ROOM_AT_FIRST;

    while (wanted_room < self->wanted * 4)
        wanted_room *= 2;
    make_room(self, wanted_room);
    for (size_t i = 0; i < room; i++)
        if (places[i].edges)
            insert(self, &places[i].conversation)->edges = places[i].edges;
    free(places);
}

int interest_add(struct interest *self, const struct id *conversation, unsigned slot)
{
    struct wanted *place;

    if (self->wanted >= self->most && interest_of(self, conversation) == 0)
        return -ENOSPC;
    if (self->filled * 2 >= self->room)
        rebuild(self);
    place = insert(self, conversation);
    if (!place->edges)
        self->wanted++;
    place->edges |= 1ull << slot;
    return 0;
}

static void clear(struct interest *self, struct wanted *place, unsigned slot)
{
    if (!(place->edges >> slot & 1))
        return;
    place->edges &= ~(1ull << slot);
    if (!place->edges)
        self->wanted--;
}

void interest_remove(struct interest *self, const struct id *conversation, unsigned slot)
{
    size_t at = find(self, conversation);

    if (self->places[at].used)
        clear(self, &self->places[at], slot);
}

void interest_reset(struct interest *self, unsigned slot, uint64_t partitions)
{
    for (size_t i = 0; i < self->room; i++)
        if (self->places[i].used && partitions >> id_partition(&self->places[i].conversation) & 1)
            clear(self, &self->places[i], slot);
}

uint64_t interest_of(const struct interest *self, const struct id *conversation)
{
    size_t at = find(self, conversation);

    return self->places[at].used ? self->places[at].edges : 0;
}

size_t interest_count(const struct interest *self)
{
    return self->wanted;
}
