/* Reads spans of a log one after another, upwards or downwards, until the page is full; what was
 * read downwards is turned round. */
#include "persist/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what may be seen ---- */

static bool add_span(void *arg, const struct wire_member *member)
{
    struct page_sight *self = arg;

    if (self->count == PAGE_SPANS_MAX)
        memmove(self->spans, self->spans + 1, sizeof self->spans[0] * --self->count);
    self->spans[self->count].first = member->from;
    self->spans[self->count++].last = member->to;
    self->current = member->to == 0;
    self->self = *member;
    return true;
}

int page_sight(struct store *store, const struct id *conversation, const struct id *user,
               struct page_sight *ret)
{
    *ret = (struct page_sight){0};
    if (!id_is_zero(user))
        return store->ops->intervals(store, conversation, user, add_span, ret);
    ret->spans[0].first = 1;
    ret->count = 1;
    ret->current = true;
    return 0;
}

/* ---- the page ---- */

struct page {
    struct buf items; /* records of a list, in the order in which they were read */
    size_t *starts;   /* of each in items */
    uint32_t count, limit;
    bool more;
};

static bool add_event(void *arg, const struct wire_event *event)
{
    struct page *self = arg;

    if (self->count == self->limit) {
        self->more = true;
        return false;
    }
    self->starts[self->count] = self->items.len;
    wire_event_add(&self->items, &self->count, event);
    self->more = self->items.over;
    return !self->more;
}

static bool clip(const struct page_sight *sight, size_t span, const struct page_ask *ask,
                 struct store_range *range)
{
    uint64_t last = sight->spans[span].last;

    if (ask->after == UINT64_MAX) /* nothing is after that */
        return false;
    range->first = sight->spans[span].first;
    if (range->first <= ask->after)
        range->first = ask->after + 1;
    if (ask->before && (!last || last >= ask->before))
        last = ask->before - 1;
    range->last = last;
    return (last || !ask->before) && (!last || range->first <= last);
}

static int read_spans(struct store *store, const struct page_sight *sight,
                      const struct page_ask *ask, struct page *page)
{
    struct store_range range = {
        .conversation = ask->conversation, .descending = ask->newest, .messages = ask->messages};

    for (size_t i = 0; i < sight->count && !page->more; i++) {
        size_t span = ask->newest ? sight->count - 1 - i : i;
        int rc;

        if (!clip(sight, span, ask, &range))
            continue;
        range.limit = page->limit - page->count + 1; /* one more tells whether there is more */
        rc = store->ops->events(store, &range, add_event, page);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void put_items(const struct page *page, bool reverse, struct buf *list)
{
    size_t end = page->items.len;

    if (!reverse) {
        buf_put(list, page->items.data, page->items.len);
        return;
    }
    for (uint32_t i = page->count; i > 0; i--) {
        size_t start = page->starts[i - 1];

        buf_put(list, page->items.data + start, end - start);
        end = start;
    }
}

int page_read(struct store *store, const struct page_sight *sight, const struct page_ask *ask,
              struct buf *list, uint32_t *ret_count, bool *ret_more)
{
    struct page page = {.limit = ask->limit};
    int rc;

    buf_init(&page.items, QUERY_PAGE_BYTES);
    page.starts = NEW_ARRAY((size_t)ask->limit + 1, size_t);
    rc = read_spans(store, sight, ask, &page);
    if (rc == 0) {
        put_items(&page, ask->newest, list);
        *ret_count += page.count;
        *ret_more = page.more;
    }
    buf_done(&page.items);
    free(page.starts);
    return rc;
}
