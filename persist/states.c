/* Open addressing with linear probing over a table twice as large as its content may be. Ids are
 * hashes or random, so their first bytes are the hash. */
#include "persist/states.h"

#include <stdlib.h>
#include <string.h>

struct states {
    struct state *slots;
    size_t mask;
    size_t count, most;
};

void states_new(struct states **ret, size_t most)
{
    struct states *self = NEW(struct states);
    size_t room = 16;

    while (room < most * 2)
        room *= 2;
    self->slots = NEW_ARRAY(room, struct state);
    self->mask = room - 1;
    self->most = most;
    *ret = self;
}

void states_free(struct states **self)
{
    if (!*self)
        return;
    free((*self)->slots);
    free(*self);
    *self = NULL;
}

/* The slot of the conversation, or the free one where it would go. */
static struct state *slot_of(struct states *self, const struct id *conversation)
{
    uint64_t hash;
    size_t at;

    memcpy(&hash, conversation->bytes + 8, sizeof hash);
    for (at = hash & self->mask; self->slots[at].used; at = (at + 1) & self->mask)
        if (id_equal(&self->slots[at].conversation, conversation))
            break;
    return &self->slots[at];
}

struct state *states_find(struct states *self, const struct id *conversation)
{
    struct state *slot = slot_of(self, conversation);

    return slot->used ? slot : NULL;
}

struct state *states_put(struct states *self, const struct state *state)
{
    struct state *slot = slot_of(self, &state->conversation);
    struct state copy = *state;

    if (!slot->used && self->count >= self->most) {
        states_clear(self);
        slot = slot_of(self, &copy.conversation);
    }
    self->count += !slot->used;
    *slot = copy;
    slot->used = true;
    return slot;
}

void states_make_room(struct states *self, size_t more)
{
    if (self->count + more > self->most)
        states_clear(self);
}

/* What was pushed past the freed slot moves up, so that probing still finds it. */
void states_drop(struct states *self, const struct id *conversation)
{
    struct state *slot = slot_of(self, conversation);
    size_t at = (size_t)(slot - self->slots);

    if (!slot->used)
        return;
    slot->used = false;
    self->count--;
    for (at = (at + 1) & self->mask; self->slots[at].used; at = (at + 1) & self->mask) {
        struct state moved = self->slots[at];

        self->slots[at].used = false;
        *slot_of(self, &moved.conversation) = moved;
    }
}

void states_clear(struct states *self)
{
    memset(self->slots, 0, (self->mask + 1) * sizeof *self->slots);
    self->count = 0;
}
