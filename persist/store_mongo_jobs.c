/* Durable jobs: fields of the event that causes them, found by an index while they are undone. */
#include <errno.h>
#include <stdio.h>

#include "persist/store_mongo.h"

#define UNDONE 1
#define DEAD 3

const char *mongo_job_field(uint32_t kind)
{
    return kind == WIRE_JOB_WEBHOOK ? "webhook" : NULL;
}

struct telling {
    char tries[40];
    store_due_fn *fn;
    void *arg;
};

static bool tell_due(void *arg, const bson_t *doc)
{
    const struct telling *self = arg;
    struct store_due due = {
        .conversation = mongo_id(doc, "c"),
        .seq = mongo_number(doc, "s"),
        .tries = (uint32_t)mongo_number(doc, self->tries),
    };

    return self->fn(self->arg, &due);
}

int mongo_jobs(struct store *base, uint32_t kind, uint64_t now_ms, uint32_t limit, store_due_fn *fn,
               void *arg)
{
    const char *field = mongo_job_field(kind);
    struct telling telling = {.fn = fn, .arg = arg};
    bson_t filter = BSON_INITIALIZER, until;
    char due[40];
    int rc;

    if (!field)
        return 0;
    snprintf(due, sizeof due, "%s_due", field);
    snprintf(telling.tries, sizeof telling.tries, "%s_tries", field);
    BSON_APPEND_INT32(&filter, field, UNDONE);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, due, &until);
    mongo_put_number(&until, "$lte", now_ms);
    bson_append_document_end(&filter, &until);
    rc = mongo_each(mongo_of(base), MONGO_EVENTS, &filter, (struct mongo_page){due, limit},
                    tell_due, &telling);
    bson_destroy(&filter);
    return rc;
}

/* {$set: {webhook: 0}}, {$set: {webhook: 3}}, or {$set: {webhook_due: …}, $max: {webhook_tries: …}}
 */
static void put_change(bson_t *update, const char *field, const struct wire_job_settle *settle,
                       uint32_t tries)
{
    bson_t set, max;
    char name[40];

    BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
    snprintf(name, sizeof name, "%s_due", field);
    if (settle->state == WIRE_JOB_RETRY)
        mongo_put_number(&set, name, settle->retry_ms);
    else
        BSON_APPEND_INT32(&set, field, settle->state == WIRE_JOB_DEAD ? DEAD : 0);
    bson_append_document_end(update, &set);
    if (settle->state != WIRE_JOB_RETRY)
        return;
    snprintf(name, sizeof name, "%s_tries", field);
    BSON_APPEND_DOCUMENT_BEGIN(update, "$max", &max);
    BSON_APPEND_INT32(&max, name, (int32_t)tries);
    bson_append_document_end(update, &max);
}

int mongo_job_settle(struct store *base, const struct wire_job_settle *settle, uint32_t tries)
{
    const char *field = mongo_job_field(settle->kind);
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER;
    char key[MONGO_KEY_TEXT];
    int rc;

    if (!field)
        return 0;
    mongo_event_id(&settle->conversation, settle->seq, key);
    BSON_APPEND_UTF8(&filter, "_id", key);
    put_change(&update, field, settle, tries);
    rc = mongo_update(mongo_of(base), MONGO_EVENTS, &filter, &update, NULL);
    bson_destroy(&filter);
    bson_destroy(&update);
    return rc;
}
