/* Events into the log: rounds of one ordered bulk insert each. The unique indexes decide; what they
 * refuse is looked up, and only a record that is found settles it. A batch without repeats is one
 * round. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "persist/judge.h"
#include "persist/store_mongo.h"

struct appending {
    struct store_mongo *store;
    const struct wire_event *events;
    struct wire_verdict *verdicts; /* answer 0: not judged yet */
    size_t count;
    mongoc_bulk_operation_t *bulk;
    size_t inserts[STORE_APPEND_MAX]; /* of which events, in the order of the bulk */
    size_t insert_count;
    bool taken;
};

/* ---- looking up ---- */

static bool keep_record(void *arg, const bson_t *doc)
{
    *(struct judge_record *)arg = (struct judge_record){
        .seq = mongo_number(doc, "s"),
        .kind = (uint8_t)mongo_number(doc, "kind"),
        .key = mongo_id(doc, "key"),
        .fingerprint = mongo_number(doc, "print"),
    };
    return false;
}

/* 1: found. */
static int find_record(struct store_mongo *self, bson_t *filter, struct judge_record *ret)
{
    int rc =
        mongo_each(self, MONGO_EVENTS, filter, (struct mongo_page){.limit = 1}, keep_record, ret);

    bson_destroy(filter);
    return rc < 0 ? rc : ret->seq > 0;
}

static int find_at(struct store_mongo *self, const struct wire_event *event,
                   struct judge_record *ret)
{
    bson_t filter = BSON_INITIALIZER;
    char text[MONGO_KEY_TEXT];

    *ret = (struct judge_record){0};
    mongo_event_id(&event->conversation, event->seq, text);
    BSON_APPEND_UTF8(&filter, "_id", text);
    return find_record(self, &filter, ret);
}

static int find_key(struct store_mongo *self, const struct id *conversation, const struct id *key,
                    struct judge_record *ret)
{
    bson_t filter = BSON_INITIALIZER;

    *ret = (struct judge_record){0};
    mongo_put_id(&filter, "c", conversation);
    mongo_put_id(&filter, "key", key);
    return find_record(self, &filter, ret);
}

static int find_by_key(struct store_mongo *self, const struct wire_event *event,
                       struct judge_record *ret)
{
    struct id key = judge_key(event);

    return find_key(self, &event->conversation, &key, ret);
}

int mongo_known(struct store *store, const struct id *conversation, const struct id *key,
                struct wire_recent *ret)
{
    struct store_mongo *self = (struct store_mongo *)store;
    struct judge_record record;
    int rc = find_key(self, conversation, key, &record);

    if (rc < 1)
        return rc < 0 ? rc : -ENOENT;
    *ret = (struct wire_recent){record.key, record.fingerprint, record.seq};
    return 0;
}

/* The head is this writer's alone, so it is remembered; whenever an outcome was not as expected it
 * is forgotten and read again. */
static int load_state(struct store_mongo *self, const struct id *conversation, struct state **ret)
{
    struct store_head head = {0};
    struct state state = {.conversation = *conversation};
    int rc;

    *ret = states_find(self->states, conversation);
    if (*ret)
        return 0;
    rc = mongo_catch_up(self, conversation);
    if (rc == 0)
        rc = mongo_head(&self->base, conversation, &head);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    state.seq = head.seq;
    state.kind = head.kind;
    state.messages = head.messages;
    state.last_message = head.last_message;
    *ret = states_put(self->states, &state);
    return 0;
}

/* ---- one event ---- */

static void put_jobs(bson_t *doc, const struct wire_event *event)
{
    const char *field = mongo_job_field(WIRE_JOB_WEBHOOK);
    uint64_t now_ms = clock_wall_ms();
    char name[40];

    BSON_APPEND_INT32(doc, field, (event->jobs & WIRE_JOB_WEBHOOK) != 0);
    snprintf(name, sizeof name, "%s_due", field);
    mongo_put_number(doc, name, event->at_ms < now_ms ? event->at_ms : now_ms);
    snprintf(name, sizeof name, "%s_tries", field);
    BSON_APPEND_INT32(doc, name, 0);
}

