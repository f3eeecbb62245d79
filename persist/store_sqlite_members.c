/* Who is in which conversation from which number to which: written with the event that says so,
 * kept for ever. */
#include <errno.h>

#include "persist/store_sqlite.h"

static int count_members(struct store_sqlite *self, uint64_t cid, int64_t change)
{
    struct query query = sqlite_query(self, SQL_CONVERSATION_COUNT);

    sqlite_put_number(&query, (uint64_t)change);
    sqlite_put_number(&query, cid);
    return sqlite_run(&query);
}

static int put_member(struct store_sqlite *self, uint64_t cid, const struct id *user, uint8_t role,
                      uint64_t seq)
{
    struct query query = sqlite_query(self, SQL_MEMBER_PUT);
    int rc;

    sqlite_put_number(&query, cid);
    sqlite_put_id(&query, user);
    sqlite_put_number(&query, seq);
    sqlite_put_number(&query, role ? role : WIRE_ROLE_MEMBER);
    rc = sqlite_run(&query);
    if (rc == 0 && sqlite_changes(self) > 0)
        rc = count_members(self, cid, 1);
    return rc;
}

/* Sets one value of the open interval. */
static int change_member(struct store_sqlite *self, enum sqlite_sql sql, uint64_t value,
                         uint64_t cid, const struct id *user)
{
    struct query query = sqlite_query(self, sql);
    int rc;

    sqlite_put_number(&query, value);
    sqlite_put_number(&query, cid);
    sqlite_put_id(&query, user);
    rc = sqlite_run(&query);
    if (rc == 0 && sql == SQL_MEMBER_END && sqlite_changes(self) > 0)
        rc = count_members(self, cid, -1);
    return rc;
}

static int make_conversation(struct store_sqlite *self, struct state *state,
                             const struct wire_event *event)
{
    struct query query = sqlite_query(self, SQL_CONVERSATION_MAKE);
    struct wire_body_created body;
    struct wire_bytes item;
    struct wire_member member;
    int rc = wire_body_created_decode(event->body, &body);

    if (rc < 0)
        return rc;
    state->kind = body.kind;
    sqlite_put_number(&query, body.kind);
    sqlite_put_bytes(&query, body.title);
    sqlite_put_number(&query, state->number);
    rc = sqlite_run(&query);
    while (rc == 0 && wire_list_next(&body.members, &item)) {
        rc = wire_member_decode(item, &member);
        if (rc == 0)
            rc = put_member(self, state->number, &member.user, member.role, event->seq);
    }
    return rc;
}

static int set_title(struct store_sqlite *self, uint64_t cid, const struct wire_event *event)
{
    struct query query = sqlite_query(self, SQL_CONVERSATION_TITLE);
    struct wire_body_updated body;
    int rc = wire_body_updated_decode(event->body, &body);

    if (rc < 0)
        return rc;
    sqlite_put_bytes(&query, body.title);
    sqlite_put_number(&query, cid);
    return sqlite_run(&query);
}

int sqlite_project(struct store_sqlite *self, struct state *state, const struct wire_event *event)
{
    struct wire_body_member body;
    uint64_t cid = state->number;
    int rc;

    if (event->kind == WIRE_KIND_CONVERSATION_CREATED)
        return make_conversation(self, state, event);
    if (event->kind == WIRE_KIND_CONVERSATION_UPDATED)
        return set_title(self, cid, event);
    rc = wire_body_member_decode(event->body, &body);
    if (rc < 0)
        return rc;
    if (event->kind == WIRE_KIND_MEMBER_ADDED)
        return put_member(self, cid, &body.user, body.role, event->seq);
    if (event->kind == WIRE_KIND_MEMBER_REMOVED)
        return change_member(self, SQL_MEMBER_END, event->seq, cid, &body.user);
    return change_member(self, SQL_MEMBER_ROLE, body.role ? body.role : WIRE_ROLE_MEMBER, cid,
                         &body.user);
}

/* ---- asking ---- */

static int each_member(struct query *query, store_member_fn *fn, void *arg)
{
    int rc;

    while ((rc = sqlite_step(query)) == 1) {
        struct wire_member member = {
            .user = sqlite_id(query, 0),
            .role = (uint8_t)sqlite_number(query, 1),
            .from = sqlite_number(query, 2),
            .to = sqlite_number(query, 3),
        };

        if (!fn(arg, &member))
            return 0;
    }
    return rc;
}

int sqlite_intervals(struct store *base, const struct id *conversation, const struct id *user,
                     store_member_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_INTERVALS);

    sqlite_put_id(&query, conversation);
    sqlite_put_id(&query, user);
    return each_member(&query, fn, arg);
}

int sqlite_members(struct store *base, const struct id *conversation, const struct id *after,
                   uint32_t limit, store_member_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_MEMBERS);

    sqlite_put_id(&query, conversation);
    sqlite_put_id(&query, after);
    sqlite_put_number(&query, limit);
    return each_member(&query, fn, arg);
}

int sqlite_memberships(struct store *base, const struct id *user, const struct id *after,
                       uint32_t limit, store_id_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_MEMBERSHIPS);
    int rc;

    sqlite_put_id(&query, user);
    sqlite_put_id(&query, after);
    sqlite_put_number(&query, limit);
    while ((rc = sqlite_step(&query)) == 1) {
        struct id conversation = sqlite_id(&query, 0);

        if (!fn(arg, &conversation))
            return 0;
    }
    return rc;
}
