/* Reading the log, what its last event says, and who holds partitions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "persist/store_mongo.h"

#define CLAIMS_KEPT 4 /* of one partition */

struct wire_event mongo_read_event(const bson_t *doc)
{
    return (struct wire_event){
        .conversation = mongo_id(doc, "c"),
        .seq = mongo_number(doc, "s"),
        .kind = (uint8_t)mongo_number(doc, "kind"),
        .actor = mongo_id(doc, "actor"),
        .client_id = mongo_bytes(doc, "client"),
        .fingerprint = mongo_number(doc, "print"),
        .at_ms = mongo_number(doc, "at"),
        .messages = mongo_number(doc, "messages"),
        .last_message = mongo_number(doc, "last_message"),
        .jobs = (uint32_t)mongo_number(doc, "jobs"),
        .body = mongo_bytes(doc, "body"),
    };
}

/* ---- heads and conversations ---- */

static bool keep_head(void *arg, const bson_t *doc)
{
    *(struct store_head *)arg = (struct store_head){
        .seq = mongo_number(doc, "s"),
        .messages = mongo_number(doc, "messages"),
        .last_message = mongo_number(doc, "last_message"),
        .at_ms = mongo_number(doc, "at"),
    };
    return false;
}

static bool keep_kind(void *arg, const bson_t *doc)
{
    *(uint8_t *)arg = (uint8_t)mongo_number(doc, "kind");
    return false;
}

int mongo_head(struct store *base, const struct id *conversation, struct store_head *ret)
{
    struct store_mongo *self = mongo_of(base);
    bson_t events = BSON_INITIALIZER, row = BSON_INITIALIZER;
    struct store_head head = {0};
    int rc;

    mongo_put_id(&events, "c", conversation);
    mongo_put_id(&row, "_id", conversation);
    rc = mongo_each(self, MONGO_EVENTS, &events, (struct mongo_page){"-s", 1}, keep_head, &head);
    if (rc == 0 && head.seq > 0)
        rc = mongo_each(self, MONGO_CONVERSATIONS, &row, (struct mongo_page){.limit = 1}, keep_kind,
                        &head.kind);
    bson_destroy(&events);
    bson_destroy(&row);
    if (rc == 0 && head.seq > 0)
        *ret = head;
    return rc == 0 && head.seq == 0 ? -ENOENT : rc;
}

struct row {
    struct store_mongo *store;
    struct store_conversation *ret;
    bool found;
};

static bool keep_row(void *arg, const bson_t *doc)
{
    struct row *self = arg;
    struct wire_bytes title = mongo_bytes(doc, "title");

    buf_clear(&self->store->title);
    buf_put(&self->store->title, title.data, title.len);
    self->ret->kind = (uint8_t)mongo_number(doc, "kind");
    self->ret->title = wire_buf(&self->store->title);
    self->found = true;
    return false;
}

static int count_members(struct store_mongo *self, const struct id *conversation, uint64_t *ret)
{
    bson_t filter = BSON_INITIALIZER;
    bson_error_t error;
    int64_t count;

    mongo_put_id(&filter, "c", conversation);
    mongo_put_number(&filter, "to", 0);
    count = mongoc_collection_count_documents(self->collections[MONGO_MEMBERS], &filter, NULL, NULL,
                                              NULL, &error);
    bson_destroy(&filter);
    if (count < 0)
        return mongo_error(self, &error);
    *ret = (uint64_t)count;
    return 0;
}

int mongo_conversation(struct store *base, const struct id *conversation,
                       struct store_conversation *ret)
{
    struct store_mongo *self = mongo_of(base);
    struct store_conversation conv = {0};
    struct row row = {self, &conv, false};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    mongo_put_id(&filter, "_id", conversation);
    rc = mongo_each(self, MONGO_CONVERSATIONS, &filter, (struct mongo_page){.limit = 1}, keep_row,
                    &row);
    bson_destroy(&filter);
    if (rc == 0 && !row.found)
        rc = -ENOENT;
    if (rc == 0)
        rc = count_members(self, conversation, &conv.member_count);
    if (rc == 0)
        *ret = conv;
    return rc;
}

/* ---- ranges ---- */

struct telling {
    store_event_fn *fn;
    void *arg;
};

static bool tell_event(void *arg, const bson_t *doc)
{
    const struct telling *self = arg;
    struct wire_event event = mongo_read_event(doc);

    return self->fn(self->arg, &event);
}

static void put_range(bson_t *filter, const struct store_range *range)
{
    bson_t numbers;

    mongo_put_id(filter, "c", &range->conversation);
    if (range->messages)
        BSON_APPEND_INT32(filter, "kind", WIRE_KIND_MESSAGE_CREATED);
    if (range->first == range->last) {
        mongo_put_number(filter, "s", range->first);
        return;
    }
    BSON_APPEND_DOCUMENT_BEGIN(filter, "s", &numbers);
    mongo_put_number(&numbers, "$gte", range->first);
    if (range->last)
        mongo_put_number(&numbers, "$lte", range->last);
    bson_append_document_end(filter, &numbers);
}

int mongo_events(struct store *base, const struct store_range *range, store_event_fn *fn, void *arg)
{
    struct mongo_page page = {range->descending ? "-s" : "s", range->limit};
    struct telling telling = {fn, arg};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    put_range(&filter, range);
    rc = mongo_each(mongo_of(base), MONGO_EVENTS, &filter, page, tell_event, &telling);
    bson_destroy(&filter);
    return rc;
}