static void put_event(bson_t *doc, const struct wire_event *event, const struct state *state)
{
    struct id key = judge_key(event);
    char text[MONGO_KEY_TEXT];

    mongo_event_id(&event->conversation, event->seq, text);
    BSON_APPEND_UTF8(doc, "_id", text);
    mongo_put_id(doc, "c", &event->conversation);
    mongo_put_number(doc, "s", event->seq);
    BSON_APPEND_INT32(doc, "kind", event->kind);
    mongo_put_id(doc, "actor", &event->actor);
    mongo_put_bytes(doc, "client", event->client_id);
    mongo_put_id(doc, "key", &key);
    mongo_put_number(doc, "print", event->fingerprint);
    mongo_put_number(doc, "at", event->at_ms);
    mongo_put_number(doc, "messages", state->messages);
    mongo_put_number(doc, "last_message", state->last_message);
    mongo_put_number(doc, "jobs", event->jobs);
    BSON_APPEND_INT32(doc, "project", judge_projects(event->kind));
    put_jobs(doc, event);
    mongo_put_bytes(doc, "body", event->body);
}

static uint8_t made_kind(const struct wire_event *event)
{
    struct wire_body_created body = {0};

    return wire_body_created_decode(event->body, &body) == 0 ? body.kind : 0;
}

/* Into the bulk; the head moves on as if it were stored. */
static int plan_insert(struct appending *self, size_t at, struct state *state,
                       const struct wire_event *event)
{
    bson_t doc = BSON_INITIALIZER;
    bson_error_t error;
    bool good;

    state->seq = event->seq;
    if (event->kind == WIRE_KIND_MESSAGE_CREATED) {
        state->messages++;
        state->last_message = event->seq;
    }
    if (event->kind == WIRE_KIND_CONVERSATION_CREATED)
        state->kind = made_kind(event);
    put_event(&doc, event, state);
    good = mongoc_bulk_operation_insert_with_opts(self->bulk, &doc, NULL, &error);
    bson_destroy(&doc);
    if (!good)
        return mongo_error(self->store, &error);
    self->inserts[self->insert_count++] = at;
    return 0;
}

/* The number is the next one. What was found to be a repeat, or breaks a rule, becomes a void. */
static int plan_next(struct appending *self, size_t at, struct state *state)
{
    const struct wire_event *event = &self->events[at];
    struct wire_verdict *verdict = &self->verdicts[at];
    struct wire_event empty = judge_void(event);
    struct judge_record by_key;
    int rc;

    if (verdict->answer == 0 && judge_refuses(event, state->kind)) {
        rc = find_by_key(self->store, event, &by_key);
        if (rc < 0)
            return rc;
        *verdict = rc == 1 ? judge_repeated(event, &by_key)
                           : (struct wire_verdict){WIRE_ANSWER_REFUSED, event->seq, 0};
    }
    if (verdict->answer)
        return plan_insert(self, at, state, &empty);
    verdict->answer = WIRE_ANSWER_STORED;
    return plan_insert(self, at, state, event);
}

/* Something has the number. */
static int settle_standing(struct appending *self, size_t at, uint8_t conversation_kind)
{
    const struct wire_event *event = &self->events[at];
    struct wire_verdict *verdict = &self->verdicts[at];
    struct judge_record there, by_key;
    int rc = find_at(self->store, event, &there), found = 0;

    if (rc != 1)
        return rc;
    *verdict = judge_standing(event, conversation_kind, &there, NULL);
    if (verdict->answer != WIRE_ANSWER_SAME) {
        found = find_by_key(self->store, event, &by_key);
        if (found < 0)
            return found;
        *verdict = judge_standing(event, conversation_kind, &there, found ? &by_key : NULL);
    }
    self->store->base.settled++;
    self->taken = self->taken || self->verdicts[at].answer == WIRE_ANSWER_TAKEN;
    return 1;
}

/* ---- rounds ---- */

/* Judges event number at, or puts it into the bulk. 1: it depends on what the bulk will come to. */
static int plan(struct appending *self, size_t at)
{
    const struct wire_event *event = &self->events[at];
    struct wire_verdict *verdict = &self->verdicts[at];
    struct state *state;
    int rc;

    verdict->seq = event->seq;
    if (self->taken && judge_follows_taken(self->events, self->verdicts, at)) {
        verdict->answer = WIRE_ANSWER_TAKEN;
        return 0;
    }
    rc = load_state(self->store, &event->conversation, &state);
    if (rc < 0)
        return rc;
    if (event->seq == state->seq + 1)
        return plan_next(self, at, state);
    if (event->seq == 0 || event->seq > state->seq + 1) {
        *verdict = (struct wire_verdict){WIRE_ANSWER_GAP, event->seq, state->seq};
        return 0;
    }
    if (self->insert_count > 0)
        return 1;
    rc = settle_standing(self, at, state->kind);
    if (rc == 1)
        return 0;
    states_drop(self->store->states, &event->conversation);
    return rc < 0 ? rc : -EAGAIN;
}

