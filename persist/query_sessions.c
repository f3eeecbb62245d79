/* Sessions and the rotation of their refresh secrets. What decides is an insert: a hash is spent
 * once, and the record that says so names what it was exchanged for. */
#include <errno.h>

#include "persist/query.h"

#define REPEAT_MS 30000 /* a repeat under the same idempotency hash is answered again */
#define HASH_MAX 64
#define LIST_MAX (8u << 20)

int query_session_add(struct store *store, const struct wire_session_add *ask, struct buf *out)
{
    struct wire_session session;
    int rc = wire_session_decode(ask->session, &session);

    if (rc < 0 || ask->hash.len == 0 || ask->hash.len > HASH_MAX)
        return -EPROTO;
    rc = store->ops->session_add(store, &session, ask->hash);
    if (rc < 0 && rc != -EEXIST)
        return rc;
    query_status(out, WIRE_OK, ""); /* ids are random: one that stands is an earlier try */
    return 0;
}

static bool keep_session(void *arg, const struct wire_session *session)
{
    struct wire_session *ret = arg;

    *ret = *session;
    ret->device = (struct wire_bytes){0};
    return true;
}

/* ---- rotation ---- */

struct exchange {
    const struct wire_session_rotate *ask;
    bool own;    /* this very request's, whose first answer the store had lost */
    bool repeat; /* the same exchange, told again in time */
    uint64_t at_ms;
};

static void judge_exchange(void *arg, const struct store_spent *found)
{
    struct exchange *self = arg;
    const struct wire_session_rotate *ask = self->ask;

    self->at_ms = found->at_ms;
    self->own = found->at_ms == ask->now_ms && wire_bytes_equal(found->new_hash, ask->new_hash);
    self->repeat = wire_bytes_equal(found->new_hash, ask->new_hash) && ask->idempotency.len > 0 &&
                   wire_bytes_equal(found->idempotency, ask->idempotency) &&
                   ask->now_ms <= found->at_ms + REPEAT_MS;
}

static void refuse(struct wire_session_rotate_reply *reply)
{
    reply->status = WIRE_UNAUTHORIZED;
}

/* A hash that was given out and not spent is exchanged; one that was spent is a repeat, or stolen.
 */
static int spend(struct store *store, const struct wire_session_rotate *ask, const struct id *user,
                 struct wire_session_rotate_reply *reply)
{
    struct store_spent spent = {ask->session, ask->old_hash, ask->new_hash, ask->idempotency,
                                ask->now_ms};
    struct exchange exchange = {.ask = ask};
    int rc = store->ops->hash_spend(store, &spent, judge_exchange, &exchange);

    if (rc == -EEXIST && exchange.own)
        rc = 0;
    if (rc < 0 && rc != -EEXIST)
        return rc;
    reply->user = *user;
    reply->at_ms = rc == 0 ? ask->now_ms : exchange.at_ms;
    reply->status = rc == 0 ? WIRE_OK : WIRE_DUPLICATE;
    if (rc == 0 || exchange.repeat)
        return 0;
    refuse(reply);
    reply->detail = wire_text("reused");
    return store->ops->session_revoke(store, user, &ask->session, ask->now_ms);
}

static int rotate(struct store *store, const struct wire_session_rotate *ask,
                  struct wire_session_rotate_reply *reply)
{
    struct wire_session session = {0};
    uint64_t issued_ms = 0;
    int rc = store->ops->session_get(store, &ask->session, keep_session, &session);

    if (rc == 0 && session.revoked_ms == 0)
        rc = store->ops->hash_issued(store, &ask->session, ask->old_hash, &issued_ms);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (rc == 0 && session.revoked_ms == 0 &&
        (!ask->max_age_ms || ask->now_ms <= issued_ms + ask->max_age_ms))
        return spend(store, ask, &session.user, reply);
    refuse(reply);
    return 0;
}

int query_session_rotate(struct store *store, const struct wire_session_rotate *ask,
                         struct buf *out)
{
    struct wire_session_rotate_reply reply = {0};
    int rc;

    if (ask->new_hash.len == 0 || ask->new_hash.len > HASH_MAX || ask->old_hash.len > HASH_MAX ||
        ask->idempotency.len > HASH_MAX)
        return -EPROTO;
    rc = rotate(store, ask, &reply);
    if (rc == 0)
        wire_session_rotate_reply_encode(out, &reply);
    return rc;
}

/* ---- the rest ---- */

int query_session_revoke(struct store *store, const struct wire_session_revoke *ask,
                         struct buf *out)
{
    int rc = store->ops->session_revoke(store, &ask->user, &ask->session, ask->now_ms);

    if (rc < 0 && rc != -ENOENT)
        return rc;
    query_status(out, rc == 0 ? WIRE_OK : WIRE_NOT_FOUND, "");
    return 0;
}

struct listed {
    struct buf list;
    uint32_t count;
};

static bool add_session(void *arg, const struct wire_session *session)
{
    struct listed *self = arg;

    wire_session_add(&self->list, &self->count, session);
    return !self->list.over;
}

int query_session_list(struct store *store, const struct wire_session_list *ask, struct buf *out)
{
    struct listed listed = {0};
    struct wire_sessions_reply reply = {.status = WIRE_OK};
    int rc;

    buf_init(&listed.list, LIST_MAX);
    rc = store->ops->session_list(store, &ask->user, ask->revoked_since_ms, add_session, &listed);
    reply.sessions = wire_list_of(&listed.list, listed.count);
    if (rc == 0)
        wire_sessions_reply_encode(out, &reply);
    buf_done(&listed.list);
    return rc;
}
