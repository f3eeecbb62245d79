/* A table from ids to the objects that begin with them. */
#pragma once

#include "base/id.h"

struct idmap {
    struct id **slots; /* objects begin with their id */
    size_t room;       /* a power of two, or 0 */
    size_t count;
};

void idmap_init(struct idmap *self);
void idmap_done(struct idmap *self); /* the objects stay */

/* The object, or NULL. */
void *idmap_find(const struct idmap *self, const struct id *id);
/* object: a struct whose first member is its id, which is not in the table; borrowed until it is
 * removed. */
void idmap_add(struct idmap *self, struct id *object);
void idmap_remove(struct idmap *self, const struct id *id);

/* One object after the other: *at starts at 0; NULL at the end. The table must not change between.
 */
void *idmap_next(const struct idmap *self, size_t *at);
