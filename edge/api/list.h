/* Lists woven into what they hold: an item is in one list or in none, and moves without allocation.
 */
#pragma once

#include "base/base.h"

struct list {
    struct list *prev, *next;
};

/* The struct that starts the list, or whose member is an item of it. */
#define LIST_ITEM(at, type, member) CONTAINER_OF(at, type, member)
/* The first one, or NULL. */
#define LIST_FIRST(list, type, member) \
    (list_empty(list) ? NULL : LIST_ITEM((list)->next, type, member))

static inline void list_init(struct list *self)
{
    self->prev = self->next = self;
}

static inline bool list_empty(const struct list *self)
{
    return self->next == self;
}

/* Out of its list, if it is in one. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* To the end of the list, out of the one it was in. */
static inline void list_append(struct list *self, struct list *item)
{
    list_remove(item);
    item->prev = self->prev;
    item->next = self;
    self->prev->next = item;
    self->prev = item;
}

/* All of from to the end of self. */
static inline void list_append_all(struct list *self, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = self->prev;
    self->prev->next = from->next;
    from->prev->next = self;
    self->prev = from->prev;
    list_init(from);
}
