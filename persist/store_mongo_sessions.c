/* Sessions, and the refresh hashes that were spent: a record each, so that a hash is exchanged
 * once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "persist/store_mongo.h"

#define SESSIONS_MOST 10000
#define HASH_MAX 64

/* "SESSION/HASH" */
static void key_of(const struct id *session, struct wire_bytes hash, char ret[MONGO_KEY_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = MONGO_ID_TEXT - 1;

    mongo_hex(session, ret);
    ret[at++] = '/';
    for (size_t i = 0; i < hash.len && i < HASH_MAX; i++) {
        ret[at++] = digits[hash.data[i] >> 4];
        ret[at++] = digits[hash.data[i] & 15];
    }
    ret[at] = '\0';
}

int mongo_session_add(struct store *base, const struct wire_session *session,
                      struct wire_bytes hash)
{
    bson_t doc = BSON_INITIALIZER;
    char key[MONGO_KEY_TEXT];
    int rc;

    key_of(&session->id, hash, key);
    mongo_put_id(&doc, "_id", &session->id);
    mongo_put_id(&doc, "user", &session->user);
    mongo_put_bytes(&doc, "device", session->device);
    BSON_APPEND_UTF8(&doc, "hash", key);
    mongo_put_number(&doc, "created", session->created_ms);
    mongo_put_number(&doc, "used", session->used_ms);
    mongo_put_number(&doc, "revoked", session->revoked_ms);
    rc = mongo_insert(mongo_of(base), MONGO_SESSIONS, &doc);
    bson_destroy(&doc);
    return rc;
}

struct telling {
    store_session_fn *fn;
    void *arg;
    size_t count;
};

static bool tell_session(void *arg, const bson_t *doc)
{
    struct telling *self = arg;
    struct wire_session session = {
        .id = mongo_id(doc, "_id"),
        .user = mongo_id(doc, "user"),
        .device = mongo_bytes(doc, "device"),
        .created_ms = mongo_number(doc, "created"),
        .used_ms = mongo_number(doc, "used"),
        .revoked_ms = mongo_number(doc, "revoked"),
    };

    self->count++;
    return self->fn(self->arg, &session);
}

int mongo_session_get(struct store *base, const struct id *id, store_session_fn *fn, void *arg)
{
    struct telling telling = {.fn = fn, .arg = arg};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    mongo_put_id(&filter, "_id", id);
    rc = mongo_each(mongo_of(base), MONGO_SESSIONS, &filter, (struct mongo_page){.limit = 1},
                    tell_session, &telling);
    bson_destroy(&filter);
    return rc == 0 && telling.count == 0 ? -ENOENT : rc;
}

int mongo_session_list(struct store *base, const struct id *user, uint64_t since_ms,
                       store_session_fn *fn, void *arg)
{
    struct telling telling = {.fn = fn, .arg = arg};
    bson_t filter = BSON_INITIALIZER, revoked;
    bool all = id_is_zero(user);
    int rc;

    if (!all)
        mongo_put_id(&filter, "user", user);
    if (all || since_ms) {
        BSON_APPEND_DOCUMENT_BEGIN(&filter, "revoked", &revoked);
        mongo_put_number(&revoked, "$gte", since_ms ? since_ms : 1);
        bson_append_document_end(&filter, &revoked);
    } else {
        mongo_put_number(&filter, "revoked", 0);
    }
    rc = mongo_each(mongo_of(base), MONGO_SESSIONS, &filter,
                    (struct mongo_page){"revoked", SESSIONS_MOST}, tell_session, &telling);
    bson_destroy(&filter);
    return rc;
}

static bool keep_user(void *arg, const struct wire_session *session)
{
    *(struct id *)arg = session->user;
    return true;
}

int mongo_session_revoke(struct store *base, const struct id *user, const struct id *session,
                         uint64_t now_ms)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    struct id owner = {0};
    int64_t matched = 0;
    int rc;

    if (!id_is_zero(session))
        mongo_put_id(&filter, "_id", session);
    mongo_put_id(&filter, "user", user);
    mongo_put_number(&filter, "revoked", 0);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    mongo_put_number(&set, "revoked", now_ms);
    bson_append_document_end(&update, &set);
    rc = mongo_update(mongo_of(base), MONGO_SESSIONS, &filter, &update, &matched);
    bson_destroy(&filter);
    bson_destroy(&update);
    if (rc < 0 || matched > 0 || id_is_zero(session))
        return rc;
    rc = mongo_session_get(base, session, keep_user, &owner);
    return rc == 0 && !id_equal(&owner, user) ? -ENOENT : rc;
}

