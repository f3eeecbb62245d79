/* Hands a worker's replies to the pipe that waits for them. A reply with another boot id says that
 * the worker was started anew: what was in flight then is sent again. */
#include "router/worker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/silence.h"

#define PROBE_AFTER_MS 300 /* without an answer */
#define PROBE_EVERY_MS 300
#define TROUBLE_AFTER_MS 2500

struct worker {
    const char *name;
    char *endpoint, *identity;
    int high_water;
    zsock_t *sock;
    struct silence silence;
    struct wire_head head;
    struct buf ping;
    struct worker_out out;
    struct batch_lane *batches;
    struct load_lane *loads;
    uint64_t boot; /* of the process that answered last; 0: none did yet */
    uint64_t probed_ms;
    uint64_t *malformed, *restarts, *timeouts, *reopened;
};

static int send_frame(void *arg, const struct buf *frame)
{
    return worker_send(arg, frame);
}

static int settle(void *arg, struct post *post, const struct wire_verdict *verdict)
{
    struct worker *self = arg;

    return self->out.settle(self->out.arg, post, verdict);
}

static struct wire_load request(void *arg, struct load *load, struct buf *list)
{
    struct worker *self = arg;

    return self->out.request(self->out.arg, load, list);
}

static void loaded(void *arg, struct load *load, const struct wire_loaded *answer)
{
    struct worker *self = arg;

    self->out.loaded(self->out.arg, load, answer);
}

static int make_lanes(struct worker *self, const struct wire_head *head, struct stat_set *stats)
{
    struct batch_out batch_out = {self, send_frame, settle};
    struct load_out load_out = {self, request, send_frame, loaded};
    int rc = batch_lane_new(&self->batches, head, &batch_out, stats);

    return rc < 0 ? rc : load_lane_new(&self->loads, head, &load_out, stats);
}

static int open_sock(const struct worker *self, zsock_t **ret)
{
    struct bus_options options = {.type = ZMQ_DEALER,
                                  .endpoint = self->endpoint,
                                  .high_water = self->high_water,
                                  .identity = self->identity};

    return bus_open(ret, &options);
}

int worker_new(struct worker **ret, const struct worker_spec *spec, const struct wire_head *head,
               const struct worker_out *out, struct stat_set *stats)
{
    AUTO(worker_free) struct worker *self = NEW(struct worker);
    int rc;

    self->name = spec->name;
    self->endpoint = base_strdup(spec->endpoint);
    self->identity = base_strdup(spec->identity);
    self->high_water = spec->high_water;
    self->out = *out;
    self->head = *head;
    buf_init(&self->ping, 1024);
    self->malformed = stat_counter(stats, "malformed");
    self->restarts = stat_counter(stats, "persist_restarts");
    self->timeouts = stat_counter(stats, "persist_timeouts");
    self->reopened = stat_counter(stats, "persist_reopened");
    rc = open_sock(self, &self->sock);
    if (rc == 0)
        rc = make_lanes(self, head, stats);
    if (rc < 0)
        return rc;
    *ret = TAKE(self);
    return 0;
}

void worker_free(struct worker **self)
{
    if (!*self)
        return;
    load_lane_free(&(*self)->loads);
    batch_lane_free(&(*self)->batches);
    zsock_destroy(&(*self)->sock);
    buf_done(&(*self)->ping);
    free((*self)->endpoint);
    free((*self)->identity);
    free(*self);
    *self = NULL;
}

zsock_t *worker_sock(struct worker *self)
{
    return self->sock;
}

const char *worker_name(const struct worker *self)
{
    return self->name;
}

struct batch_lane *worker_batches(struct worker *self)
{
    return self->batches;
}

struct load_lane *worker_loads(struct worker *self)
{
    return self->loads;
}

int worker_send(struct worker *self, const struct buf *frame)
{
    silence_asked(&self->silence, clock_monotonic_ms());
    return bus_send(self->sock, frame);
}

static void note_boot(struct worker *self, uint64_t boot)
{
    if (boot == self->boot)
        return;
    if (self->boot != 0) {
        log_warn("persist was started anew: sending again", "worker=%s", self->name);
        (*self->restarts)++;
        batch_lane_restart(self->batches);
        load_lane_restart(self->loads);
    }
    self->boot = boot;
}

static void on_frame(void *arg, struct bus_frame *frame)
{
    struct worker *self = arg;
    uint64_t now_us = clock_monotonic_us();

    silence_answered(&self->silence);
    note_boot(self, frame->head.boot);
    switch (frame->head.type) {
    case WIRE_TYPE_BATCH_ANSWER:
        batch_lane_answer(self->batches, frame->head.trace, frame->body, now_us);
        break;
    case WIRE_TYPE_LOADED:
        load_lane_answer(self->loads, frame->head.trace, frame->body, now_us / 1000);
        break;
    case WIRE_TYPE_SLOT_IS: /* that it answers says it all */
        break;
    default:
        self->out.reply(self->out.arg, self, frame);
    }
}

void worker_recv(struct worker *self, unsigned most)
{
    *self->malformed += bus_drain(self->sock, most, on_frame, self);
}

void worker_pump(struct worker *self)
{
    uint64_t now_us = clock_monotonic_us();

    batch_lane_pump(self->batches, now_us);
    load_lane_pump(self->loads, now_us / 1000);
}

static void ping(struct worker *self)
{
    struct wire_slot question = {wire_text("")};

    self->head.type = WIRE_TYPE_SLOT;
    buf_clear(&self->ping);
    wire_head_encode(&self->ping, &self->head);
    wire_slot_encode(&self->ping, &question);
    if (bus_send(self->sock, &self->ping) < 0)
        return; /* there are many unanswered ones already */
}

bool worker_tick(struct worker *self)
{
    uint64_t now_us = clock_monotonic_us(), now_ms = now_us / 1000;
    uint64_t age_ms = batch_lane_age_ms(self->batches, now_us);
    bool timed_out = batch_lane_tick(self->batches, now_us);
    unsigned loads = load_lane_tick(self->loads, now_ms);

    if (timed_out || loads > 0) {
        log_warn("persist does not answer: sending again", "worker=%s batches=%d loads=%u",
                 self->name, timed_out, loads);
        (*self->timeouts)++;
    }
    if (silence_wants_ping(&self->silence, now_ms))
        ping(self);
    if (age_ms < PROBE_AFTER_MS || now_ms - self->probed_ms < PROBE_EVERY_MS)
        return false;
    self->probed_ms = now_ms;
    return true;
}

bool worker_is_silent(struct worker *self)
{
    return silence_is_over(&self->silence, clock_monotonic_ms());
}

int worker_reopen(struct worker *self)
{
    zsock_t *sock = NULL;
    int rc = open_sock(self, &sock);

    if (rc < 0)
        return rc;
    zsock_destroy(&self->sock);
    self->sock = sock;
    (*self->reopened)++;
    return 0;
}

const char *worker_trouble(const struct worker *self)
{
    if (batch_lane_is_waiting(self->batches) || load_lane_is_waiting(self->loads))
        return "cannot store at the moment";
    if (batch_lane_age_ms(self->batches, clock_monotonic_us()) > TROUBLE_AFTER_MS)
        return "does not answer";
    return NULL;
}
