/* One DEALER per persist worker, at most one claim under way on each. */
#include "notify/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/silence.h"

#define FRAME_MAX 4096
#define REPLIES_AT_ONCE 100
#define ANSWER_MS 3000 /* a claim without an answer is given up */
#define AGAIN_MS 1000  /* after a worker that could not */
#define SILENT_MS 5000

struct worker {
    struct source *source;
    char *endpoint;
    zsock_t *sock;
    struct silence silence;
    uint64_t claim; /* trace of the claim under way; 0: none */
    uint64_t claimed_ms;
    uint32_t limit; /* of the claim */
    uint64_t due_ms;
    bool woken; /* while a claim was under way */
    bool unavailable;
    bool answered; /* ever */
};

struct source {
    struct service *service;
    struct source_options options;
    struct source_calls calls;
    struct worker workers[TOPOLOGY_WORKERS_MAX];
    size_t count;
    size_t turn; /* who is asked first */
    uint64_t trace;
    struct buf frame;
    uint64_t *claims, *malformed;
};

/* Claim traces are odd, those of settlements are made even. */
static uint64_t next_trace(struct source *self)
{
    self->trace += 2;
    return self->trace;
}

static int send_frame(struct source *self, struct worker *worker, enum wire_type type,
                      uint64_t trace)
{
    struct wire_head head = service_head(self->service, type);
    AUTO(buf_done) struct buf frame;

    head.trace = trace;
    buf_init(&frame, FRAME_MAX);
    wire_head_encode(&frame, &head);
    buf_put(&frame, self->frame.data, self->frame.len);
    return bus_send(worker->sock, &frame);
}

/* ---- claims ---- */

/* What claims under way may still bring. */
static size_t reserved(const struct source *self)
{
    size_t sum = 0;

    for (size_t i = 0; i < self->count; i++)
        if (self->workers[i].claim)
            sum += self->workers[i].limit;
    return sum;
}

static void claim(struct source *self, struct worker *worker, uint32_t limit, uint64_t now_ms)
{
    struct wire_jobs_claim claim = {
        .kind = self->options.kind, .limit = limit, .lease_ms = self->options.lease_ms};
    uint64_t trace = next_trace(self);

    buf_clear(&self->frame);
    wire_jobs_claim_encode(&self->frame, &claim);
    worker->due_ms = now_ms + AGAIN_MS;
    if (send_frame(self, worker, WIRE_TYPE_JOBS_CLAIM, trace) < 0)
        return;
    worker->claim = trace;
    worker->claimed_ms = now_ms;
    silence_asked(&worker->silence, now_ms);
    worker->limit = limit;
    (*self->claims)++;
}

static int open_sock(struct worker *worker);

/* What is unanswered is asked again when its time is over: claims soon, settlements by who settles.
 */
static void reopen_silent(struct source *self, uint64_t now_ms)
{
    for (size_t i = 0; i < self->count; i++) {
        struct worker *worker = &self->workers[i];

        if (!silence_is_over(&worker->silence, now_ms) || open_sock(worker) < 0)
            continue;
        worker->claim = 0;
        worker->due_ms = now_ms;
    }
}

void source_claim(struct source *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    size_t room = self->calls.room(self->calls.arg), taken;

    reopen_silent(self, now_ms);
    taken = reserved(self);
    for (size_t i = 0; i < self->count; i++) {
        struct worker *worker =
            &self->workers[self->turn + i < self->count ? self->turn + i
                                                        : self->turn + i - self->count];

        if (worker->claim && now_ms - worker->claimed_ms >= ANSWER_MS) {
            worker->claim = 0;
            taken -= worker->limit;
        }
        if (worker->claim || now_ms < worker->due_ms || room <= taken)
            continue;
        claim(self, worker, (uint32_t)(room - taken), now_ms);
        taken = reserved(self);
    }
    self->turn = self->turn + 1 < self->count ? self->turn + 1 : 0;
}

void source_wake(struct source *self)
{
    for (size_t i = 0; i < self->count; i++) {
        self->workers[i].due_ms = 0;
        self->workers[i].woken = self->workers[i].claim != 0;
    }
    source_claim(self);
}

/* When to ask a worker next: at once when it had some (it gives out as many as it likes to), later
 * when it has none or could not. */
static void set_due(struct worker *worker, uint32_t got, uint64_t now_ms)
{
    worker->due_ms = now_ms + worker->source->options.poll_ms;
    if (worker->unavailable)
        worker->due_ms = now_ms + AGAIN_MS;
    else if (got > 0 || worker->woken)
        worker->due_ms = 0;
    worker->woken = false;
}