/* ---- refresh hashes ---- */

static bool keep_created(void *arg, const bson_t *doc)
{
    *(uint64_t *)arg = mongo_number(doc, "created");
    return false;
}

static bool keep_at(void *arg, const bson_t *doc)
{
    *(uint64_t *)arg = mongo_number(doc, "at");
    return false;
}

int mongo_hash_issued(struct store *base, const struct id *session, struct wire_bytes hash,
                      uint64_t *ret_at_ms)
{
    bson_t first = BSON_INITIALIZER, later = BSON_INITIALIZER;
    char key[MONGO_KEY_TEXT];
    uint64_t at_ms = 0;
    int rc;

    key_of(session, hash, key);
    mongo_put_id(&first, "_id", session);
    BSON_APPEND_UTF8(&first, "hash", key);
    BSON_APPEND_UTF8(&later, "new", key);
    rc = mongo_each(mongo_of(base), MONGO_SESSIONS, &first, (struct mongo_page){.limit = 1},
                    keep_created, &at_ms);
    if (rc == 0 && at_ms == 0)
        rc = mongo_each(mongo_of(base), MONGO_SPENT, &later, (struct mongo_page){.limit = 1},
                        keep_at, &at_ms);
    bson_destroy(&first);
    bson_destroy(&later);
    if (rc == 0 && at_ms)
        *ret_at_ms = at_ms;
    return rc == 0 && at_ms == 0 ? -ENOENT : rc;
}

static int touch_session(struct store_mongo *self, const struct store_spent *spent)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, max;
    int rc;

    mongo_put_id(&filter, "_id", &spent->session);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$max", &max);
    mongo_put_number(&max, "used", spent->at_ms);
    bson_append_document_end(&update, &max);
    rc = mongo_update(self, MONGO_SESSIONS, &filter, &update, NULL);
    bson_destroy(&filter);
    bson_destroy(&update);
    return rc;
}

struct finding {
    const struct store_spent *spent;
    void (*fn)(void *arg, const struct store_spent *found);
    void *arg;
    bool found;
};

static bool tell_spent(void *arg, const bson_t *doc)
{
    struct finding *self = arg;
    struct store_spent found = *self->spent;

    found.new_hash = mongo_bytes(doc, "new_hash");
    found.idempotency = mongo_bytes(doc, "idempotency");
    found.at_ms = mongo_number(doc, "at");
    self->found = true;
    self->fn(self->arg, &found);
    return false;
}

static int find_spent(struct store_mongo *self, const char *key, struct finding *finding)
{
    bson_t filter = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_UTF8(&filter, "_id", key);
    rc = mongo_each(self, MONGO_SPENT, &filter, (struct mongo_page){.limit = 1}, tell_spent,
                    finding);
    bson_destroy(&filter);
    if (rc == 0)
        rc = finding->found ? -EEXIST : -EAGAIN;
    return rc;
}

int mongo_hash_spend(struct store *base, const struct store_spent *spent,
                     void (*fn)(void *arg, const struct store_spent *found), void *arg)
{
    struct store_mongo *self = mongo_of(base);
    struct finding finding = {spent, fn, arg, false};
    char old[MONGO_KEY_TEXT], new[MONGO_KEY_TEXT];
    bson_t doc = BSON_INITIALIZER;
    int rc;

    key_of(&spent->session, spent->old_hash, old);
    key_of(&spent->session, spent->new_hash, new);
    BSON_APPEND_UTF8(&doc, "_id", old);
    BSON_APPEND_UTF8(&doc, "new", new);
    mongo_put_bytes(&doc, "new_hash", spent->new_hash);
    mongo_put_bytes(&doc, "idempotency", spent->idempotency);
    mongo_put_number(&doc, "at", spent->at_ms);
    rc = mongo_insert(self, MONGO_SPENT, &doc);
    bson_destroy(&doc);
    if (rc == -EEXIST)
        return find_spent(self, old, &finding);
    return rc == 0 ? touch_session(self, spent) : rc;
}
