/* The table of requests. */
#include "persist/request.h"

#include <errno.h>

#include "base/topology.h"

#define LIST_MAX (8u << 20)

/* ---- what anybody may read ---- */

#define QUERY(name)                                                                         \
    static int on_##name(struct request_desk *desk, const struct wire_head *head,           \
                         struct wire_bytes body, struct buf *out)                           \
    {                                                                                       \
        struct wire_##name ask;                                                             \
                                                                                            \
        (void)head;                                                                         \
        return wire_##name##_decode(body, &ask) < 0 ? -EPROTO                               \
                                                    : query_##name(desk->store, &ask, out); \
    }
QUERY(holders)
QUERY(heads)
QUERY(events)
QUERY(members)
QUERY(memberships)
QUERY(conversations)
QUERY(sync)
QUERY(user_get)
QUERY(user_find)
QUERY(session_list)

/* ---- what the owner of a partition writes ---- */

#define COMMAND(name, owner)                                                                  \
    static int on_##name(struct request_desk *desk, const struct wire_head *head,             \
                         struct wire_bytes body, struct buf *out)                             \
    {                                                                                         \
        struct wire_##name ask;                                                               \
        struct id id;                                                                         \
                                                                                              \
        (void)head;                                                                           \
        if (wire_##name##_decode(body, &ask) < 0 || owner(&ask, &id) < 0)                     \
            return -EPROTO;                                                                   \
        return fence_owns(desk->fence, &id) ? query_##name(desk->store, &ask, out) : -ESTALE; \
    }

static int owner_of_user_add(const struct wire_user_add *ask, struct id *ret)
{
    struct wire_user user;
    int rc = wire_user_decode(ask->user, &user);

    if (rc == 0)
        *ret = user.id;
    return rc;
}

static int owner_of_user_update(const struct wire_user_update *ask, struct id *ret)
{
    *ret = ask->id;
    return 0;
}

static int owner_of_session_add(const struct wire_session_add *ask, struct id *ret)
{
    struct wire_session session;
    int rc = wire_session_decode(ask->session, &session);

    if (rc == 0)
        *ret = session.id;
    return rc;
}

static int owner_of_session_rotate(const struct wire_session_rotate *ask, struct id *ret)
{
    *ret = ask->session;
    return 0;
}

static int owner_of_session_revoke(const struct wire_session_revoke *ask, struct id *ret)
{
    *ret = ask->user;
    return 0;
}

COMMAND(user_add, owner_of_user_add)
COMMAND(user_update, owner_of_user_update)
COMMAND(session_add, owner_of_session_add)
COMMAND(session_rotate, owner_of_session_rotate)
COMMAND(session_revoke, owner_of_session_revoke)

/* ---- routers ---- */

static int on_claim(struct request_desk *desk, const struct wire_head *head, struct wire_bytes body,
                    struct buf *out)
{
    AUTO(buf_done) struct buf list;
    struct wire_claim claim;
    struct wire_claimed reply = {.status = WIRE_OK};
    uint32_t count = 0;
    int rc = wire_claim_decode(body, &claim);

    if (rc == 0 && (claim.role != WIRE_ROUTER || claim.holder.len == 0 ||
                    claim.holder.len > TOPOLOGY_NAME_MAX))
        rc = -EPROTO; /* no daemon's name */
    buf_init(&list, LIST_MAX);
    if (rc == 0)
        rc = fence_claim(desk->fence, &claim, head->boot, &list, &count);
    if (rc < 0)
        return rc;
    reply.holdings = wire_list_of(&list, count);
    wire_claimed_encode(out, &reply);
    return 0;
}

static int on_announce(struct request_desk *desk, const struct wire_head *head,
                       struct wire_bytes body, struct buf *out)
{
    struct wire_announce announce;
    struct wire_announced reply = {.status = WIRE_OK, .durability = desk->store->ops->durability};
    struct wire_holding holding;
    struct wire_bytes item;

    (void)head;
    if (wire_announce_decode(body, &announce) < 0)
        return -EPROTO;
    while (wire_list_next(&announce.holdings, &item)) {
        int rc = wire_holding_decode(item, &holding);

        if (rc == 0 && holding.partition >= ID_PARTITIONS)
            rc = -EPROTO;
        if (rc == 0)
            rc = fence_pass(desk->fence, holding.partition, holding.epoch);
        if (rc == -ESTALE)
            reply.lost |= 1ull << holding.partition;
        else if (rc < 0)
            return rc;
    }
    if (reply.lost)
        reply.status = WIRE_FENCED;
    wire_announced_encode(out, &reply);
    return 0;
}

/* A load may come without an epoch: reading does no harm. */
static int on_load(struct request_desk *desk, const struct wire_head *head, struct wire_bytes body,
                   struct buf *out)
{
    struct wire_load ask;

    int rc = wire_load_decode(body, &ask);

    if (rc == 0 && !fence_owns(desk->fence, &ask.conversation))
        rc = -ESTALE;
    if (rc == 0 && head->epoch)
        rc = fence_pass(desk->fence, id_partition(&ask.conversation), head->epoch);
    if (rc < 0)
        return rc;
    return query_load(desk->store, &ask, out);
}

/* ---- jobs ---- */

static int on_jobs_claim(struct request_desk *desk, const struct wire_head *head,
                         struct wire_bytes body, struct buf *out)
{
    AUTO(buf_done) struct buf list;
    struct wire_jobs_claim ask;
    struct wire_jobs_reply reply = {.status = WIRE_OK};
    uint32_t count = 0;
    int rc = wire_jobs_claim_decode(body, &ask);

    (void)head;
    buf_init(&list, LIST_MAX);
    if (rc == 0)
        rc = leases_claim(desk->leases, desk->store, desk->fence, &ask, &list, &count);
    if (rc < 0)
        return rc;
    reply.jobs = wire_list_of(&list, count);
    wire_jobs_reply_encode(out, &reply);
    return 0;
}

static int on_job_settle(struct request_desk *desk, const struct wire_head *head,
                         struct wire_bytes body, struct buf *out)
{
    struct wire_job_settle ask;
    int rc = wire_job_settle_decode(body, &ask);

    (void)head;
    if (rc == 0 && (ask.state < WIRE_JOB_DONE || ask.state > WIRE_JOB_DEAD))
        rc = -EPROTO;
    if (rc == 0 && !fence_owns(desk->fence, &ask.conversation))
        rc = -ESTALE;
    if (rc == 0)
        rc = leases_settle(desk->leases, desk->store, &ask);
    if (rc == 0)
        query_status(out, WIRE_OK, "");
    return rc;
}

/* ---- the table ---- */

static const struct request requests[] = {
    {WIRE_TYPE_BATCH, WIRE_TYPE_BATCH_ANSWER, true, NULL},
    {WIRE_TYPE_LOAD, WIRE_TYPE_LOADED, true, on_load},
    {WIRE_TYPE_CLAIM, WIRE_TYPE_CLAIMED, true, on_claim},
    {WIRE_TYPE_ANNOUNCE, WIRE_TYPE_ANNOUNCED, true, on_announce},
    {WIRE_TYPE_USER_ADD, WIRE_TYPE_USER_ADD_REPLY, true, on_user_add},
    {WIRE_TYPE_USER_UPDATE, WIRE_TYPE_STATUS_REPLY, true, on_user_update},
    {WIRE_TYPE_SESSION_ADD, WIRE_TYPE_STATUS_REPLY, true, on_session_add},
    {WIRE_TYPE_SESSION_ROTATE, WIRE_TYPE_SESSION_ROTATE_REPLY, true, on_session_rotate},
    {WIRE_TYPE_SESSION_REVOKE, WIRE_TYPE_STATUS_REPLY, true, on_session_revoke},
    {WIRE_TYPE_JOBS_CLAIM, WIRE_TYPE_JOBS_REPLY, true, on_jobs_claim},
    {WIRE_TYPE_JOB_SETTLE, WIRE_TYPE_STATUS_REPLY, true, on_job_settle},
    {WIRE_TYPE_HOLDERS, WIRE_TYPE_HOLDERS_REPLY, false, on_holders},
    {WIRE_TYPE_HEADS, WIRE_TYPE_HEADS_REPLY, false, on_heads},
    {WIRE_TYPE_EVENTS, WIRE_TYPE_EVENTS_REPLY, false, on_events},
    {WIRE_TYPE_MEMBERS, WIRE_TYPE_MEMBERS_REPLY, false, on_members},
    {WIRE_TYPE_MEMBERSHIPS, WIRE_TYPE_MEMBERSHIPS_REPLY, false, on_memberships},
    {WIRE_TYPE_CONVERSATIONS, WIRE_TYPE_CONVERSATIONS_REPLY, false, on_conversations},
    {WIRE_TYPE_SYNC, WIRE_TYPE_SYNC_REPLY, false, on_sync},
    {WIRE_TYPE_USER_GET, WIRE_TYPE_USER_REPLY, false, on_user_get},
    {WIRE_TYPE_USER_FIND, WIRE_TYPE_USERS_REPLY, false, on_user_find},
    {WIRE_TYPE_SESSION_LIST, WIRE_TYPE_SESSIONS_REPLY, false, on_session_list},
};

const struct request *request_find(uint8_t type)
{
    for (size_t i = 0; i < COUNT_OF(requests); i++)
        if (requests[i].type == type)
            return &requests[i];
    return NULL;
}

void request_refuse(uint8_t reply, struct buf *out, enum wire_result status, const char *detail)
{
    struct wire_status_reply said = {(uint8_t)status, wire_text(detail)};
    uint8_t alone = (uint8_t)status;

    if (reply == WIRE_TYPE_HOLDERS_REPLY || reply == WIRE_TYPE_USER_ADD_REPLY ||
        reply == WIRE_TYPE_SESSION_ROTATE_REPLY || reply == WIRE_TYPE_STATUS_REPLY)
        wire_status_reply_encode(out, &said); /* they go on with a detail */
    else
        buf_put(out, &alone, 1); /* what is missing at the end has its default */
}
