/* A table by message, a bit per role. What is not in it is an answer, or nothing that is sent. */
#include "base/permit.h"

#include <string.h>

#include "base/base.h"
#include "base/id.h"

enum {
    EDGE = 1 << 0,
    ROUTER = 1 << 1,
    PERSIST = 1 << 2,
    NOTIFY = 1 << 3,
    ADMIN = 1 << 4,
};

static const char *const roles[] = {"edge", "router", "persist", "notify", "admin"};

static const uint8_t senders[UINT8_MAX + 1] = {
    [WIRE_TYPE_POST] = EDGE | ADMIN,
    [WIRE_TYPE_REVOKE] = EDGE | ADMIN,
    [WIRE_TYPE_ALIVE] = EDGE | ADMIN,
    [WIRE_TYPE_INTEREST] = EDGE | ADMIN,

    [WIRE_TYPE_CLAIM] = ROUTER,
    [WIRE_TYPE_ANNOUNCE] = ROUTER,
    [WIRE_TYPE_LOAD] = ROUTER,
    [WIRE_TYPE_BATCH] = ROUTER,
    [WIRE_TYPE_SLOT] = EDGE | ROUTER | PERSIST,

    [WIRE_TYPE_HOLDERS] = EDGE | ADMIN,
    [WIRE_TYPE_USER_ADD] = EDGE | ADMIN,
    [WIRE_TYPE_USER_GET] = EDGE | ADMIN,
    [WIRE_TYPE_USER_FIND] = EDGE | ADMIN,
    [WIRE_TYPE_USER_UPDATE] = EDGE | ADMIN,
    [WIRE_TYPE_SESSION_ADD] = EDGE | ADMIN,
    [WIRE_TYPE_SESSION_ROTATE] = EDGE | ADMIN,
    [WIRE_TYPE_SESSION_REVOKE] = EDGE | ADMIN,
    [WIRE_TYPE_SESSION_LIST] = EDGE | ADMIN,
    [WIRE_TYPE_MEMBERSHIPS] = EDGE | ADMIN,
    [WIRE_TYPE_HEADS] = EDGE | ADMIN,
    [WIRE_TYPE_EVENTS] = EDGE | ADMIN,
    [WIRE_TYPE_CONVERSATIONS] = EDGE | ADMIN,
    [WIRE_TYPE_MEMBERS] = EDGE | ADMIN,
    [WIRE_TYPE_SYNC] = EDGE | ADMIN,
    [WIRE_TYPE_JOBS_CLAIM] = NOTIFY,
    [WIRE_TYPE_JOB_SETTLE] = NOTIFY,
    [WIRE_TYPE_WAKE] = ROUTER,

    [WIRE_TYPE_STATUS] = ADMIN,
    [WIRE_TYPE_ADMIN_USER] = ADMIN,
    [WIRE_TYPE_ADMIN_TOKEN] = ADMIN,
    [WIRE_TYPE_ADMIN_SCAN] = ADMIN,
    [WIRE_TYPE_RECORD_START] = ADMIN,
    [WIRE_TYPE_RECORD_MORE] = ADMIN,
};

/* 0: one that sends nothing, as scan, or that there is not. */
static uint8_t role_of(const char *name)
{
    size_t len = strcspn(name, ".");

    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (strlen(roles[i]) == len && memcmp(roles[i], name, len) == 0)
            return (uint8_t)(1u << i);
    return 0;
}

bool permit_allows(const char *name, const struct wire_head *head)
{
    uint8_t role = role_of(name);

    if (role != ADMIN && head->sender != id_fingerprint(0, name, strlen(name)))
        return false;
    return (senders[head->type] & role) != 0;
}
