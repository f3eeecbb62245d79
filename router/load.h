/* Questions to one persist worker for the state of conversations: a bounded number in flight, asked
 * again in order when the answer does not come. */
#pragma once

#include <sys/queue.h>

#include "base/stat.h"

#define LOAD_FLIGHT_MAX 256
#define LOAD_TIMEOUT_MS 3000 /* at first; longer while answers do not come in time */
#define LOAD_TIMEOUT_MOST_MS 24000

/* Embedded in what is loaded; zeroed at first. */
struct load {
    TAILQ_ENTRY(load) entry;
    enum { LOAD_NONE, LOAD_QUEUED, LOAD_FLYING } state;
    uint32_t epoch; /* by which it is asked: set by who adds it */
    uint64_t trace;
    uint64_t sent_ms;
};

struct load_lane;

struct load_out {
    void *arg;
    /* What to ask; the list lies in buf. */
    struct wire_load (*request)(void *arg, struct load *load, struct buf *list);
    int (*send)(void *arg, const struct buf *frame); /* as bus_send */
    /* status ok or fenced; the load is LOAD_NONE again. */
    void (*loaded)(void *arg, struct load *load, const struct wire_loaded *loaded);
};

/* head: what its frames start with, but for type and trace. out is copied. */
int load_lane_new(struct load_lane **ret, const struct wire_head *head, const struct load_out *out,
                  struct stat_set *stats) MUST_CHECK;
void load_lane_free(struct load_lane **self);

/* Asks, at the next pump. Borrowed until loaded or removed. */
void load_lane_add(struct load_lane *self, struct load *load);
void load_lane_remove(struct load_lane *self, struct load *load);

/* Sends what may be sent. */
void load_lane_pump(struct load_lane *self, uint64_t now_ms);
/* An answer of the worker. One that nobody waits for, or that is not well formed, costs a counter.
 */
void load_lane_answer(struct load_lane *self, uint64_t trace, struct wire_bytes body,
                      uint64_t now_ms);
/* Time-outs. Returns how many had one. */
unsigned load_lane_tick(struct load_lane *self, uint64_t now_ms);
/* The worker is another process now: what was asked is asked again. */
void load_lane_restart(struct load_lane *self);

bool load_lane_is_waiting(const struct load_lane *self); /* the worker said unavailable */
