/* Small arrays searched from the front: a conversation's active people are few, and what is found
 * moves towards the front. */
#include "router/memory.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_AT_FIRST 4

/* id_equal, but inlined: this runs dozens of times for every post. */
static bool same(const struct id *a, const struct id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static unsigned grow(unsigned room, unsigned most)
{
    if (room == 0)
        return ROOM_AT_FIRST;
    return room * 2 < most ? room * 2 : most;
}

void memory_recents_add(struct memory_recents *self, const struct memory_recent *recent)
{
    if (self->count == self->room && self->room < MEMORY_RECENTS_MAX) {
        self->room = grow(self->room, MEMORY_RECENTS_MAX);
        self->ring = base_realloc(self->ring, self->room, sizeof *self->ring);
        self->next = self->count; /* it has never turned round yet */
    }
    self->ring[self->next] = *recent;
    self->next = (self->next + 1) % self->room;
    if (self->count < self->room)
        self->count++;
}

const struct memory_recent *memory_recents_find(const struct memory_recents *self,
                                                const struct id *key)
{
    const struct memory_recent *found = NULL;

    for (unsigned i = 0; i < self->count; i++)
        if (same(&self->ring[i].key, key) && (!found || found->at < self->ring[i].at))
            found = &self->ring[i];
    return found;
}

void memory_recents_clear(struct memory_recents *self)
{
    free(self->ring);
    *self = (struct memory_recents){0};
}

static struct memory_member *find(struct memory_members *self, const struct id *user)
{
    for (unsigned i = 0; i < self->count; i++)
        if (same(&self->list[i].user, user))
            return &self->list[i];
    return NULL;
}

const struct memory_member *memory_members_find(struct memory_members *self, const struct id *user)
{
    struct memory_member *found = find(self, user), *ahead, swapped;

    if (!found || found == self->list)
        return found;
    ahead = &self->list[(found - self->list) / 2];
    swapped = *ahead;
    *ahead = *found;
    *found = swapped;
    return ahead;
}

/* A place for one more; when all are taken, the next of the second half in turn. */
static struct memory_member *place(struct memory_members *self)
{
    if (self->count == MEMORY_MEMBERS_MAX) {
        self->hand = (self->hand + 1) % (MEMORY_MEMBERS_MAX / 2);
        return &self->list[MEMORY_MEMBERS_MAX / 2 + self->hand];
    }
    if (self->count == self->room) {
        self->room = grow(self->room, MEMORY_MEMBERS_MAX);
        self->list = base_realloc(self->list, self->room, sizeof *self->list);
    }
    return &self->list[self->count++];
}

void memory_members_put(struct memory_members *self, const struct memory_member *member)
{
    struct memory_member *at = find(self, &member->user);

    if (!at)
        at = place(self);
    *at = *member;
}

void memory_members_clear(struct memory_members *self)
{
    free(self->list);
    *self = (struct memory_members){0};
}
