/* The indexes, all made at start, and the version of what lies in the database. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "persist/store_mongo.h"

static const struct index {
    const char *collection, *name;
    const char *fields[3];
    bool unique;
} indexes[] = {
    {"events", "by_number", {"c", "s"}, true},
    {"events", "by_client", {"c", "key"}, true},
    {"events", "to_project", {"project"}, false},
    {"events", "webhook_due", {"webhook", "webhook_due"}, false},
    {"members", "of_conversation", {"c", "to", "u"}, false},
    {"members", "of_user", {"u", "to", "c"}, false},
    {"claims", "by_role", {"role", "partition"}, false},
    {"users", "by_username", {"username"}, true},
    {"users", "by_email", {"email"}, true},
    {"sessions", "of_user", {"user", "revoked"}, false},
    {"sessions", "by_revocation", {"revoked"}, false},
    {"spent", "by_new", {"new"}, false},
};

static void put_index(bson_t *array, const struct index *index)
{
    bson_t doc, key;

    BSON_APPEND_DOCUMENT_BEGIN(array, "0", &doc);
    BSON_APPEND_DOCUMENT_BEGIN(&doc, "key", &key);
    for (size_t i = 0; i < COUNT_OF(index->fields) && index->fields[i]; i++)
        BSON_APPEND_INT32(&key, index->fields[i], 1);
    bson_append_document_end(&doc, &key);
    BSON_APPEND_UTF8(&doc, "name", index->name);
    if (index->unique)
        BSON_APPEND_BOOL(&doc, "unique", true);
    bson_append_document_end(array, &doc);
}

static int make_index(struct store_mongo *self, const struct index *index)
{
    bson_t command = BSON_INITIALIZER, array, reply;
    bson_error_t error = {0};
    int rc = 0;

    BSON_APPEND_UTF8(&command, "createIndexes", index->collection);
    BSON_APPEND_ARRAY_BEGIN(&command, "indexes", &array);
    put_index(&array, index);
    bson_append_array_end(&command, &array);
    if (!mongoc_database_command_simple(self->database, &command, NULL, &reply, &error))
        rc = mongo_error(self, &error);
    bson_destroy(&command);
    bson_destroy(&reply);
    return rc == -EEXIST ? -EIO : rc; /* what is there breaks the index */
}

static bool keep_version(void *arg, const bson_t *doc)
{
    *(uint64_t *)arg = mongo_number(doc, "version");
    return false;
}

static int read_version(struct store_mongo *self, uint64_t *ret)
{
    bson_t filter = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_UTF8(&filter, "_id", "schema");
    rc = mongo_each(self, MONGO_META, &filter, (struct mongo_page){0}, keep_version, ret);
    bson_destroy(&filter);
    return rc;
}

static int write_version(struct store_mongo *self)
{
    bson_t doc = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_UTF8(&doc, "_id", "schema");
    mongo_put_number(&doc, "version", STORE_SCHEMA);
    rc = mongo_insert(self, MONGO_META, &doc);
    bson_destroy(&doc);
    return rc == -EEXIST ? 0 : rc; /* another worker was faster */
}

/* A write that changes nothing tells whether writing is allowed. */
static int try_writing(struct store_mongo *self)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    int rc;

    BSON_APPEND_UTF8(&filter, "_id", "schema");
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$max", &set);
    mongo_put_number(&set, "version", STORE_SCHEMA);
    bson_append_document_end(&update, &set);
    rc = mongo_update(self, MONGO_META, &filter, &update, NULL);
    bson_destroy(&filter);
    bson_destroy(&update);
    return rc;
}

int mongo_set_up(struct store_mongo *self, bool writer)
{
    uint64_t version = 0;
    int rc = read_version(self, &version);

    if (rc < 0)
        return rc;
    if (version > STORE_SCHEMA) {
        snprintf(self->base.why, sizeof self->base.why,
                 "the MongoDB database has schema %llu, this program knows up to %d: start the "
                 "newer program",
                 (unsigned long long)version, STORE_SCHEMA);
        return -EPROTONOSUPPORT;
    }
    if (!writer && version == 0) {
        snprintf(self->base.why, sizeof self->base.why, "the MongoDB database is not made yet");
        return -EAGAIN;
    }
    for (size_t i = 0; i < COUNT_OF(indexes) && rc == 0 && writer; i++)
        rc = make_index(self, &indexes[i]);
    if (rc == 0 && version == 0)
        rc = write_version(self);
    return rc == 0 && writer ? try_writing(self) : rc;
}
