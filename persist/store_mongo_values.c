/* Values in and out of BSON, and the few commands that everything is made of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "persist/store_mongo.h"

/* ---- in ---- */

void mongo_hex(const struct id *id, char ret[MONGO_ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof id->bytes; i++) {
        *ret++ = digits[id->bytes[i] >> 4];
        *ret++ = digits[id->bytes[i] & 15];
    }
    *ret = '\0';
}

void mongo_event_id(const struct id *conversation, uint64_t seq, char ret[MONGO_KEY_TEXT])
{
    mongo_hex(conversation, ret);
    snprintf(ret + MONGO_ID_TEXT - 1, MONGO_KEY_TEXT - MONGO_ID_TEXT, "/%llu",
             (unsigned long long)seq);
}

void mongo_put_id(bson_t *doc, const char *name, const struct id *id)
{
    char text[MONGO_ID_TEXT];

    mongo_hex(id, text);
    BSON_APPEND_UTF8(doc, name, text);
}

void mongo_put_number(bson_t *doc, const char *name, uint64_t value)
{
    BSON_APPEND_INT64(doc, name, (int64_t)value);
}

void mongo_put_bytes(bson_t *doc, const char *name, struct wire_bytes bytes)
{
    const uint8_t *data = bytes.data ? bytes.data : (const uint8_t *)"";

    BSON_APPEND_BINARY(doc, name, BSON_SUBTYPE_BINARY, data, (uint32_t)bytes.len);
}

void mongo_put_text(bson_t *doc, const char *name, struct wire_bytes text)
{
    const char *data = text.len ? (const char *)text.data : "";

    bson_append_utf8(doc, name, -1, data, (int)text.len);
}

/* ---- out ---- */

uint64_t mongo_number(const bson_t *doc, const char *name)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, doc, name) ? (uint64_t)bson_iter_as_int64(&iter) : 0;
}

struct wire_bytes mongo_bytes(const bson_t *doc, const char *name)
{
    bson_iter_t iter;
    const uint8_t *data = NULL;
    uint32_t len = 0;

    if (!bson_iter_init_find(&iter, doc, name))
        return (struct wire_bytes){0};
    if (BSON_ITER_HOLDS_UTF8(&iter))
        data = (const uint8_t *)bson_iter_utf8(&iter, &len);
    else if (BSON_ITER_HOLDS_BINARY(&iter))
        bson_iter_binary(&iter, NULL, &len, &data);
    return wire_bytes_of(data, len);
}

static uint8_t digit(uint8_t c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

struct id mongo_id(const bson_t *doc, const char *name)
{
    struct wire_bytes text = mongo_bytes(doc, name);
    struct id id = {0};

    for (size_t i = 0; i < sizeof id.bytes && text.len >= MONGO_ID_TEXT - 1; i++)
        id.bytes[i] = (uint8_t)(digit(text.data[2 * i]) << 4 | digit(text.data[2 * i + 1]));
    return id;
}

/* ---- commands ---- */

#define BATCH_MOST 1000 /* documents of an answer; the server's own choice is 101 for the first */

static void put_options(bson_t *options, struct mongo_page page)
{
    const char *field = page.sort;
    bson_t sort;

    if (field) {
        BSON_APPEND_DOCUMENT_BEGIN(options, "sort", &sort);
        BSON_APPEND_INT32(&sort, field[0] == '-' ? field + 1 : field, field[0] == '-' ? -1 : 1);
        bson_append_document_end(options, &sort);
    }
    if (page.limit)
        BSON_APPEND_INT64(options, "limit", page.limit);
    BSON_APPEND_INT32(options, "batchSize", BATCH_MOST);
}

int mongo_each(struct store_mongo *self, enum mongo_collection collection, const bson_t *filter,
               struct mongo_page page, mongo_each_fn *fn, void *arg)
{
    bson_t options = BSON_INITIALIZER;
    mongoc_cursor_t *cursor;
    const bson_t *doc;
    bson_error_t error;
    int rc = 0;

    put_options(&options, page);
    cursor =
        mongoc_collection_find_with_opts(self->collections[collection], filter, &options, NULL);
    while (mongoc_cursor_next(cursor, &doc))
        if (!fn(arg, doc))
            break;
    if (mongoc_cursor_error(cursor, &error))
        rc = mongo_error(self, &error);
    mongoc_cursor_destroy(cursor);
    bson_destroy(&options);
    return rc;
}

static int finish(struct store_mongo *self, bool good, bson_t *reply, const bson_error_t *error)
{
    int rc = 0;

    if (mongo_is_unsettled(reply))
        rc = mongo_unsettled(self);
    else if (!good)
        rc = mongo_error(self, error);
    bson_destroy(reply);
    return rc;
}

int mongo_insert(struct store_mongo *self, enum mongo_collection collection, const bson_t *doc)
{
    bson_error_t error = {0};
    bson_t reply;
    bool good =
        mongoc_collection_insert_one(self->collections[collection], doc, NULL, &reply, &error);

    return finish(self, good, &reply, &error);
}

int mongo_update(struct store_mongo *self, enum mongo_collection collection, const bson_t *filter,
                 const bson_t *update, int64_t *ret_matched)
{
    bson_error_t error = {0};
    bson_t reply;
    bool good = mongoc_collection_update_many(self->collections[collection], filter, update, NULL,
                                              &reply, &error);

    if (good && ret_matched)
        *ret_matched = (int64_t)mongo_number(&reply, "matchedCount");
    return finish(self, good, &reply, &error);
}

int mongo_delete(struct store_mongo *self, enum mongo_collection collection, const bson_t *filter)
{
    bson_error_t error = {0};
    bson_t reply;
    bool good =
        mongoc_collection_delete_many(self->collections[collection], filter, NULL, &reply, &error);

    return finish(self, good, &reply, &error);
}

bool mongo_is_unsettled(const bson_t *reply)
{
    bson_iter_t iter, child;

    return bson_iter_init_find(&iter, reply, "writeConcernErrors") &&
           BSON_ITER_HOLDS_ARRAY(&iter) && bson_iter_recurse(&iter, &child) &&
           bson_iter_next(&child);
}

int mongo_refused(const bson_t *reply, size_t *ret)
{
    bson_iter_t iter, index, code;

    if (mongo_is_unsettled(reply) || !bson_iter_init(&iter, reply) ||
        !bson_iter_find_descendant(&iter, "writeErrors.0.code", &code) ||
        bson_iter_as_int64(&code) != 11000 || !bson_iter_init(&iter, reply) ||
        !bson_iter_find_descendant(&iter, "writeErrors.0.index", &index))
        return -EAGAIN;
    *ret = (size_t)bson_iter_as_int64(&index);
    return 0;
}
