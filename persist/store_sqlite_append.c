/* Events into the log: one transaction per batch, and in it, per event, the head of its
 * conversation, the place of its client id, and the row. */
#include <errno.h>

#include "base/clock.h"
#include "persist/judge.h"
#include "persist/store_sqlite.h"

static int find_record(struct query *query, struct judge_record *ret)
{
    int rc = sqlite_step(query);

    if (rc == 1)
        *ret = (struct judge_record){
            .seq = sqlite_number(query, 0),
            .kind = (uint8_t)sqlite_number(query, 1),
            .key = sqlite_id(query, 2),
            .fingerprint = sqlite_number(query, 3),
        };
    return rc;
}

static int find_at(struct store_sqlite *self, uint64_t cid, uint64_t seq, struct judge_record *ret)
{
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_EVENT_AT);

    sqlite_put_number(&query, cid);
    sqlite_put_number(&query, seq);
    return find_record(&query, ret);
}

static int find_by_key(struct store_sqlite *self, uint64_t cid, const struct id *key,
                       struct judge_record *ret)
{
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_EVENT_BY_KEY);

    sqlite_put_number(&query, cid);
    sqlite_put_id(&query, key);
    return find_record(&query, ret);
}

/* The row of the conversation: 1 found, 0 none. */
static int find_row(struct store_sqlite *self, struct state *ret)
{
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_CID);
    int rc;

    sqlite_put_id(&query, &ret->conversation);
    rc = sqlite_step(&query);
    if (rc == 1) {
        ret->number = sqlite_number(&query, 0);
        ret->kind = (uint8_t)sqlite_number(&query, 1);
    }
    return rc;
}

int sqlite_known(struct store *store, const struct id *conversation, const struct id *key,
                 struct wire_recent *ret)
{
    struct store_sqlite *self = (struct store_sqlite *)store;
    struct state state = {.conversation = *conversation};
    struct judge_record record;
    int rc = find_row(self, &state);

    if (rc == 1)
        rc = find_by_key(self, state.number, key, &record);
    if (rc < 1)
        return rc < 0 ? rc : -ENOENT;
    *ret = (struct wire_recent){record.key, record.fingerprint, record.seq};
    return 0;
}

static int make_row(struct store_sqlite *self, struct state *state)
{
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_CONVERSATION_PUT);
    int rc;

    sqlite_put_id(&query, &state->conversation);
    rc = sqlite_step(&query);
    if (rc == 1)
        state->number = sqlite_number(&query, 0);
    return rc < 0 ? rc : 0;
}

static int load_head(struct store_sqlite *self, struct state *state)
{
    AUTO(sqlite_done) struct query query = sqlite_query(self, SQL_HEAD);
    int rc;

    sqlite_put_number(&query, state->number);
    rc = sqlite_step(&query);
    if (rc != 1)
        return rc;
    state->seq = sqlite_number(&query, 0);
    state->messages = sqlite_number(&query, 1);
    state->last_message = sqlite_number(&query, 2);
    return 0;
}

/* Rows and kinds are remembered between batches; the head is read, so that it is right whoever else
 * wrote. number stays 0 for a conversation that has no row. */
static int load_state(struct store_sqlite *self, const struct id *conversation, struct state *ret)
{
    const struct state *known = states_find(self->states, conversation);
    struct state state = known ? *known : (struct state){.conversation = *conversation};
    int rc;

    if (!known) {
        rc = find_row(self, &state);
        if (rc < 0)
            return rc;
        if (rc == 1)
            states_put(self->states, &state);
    }
    *ret = state;
    return ret->number ? load_head(self, ret) : 0;
}

/* 1: its key stands in the conversation already, and nothing was put. */
static int put_event(struct store_sqlite *self, const struct state *state,
                     const struct wire_event *event, const struct id *key)
{
    struct query query = sqlite_query(self, SQL_EVENT_PUT);
    int rc;

    sqlite_put_number(&query, state->number);
    sqlite_put_number(&query, event->seq);
    sqlite_put_number(&query, event->kind);
    sqlite_put_id(&query, &event->actor);
    sqlite_put_bytes(&query, event->client_id);
    sqlite_put_id(&query, key);
    sqlite_put_number(&query, event->fingerprint);
    sqlite_put_number(&query, event->at_ms);
    sqlite_put_number(&query, state->messages);
    sqlite_put_number(&query, state->last_message);
    sqlite_put_number(&query, event->jobs);
    sqlite_put_bytes(&query, event->body);
    rc = sqlite_run(&query);
    return rc == 0 ? sqlite_changes(self) == 0 : rc;
}

