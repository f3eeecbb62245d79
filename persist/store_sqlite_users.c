/* Users, their sessions, and the refresh hashes that were spent. */
#include <errno.h>
#include <string.h>

#include "persist/store_sqlite.h"

#define SESSIONS_MOST 10000
#define PREFIX_MAX 100

/* An empty address stands as NULL: those never collide. */
static int put_user(struct store_sqlite *self, const struct wire_user *user)
{
    struct query query = sqlite_query(self, SQL_USER_PUT);

    sqlite_put_id(&query, &user->id);
    sqlite_put_bytes(&query, user->username);
    if (user->email.len)
        sqlite_put_bytes(&query, user->email);
    else
        sqlite_put_null(&query);
    sqlite_put_bytes(&query, user->display_name);
    sqlite_put_bytes(&query, user->password);
    sqlite_put_number(&query, user->created_ms);
    return sqlite_run(&query);
}

static int each_user(struct query *query, store_user_fn *fn, void *arg, int *ret_count)
{
    int rc;

    while ((rc = sqlite_step(query)) == 1) {
        struct wire_user user = {
            .id = sqlite_id(query, 0),
            .username = sqlite_bytes(query, 1),
            .email = sqlite_bytes(query, 2),
            .display_name = sqlite_bytes(query, 3),
            .password = sqlite_bytes(query, 4),
            .created_ms = sqlite_number(query, 5),
        };

        (*ret_count)++;
        if (!fn(arg, &user))
            return 0;
    }
    return rc;
}

static int one_user(struct query *query, store_user_fn *fn, void *arg)
{
    int count = 0;
    int rc = each_user(query, fn, arg, &count);

    return rc == 0 && count == 0 ? -ENOENT : rc;
}

static bool keep_id(void *arg, const struct wire_user *user)
{
    *(struct id *)arg = user->id;
    return true;
}

int sqlite_user_add(struct store *base, const struct wire_user *user, const char **ret_taken)
{
    struct id holder = {0};
    int rc = put_user(sqlite_of(base), user), found;

    if (rc != -EEXIST)
        return rc;
    found = sqlite_user_login(base, STORE_BY_USERNAME, user->username, keep_id, &holder);
    if (found < 0 && found != -ENOENT)
        return found;
    if (found == 0 && id_equal(&holder, &user->id))
        return 0; /* an earlier try of this one */
    *ret_taken = found == 0 ? "username" : "email";
    return -EEXIST;
}

int sqlite_user_get(struct store *base, const struct id *id, store_user_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_USER_BY_ID);

    sqlite_put_id(&query, id);
    return one_user(&query, fn, arg);
}

int sqlite_user_login(struct store *base, enum store_login by, struct wire_bytes login,
                      store_user_fn *fn, void *arg)
{
    enum sqlite_sql sql = by == STORE_BY_EMAIL ? SQL_USER_BY_EMAIL : SQL_USER_BY_NAME;
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), sql);

    sqlite_put_bytes(&query, login);
    return one_user(&query, fn, arg);
}

int sqlite_user_find(struct store *base, struct wire_bytes prefix, uint32_t limit,
                     store_user_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_USER_FIND);
    uint8_t beyond[PREFIX_MAX + 1];
    int count = 0;

    if (prefix.len > PREFIX_MAX)
        return 0;
    if (prefix.len)
        memcpy(beyond, prefix.data, prefix.len);
    beyond[prefix.len] = 0xff; /* in no UTF-8 text */
    sqlite_put_bytes(&query, prefix);
    sqlite_put_bytes(&query, wire_bytes_of(beyond, prefix.len + 1));
    sqlite_put_number(&query, limit);
    return each_user(&query, fn, arg, &count);
}

int sqlite_user_update(struct store *base, const struct id *id, struct wire_bytes display_name)
{
    struct store_sqlite *self = sqlite_of(base);
    struct query query = sqlite_query(self, SQL_USER_UPDATE);
    int rc;

    sqlite_put_bytes(&query, display_name);
    sqlite_put_id(&query, id);
    rc = sqlite_run(&query);
    return rc == 0 && sqlite_changes(self) == 0 ? -ENOENT : rc;
}

/* ---- sessions ---- */

int sqlite_session_add(struct store *base, const struct wire_session *session,
                       struct wire_bytes hash)
{
    struct query query = sqlite_query(sqlite_of(base), SQL_SESSION_PUT);

    sqlite_put_id(&query, &session->id);
    sqlite_put_id(&query, &session->user);
    sqlite_put_bytes(&query, session->device);
    sqlite_put_bytes(&query, hash);
    sqlite_put_number(&query, session->created_ms);
    sqlite_put_number(&query, session->used_ms);
    sqlite_put_number(&query, session->revoked_ms);
    return sqlite_run(&query);
}

