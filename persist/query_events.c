/* The log for its readers, and a conversation's state for its router. */
#include <errno.h>

#include "persist/judge.h"
#include "persist/page.h"
#include "persist/query.h"

#define RECENTS 64
#define HEADS_MAX 100000 /* conversations of one question */
#define LOAD_USERS_MAX 10000
#define LIST_MAX (6u << 20)

uint32_t query_limit(uint32_t asked, uint32_t most)
{
    return asked == 0 || asked > most ? most : asked;
}

void query_status(struct buf *out, enum wire_result status, const char *detail)
{
    struct wire_status_reply reply = {(uint8_t)status, wire_text(detail)};

    wire_status_reply_encode(out, &reply);
}

/* ---- events ---- */

static int answer_page(struct store *store, const struct wire_events *ask,
                       const struct page_sight *sight, uint64_t last_seq, struct buf *out)
{
    AUTO(buf_done) struct buf events;
    AUTO(buf_done) struct buf record;
    struct page_ask page = {ask->conversation, ask->after,
                            ask->before,       query_limit(ask->limit, QUERY_LIMIT_MAX),
                            ask->newest,       ask->messages};
    struct wire_page result = {.conversation = ask->conversation, .last_seq = last_seq};
    struct wire_events_reply reply = {.status = WIRE_OK};
    uint32_t count = 0;
    bool more = false;
    int rc;

    if (!page.before || page.before > last_seq)
        page.before = last_seq + 1; /* what came meanwhile is for the next page */
    buf_init(&events, LIST_MAX);
    buf_init(&record, LIST_MAX + 1024);
    rc = page_read(store, sight, &page, &events, &count, &more);
    if (rc < 0)
        return rc;
    result.more = more;
    result.events = wire_list_of(&events, count);
    wire_page_encode(&record, &result);
    reply.page = wire_buf(&record);
    wire_events_reply_encode(out, &reply);
    return 0;
}

int query_events(struct store *store, const struct wire_events *ask, struct buf *out)
{
    struct wire_events_reply none = {.status = WIRE_NOT_FOUND};
    struct store_head head = {0};
    struct page_sight sight = {0};
    int rc = store->ops->head(store, &ask->conversation, &head);

    if (rc == 0)
        rc = page_sight(store, &ask->conversation, &ask->user, &sight);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (rc == -ENOENT || sight.count == 0 || !(sight.current || ask->past)) {
        wire_events_reply_encode(out, &none);
        return 0;
    }
    return answer_page(store, ask, &sight, sight.current ? head.seq : sight.self.to, out);
}

/* ---- heads ---- */

int query_heads(struct store *store, const struct wire_heads *ask, struct buf *out)
{
    AUTO(buf_done) struct buf list = {0};
    struct wire_list conversations = ask->conversations;
    struct wire_heads_reply reply = {.status = WIRE_OK};
    struct wire_bytes bytes;
    struct wire_item item;
    uint32_t count = 0;

    if (conversations.count > HEADS_MAX)
        return -EPROTO;
    buf_init(&list, LIST_MAX);
    while (wire_list_next(&conversations, &bytes)) {
        struct store_head head = {0};
        struct wire_position position;
        int rc = wire_item_decode(bytes, &item);

        if (rc == 0)
            rc = store->ops->head(store, &item.id, &head);
        if (rc < 0 && rc != -ENOENT)
            return rc;
        position = (struct wire_position){item.id, head.seq};
        wire_position_add(&list, &count, &position);
    }
    reply.positions = wire_list_of(&list, count);
    wire_heads_reply_encode(out, &reply);
    return 0;
}

/* ---- load ---- */

struct gathering {
    struct buf list;
    uint32_t count;
};

static bool add_recent(void *arg, const struct wire_event *event)
{
    struct gathering *self = arg;
    struct wire_recent recent = {judge_key(event), event->fingerprint, event->seq};

    if (event->kind != WIRE_KIND_VOID)
        wire_recent_add(&self->list, &self->count, &recent);
    return true;
}

static int gather_members(struct store *store, const struct wire_load *ask,
                          struct gathering *members)
{
    struct wire_list users = ask->users;
    struct wire_bytes bytes;
    struct wire_item item;

    while (wire_list_next(&users, &bytes)) {
        struct wire_member member;
        struct page_sight sight = {0};
        int rc = wire_item_decode(bytes, &item);

        if (rc == 0)
            rc = page_sight(store, &ask->conversation, &item.id, &sight);
        if (rc < 0)
            return rc;
        member = sight.self; /* of who has left: when, and no role */
        member.user = item.id;
        if (!sight.current)
            member.role = WIRE_ROLE_NONE;
        wire_member_add(&members->list, &members->count, &member);
    }
    return 0;
}

static int gather_state(struct store *store, const struct wire_load *ask, struct store_head *head,
                        struct gathering *recents, struct gathering *members)
{
    struct store_range range = {
        .conversation = ask->conversation, .first = 1, .limit = RECENTS, .descending = true};
    int rc = store->ops->settle(store, &ask->conversation);

    if (rc == 0)
        rc = store->ops->head(store, &ask->conversation, head);
    if (rc == 0)
        rc = store->ops->events(store, &range, add_recent, recents);
    if (rc == -ENOENT)
        rc = 0;
    return rc == 0 ? gather_members(store, ask, members) : rc;
}

/* A retry may be older than all that a router remembers. */
static int find_known(struct store *store, const struct wire_load *ask, struct buf *known)
{
    struct wire_recent recent;
    int rc;

    if (id_is_zero(&ask->key))
        return 0;
    rc = store->ops->known(store, &ask->conversation, &ask->key, &recent);
    if (rc == 0)
        wire_recent_encode(known, &recent);
    return rc == -ENOENT ? 0 : rc;
}

int query_load(struct store *store, const struct wire_load *ask, struct buf *out)
{
    AUTO(buf_done) struct buf known = {0};
    struct gathering recents = {0}, members = {0};
    struct store_head head = {0};
    struct wire_loaded reply = {.status = WIRE_OK};
    int rc;

    if (ask->users.count > LOAD_USERS_MAX)
        return -EPROTO;
    buf_init(&recents.list, LIST_MAX);
    buf_init(&members.list, LIST_MAX);
    buf_init(&known, LIST_MAX);
    rc = gather_state(store, ask, &head, &recents, &members);
    if (rc == 0)
        rc = find_known(store, ask, &known);
    if (rc == 0) {
        reply.kind = head.kind;
        reply.head = head.seq;
        reply.messages = head.messages;
        reply.last_message = head.last_message;
        reply.recents = wire_list_of(&recents.list, recents.count);
        reply.members = wire_list_of(&members.list, members.count);
        reply.known = wire_bytes_of(known.data, known.len);
        wire_loaded_encode(out, &reply);
    }
    buf_done(&recents.list);
    buf_done(&members.list);
    return rc;
}

/* ---- holders ---- */

static bool add_holding(void *arg, const struct wire_holding *holding)
{
    struct gathering *self = arg;

    wire_holding_add(&self->list, &self->count, holding);
    return true;
}

int query_holders(struct store *store, const struct wire_holders *ask, struct buf *out)
{
    struct gathering holdings = {0};
    struct wire_holders_reply reply = {.status = WIRE_OK};
    int rc;

    buf_init(&holdings.list, LIST_MAX);
    rc = store->ops->holdings(store, ask->role, add_holding, &holdings);
    reply.holdings = wire_list_of(&holdings.list, holdings.count);
    if (rc == 0)
        wire_holders_reply_encode(out, &reply);
    buf_done(&holdings.list);
    return rc;
}
