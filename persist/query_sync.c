/* What a device missed: a page per conversation that has events past its cursor, as many as the
 * limit allows; what is left over makes `more`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "persist/describe.h"
#include "persist/page.h"
#include "persist/query.h"

#define CURSORS_MAX 20000
#define PAGES_MAX (8u << 20)
#define JOINED_MAX (4u << 20)

struct cursor {
    struct id conversation;
    uint64_t seq;
    bool given;   /* by the device */
    bool current; /* the user is a member */
};

struct syncing {
    struct store *store;
    const struct wire_sync *ask;
    struct cursor *cursors; /* ascending by conversation */
    size_t count;
    uint32_t left; /* events that may still be added */
    bool more;
    struct buf pages, joined, gone;
    uint32_t page_count, joined_count, gone_count;
};

static int compare(const void *a, const void *b)
{
    const struct cursor *x = a, *y = b;

    return memcmp(&x->conversation, &y->conversation, sizeof x->conversation);
}

static int read_cursors(struct syncing *self)
{
    struct wire_list list = self->ask->cursors;
    struct wire_bytes bytes;
    struct wire_position position;

    while (wire_list_next(&list, &bytes)) {
        if (self->count == CURSORS_MAX || wire_position_decode(bytes, &position) < 0)
            return -EPROTO;
        self->cursors[self->count++] = (struct cursor){
            .conversation = position.conversation, .seq = position.seq, .given = true};
    }
    return 0;
}

static bool add_membership(void *arg, const struct id *id)
{
    struct syncing *self = arg;

    self->cursors[self->count++] = (struct cursor){.conversation = *id, .current = true};
    return self->count < CURSORS_MAX + QUERY_MEMBERSHIPS_MAX;
}

/* One entry per conversation: a cursor and a membership of the same become one. */
static void merge(struct syncing *self)
{
    size_t kept = 0;

    if (self->count == 0)
        return;
    qsort(self->cursors, self->count, sizeof self->cursors[0], compare);
    for (size_t i = 1; i < self->count; i++) {
        struct cursor *into = &self->cursors[kept];

        if (compare(into, &self->cursors[i]) != 0) {
            self->cursors[++kept] = self->cursors[i];
            continue;
        }
        into->given = into->given || self->cursors[i].given;
        into->current = into->current || self->cursors[i].current;
        if (self->cursors[i].seq > into->seq)
            into->seq = self->cursors[i].seq;
    }
    self->count = kept + 1;
}

/* Adds the page past the cursor, unless it is empty. */
static int add_page(struct syncing *self, const struct cursor *cursor,
                    const struct page_sight *sight, uint64_t last_seq, bool *ret_more)
{
    AUTO(buf_done) struct buf events;
    struct page_ask ask = {.conversation = cursor->conversation,
                           .after = cursor->seq,
                           .before = last_seq + 1,
                           .limit = self->left};
    struct wire_page page = {.conversation = cursor->conversation, .last_seq = last_seq};
    uint32_t count = 0;
    bool more = false;
    int rc;

    buf_init(&events, QUERY_PAGE_BYTES);
    rc = page_read(self->store, sight, &ask, &events, &count, &more);
    if (rc < 0)
        return rc;
    *ret_more = more;
    self->more = self->more || more;
    self->left -= count;
    if (count == 0)
        return 0;
    page.more = more;
    page.events = wire_list_of(&events, count);
    wire_page_add(&self->pages, &self->page_count, &page);
    return self->pages.over ? -EMSGSIZE : 0;
}

static int add_joined(struct syncing *self, const struct cursor *cursor)
{
    int rc = describe_conversation(self->store, &cursor->conversation, &self->ask->user,
                                   &self->joined, &self->joined_count);

    return rc == -ENOENT ? 0 : rc;
}

static int sync_current(struct syncing *self, const struct cursor *cursor)
{
    struct page_sight sight;
    struct store_head head;
    uint32_t pages = self->page_count;
    bool more = false;
    int rc = self->store->ops->head(self->store, &cursor->conversation, &head);

    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    if (head.seq <= cursor->seq)
        return 0;
    if (self->left == 0 || self->pages.len + self->joined.len > QUERY_PAGE_BYTES) {
        self->more = true;
        return 0;
    }
    rc = page_sight(self->store, &cursor->conversation, &self->ask->user, &sight);
    if (rc == 0)
        rc = add_page(self, cursor, &sight, head.seq, &more);
    if (rc == 0 && !cursor->given && self->page_count > pages)
        rc = add_joined(self, cursor);
    return rc;
}

/* A conversation that the user has left: its events end with the removal, and only when all of them
 * are told is it named as left. Where reads are each of a moment of their own they may have come
 * back since their memberships were read. */
static int sync_left(struct syncing *self, const struct cursor *cursor)
{
    struct wire_item item = {cursor->conversation};
    struct page_sight sight;
    bool more = false;
    int rc = page_sight(self->store, &cursor->conversation, &self->ask->user, &sight);

    if (rc == 0 && sight.current)
        return sync_current(self, cursor);
    if (rc == 0 && sight.count && sight.self.to > cursor->seq) {
        more = self->left == 0 || self->pages.len > QUERY_PAGE_BYTES;
        self->more = self->more || more;
        if (!more)
            rc = add_page(self, cursor, &sight, sight.self.to, &more);
    }
    if (rc == 0 && !more)
        wire_item_add(&self->gone, &self->gone_count, &item);
    return rc;
}

static int gather(struct syncing *self)
{
    struct id first = {0};
    int rc = read_cursors(self);

    if (rc == 0)
        rc = self->store->ops->memberships(self->store, &self->ask->user, &first,
                                           QUERY_MEMBERSHIPS_MAX, add_membership, self);
    if (rc == 0)
        merge(self);
    for (size_t i = 0; i < self->count && rc == 0; i++)
        rc = self->cursors[i].current ? sync_current(self, &self->cursors[i])
                                      : sync_left(self, &self->cursors[i]);
    return rc;
}

int query_sync(struct store *store, const struct wire_sync *ask, struct buf *out)
{
    struct syncing self = {
        .store = store, .ask = ask, .left = query_limit(ask->limit, QUERY_LIMIT_MAX)};
    struct wire_sync_reply reply = {.status = WIRE_OK};
    int rc;

    self.cursors = NEW_ARRAY(CURSORS_MAX + QUERY_MEMBERSHIPS_MAX, struct cursor);
    buf_init(&self.pages, PAGES_MAX);
    buf_init(&self.joined, JOINED_MAX);
    buf_init(&self.gone, JOINED_MAX);
    rc = gather(&self);
    reply.more = self.more;
    reply.pages = wire_list_of(&self.pages, self.page_count);
    reply.joined = wire_list_of(&self.joined, self.joined_count);
    reply.left = wire_list_of(&self.gone, self.gone_count);
    if (rc == 0)
        wire_sync_reply_encode(out, &reply);
    free(self.cursors);
    buf_done(&self.pages);
    buf_done(&self.joined);
    buf_done(&self.gone);
    return rc;
}
