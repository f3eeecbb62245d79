/* The pipe of events to a persist worker and of verdicts back. */
#include "router/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "router/backoff.h"

#define RECORD_MORE 64 /* bytes of an append around its event, at most */
#define US_PER_MS 1000

struct batch {
    uint64_t number;
    uint64_t sent_us;
    uint32_t count;
    struct post *posts[BATCH_EVENTS_MAX]; /* NULL: settled or withdrawn */
};

struct batch_lane {
    struct batch_out out;
    struct wire_head head;
    struct post_list queue;
    struct batch flight[BATCH_FLIGHT_MAX]; /* a ring */
    unsigned oldest, flying;
    uint64_t numbers; /* given out */
    uint64_t timeout_ms;
    struct backoff backoff;
    struct buf event, list, frame;
    uint64_t *batches, *events, *resent, *late;
    struct stat_histogram *latency;
};

int batch_lane_new(struct batch_lane **ret, const struct wire_head *head,
                   const struct batch_out *out, struct stat_set *stats)
{
    struct batch_lane *self = NEW(struct batch_lane);

    self->out = *out;
    self->head = *head;
    self->head.type = WIRE_TYPE_BATCH;
    self->timeout_ms = BATCH_TIMEOUT_MS;
    TAILQ_INIT(&self->queue);
    buf_init(&self->event, WIRE_FRAME_MAX);
    buf_init(&self->list, WIRE_FRAME_MAX);
    buf_init(&self->frame, WIRE_FRAME_MAX);
    self->batches = stat_counter(stats, "batches");
    self->events = stat_counter(stats, "batch_events");
    self->resent = stat_counter(stats, "batches_resent");
    self->late = stat_counter(stats, "replies_unexpected");
    self->latency = stat_histogram(stats, "batch_latency");
    *ret = self;
    return 0;
}

void batch_lane_free(struct batch_lane **self)
{
    if (!*self)
        return;
    buf_done(&(*self)->event);
    buf_done(&(*self)->list);
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}

void batch_lane_add(struct batch_lane *self, struct post *post)
{
    post->batch = NULL;
    post->in_queue = true;
    TAILQ_INSERT_TAIL(&self->queue, post, queued);
}

void batch_lane_withdraw(struct batch_lane *self, struct post *post)
{
    if (post->batch)
        post->batch->posts[post->slot] = NULL;
    if (post->in_queue)
        TAILQ_REMOVE(&self->queue, post, queued);
    post->batch = NULL;
    post->in_queue = false;
}

/* ---- out ---- */

/* The posts that the next batch carries, into list; they stay in the queue. */
static uint32_t fill(struct batch_lane *self, struct post *ret_posts[BATCH_EVENTS_MAX])
{
    struct post *post;
    uint32_t count = 0;

    buf_clear(&self->list);
    TAILQ_FOREACH(post, &self->queue, queued)
    {
        struct wire_event event = post_event(post);
        struct wire_append append = {.epoch = post->epoch};

        if (count == BATCH_EVENTS_MAX ||
            (count > 0 && self->list.len + post->size + RECORD_MORE > BATCH_BYTES_MAX))
            break;
        buf_clear(&self->event);
        wire_event_encode(&self->event, &event);
        append.event = wire_buf(&self->event);
        ret_posts[count] = post;
        wire_append_add(&self->list, &count, &append);
    }
    return count;
}

static void encode(struct batch_lane *self, uint64_t number, uint32_t count, uint64_t now_ms)
{
    struct wire_batch message = {.events = wire_list_of(&self->list, count)};

    self->head.number = number;
    self->head.trace = number;
    self->head.at_ms = now_ms;
    self->head.deadline_ms = now_ms + self->timeout_ms;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &self->head);
    wire_batch_encode(&self->frame, &message);
}

/* false: there is nothing, or it cannot leave now. */
static bool send_one(struct batch_lane *self, uint64_t now_us)
{
    struct batch *batch = &self->flight[(self->oldest + self->flying) % BATCH_FLIGHT_MAX];

    batch->count = fill(self, batch->posts);
    if (batch->count == 0)
        return false;
    encode(self, self->numbers + 1, batch->count, now_us / US_PER_MS);
    if (self->out.send(self->out.arg, &self->frame) < 0)
        return false;
    batch->number = ++self->numbers;
    batch->sent_us = now_us;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct post *post = batch->posts[i];

        TAILQ_REMOVE(&self->queue, post, queued);
        post->in_queue = false;
        post->batch = batch;
        post->slot = i;
    }
    self->flying++;
    (*self->batches)++;
    *self->events += batch->count;
    return true;
}

void batch_lane_pump(struct batch_lane *self, uint64_t now_us)
{
    if (now_us / US_PER_MS < self->backoff.until_ms)
        return;
    while (self->flying < BATCH_FLIGHT_MAX && send_one(self, now_us))
        continue;
}