static int put_jobs(struct store_sqlite *self, uint64_t cid, const struct wire_event *event)
{
    uint64_t now_ms = clock_wall_ms();
    int rc = 0;

    for (uint32_t left = event->jobs; left && rc == 0; left &= left - 1) {
        struct query query = sqlite_query(self, SQL_JOB_PUT);

        sqlite_put_number(&query, cid);
        sqlite_put_number(&query, event->seq);
        sqlite_put_number(&query, left & -left);
        sqlite_put_number(&query, event->at_ms < now_ms ? event->at_ms : now_ms);
        rc = sqlite_run(&query);
    }
    return rc;
}

/* 1 as put_event. */
static int store_event(struct store_sqlite *self, struct state *state,
                       const struct wire_event *event, const struct id *key)
{
    int rc = state->number ? 0 : make_row(self, state);

    if (event->kind == WIRE_KIND_MESSAGE_CREATED) {
        state->messages++;
        state->last_message = event->seq;
    }
    if (rc == 0)
        rc = put_event(self, state, event, key);
    if (rc == 0 && event->jobs)
        rc = put_jobs(self, state->number, event);
    if (rc == 0 && judge_projects(event->kind))
        rc = sqlite_project(self, state, event);
    if (rc == 0)
        states_put(self->states, state);
    return rc;
}

static int store_void(struct store_sqlite *self, struct state *state,
                      const struct wire_event *event)
{
    struct wire_event empty = judge_void(event);
    struct id key = judge_key(&empty);
    int rc = store_event(self, state, &empty, &key);

    return rc == 1 ? -EBADMSG : rc; /* its key is made of its number, which is free */
}

/* The number is the next one. Whether its key is new is found out by putting it: that costs no
 * look-up of its own. */
static int append_next(struct store_sqlite *self, struct state *state,
                       const struct wire_event *event, struct wire_verdict *ret)
{
    struct id key = judge_key(event);
    struct judge_record by_key;
    struct state before = *state;
    int rc = 1;

    ret->answer = WIRE_ANSWER_STORED;
    if (!judge_refuses(event, state->kind))
        rc = store_event(self, state, event, &key);
    if (rc != 1)
        return rc;
    *state = before;
    rc = state->number ? find_by_key(self, state->number, &key, &by_key) : 0;
    if (rc < 0)
        return rc;
    if (rc == 1)
        *ret = judge_repeated(event, &by_key);
    else
        ret->answer = WIRE_ANSWER_REFUSED;
    return store_void(self, state, event);
}

static int append_standing(struct store_sqlite *self, const struct state *state,
                           const struct wire_event *event, struct wire_verdict *ret)
{
    struct id key = judge_key(event);
    struct judge_record at, by_key;
    int found_at = find_at(self, state->number, event->seq, &at), found_key;

    self->base.settled++;
    if (found_at != 1)
        return found_at < 0 ? found_at : -EBADMSG;
    found_key = find_by_key(self, state->number, &key, &by_key);
    if (found_key < 0)
        return found_key;
    *ret = judge_standing(event, state->kind, &at, found_key ? &by_key : NULL);
    return 0;
}

static int append_one(struct store_sqlite *self, const struct wire_event *event,
                      struct wire_verdict *ret)
{
    struct state state;
    int rc = load_state(self, &event->conversation, &state);

    *ret = (struct wire_verdict){.seq = event->seq};
    if (rc < 0)
        return rc;
    if (event->seq == state.seq + 1)
        return append_next(self, &state, event, ret);
    if (event->seq > 0 && event->seq <= state.seq)
        return append_standing(self, &state, event, ret);
    ret->answer = WIRE_ANSWER_GAP;
    ret->of = state.seq;
    return 0;
}

int sqlite_append(struct store *base, const struct wire_event *events, size_t count,
                  struct wire_verdict *ret)
{
    struct store_sqlite *self = sqlite_of(base);
    int rc = sqlite_simple(self, SQL_BEGIN_WRITE);
    bool taken = false;

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (taken && judge_follows_taken(events, ret, i)) {
            ret[i] = (struct wire_verdict){.answer = WIRE_ANSWER_TAKEN, .seq = events[i].seq};
            continue;
        }
        rc = append_one(self, &events[i], &ret[i]);
        taken = taken || ret[i].answer == WIRE_ANSWER_TAKEN;
    }
    if (rc == -EEXIST) /* somebody else wrote in between, which a transaction rules out */
        rc = -EBADMSG;
    return sqlite_end(self, rc);
}
