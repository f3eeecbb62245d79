/* The door's pace: between the handshake (socketio/request.c asks through live.c) and interest,
 * which loads what a user follows. */
#include "edge/api/admission.h"

#include <stdlib.h>

#include "base/clock.h"
#include "edge/api/rate.h"

#define SMOOTH 20 /* CONNECTs come in portions of a second's share by this */

struct admission {
    struct admission_limits limits;
    struct rate *handshakes, *connects;
    struct timers *timers;
    struct timer next; /* when somebody who waits may begin */
    struct list queue;
    size_t begun;
    bool stopped;
    uint64_t *waiting, *delayed, *refused, *turned_away;
};

static const struct id everybody = {{1}};

static void pump(struct admission *self);

static void on_next(struct timer *timer)
{
    pump(CONTAINER_OF(timer, struct admission, next));
}

static struct rate *make_rate(uint32_t per_second, uint32_t burst)
{
    struct rate_options options = {.per_second = per_second, .burst = burst, .keys = 1};
    struct rate *self;

    rate_new(&self, &options);
    return self;
}

void admission_new(struct admission **ret, const struct admission_limits *limits,
                   struct timers *timers, struct stat_set *stats)
{
    struct admission *self = NEW(struct admission);

    self->limits = *limits;
    self->handshakes = make_rate(limits->handshakes_rate, limits->handshakes_burst);
    self->connects = make_rate(limits->connects_rate, 1 + limits->connects_rate / SMOOTH);
    self->timers = timers;
    self->next.run = on_next;
    list_init(&self->queue);
    self->waiting = stat_counter(stats, "connects_waiting");
    self->delayed = stat_counter(stats, "connects_delayed");
    self->turned_away = stat_counter(stats, "connects_turned_away");
    self->refused = stat_counter(stats, "handshakes_over_rate");
    *ret = self;
}

void admission_free(struct admission **self)
{
    struct admission *it = TAKE(*self);

    if (!it)
        return;
    timers_cancel(it->timers, &it->next);
    while (!list_empty(&it->queue))
        list_remove(it->queue.next);
    rate_free(&it->handshakes);
    rate_free(&it->connects);
    free(it);
}

unsigned admission_handshake(struct admission *self)
{
    bool full = *self->waiting >= self->limits.waiting;

    if (!full && rate_take(self->handshakes, &everybody, clock_monotonic_us()) == 0)
        return 0;
    (*self->refused)++;
    return 1 + (unsigned)(*self->waiting / self->limits.connects_rate);
}

static void begin(struct admission *self, struct admission_entry *entry)
{
    list_remove(&entry->item);
    (*self->waiting)--;
    self->begun++;
    entry->state = ADMISSION_BEGUN;
    entry->begin(entry);
}

/* Those that may, begin; if only time is missing, the timer goes on from here. */
static void pump(struct admission *self)
{
    while (!self->stopped && !list_empty(&self->queue) && self->begun < self->limits.connecting) {
        uint32_t wait_ms = rate_take(self->connects, &everybody, clock_monotonic_us());

        if (wait_ms) {
            timers_set(self->timers, &self->next, timers_now() + wait_ms);
            return;
        }
        begin(self, LIST_FIRST(&self->queue, struct admission_entry, item));
    }
}

bool admission_enter(struct admission *self, struct admission_entry *entry)
{
    list_init(&entry->item);
    if (*self->waiting >= self->limits.waiting) {
        (*self->turned_away)++;
        return false;
    }
    entry->state = ADMISSION_WAITING;
    list_append(&self->queue, &entry->item);
    (*self->waiting)++;
    pump(self);
    if (entry->state == ADMISSION_WAITING)
        (*self->delayed)++;
    return true;
}

void admission_leave(struct admission *self, struct admission_entry *entry)
{
    if (entry->state == ADMISSION_WAITING) {
        list_remove(&entry->item);
        (*self->waiting)--;
    } else if (entry->state == ADMISSION_BEGUN) {
        self->begun--;
    }
    entry->state = ADMISSION_OUT;
    pump(self);
}

void admission_stop(struct admission *self)
{
    self->stopped = true;
}