/* ---- claims ---- */

/* What is older than the last few of its partition. */
static void put_prune(mongoc_bulk_operation_t *bulk, const struct wire_holding *holding)
{
    bson_t filter = BSON_INITIALIZER, less;

    BSON_APPEND_INT32(&filter, "role", holding->role);
    BSON_APPEND_INT32(&filter, "partition", holding->partition);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "epoch", &less);
    mongo_put_number(&less, "$lt", holding->epoch - CLAIMS_KEPT);
    bson_append_document_end(&filter, &less);
    mongoc_bulk_operation_remove(bulk, &filter);
    bson_destroy(&filter);
}

/* A delete costs as much as a claim: each time those of a few partitions. */
static int prune_claims(struct store_mongo *self, const struct wire_holding *holdings, size_t count,
                        uint64_t taken)
{
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(self->collections[MONGO_CLAIMS], NULL);
    bson_error_t error = {0};
    bson_t reply = BSON_INITIALIZER;
    size_t old = 0;
    int rc = 0;

    for (size_t i = 0; i < count; i++)
        if (holdings[i].epoch > CLAIMS_KEPT && !(taken >> i & 1) &&
            (holdings[i].epoch + holdings[i].partition) % CLAIMS_KEPT == 0) {
            put_prune(bulk, &holdings[i]);
            old++;
        }
    if (old) {
        bson_destroy(&reply);
        if (!mongoc_bulk_operation_execute(bulk, &reply, &error))
            rc = mongo_error(self, &error);
    }
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    return rc;
}

static void put_claim(mongoc_bulk_operation_t *bulk, const struct wire_holding *holding)
{
    bson_t doc = BSON_INITIALIZER;
    char key[60];

    snprintf(key, sizeof key, "%u/%u/%u", holding->role, holding->partition, holding->epoch);
    BSON_APPEND_UTF8(&doc, "_id", key);
    BSON_APPEND_INT32(&doc, "role", holding->role);
    BSON_APPEND_INT32(&doc, "partition", holding->partition);
    mongo_put_number(&doc, "epoch", holding->epoch);
    mongo_put_bytes(&doc, "holder", holding->holder);
    mongoc_bulk_operation_insert(bulk, &doc);
    bson_destroy(&doc);
}

/* Up to the first one that somebody has: 1, and its place. */
static int insert_claims(struct store_mongo *self, const struct wire_holding *holdings,
                         size_t count, size_t *ret_at)
{
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(
        self->collections[MONGO_CLAIMS], NULL); /* ordered */
    bson_error_t error = {0};
    bson_t reply;
    int rc = 0;

    for (size_t i = 0; i < count; i++)
        put_claim(bulk, &holdings[i]);
    if (!mongoc_bulk_operation_execute(bulk, &reply, &error) || mongo_is_unsettled(&reply)) {
        if (mongo_is_unsettled(&reply))
            rc = mongo_unsettled(self);
        else if (mongo_refused(&reply, ret_at) == 0 && *ret_at < count)
            rc = 1;
        else
            rc = mongo_error(self, &error);
    }
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    return rc;
}

int mongo_claim(struct store *base, const struct wire_holding *holdings, size_t count,
                uint64_t *ret_taken)
{
    struct store_mongo *self = mongo_of(base);
    uint64_t taken = 0;
    size_t at = 0, refused = 0;
    int rc = 1;

    while (rc == 1 && at < count) {
        rc = insert_claims(self, &holdings[at], count - at, &refused);
        if (rc == 1) {
            taken |= 1ull << (at + refused);
            at += refused + 1;
        }
    }
    if (rc < 0)
        return rc;
    *ret_taken = taken;
    return prune_claims(self, holdings, count, taken);
}

struct highest {
    uint32_t epochs[ID_PARTITIONS];
    char holders[ID_PARTITIONS][64];
    size_t lens[ID_PARTITIONS];
};

static bool keep_highest(void *arg, const bson_t *doc)
{
    struct highest *self = arg;
    size_t p = (size_t)mongo_number(doc, "partition") % ID_PARTITIONS;
    uint32_t epoch = (uint32_t)mongo_number(doc, "epoch");
    struct wire_bytes holder = mongo_bytes(doc, "holder");

    if (epoch <= self->epochs[p] || holder.len > sizeof self->holders[p])
        return true;
    self->epochs[p] = epoch;
    self->lens[p] = holder.len;
    if (holder.len)
        memcpy(self->holders[p], holder.data, holder.len);
    return true;
}

int mongo_holdings(struct store *base, uint8_t role, store_holding_fn *fn, void *arg)
{
    struct highest highest = {0};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_INT32(&filter, "role", role);
    rc = mongo_each(mongo_of(base), MONGO_CLAIMS, &filter, (struct mongo_page){0}, keep_highest,
                    &highest);
    bson_destroy(&filter);
    for (unsigned p = 0; p < ID_PARTITIONS && rc == 0; p++) {
        struct wire_holding holding = {(uint16_t)p, highest.epochs[p], role,
                                       wire_bytes_of(highest.holders[p], highest.lens[p])};

        if (holding.epoch && !fn(arg, &holding))
            return 0;
    }
    return rc;
}
