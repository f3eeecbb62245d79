/* Which tokens to refuse although they are signed and in time: a hash table by session (or user)
 * whose entries form a ring in order of time, the oldest going first. */
#include "edge/api/revoked.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
    struct id key; /* session, or user when all of theirs ended */
    uint64_t at_s;
    uint32_t next; /* in the same bucket */
};

struct revoked {
    uint64_t keep_s;
    uint32_t most, first, count; /* ring of entries */
    uint32_t mask;
    uint32_t *buckets;
    struct entry *entries;
    uint64_t told_s;
};

void revoked_new(struct revoked **ret, uint64_t keep_s, size_t most)
{
    struct revoked *self = NEW(struct revoked);
    uint32_t buckets = 1;

    while (buckets < most)
        buckets *= 2;
    self->keep_s = keep_s;
    self->most = (uint32_t)most;
    self->mask = buckets - 1;
    self->entries = NEW_ARRAY(most, struct entry);
    self->buckets = NEW_ARRAY(buckets, uint32_t);
    memset(self->buckets, 0xff, buckets * sizeof *self->buckets);
    *ret = self;
}

void revoked_free(struct revoked **self)
{
    if (!*self)
        return;
    free((*self)->entries);
    free((*self)->buckets);
    free(TAKE(*self));
}

static uint32_t *bucket_of(const struct revoked *self, const struct id *key)
{
    uint32_t hash;

    memcpy(&hash, key->bytes + 4, sizeof hash);
    return &self->buckets[hash & self->mask];
}

static struct entry *find(const struct revoked *self, const struct id *key)
{
    for (uint32_t at = *bucket_of(self, key); at != NONE; at = self->entries[at].next)
        if (id_equal(&self->entries[at].key, key))
            return &self->entries[at];
    return NULL;
}

static uint32_t wrap(const struct revoked *self, uint32_t at)
{
    return at < self->most ? at : at - self->most;
}

static void drop_oldest(struct revoked *self)
{
    uint32_t at = self->first;
    uint32_t *link = bucket_of(self, &self->entries[at].key);

    while (*link != at)
        link = &self->entries[*link].next;
    *link = self->entries[at].next;
    self->first = wrap(self, self->first + 1);
    self->count--;
}

bool revoked_add(struct revoked *self, const struct id *user, const struct id *session,
                 uint64_t now_s)
{
    const struct id *key = id_is_zero(session) ? user : session;
    struct entry *known = find(self, key);
    bool fits = true;
    uint32_t at;

    if (known && (key == session || known->at_s == now_s))
        return true; /* told again; a user's later one gets an entry of its own, found first */
    while (self->count && self->entries[self->first].at_s + self->keep_s < now_s)
        drop_oldest(self);
    if (self->count == self->most) {
        fits = self->told_s + 60 > now_s;
        self->told_s = fits ? self->told_s : now_s;
        drop_oldest(self);
    }
    at = wrap(self, self->first + self->count++);
    self->entries[at] = (struct entry){*key, now_s, *bucket_of(self, key)};
    *bucket_of(self, key) = at;
    return fits;
}

bool revoked_has(const struct revoked *self, const struct id *user, const struct id *session,
                 uint64_t issued_s)
{
    const struct entry *all = find(self, user);

    return find(self, session) || (all && issued_s <= all->at_s);
}
