/* A DEALER per slot. One that gets no answer may be connected to a process that is stopped while
 * another one has taken the endpoint over, so it is closed and opened again. */
#include "persist/standby.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "persist/slot.h"

#define ASK_PARTS 6    /* a lease's time in questions … */
#define REOPEN_PARTS 3 /* … and in sockets that get no answer */
#define HIGH_WATER 1000

struct watched {
    char *endpoint;
    zsock_t *sock;
    uint32_t epoch; /* of its holder, 0: not known */
    uint64_t heard_ms, opened_ms;
};

struct standby {
    struct service *service;
    uint64_t lease_ms;
    uint64_t turned_ms;
    int timer;
    struct watched slots[TOPOLOGY_WORKERS_MAX];
    size_t count;
    struct buf frame;
};

static int open_sock(struct standby *self, struct watched *slot)
{
    struct bus_options options = {
        .type = ZMQ_DEALER, .endpoint = slot->endpoint, .high_water = HIGH_WATER};

    zsock_destroy(&slot->sock);
    slot->opened_ms = self->turned_ms;
    return bus_open(&slot->sock, &options);
}

static void ask(struct standby *self, struct watched *slot)
{
    struct wire_head head = service_head(self->service, WIRE_TYPE_SLOT);
    struct wire_slot question = {wire_text(service_name(self->service))};

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    wire_slot_encode(&self->frame, &question);
    if (bus_send(slot->sock, &self->frame) < 0)
        return; /* there are many unanswered ones already */
}

struct reading {
    const struct standby *standby;
    struct watched *slot;
};

static void on_answer(void *arg, struct bus_frame *frame)
{
    const struct reading *self = arg;
    struct watched *slot = self->slot;
    struct wire_slot_is answer;

    slot->heard_ms = slot->opened_ms = self->standby->turned_ms;
    if (frame->head.type == WIRE_TYPE_SLOT_IS && wire_slot_is_decode(frame->body, &answer) == 0 &&
        answer.epoch > slot->epoch)
        slot->epoch = answer.epoch;
}

/* While we were stopped nobody could be heard. */
static void turn(struct standby *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    bool was_away = now_ms - self->turned_ms > self->lease_ms / 2;

    self->turned_ms = now_ms;
    for (size_t i = 0; i < self->count && was_away; i++)
        self->slots[i].heard_ms = now_ms;
}

static int on_tick(zloop_t *loop, int timer, void *arg)
{
    struct standby *self = arg;

    (void)loop;
    (void)timer;
    turn(self);
    for (size_t i = 0; i < self->count; i++) {
        struct watched *slot = &self->slots[i];

        if (slot->sock)
            bus_drain(slot->sock, HIGH_WATER, on_answer, &(struct reading){self, slot});
        if ((!slot->sock || self->turned_ms - slot->opened_ms >= self->lease_ms / REOPEN_PARTS) &&
            open_sock(self, slot) < 0)
            continue;
        ask(self, slot);
    }
    return 0;
}

int standby_new(struct standby **ret, struct service *service, uint64_t lease_ms)
{
    AUTO(standby_free) struct standby *self = NEW(struct standby);
    const struct topology *topology = service_topology(service);

    self->service = service;
    self->lease_ms = lease_ms;
    self->turned_ms = clock_monotonic_ms();
    self->timer = -1;
    buf_init(&self->frame, 1024);
    for (; self->count < topology->worker_count; self->count++) {
        struct watched *slot = &self->slots[self->count];

        slot->endpoint = topology_endpoint(service_conf(service),
                                           topology->workers[self->count].name, TOPOLOGY_REQUESTS);
        slot->heard_ms = self->turned_ms;
    }
    self->timer =
        zloop_timer(service_loop(service), (size_t)(lease_ms / ASK_PARTS), 0, on_tick, self);
    if (self->timer < 0)
        return -ENOMEM;
    on_tick(NULL, 0, self);
    *ret = TAKE(self);
    return 0;
}

void standby_free(struct standby **self)
{
    if (!*self)
        return;
    if ((*self)->timer >= 0)
        zloop_timer_end(service_loop((*self)->service), (*self)->timer);
    for (size_t i = 0; i < (*self)->count; i++) {
        zsock_destroy(&(*self)->slots[i].sock);
        free((*self)->slots[i].endpoint);
    }
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}

bool standby_is_silent(const struct standby *self, int slot)
{
    const struct watched *watched = &self->slots[slot];

    return strncmp(watched->endpoint, "ipc:", 4) == 0 &&
           self->turned_ms - watched->heard_ms >= self->lease_ms;
}

int standby_find_silent(const struct standby *self, uint32_t *ret_epoch)
{
    for (size_t i = 0; i < self->count; i++)
        if (standby_is_silent(self, (int)i)) {
            *ret_epoch = self->slots[i].epoch;
            return (int)i;
        }
    return SLOT_NONE;
}

void standby_note(struct standby *self, int slot, uint32_t epoch)
{
    struct watched *watched = &self->slots[slot];

    log_debug("somebody else serves", "slot=%d epoch=%u", slot, epoch);
    watched->epoch = epoch;
    watched->heard_ms = self->turned_ms;
    if (open_sock(self, watched) < 0)
        log_debug("cannot ask", "endpoint=%s", watched->endpoint);
}