static int each_session(struct query *query, store_session_fn *fn, void *arg, int *ret_count)
{
    int rc;

    while ((rc = sqlite_step(query)) == 1) {
        struct wire_session session = {
            .id = sqlite_id(query, 0),
            .user = sqlite_id(query, 1),
            .device = sqlite_bytes(query, 2),
            .created_ms = sqlite_number(query, 3),
            .used_ms = sqlite_number(query, 4),
            .revoked_ms = sqlite_number(query, 5),
        };

        (*ret_count)++;
        if (!fn(arg, &session))
            return 0;
    }
    return rc;
}

int sqlite_session_get(struct store *base, const struct id *id, store_session_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_SESSION_GET);
    int count = 0, rc;

    sqlite_put_id(&query, id);
    rc = each_session(&query, fn, arg, &count);
    return rc == 0 && count == 0 ? -ENOENT : rc;
}

int sqlite_session_list(struct store *base, const struct id *user, uint64_t since_ms,
                        store_session_fn *fn, void *arg)
{
    bool all = id_is_zero(user);
    enum sqlite_sql sql = all        ? SQL_SESSIONS_REVOKED
                          : since_ms ? SQL_SESSIONS_REVOKED_OF
                                     : SQL_SESSIONS_OF;
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), sql);
    int count = 0;

    if (!all)
        sqlite_put_id(&query, user);
    if (all || since_ms)
        sqlite_put_number(&query, since_ms);
    sqlite_put_number(&query, SESSIONS_MOST);
    return each_session(&query, fn, arg, &count);
}

static bool keep_user(void *arg, const struct wire_session *session)
{
    *(struct id *)arg = session->user;
    return true;
}

int sqlite_session_revoke(struct store *base, const struct id *user, const struct id *session,
                          uint64_t now_ms)
{
    struct store_sqlite *self = sqlite_of(base);
    bool all = id_is_zero(session);
    struct query query = sqlite_query(self, all ? SQL_SESSIONS_REVOKE : SQL_SESSION_REVOKE);
    struct id owner = {0};
    int rc;

    sqlite_put_number(&query, now_ms);
    if (!all)
        sqlite_put_id(&query, session);
    sqlite_put_id(&query, user);
    rc = sqlite_run(&query);
    if (rc < 0 || all || sqlite_changes(self) > 0)
        return rc;
    rc = sqlite_session_get(base, session, keep_user, &owner);
    return rc == 0 && !id_equal(&owner, user) ? -ENOENT : rc;
}

/* ---- refresh hashes ---- */

/* The number that the query's one row holds. */
static int one_number(struct query *query, uint64_t *ret)
{
    int rc = sqlite_step(query);

    if (rc == 1)
        *ret = sqlite_number(query, 0);
    return rc;
}

int sqlite_hash_issued(struct store *base, const struct id *session, struct wire_bytes hash,
                       uint64_t *ret_at_ms)
{
    static const enum sqlite_sql places[] = {SQL_SESSION_FIRST, SQL_SPENT_NEW};

    for (size_t i = 0; i < COUNT_OF(places); i++) {
        AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), places[i]);
        int rc;

        sqlite_put_id(&query, session);
        sqlite_put_bytes(&query, hash);
        rc = one_number(&query, ret_at_ms);
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    return -ENOENT;
}

static int tell_spent(struct store_sqlite *self, const struct store_spent *spent,
                      void (*fn)(void *arg, const struct store_spent *found), void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_SPENT_GET);
    struct store_spent found = *spent;
    int rc;

    sqlite_put_id(&query, &spent->session);
    sqlite_put_bytes(&query, spent->old_hash);
    rc = sqlite_step(&query);
    if (rc != 1)
        return rc < 0 ? rc : -EAGAIN;
    found.new_hash = sqlite_bytes(&query, 0);
    found.idempotency = sqlite_bytes(&query, 1);
    found.at_ms = sqlite_number(&query, 2);
    fn(arg, &found);
    return -EEXIST;
}

static int put_spent(struct store_sqlite *self, const struct store_spent *spent)
{
    struct query query = sqlite_query(self, SQL_SPENT_PUT);

    sqlite_put_id(&query, &spent->session);
    sqlite_put_bytes(&query, spent->old_hash);
    sqlite_put_bytes(&query, spent->new_hash);
    sqlite_put_bytes(&query, spent->idempotency);
    sqlite_put_number(&query, spent->at_ms);
    return sqlite_run(&query);
}

static int touch_session(struct store_sqlite *self, const struct store_spent *spent)
{
    struct query query = sqlite_query(self, SQL_SESSION_USED);

    sqlite_put_number(&query, spent->at_ms);
    sqlite_put_id(&query, &spent->session);
    return sqlite_run(&query);
}

int sqlite_hash_spend(struct store *base, const struct store_spent *spent,
                      void (*fn)(void *arg, const struct store_spent *found), void *arg)
{
    struct store_sqlite *self = sqlite_of(base);
    int rc = sqlite_simple(self, SQL_BEGIN_WRITE);

    if (rc < 0)
        return rc;
    rc = put_spent(self, spent);
    if (rc == 0)
        rc = touch_session(self, spent);
    rc = sqlite_end(self, rc);
    return rc == -EEXIST ? tell_spent(self, spent, fn, arg) : rc;
}
