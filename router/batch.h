/* Events on their way to one persist worker: at most two batches in flight, the next one filling
 * while they are written. What has no verdict is sent again in order (go-back-N) in batches with
 * new numbers; answers to old numbers count for nothing. */
#pragma once

#include "base/stat.h"
#include "router/post.h"

#define BATCH_FLIGHT_MAX 2
#define BATCH_EVENTS_MAX 512
#define BATCH_BYTES_MAX (1u << 20)
#define BATCH_TIMEOUT_MS 3000
#define BATCH_TIMEOUT_MOST_MS 24000

struct batch_lane;

struct batch_out {
    void *arg;
    int (*send)(void *arg, const struct buf *frame); /* as bus_send */
    /* What became of a post. 0: it is gone; -EAGAIN: send it again. May withdraw others, and add.
     */
    int (*settle)(void *arg, struct post *post, const struct wire_verdict *verdict);
};

/* head: what its frames start with, but for type, number and trace. out is copied. */
int batch_lane_new(struct batch_lane **ret, const struct wire_head *head,
                   const struct batch_out *out, struct stat_set *stats) MUST_CHECK;
void batch_lane_free(struct batch_lane **self);

/* At the end of the queue; leaves at the next pump that has room. Borrowed until settled or
 * withdrawn. */
void batch_lane_add(struct batch_lane *self, struct post *post);
/* Its verdict, if one comes, is not wanted. Nothing when it was not added. */
void batch_lane_withdraw(struct batch_lane *self, struct post *post);

/* Sends what may be sent. */
void batch_lane_pump(struct batch_lane *self, uint64_t now_us);
/* An answer of the worker to the batch of this trace. */
void batch_lane_answer(struct batch_lane *self, uint64_t trace, struct wire_bytes body,
                       uint64_t now_us);
/* Time-outs. Returns true when there was one. */
bool batch_lane_tick(struct batch_lane *self, uint64_t now_us);
/* The worker is another process now: its predecessor's answers will not come. */
void batch_lane_restart(struct batch_lane *self);

/* How long the oldest batch in flight has been away; 0: none is. */
uint64_t batch_lane_age_ms(const struct batch_lane *self, uint64_t now_us);
bool batch_lane_is_waiting(const struct batch_lane *self); /* the worker said unavailable */