/* From insert number n on nothing is known: forgets what was planned. */
static void forget_from(struct appending *self, size_t n)
{
    for (; n < self->insert_count; n++)
        states_drop(self->store->states, &self->events[self->inserts[n]].conversation);
}

/* The number or the client id of insert number n stands already. On return the next round begins
 * at *ret_next. */
static int settle_refused(struct appending *self, size_t n, size_t *ret_next)
{
    size_t at = self->inserts[n];
    const struct wire_event *event = &self->events[at];
    struct judge_record by_key;
    struct state *state;
    int rc;

    for (size_t i = at; i < self->count; i++)
        self->verdicts[i].answer = 0;
    rc = load_state(self->store, &event->conversation, &state);
    if (rc == 0)
        rc = settle_standing(self, at, state->kind);
    *ret_next = at + 1;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = find_by_key(self->store, event, &by_key);
    if (rc != 1)
        return rc < 0 ? rc : -EAGAIN;
    self->verdicts[at] = judge_repeated(event, &by_key);
    *ret_next = at; /* its void comes first in the next round */
    return 0;
}

static int run_bulk(struct appending *self, size_t *next)
{
    bson_error_t error = {0};
    bson_t reply;
    size_t refused = 0;
    int rc = 0;

    if (mongoc_bulk_operation_execute(self->bulk, &reply, &error) && !mongo_is_unsettled(&reply)) {
        bson_destroy(&reply);
        return 0;
    }
    if (mongo_refused(&reply, &refused) == 0 && refused < self->insert_count) {
        forget_from(self, refused);
        rc = settle_refused(self, refused, next);
    } else {
        rc = mongo_is_unsettled(&reply) ? mongo_unsettled(self->store)
                                        : mongo_error(self->store, &error);
        forget_from(self, 0);
    }
    bson_destroy(&reply);
    return rc == -EEXIST ? -EAGAIN : rc;
}

/* From *next on, as far as one bulk goes. */
static int run_round(struct appending *self, size_t *next)
{
    bson_t options = BSON_INITIALIZER;
    size_t at = *next;
    int rc = 0;

    BSON_APPEND_BOOL(&options, "ordered", true);
    self->bulk = mongoc_collection_create_bulk_operation_with_opts(
        self->store->collections[MONGO_EVENTS], &options);
    self->insert_count = 0;
    while (at < self->count && rc == 0) {
        rc = plan(self, at);
        at += rc == 0;
    }
    *next = at;
    if (rc < 0)
        forget_from(self, 0);
    else if (self->insert_count > 0)
        rc = run_bulk(self, next);
    mongoc_bulk_operation_destroy(self->bulk);
    bson_destroy(&options);
    return rc < 0 ? rc : 0;
}

/* Before the answer, also for what stood already: the earlier try may have ended in between. */
static int project_all(struct appending *self)
{
    int rc = 0;

    for (size_t i = 0; i < self->count && rc == 0; i++)
        if (judge_projects(self->events[i].kind) &&
            (self->verdicts[i].answer == WIRE_ANSWER_STORED ||
             self->verdicts[i].answer == WIRE_ANSWER_SAME))
            rc = mongo_project(self->store, &self->events[i]);
    return rc;
}

int mongo_append(struct store *base, const struct wire_event *events, size_t count,
                 struct wire_verdict *ret)
{
    struct appending *self = NEW(struct appending);
    size_t next = 0;
    int rc = 0;

    self->store = mongo_of(base);
    self->events = events;
    self->verdicts = ret;
    self->count = count;
    memset(ret, 0, count * sizeof *ret);
    /* Emptied in between, it would forget what is in the bulk and not in the store yet. */
    states_make_room(self->store->states, count);
    /* A repeat takes two rounds, anything else one at most. */
    for (size_t rounds = 0; next < count && rc == 0; rounds++)
        rc = rounds > 2 * count + 2 ? -EAGAIN : run_round(self, &next);
    if (rc == 0)
        rc = project_all(self);
    free(self);
    return rc;
}