static void on_jobs(struct worker *worker, const struct bus_frame *frame)
{
    struct source *self = worker->source;
    struct wire_jobs_reply reply;
    struct wire_bytes item;
    struct wire_job job;

    if (frame->head.trace != worker->claim || wire_jobs_reply_decode(frame->body, &reply) < 0)
        return; /* given up: its leases end by themselves */
    worker->claim = 0;
    worker->answered = true;
    worker->unavailable = reply.status != WIRE_OK;
    set_due(worker, reply.jobs.count, clock_monotonic_ms());
    while (wire_list_next(&reply.jobs, &item)) {
        if (wire_job_decode(item, &job) == 0)
            self->calls.on_job(self->calls.arg, &job);
        else
            (*self->malformed)++;
    }
    source_claim(self);
}

/* ---- settlements ---- */

void source_settle(struct source *self, const struct wire_job_settle *settle, uint64_t trace)
{
    unsigned partition = id_partition(&settle->conversation);
    struct worker *worker = &self->workers[service_topology(self->service)->worker_of[partition]];

    buf_clear(&self->frame);
    wire_job_settle_encode(&self->frame, settle);
    if (send_frame(self, worker, WIRE_TYPE_JOB_SETTLE, 2 * trace) < 0)
        log_debug("persist takes nothing at the moment", "%s", "");
}

static void on_status(struct worker *worker, const struct bus_frame *frame)
{
    struct source *self = worker->source;
    struct wire_status_reply reply;

    if (wire_status_reply_decode(frame->body, &reply) < 0)
        return;
    if (reply.status == WIRE_OK || reply.status == WIRE_NOT_FOUND)
        self->calls.on_settled(self->calls.arg, frame->head.trace / 2);
}

static void on_frame(void *arg, struct bus_frame *frame)
{
    struct worker *worker = arg;

    silence_answered(&worker->silence);
    if (frame->head.type == WIRE_TYPE_JOBS_REPLY)
        on_jobs(worker, frame);
    else if (frame->head.type == WIRE_TYPE_STATUS_REPLY)
        on_status(worker, frame);
}

static int on_readable(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct worker *worker = arg;

    (void)loop;
    *worker->source->malformed += bus_drain(sock, REPLIES_AT_ONCE, on_frame, worker);
    return 0;
}

/* ---- life ---- */

/* Instead of the one before, if there was one. */
static int open_sock(struct worker *worker)
{
    struct service *service = worker->source->service;
    char identity[BUS_PEER_MAX + 1];
    struct bus_options options = {.type = ZMQ_DEALER,
                                  .endpoint = worker->endpoint,
                                  .high_water =
                                      (int)conf_number(service_conf(service), "bus/high_water"),
                                  .identity = identity};
    zsock_t *sock = NULL;
    int rc;

    snprintf(identity, sizeof identity, "%.30s#%016" PRIx64, service_name(service),
             service_boot(service));
    rc = bus_open(&sock, &options);
    if (rc < 0)
        return rc;
    if (worker->sock)
        zloop_reader_end(service_loop(service), worker->sock);
    zsock_destroy(&worker->sock);
    worker->sock = sock;
    zloop_reader(service_loop(service), sock, on_readable, worker);
    zloop_reader_set_tolerant(service_loop(service), sock);
    return 0;
}

static int add_worker(struct source *self, const char *name)
{
    struct worker *worker = &self->workers[self->count++];

    worker->source = self;
    worker->endpoint = topology_endpoint(service_conf(self->service), name, TOPOLOGY_REQUESTS);
    return open_sock(worker);
}

int source_new(struct source **ret, struct service *service, const struct source_options *options,
               const struct source_calls *calls)
{
    AUTO(source_free) struct source *self = NEW(struct source);
    const struct topology *topology = service_topology(service);

    self->service = service;
    self->options = *options;
    self->calls = *calls;
    self->trace = 1;
    self->claims = stat_counter(service_stats(service), "claims");
    self->malformed = stat_counter(service_stats(service), "malformed");
    buf_init(&self->frame, FRAME_MAX);
    for (size_t i = 0; i < topology->worker_count; i++) {
        int rc = add_worker(self, topology->workers[i].name);

        if (rc < 0) {
            log_error("cannot reach persist", "worker=%s reason=%s", topology->workers[i].name,
                      log_quote(strerror(-rc)));
            return rc;
        }
    }
    *ret = TAKE(self);
    return 0;
}

void source_free(struct source **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < (*self)->count; i++) {
        zsock_destroy(&(*self)->workers[i].sock);
        free((*self)->workers[i].endpoint);
    }
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}

const char *source_trouble(const struct source *self)
{
    uint64_t now_ms = clock_monotonic_ms();

    for (size_t i = 0; i < self->count; i++) {
        const struct worker *worker = &self->workers[i];

        if (!worker->answered)
            return "waiting for persist";
        if (worker->unavailable)
            return "persist cannot reach its store";
        if (worker->silence.asked_ms && now_ms - worker->silence.asked_ms > SILENT_MS)
            return "persist does not answer";
    }
    return NULL;
}
