/* A page of a conversation's log, clipped to what its reader may see. */
#pragma once

#include "persist/query.h"

#define PAGE_SPANS_MAX 64 /* intervals of one user in one conversation: the newest */

/* The numbers that somebody may read. */
struct page_sight {
    struct {
        uint64_t first, last; /* last 0: to the end */
    } spans[PAGE_SPANS_MAX];
    size_t count;
    bool current;            /* a member now */
    struct wire_member self; /* the newest interval */
};

/* user zero sees everything. Nothing of it: count 0. */
int page_sight(struct store *store, const struct id *conversation, const struct id *user,
               struct page_sight *ret);

struct page_ask {
    struct id conversation;
    uint64_t after, before; /* exclusive; 0: none */
    uint32_t limit;
    bool newest;
    bool messages;
};

/* Adds the events, ascending, to list. ret_more: there are more of them on the page's far side. */
int page_read(struct store *store, const struct page_sight *sight, const struct page_ask *ask,
              struct buf *list, uint32_t *ret_count, bool *ret_more);
