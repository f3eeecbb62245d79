/* A user's conversations: their ids, their list by activity, their members, and what was missed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "persist/describe.h"
#include "persist/page.h"
#include "persist/query.h"

#define CURSOR_BYTES 24
#define CONVERSATIONS_PER_PAGE 200
#define LIST_MAX (12u << 20)

/* ---- ids ---- */

struct ids_page {
    struct buf list;
    uint32_t count, limit;
    bool more;
};

static bool add_item(void *arg, const struct id *id)
{
    struct ids_page *self = arg;
    struct wire_item item = {*id};

    self->more = self->count == self->limit;
    if (!self->more)
        wire_item_add(&self->list, &self->count, &item);
    return !self->more;
}

int query_memberships(struct store *store, const struct wire_memberships *ask, struct buf *out)
{
    struct ids_page page = {.limit = query_limit(ask->limit, QUERY_MEMBERSHIPS_MAX)};
    struct wire_memberships_reply reply = {.status = WIRE_OK};
    int rc;

    buf_init(&page.list, LIST_MAX);
    rc = store->ops->memberships(store, &ask->user, &ask->after, page.limit + 1, add_item, &page);
    reply.more = page.more;
    reply.conversations = wire_list_of(&page.list, page.count);
    if (rc == 0)
        wire_memberships_reply_encode(out, &reply);
    buf_done(&page.list);
    return rc;
}

/* ---- members ---- */

static bool add_member(void *arg, const struct wire_member *member)
{
    struct ids_page *self = arg;

    self->more = self->count == self->limit;
    if (!self->more)
        wire_member_add(&self->list, &self->count, member);
    return !self->more;
}

int query_members(struct store *store, const struct wire_members *ask, struct buf *out)
{
    struct ids_page page = {.limit = query_limit(ask->limit, QUERY_LIMIT_MAX)};
    struct wire_members_reply reply = {.status = WIRE_NOT_FOUND};
    struct page_sight sight;
    int rc = page_sight(store, &ask->conversation, &ask->user, &sight);

    if (rc < 0)
        return rc;
    buf_init(&page.list, LIST_MAX);
    if (sight.current) {
        rc = store->ops->members(store, &ask->conversation, &ask->after, page.limit + 1, add_member,
                                 &page);
        reply =
            (struct wire_members_reply){WIRE_OK, page.more, wire_list_of(&page.list, page.count)};
    }
    if (rc == 0)
        wire_members_reply_encode(out, &reply);
    buf_done(&page.list);
    return rc;
}

/* ---- the list by activity ---- */

struct active {
    struct id id;
    uint64_t at_ms;
};

struct activity {
    struct active *all;
    size_t count;
};

static bool add_active(void *arg, const struct id *id)
{
    struct activity *self = arg;

    self->all[self->count++] = (struct active){.id = *id};
    return self->count < QUERY_MEMBERSHIPS_MAX;
}

/* Newest first; the id decides between equals. */
static int compare(const void *a, const void *b)
{
    const struct active *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? 1 : -1;
    return memcmp(&x->id, &y->id, sizeof x->id);
}

static int load_activity(struct store *store, const struct id *user, struct activity *ret)
{
    struct id first = {0};
    int rc = store->ops->memberships(store, user, &first, QUERY_MEMBERSHIPS_MAX, add_active, ret);

    for (size_t i = 0; i < ret->count && rc == 0; i++) {
        struct store_head head = {0};

        rc = store->ops->head(store, &ret->all[i].id, &head);
        ret->all[i].at_ms = head.at_ms;
    }
    if (ret->count)
        qsort(ret->all, ret->count, sizeof ret->all[0], compare);
    return rc;
}

static void write_cursor(const struct active *last, uint8_t ret[CURSOR_BYTES])
{
    memcpy(ret, &last->at_ms, 8);
    memcpy(ret + 8, &last->id, 16);
}

static int read_cursor(struct wire_bytes cursor, struct active *ret)
{
    if (cursor.len != CURSOR_BYTES)
        return -EPROTO;
    memcpy(&ret->at_ms, cursor.data, 8);
    memcpy(&ret->id, cursor.data + 8, 16);
    return 0;
}

/* Adds the page that starts at all[at]; *ret_end is behind its last. */
static int describe_page(struct store *store, const struct wire_conversations *ask,
                         const struct activity *activity, size_t *at, struct buf *list,
                         uint32_t *count)
{
    uint32_t limit = query_limit(ask->limit, CONVERSATIONS_PER_PAGE);
    int rc = 0;

    while (*at < activity->count && *count < limit && rc == 0 && list->len < QUERY_PAGE_BYTES) {
        rc = describe_conversation(store, &activity->all[(*at)++].id, &ask->user, list, count);
        if (rc == -ENOENT)
            rc = 0; /* left a moment ago */
    }
    return rc;
}

static int answer_list(struct store *store, const struct wire_conversations *ask,
                       struct activity *activity, struct buf *out)
{
    AUTO(buf_done) struct buf list;
    struct wire_conversations_reply reply = {.status = WIRE_OK};
    uint8_t cursor[CURSOR_BYTES];
    struct active after;
    uint32_t count = 0;
    size_t at = 0;
    int rc = load_activity(store, &ask->user, activity);

    if (rc == 0 && ask->cursor.len) {
        rc = read_cursor(ask->cursor, &after);
        while (rc == 0 && at < activity->count && compare(&activity->all[at], &after) <= 0)
            at++;
    }
    buf_init(&list, LIST_MAX);
    if (rc == 0)
        rc = describe_page(store, ask, activity, &at, &list, &count);
    if (rc < 0)
        return rc;
    reply.conversations = wire_list_of(&list, count);
    if (at < activity->count && at > 0) {
        write_cursor(&activity->all[at - 1], cursor);
        reply.next = wire_bytes_of(cursor, sizeof cursor);
    }
    wire_conversations_reply_encode(out, &reply);
    return 0;
}

static int answer_one(struct store *store, const struct wire_conversations *ask, struct buf *out)
{
    AUTO(buf_done) struct buf list;
    struct wire_conversations_reply reply = {.status = WIRE_OK};
    uint32_t count = 0;
    int rc;

    buf_init(&list, LIST_MAX);
    rc = describe_conversation(store, &ask->id, &ask->user, &list, &count);
    if (rc == -ENOENT)
        reply.status = WIRE_NOT_FOUND;
    else if (rc < 0)
        return rc;
    reply.conversations = wire_list_of(&list, count);
    wire_conversations_reply_encode(out, &reply);
    return 0;
}

int query_conversations(struct store *store, const struct wire_conversations *ask, struct buf *out)
{
    struct activity activity = {0};
    int rc;

    if (!id_is_zero(&ask->id))
        return answer_one(store, ask, out);
    activity.all = NEW_ARRAY(QUERY_MEMBERSHIPS_MAX, struct active);
    rc = answer_list(store, ask, &activity, out);
    free(activity.all);
    return rc;
}
