/* Users, found by id, name or address. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persist/store_mongo.h"

/* Two users without an address must not collide: what stands for it has no @. */
static void put_email(bson_t *doc, const struct wire_user *user)
{
    char text[MONGO_ID_TEXT + 8] = "none/";

    if (user->email.len) {
        mongo_put_text(doc, "email", user->email);
        return;
    }
    mongo_hex(&user->id, text + 5);
    BSON_APPEND_UTF8(doc, "email", text);
}

static struct wire_bytes read_email(const bson_t *doc)
{
    struct wire_bytes email = mongo_bytes(doc, "email");

    return email.len && memchr(email.data, '@', email.len) ? email : (struct wire_bytes){0};
}

struct telling {
    store_user_fn *fn;
    void *arg;
    size_t count;
};

static bool tell_user(void *arg, const bson_t *doc)
{
    struct telling *self = arg;
    struct wire_user user = {
        .id = mongo_id(doc, "_id"),
        .username = mongo_bytes(doc, "username"),
        .email = read_email(doc),
        .display_name = mongo_bytes(doc, "display_name"),
        .password = mongo_bytes(doc, "password"),
        .created_ms = mongo_number(doc, "created"),
    };

    self->count++;
    return self->fn(self->arg, &user);
}

static int one_user(struct store *base, bson_t *filter, store_user_fn *fn, void *arg)
{
    struct telling telling = {.fn = fn, .arg = arg};
    int rc = mongo_each(mongo_of(base), MONGO_USERS, filter, (struct mongo_page){.limit = 1},
                        tell_user, &telling);

    bson_destroy(filter);
    return rc == 0 && telling.count == 0 ? -ENOENT : rc;
}

static bool keep_id(void *arg, const struct wire_user *user)
{
    *(struct id *)arg = user->id;
    return true;
}

static int put_user(struct store_mongo *self, const struct wire_user *user)
{
    bson_t doc = BSON_INITIALIZER;
    int rc;

    mongo_put_id(&doc, "_id", &user->id);
    mongo_put_text(&doc, "username", user->username);
    put_email(&doc, user);
    mongo_put_bytes(&doc, "display_name", user->display_name);
    mongo_put_bytes(&doc, "password", user->password);
    mongo_put_number(&doc, "created", user->created_ms);
    rc = mongo_insert(self, MONGO_USERS, &doc);
    bson_destroy(&doc);
    return rc;
}

int mongo_user_add(struct store *base, const struct wire_user *user, const char **ret_taken)
{
    struct id holder = {0};
    int rc = put_user(mongo_of(base), user), found;

    if (rc != -EEXIST)
        return rc;
    found = mongo_user_login(base, STORE_BY_USERNAME, user->username, keep_id, &holder);
    if (found < 0 && found != -ENOENT)
        return found;
    if (found == 0 && id_equal(&holder, &user->id))
        return 0; /* an earlier try of this one */
    *ret_taken = found == 0 ? "username" : "email";
    return -EEXIST;
}

int mongo_user_get(struct store *base, const struct id *id, store_user_fn *fn, void *arg)
{
    bson_t filter = BSON_INITIALIZER;

    mongo_put_id(&filter, "_id", id);
    return one_user(base, &filter, fn, arg);
}

int mongo_user_login(struct store *base, enum store_login by, struct wire_bytes login,
                     store_user_fn *fn, void *arg)
{
    bson_t filter = BSON_INITIALIZER;

    mongo_put_text(&filter, by == STORE_BY_EMAIL ? "email" : "username", login);
    return one_user(base, &filter, fn, arg);
}

/* From the prefix to the prefix with the last character there is. */
int mongo_user_find(struct store *base, struct wire_bytes prefix, uint32_t limit, store_user_fn *fn,
                    void *arg)
{
    static const char beyond[] = "\xf4\x8f\xbf\xbf";
    struct telling telling = {.fn = fn, .arg = arg};
    bson_t filter = BSON_INITIALIZER, range;
    AUTO(buf_done) struct buf end;
    int rc;

    buf_init(&end, 4096);
    buf_put(&end, prefix.data, prefix.len);
    buf_put_text(&end, beyond);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "username", &range);
    mongo_put_text(&range, "$gte", prefix);
    mongo_put_text(&range, "$lt", wire_buf(&end));
    bson_append_document_end(&filter, &range);
    rc = mongo_each(mongo_of(base), MONGO_USERS, &filter, (struct mongo_page){"username", limit},
                    tell_user, &telling);
    bson_destroy(&filter);
    return rc;
}

int mongo_user_update(struct store *base, const struct id *id, struct wire_bytes display_name)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    int64_t matched = 0;
    int rc;

    mongo_put_id(&filter, "_id", id);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    mongo_put_bytes(&set, "display_name", display_name);
    bson_append_document_end(&update, &set);
    rc = mongo_update(mongo_of(base), MONGO_USERS, &filter, &update, &matched);
    bson_destroy(&filter);
    bson_destroy(&update);
    return rc == 0 && matched == 0 ? -ENOENT : rc;
}
