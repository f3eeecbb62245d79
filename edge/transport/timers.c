/* A binary heap by deadline over one libuv timer. */
#include "edge/transport/timers.h"

#include <stdlib.h>

#define HEAP_FIRST 64

struct timers {
    uv_timer_t clock;
    struct timer **heap;
    uint32_t count, room;
};

uint64_t timers_now(void)
{
    return uv_hrtime() / 1000000;
}

static void place(struct timers *self, uint32_t at, struct timer *timer)
{
    self->heap[at] = timer;
    timer->at = at + 1;
}

static void sift_up(struct timers *self, uint32_t at, struct timer *timer)
{
    while (at > 0 && self->heap[(at - 1) / 2]->due_ms > timer->due_ms) {
        place(self, at, self->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(self, at, timer);
}

static void sift_down(struct timers *self, uint32_t at, struct timer *timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < self->count && self->heap[child + 1]->due_ms < self->heap[child]->due_ms)
            child++;
        if (child >= self->count || self->heap[child]->due_ms >= timer->due_ms)
            break;
        place(self, at, self->heap[child]);
        at = child;
    }
    place(self, at, timer);
}

static void take_out(struct timers *self, struct timer *timer)
{
    uint32_t at = timer->at - 1;
    struct timer *last = self->heap[--self->count];

    timer->at = 0;
    if (last == timer)
        return;
    if (at > 0 && self->heap[(at - 1) / 2]->due_ms > last->due_ms)
        sift_up(self, at, last);
    else
        sift_down(self, at, last);
}

static void on_clock(uv_timer_t *clock);

/* libuv counts from its own idea of now, which is that of the turn's beginning. */
static void wind(struct timers *self)
{
    uint64_t now = uv_now(self->clock.loop);

    if (self->count == 0) {
        uv_timer_stop(&self->clock);
        return;
    }
    uv_timer_start(&self->clock, on_clock,
                   self->heap[0]->due_ms > now ? self->heap[0]->due_ms - now : 0, 0);
}

static void on_clock(uv_timer_t *clock)
{
    struct timers *self = CONTAINER_OF(clock, struct timers, clock);
    uint64_t now = timers_now();

    while (self->count && self->heap[0]->due_ms <= now) {
        struct timer *timer = self->heap[0];

        take_out(self, timer);
        timer->run(timer);
    }
    wind(self);
}

int timers_new(struct timers **ret, uv_loop_t *loop)
{
    struct timers *self = NEW(struct timers);

    uv_timer_init(loop, &self->clock);
    uv_unref((uv_handle_t *)&self->clock);
    *ret = self;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct timers *self = CONTAINER_OF(handle, struct timers, clock);

    free(self->heap);
    free(self);
}

void timers_free(struct timers **self)
{
    struct timers *timers = TAKE(*self);

    if (!timers)
        return;
    for (uint32_t i = 0; i < timers->count; i++)
        timers->heap[i]->at = 0;
    timers->count = 0;
    uv_close((uv_handle_t *)&timers->clock, on_closed);
}

void timers_set(struct timers *self, struct timer *timer, uint64_t due_ms)
{
    struct timer *first = self->count ? self->heap[0] : NULL;

    if (timer->at)
        take_out(self, timer);
    if (self->count == self->room) {
        self->room = self->room ? self->room * 2 : HEAP_FIRST;
        self->heap = base_realloc(self->heap, self->room, sizeof(struct timer *));
    }
    timer->due_ms = due_ms;
    self->count++;
    sift_up(self, self->count - 1, timer);
    if (self->heap[0] == timer || self->heap[0] != first)
        wind(self);
}

void timers_cancel(struct timers *self, struct timer *timer)
{
    if (timer->at)
        take_out(self, timer); /* the clock may ring for nothing */
}
