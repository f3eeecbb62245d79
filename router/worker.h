/* One persist worker as this router sees it: a socket, a pipe of batches, a pipe of loads, and
 * whether it is still the same process. */
#pragma once

#include "router/batch.h"
#include "router/load.h"

#include "base/bus.h"

struct worker;

struct worker_spec {
    const char *name;     /* of the worker; borrowed */
    const char *endpoint; /* its requests */
    const char *identity; /* ours */
    int high_water;
};

struct worker_out {
    void *arg;
    int (*settle)(void *arg, struct post *post, const struct wire_verdict *verdict);
    struct wire_load (*request)(void *arg, struct load *load, struct buf *list);
    void (*loaded)(void *arg, struct load *load, const struct wire_loaded *loaded);
    /* Any other reply. */
    void (*reply)(void *arg, struct worker *worker, const struct bus_frame *reply);
};

/* -errno as bus_open. out is copied. */
int worker_new(struct worker **ret, const struct worker_spec *spec, const struct wire_head *head,
               const struct worker_out *out, struct stat_set *stats) MUST_CHECK;
void worker_free(struct worker **self);

/* Changes with worker_reopen. */
zsock_t *worker_sock(struct worker *self);
const char *worker_name(const struct worker *self);
struct batch_lane *worker_batches(struct worker *self);
struct load_lane *worker_loads(struct worker *self);

int worker_send(struct worker *self, const struct buf *frame) MUST_CHECK; /* as bus_send */

/* Takes at most `most` replies. */
void worker_recv(struct worker *self, unsigned most);
/* Sends what may be sent. */
void worker_pump(struct worker *self);
/* Time-outs. true: nothing has come back for a while, so ask whether it is still there. */
bool worker_tick(struct worker *self);

/* It has been silent for so long that another process may have its endpoint: reopen. */
bool worker_is_silent(struct worker *self);
/* A new socket to the same endpoint. What is unanswered is sent again when another process answers,
 * or when its time is over. -errno as bus_open: there is still the old one. */
int worker_reopen(struct worker *self) MUST_CHECK;

/* NULL: it does its work; else what is the matter. */
const char *worker_trouble(const struct worker *self);
