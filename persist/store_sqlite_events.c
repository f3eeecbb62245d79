/* Reading the log, what its last event says, and who holds partitions. */
#include <errno.h>

#include "persist/store_sqlite.h"

#define CLAIMS_KEPT 4 /* of one partition */

static int find_row(struct store_sqlite *self, const struct id *conversation, uint64_t *ret_cid,
                    uint8_t *ret_kind)
{
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_CID);
    int rc;

    sqlite_put_id(&query, conversation);
    rc = sqlite_step(&query);
    if (rc != 1)
        return rc < 0 ? rc : -ENOENT;
    *ret_cid = sqlite_number(&query, 0);
    *ret_kind = (uint8_t)sqlite_number(&query, 1);
    return 0;
}

int sqlite_head(struct store *base, const struct id *conversation, struct store_head *ret)
{
    struct store_sqlite *self = sqlite_of(base);
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_HEAD);
    uint64_t cid = 0;
    uint8_t kind = 0;
    int rc = find_row(self, conversation, &cid, &kind);

    if (rc < 0)
        return rc;
    sqlite_put_number(&query, cid);
    rc = sqlite_step(&query);
    if (rc != 1)
        return rc < 0 ? rc : -ENOENT;
    *ret = (struct store_head){
        .kind = kind,
        .seq = sqlite_number(&query, 0),
        .messages = sqlite_number(&query, 1),
        .last_message = sqlite_number(&query, 2),
        .at_ms = sqlite_number(&query, 3),
    };
    return 0;
}

int sqlite_conversation(struct store *base, const struct id *conversation,
                        struct store_conversation *ret)
{
    struct store_sqlite *self = sqlite_of(base);
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_CONVERSATION_GET);
    struct wire_bytes title;
    int rc;

    sqlite_put_id(&query, conversation);
    rc = sqlite_step(&query);
    if (rc != 1)
        return rc < 0 ? rc : -ENOENT;
    title = sqlite_bytes(&query, 1);
    buf_clear(&self->title);
    buf_put(&self->title, title.data, title.len);
    *ret = (struct store_conversation){
        .kind = (uint8_t)sqlite_number(&query, 0),
        .title = wire_buf(&self->title),
        .member_count = sqlite_number(&query, 2),
    };
    return 0;
}

static enum sqlite_sql sql_of(const struct store_range *range)
{
    if (range->messages)
        return range->descending ? SQL_MESSAGES_DOWN : SQL_MESSAGES_UP;
    return range->descending ? SQL_EVENTS_DOWN : SQL_EVENTS_UP;
}

static struct wire_event read_event(struct query *query, const struct id *conversation)
{
    return (struct wire_event){
        .conversation = *conversation,
        .seq = sqlite_number(query, 0),
        .kind = (uint8_t)sqlite_number(query, 1),
        .actor = sqlite_id(query, 2),
        .client_id = sqlite_bytes(query, 3),
        .fingerprint = sqlite_number(query, 4),
        .at_ms = sqlite_number(query, 5),
        .messages = sqlite_number(query, 6),
        .last_message = sqlite_number(query, 7),
        .jobs = (uint32_t)sqlite_number(query, 8),
        .body = sqlite_bytes(query, 9),
    };
}

int sqlite_events(struct store *base, const struct store_range *range, store_event_fn *fn,
                  void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), sql_of(range));
    int rc;

    sqlite_put_id(&query, &range->conversation);
    sqlite_put_number(&query, range->first);
    sqlite_put_number(&query, range->last ? range->last : INT64_MAX);
    sqlite_put_number(&query, range->limit);
    while ((rc = sqlite_step(&query)) == 1) {
        struct wire_event event = read_event(&query, &range->conversation);

        if (!fn(arg, &event))
            return 0;
    }
    return rc;
}

/* ---- claims ---- */

static int prune_claims(struct store_sqlite *self, const struct wire_holding *holding)
{
    struct query query = sqlite_query(self, SQL_CLAIM_PRUNE);

    sqlite_put_number(&query, holding->role);
    sqlite_put_number(&query, holding->partition);
    sqlite_put_number(&query, holding->epoch - CLAIMS_KEPT);
    return sqlite_run(&query);
}

static int insert_claim(struct store_sqlite *self, const struct wire_holding *holding)
{
    struct query query = sqlite_query(self, SQL_CLAIM);
    int rc;

    sqlite_put_number(&query, holding->role);
    sqlite_put_number(&query, holding->partition);
    sqlite_put_number(&query, holding->epoch);
    sqlite_put_bytes(&query, holding->holder);
    rc = sqlite_run(&query);
    return rc == 0 && holding->epoch > CLAIMS_KEPT ? prune_claims(self, holding) : rc;
}

int sqlite_claim(struct store *base, const struct wire_holding *holdings, size_t count,
                 uint64_t *ret_taken)
{
    struct store_sqlite *self = sqlite_of(base);
    uint64_t taken = 0;
    int rc = sqlite_simple(self, SQL_BEGIN_WRITE);

    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = insert_claim(self, &holdings[i]);
        if (rc == -EEXIST) {
            taken |= 1ull << i;
            rc = 0;
        }
    }
    rc = sqlite_end(self, rc);
    if (rc == 0)
        *ret_taken = taken;
    return rc;
}

int sqlite_holdings(struct store *base, uint8_t role, store_holding_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_HOLDINGS);
    int rc;

    sqlite_put_number(&query, role);
    while ((rc = sqlite_step(&query)) == 1) {
        struct wire_holding holding = {
            .partition = (uint16_t)sqlite_number(&query, 0),
            .epoch = (uint32_t)sqlite_number(&query, 1),
            .role = role,
            .holder = sqlite_bytes(&query, 2),
        };

        if (!fn(arg, &holding))
            return 0;
    }
    return rc;
}
