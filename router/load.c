/* Loads go out in the order in which they were asked for. A slot number is part of the trace, so an
 * answer finds its load without a search. */
#include "router/load.h"

#include <errno.h>
#include <stdlib.h>

#include "router/backoff.h"

#define FRAME_MAX (64u << 10)

TAILQ_HEAD(load_list, load);

struct load_lane {
    struct load_out out;
    struct wire_head head;
    struct load_list queue;
    struct load_list flight; /* oldest first */
    struct load *slots[LOAD_FLIGHT_MAX];
    unsigned free[LOAD_FLIGHT_MAX]; /* slots that nobody has: a stack */
    unsigned free_count;
    uint64_t next;
    struct backoff backoff;
    uint64_t timeout_ms;
    struct buf list, frame;
    uint64_t *loads, *repeated, *strays;
};

int load_lane_new(struct load_lane **ret, const struct wire_head *head, const struct load_out *out,
                  struct stat_set *stats)
{
    struct load_lane *self = NEW(struct load_lane);

    self->out = *out;
    self->head = *head;
    self->head.type = WIRE_TYPE_LOAD;
    self->timeout_ms = LOAD_TIMEOUT_MS;
    TAILQ_INIT(&self->queue);
    TAILQ_INIT(&self->flight);
    for (unsigned i = 0; i < LOAD_FLIGHT_MAX; i++)
        self->free[i] = i;
    self->free_count = LOAD_FLIGHT_MAX;
    buf_init(&self->list, FRAME_MAX);
    buf_init(&self->frame, FRAME_MAX + 1024);
    self->loads = stat_counter(stats, "loads");
    self->repeated = stat_counter(stats, "loads_repeated");
    self->strays = stat_counter(stats, "replies_unexpected");
    *ret = self;
    return 0;
}

void load_lane_free(struct load_lane **self)
{
    if (!*self)
        return;
    buf_done(&(*self)->list);
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}

void load_lane_add(struct load_lane *self, struct load *load)
{
    load->state = LOAD_QUEUED;
    TAILQ_INSERT_TAIL(&self->queue, load, entry);
}

/* Out of flight. */
static void land(struct load_lane *self, struct load *load)
{
    unsigned slot = load->trace % LOAD_FLIGHT_MAX;

    TAILQ_REMOVE(&self->flight, load, entry);
    self->slots[slot] = NULL;
    self->free[self->free_count++] = slot;
    load->state = LOAD_NONE;
}

void load_lane_remove(struct load_lane *self, struct load *load)
{
    if (load->state == LOAD_FLYING)
        land(self, load);
    else if (load->state == LOAD_QUEUED)
        TAILQ_REMOVE(&self->queue, load, entry);
    load->state = LOAD_NONE;
}

static int send_one(struct load_lane *self, struct load *load, uint64_t now_ms)
{
    unsigned slot = self->free[self->free_count - 1];
    struct wire_load request;
    int rc;

    buf_clear(&self->list);
    buf_clear(&self->frame);
    request = self->out.request(self->out.arg, load, &self->list);
    self->head.partition = (uint16_t)id_partition(&request.conversation);
    self->head.epoch = load->epoch;
    self->head.trace = (self->next + 1) * LOAD_FLIGHT_MAX + slot;
    self->head.at_ms = now_ms;
    self->head.deadline_ms = now_ms + self->timeout_ms;
    wire_head_encode(&self->frame, &self->head);
    wire_load_encode(&self->frame, &request);
    rc = self->out.send(self->out.arg, &self->frame);
    if (rc < 0)
        return rc;
    self->next++;
    self->free_count--;
    self->slots[slot] = load;
    load->trace = self->head.trace;
    load->sent_ms = now_ms;
    load->state = LOAD_FLYING;
    TAILQ_REMOVE(&self->queue, load, entry);
    TAILQ_INSERT_TAIL(&self->flight, load, entry);
    (*self->loads)++;
    return 0;
}

void load_lane_pump(struct load_lane *self, uint64_t now_ms)
{
    struct load *load;

    if (now_ms < self->backoff.until_ms)
        return;
    while (self->free_count > 0 && (load = TAILQ_FIRST(&self->queue)))
        if (send_one(self, load, now_ms) < 0)
            return;
}

/* To the front, so that the oldest question stays first. */
static void ask_again(struct load_lane *self, struct load *load)
{
    land(self, load);
    load->state = LOAD_QUEUED;
    TAILQ_INSERT_HEAD(&self->queue, load, entry);
    (*self->repeated)++;
}

void load_lane_answer(struct load_lane *self, uint64_t trace, struct wire_bytes body,
                      uint64_t now_ms)
{
    struct load *load = self->slots[trace % LOAD_FLIGHT_MAX];
    struct wire_loaded loaded;

    if (!load || load->trace != trace) {
        (*self->strays)++;
        return;
    }
    if (wire_loaded_decode(body, &loaded) < 0 ||
        (loaded.status != WIRE_OK && loaded.status != WIRE_FENCED)) {
        ask_again(self, load);
        backoff_fail(&self->backoff, now_ms);
        return;
    }
    backoff_clear(&self->backoff);
    self->timeout_ms = LOAD_TIMEOUT_MS;
    land(self, load);
    self->out.loaded(self->out.arg, load, &loaded);
}

unsigned load_lane_tick(struct load_lane *self, uint64_t now_ms)
{
    struct load *load;
    unsigned count = 0;

    while ((load = TAILQ_FIRST(&self->flight)) && now_ms - load->sent_ms >= self->timeout_ms) {
        land(self, load);
        load_lane_add(self, load);
        (*self->repeated)++;
        count++;
    }
    if (count > 0 && self->timeout_ms < LOAD_TIMEOUT_MOST_MS)
        self->timeout_ms *= 2;
    load_lane_pump(self, now_ms);
    return count;
}

void load_lane_restart(struct load_lane *self)
{
    struct load *load;

    while ((load = TAILQ_LAST(&self->flight, load_list)))
        ask_again(self, load);
    backoff_clear(&self->backoff);
}

bool load_lane_is_waiting(const struct load_lane *self)
{
    return self->backoff.wait_ms > 0;
}
