/* What the files of the MongoDB store share. Ids are hexadecimal text, in the order of their bytes;
 * what people write is binary, so that it comes back as it was. No field that an index holds is
 * ever left out. Nothing that decides is an updated field: only inserts under unique indexes do.
 *
 * events         _id "CONVERSATION/SEQ", c, s, kind, actor, client, key, print, at, messages,
 *                last_message, jobs, body; project 1: members and titles do not show it yet; and
 *                per kind of job: webhook (1 undone, 3 dead), webhook_due, webhook_tries
 * conversations  _id, kind, title, title_seq
 * members        _id "CONVERSATION/USER/FROM", c, u, from, to, role, role_seq
 * claims         _id "ROLE/PARTITION/EPOCH", role, partition, epoch, holder
 * users          _id, username, email, display_name, password, created
 * sessions       _id, user, device, hash, created, used, revoked
 * spent          _id "SESSION/HASH", new "SESSION/HASH", idempotency, at
 * meta           _id "schema", version */
#pragma once

#include <mongoc/mongoc.h>

#include "persist/states.h"
#include "persist/store_mongo_ops.h"

#define MONGO_ID_TEXT 33
#define MONGO_KEY_TEXT 240 /* several ids, numbers and hashes in one */

enum mongo_collection {
    MONGO_EVENTS,
    MONGO_CONVERSATIONS,
    MONGO_MEMBERS,
    MONGO_CLAIMS,
    MONGO_USERS,
    MONGO_SESSIONS,
    MONGO_SPENT,
    MONGO_META,
    MONGO_COLLECTIONS
};

struct store_mongo {
    struct store base;
    mongoc_client_t *client;
    mongoc_database_t *database;
    mongoc_collection_t *collections[MONGO_COLLECTIONS];
    struct states *states; /* heads of conversations, as this writer left them */
    struct buf title;
};

struct store_mongo *mongo_of(struct store *self);

/* Keeps a sentence for `why` and turns their code into ours. */
int mongo_error(struct store_mongo *self, const bson_error_t *error);
/* A reply that was acknowledged by one server only: nothing is known then. */
bool mongo_is_unsettled(const bson_t *reply);
/* Where an ordered bulk stopped because of a unique index whose record is durable. -EAGAIN when
 * that is not what stopped it. */
int mongo_refused(const bson_t *reply, size_t *ret) MUST_CHECK;
/* Says so; -EAGAIN. */
int mongo_unsettled(struct store_mongo *self);

/* Indexes and the schema's version. */
int mongo_set_up(struct store_mongo *self, bool writer);
/* libmongoc's own messages go to our log. */
void mongo_log_to_ours(void);
/* Counts the write commands that the client sends, and those without majority and journal. */
void mongo_watch_commands(struct store_mongo *self);

/* ---- values ---- */

void mongo_hex(const struct id *id, char ret[MONGO_ID_TEXT]);
/* "ID/NUMBER" */
void mongo_event_id(const struct id *conversation, uint64_t seq, char ret[MONGO_KEY_TEXT]);
void mongo_put_id(bson_t *doc, const char *name, const struct id *id);
void mongo_put_number(bson_t *doc, const char *name, uint64_t value);
void mongo_put_bytes(bson_t *doc, const char *name, struct wire_bytes bytes);
void mongo_put_text(bson_t *doc, const char *name, struct wire_bytes text);
uint64_t mongo_number(const bson_t *doc, const char *name);
struct id mongo_id(const bson_t *doc, const char *name);
struct wire_bytes mongo_bytes(const bson_t *doc, const char *name); /* text too; borrows */

/* ---- commands ---- */

/* False: that was enough. */
typedef bool mongo_each_fn(void *arg, const bson_t *doc);

/* Calls fn for each document. sort: a field, "-field" downwards, or NULL; limit 0: none. */
struct mongo_page {
    const char *sort;
    uint32_t limit;
};
int mongo_each(struct store_mongo *self, enum mongo_collection collection, const bson_t *filter,
               struct mongo_page page, mongo_each_fn *fn, void *arg);
/* -EEXIST: a unique index, and the record that has it is durable. */
int mongo_insert(struct store_mongo *self, enum mongo_collection collection, const bson_t *doc);
/* ret_matched may be NULL. */
int mongo_update(struct store_mongo *self, enum mongo_collection collection, const bson_t *filter,
                 const bson_t *update, int64_t *ret_matched);
int mongo_delete(struct store_mongo *self, enum mongo_collection collection, const bson_t *filter);

/* Members and titles that follow from the event. */
int mongo_project(struct store_mongo *self, const struct wire_event *event);
/* Projects what a writer that died left undone; conversation NULL: everywhere. */
int mongo_catch_up(struct store_mongo *self, const struct id *conversation);
struct wire_event mongo_read_event(const bson_t *doc);
/* The field that an event has for this kind of job; NULL: there is no such kind. */
const char *mongo_job_field(uint32_t kind);
