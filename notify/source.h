/* Where jobs come from: the persist workers, asked over the bus. */
#pragma once

#include "base/service.h"

struct source;

struct source_calls {
    /* A job of a worker's. Its event borrows from the frame. */
    void (*on_job)(void *arg, const struct wire_job *job);
    /* A settlement with this trace is stored. */
    void (*on_settled)(void *arg, uint64_t trace);
    /* How many jobs may be claimed now. */
    size_t (*room)(void *arg);
    void *arg;
};

struct source_options {
    uint32_t kind;     /* of the jobs, enum wire_job_kind */
    uint64_t lease_ms; /* how long a claimed job is ours */
    uint64_t poll_ms;  /* between claims when nothing wakes us */
};

/* service is borrowed, calls and options are copied. A negative errno, logged. */
int source_new(struct source **ret, struct service *service, const struct source_options *options,
               const struct source_calls *calls) MUST_CHECK;
void source_free(struct source **self);

/* There may be jobs: claim them as soon as there is room. */
void source_wake(struct source *self);
/* Room has become free, or time has passed: claim what is due. */
void source_claim(struct source *self);

/* Tells the conversation's worker what became of a job; ask again when on_settled does not come. */
void source_settle(struct source *self, const struct wire_job_settle *settle, uint64_t trace);

/* NULL: all workers have answered of late; else what is wrong. */
const char *source_trouble(const struct source *self);