/* ---- back ---- */

static void requeue(struct batch_lane *self, struct batch *batch)
{
    for (uint32_t i = batch->count; i-- > 0;) {
        struct post *post = batch->posts[i];

        if (!post)
            continue;
        post->batch = NULL;
        post->in_queue = true;
        TAILQ_INSERT_HEAD(&self->queue, post, queued);
    }
    batch->count = 0;
}

/* All that has no verdict is in the queue again, in the order in which it was added. */
static void go_back(struct batch_lane *self)
{
    *self->resent += self->flying;
    while (self->flying > 0) {
        self->flying--;
        requeue(self, &self->flight[(self->oldest + self->flying) % BATCH_FLIGHT_MAX]);
    }
}

/* true: it is gone. */
static bool settle_one(struct batch_lane *self, struct batch *batch, uint32_t slot,
                       const struct wire_verdict *verdict)
{
    struct post *post = batch->posts[slot];

    batch->posts[slot] = NULL;
    post->batch = NULL; /* it may be freed now, or wait for a number again */
    if (self->out.settle(self->out.arg, post, verdict) == 0)
        return true;
    post->batch = batch;
    batch->posts[slot] = post;
    return false;
}

/* How many could not be settled; *ret_settled: how many could. */
static uint32_t settle_all(struct batch_lane *self, struct batch *batch, struct wire_list verdicts,
                           uint32_t *ret_settled)
{
    struct wire_bytes item;
    uint32_t unsettled = 0;

    *ret_settled = 0;
    for (uint32_t i = 0; wire_list_next(&verdicts, &item); i++) {
        struct wire_verdict verdict;

        if (!batch->posts[i])
            continue;
        if (wire_verdict_decode(item, &verdict) < 0 || !settle_one(self, batch, i, &verdict))
            unsettled++;
        else
            (*ret_settled)++;
    }
    return unsettled;
}

/* The worker will never take these: another one owns them, or another router. */
static void settle_fenced(struct batch_lane *self, struct batch *batch)
{
    struct wire_verdict fenced = {.answer = WIRE_ANSWER_FENCED};

    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->posts[i])
            settle_one(self, batch, i, &fenced);
}

static void take_answer(struct batch_lane *self, struct batch *batch,
                        const struct wire_batch_answer *answer, uint64_t now_us)
{
    uint32_t settled = 0, unsettled = 0;

    if (answer->status == WIRE_FENCED)
        settle_fenced(self, batch);
    else if (answer->status != WIRE_OK || answer->verdicts.count != batch->count)
        unsettled = batch->count;
    else
        unsettled = settle_all(self, batch, answer->verdicts, &settled);
    if (unsettled == 0 || settled > 0)
        backoff_clear(&self->backoff);
    else
        backoff_fail(&self->backoff, now_us / US_PER_MS);
    if (unsettled > 0) {
        go_back(self);
        return;
    }
    stat_record(self->latency, now_us - batch->sent_us);
    self->oldest = (self->oldest + 1) % BATCH_FLIGHT_MAX;
    self->flying--;
}

void batch_lane_answer(struct batch_lane *self, uint64_t trace, struct wire_bytes body,
                       uint64_t now_us)
{
    struct batch *batch = &self->flight[self->oldest];
    struct wire_batch_answer answer;

    if (self->flying == 0 || trace < batch->number || trace > self->numbers) {
        (*self->late)++;
        return;
    }
    self->timeout_ms = BATCH_TIMEOUT_MS;
    if (wire_batch_answer_decode(body, &answer) < 0)
        answer = (struct wire_batch_answer){.status = WIRE_INVALID};
    if (trace !=
        batch->number) { /* the answer to the older one is lost, or only this was refused */
        if (answer.status == WIRE_UNAVAILABLE)
            backoff_fail(&self->backoff, now_us / US_PER_MS);
        go_back(self);
        return;
    }
    take_answer(self, batch, &answer, now_us);
}

bool batch_lane_tick(struct batch_lane *self, uint64_t now_us)
{
    bool timed_out = batch_lane_age_ms(self, now_us) >= self->timeout_ms;

    if (timed_out) {
        go_back(self);
        if (self->timeout_ms < BATCH_TIMEOUT_MOST_MS)
            self->timeout_ms *= 2;
    }
    batch_lane_pump(self, now_us);
    return timed_out;
}

void batch_lane_restart(struct batch_lane *self)
{
    go_back(self);
    backoff_clear(&self->backoff);
}

uint64_t batch_lane_age_ms(const struct batch_lane *self, uint64_t now_us)
{
    uint64_t sent_us = self->flight[self->oldest].sent_us;

    return self->flying > 0 && now_us > sent_us ? (now_us - sent_us) / US_PER_MS : 0;
}

bool batch_lane_is_waiting(const struct batch_lane *self)
{
    return self->backoff.wait_ms > 0;
}
