/* A way out of Parley: the interface of what delivers a job's event. */
#pragma once

#include <czmq.h>

#include "base/wire.h"

struct push;

/* Whether it was delivered; else why not (borrowed). Called once per start, later. */
typedef void push_fn(void *arg, bool delivered, const char *why);

struct push_ops {
    const char *name;
    enum wire_job_kind kind; /* of the jobs that it takes */
    /* Begins to deliver event; id is the same at every try of the same job. -EPROTO: the event is
     * none that can be delivered, ever; or another errno. fn is not called then. */
    int (*start)(struct push *self, const char *id, const struct wire_event *event, push_fn *fn,
                 void *arg);
    void (*close)(struct push **self); /* drops what is under way, and calls nobody */
};

struct push {
    const struct push_ops *ops; /* first member of every implementation */
};

struct push_webhook_options {
    const char *url; /* borrowed */
    long timeout_ms;
    long connections;
};

/* POSTs {"event":{…}} to a URL, with the job's id in X-Parley-Job; an answer 2xx is delivery. */
int push_webhook_new(struct push **ret, zloop_t *loop, const struct push_webhook_options *options)
    MUST_CHECK;
