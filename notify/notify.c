/* The table of jobs in hand: from claim over delivery to settlement, each step with a deadline. */
#include "notify/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "notify/retry.h"
#include "notify/source.h"

#define TICK_MS 100
#define WAKEUPS_AT_ONCE 1000
#define LEASE_MARGIN_MS 5000 /* of a lease, for the settlement */
#define SETTLE_AGAIN_MS 1000
#define JOB_ID_MAX 80

enum state { FREE, DELIVERING, SETTLING };

struct job {
    struct notify *notify;
    enum state state;
    struct id conversation;
    uint64_t seq;
    uint32_t tried; /* this time included */
    struct wire_job_settle settle;
    uint64_t trace; /* of the settlement */
    uint64_t settle_again_ms;
    uint64_t lease_end_ms;
};

struct notify {
    struct service *service;
    struct push *push;
    struct source *source;
    zsock_t *wakeups;
    struct retry retry;
    uint64_t lease_ms;
    struct job *jobs;
    size_t room;
    uint64_t trace;
    uint64_t *delivered, *retried, *dead, *in_hand, *malformed, *repeated;
};

static void set_in_hand(struct notify *self)
{
    uint64_t count = 0;

    for (size_t i = 0; i < self->room; i++)
        count += self->jobs[i].state != FREE;
    *self->in_hand = count;
}

static size_t free_room(void *arg)
{
    const struct notify *self = arg;

    return self->room - (size_t)*self->in_hand;
}

static struct job *find_free(struct notify *self)
{
    for (size_t i = 0; i < self->room; i++)
        if (self->jobs[i].state == FREE)
            return &self->jobs[i];
    return NULL;
}

static bool is_in_hand(const struct notify *self, const struct wire_job *wire)
{
    for (size_t i = 0; i < self->room; i++) {
        const struct job *job = &self->jobs[i];

        if (job->state != FREE && job->seq == wire->seq &&
            id_equal(&job->conversation, &wire->conversation))
            return true;
    }
    return false;
}

static void format_id(const struct notify *self, const struct id *conversation, uint64_t seq,
                      char *text, size_t size)
{
    char message[ID_MESSAGE_TEXT];

    id_message_to_text(conversation, seq, message);
    snprintf(text, size, "%s-%s", self->push->ops->name, message);
}

/* ---- settling ---- */

static void release(struct job *job)
{
    job->state = FREE;
    set_in_hand(job->notify);
}

static void send_settlement(struct job *job)
{
    job->settle_again_ms = clock_monotonic_ms() + SETTLE_AGAIN_MS;
    source_settle(job->notify->source, &job->settle, job->trace);
}

static void settle(struct job *job, enum wire_job_state state, uint64_t wait_ms)
{
    struct notify *self = job->notify;

    job->state = SETTLING;
    job->trace = ++self->trace;
    job->settle = (struct wire_job_settle){.conversation = job->conversation,
                                           .seq = job->seq,
                                           .kind = self->push->ops->kind,
                                           .state = (uint8_t)state,
                                           .retry_ms = clock_wall_ms() + wait_ms};
    send_settlement(job);
}

static void on_settled(void *arg, uint64_t trace)
{
    struct notify *self = arg;

    for (size_t i = 0; i < self->room; i++)
        if (self->jobs[i].state == SETTLING && self->jobs[i].trace == trace)
            release(&self->jobs[i]);
    source_claim(self->source);
}

/* A number that nobody can foresee, to spread retries. */
static uint64_t chance(void)
{
    struct id random = id_random();
    uint64_t number;

    memcpy(&number, random.bytes, sizeof number);
    return number;
}

static void fail(struct job *job, const char *why)
{
    struct notify *self = job->notify;
    uint64_t wait_ms = retry_wait_ms(&self->retry, job->tried, chance());
    char id[JOB_ID_MAX];

    format_id(self, &job->conversation, job->seq, id, sizeof id);
    if (retry_is_dead(&self->retry, job->tried)) {
        log_error("delivery given up", "job=%s tries=%" PRIu32 " reason=%s", id, job->tried,
                  log_quote(why));
        (*self->dead)++;
        settle(job, WIRE_JOB_DEAD, 0);
        return;
    }
    log_warn("not delivered", "job=%s tries=%" PRIu32 " again_ms=%" PRIu64 " reason=%s", id,
             job->tried, wait_ms, log_quote(why));
    (*self->retried)++;
    settle(job, WIRE_JOB_RETRY, wait_ms);
}

static void on_pushed(void *arg, bool delivered, const char *why)
{
    struct job *job = arg;

    if (!delivered) {
        fail(job, why);
        return;
    }
    (*job->notify->delivered)++;
    settle(job, WIRE_JOB_DONE, 0);
}

/* ---- claimed jobs ---- */

static void deliver(struct job *job, wire_bytes bytes)
{
    struct notify *self = job->notify;
    struct wire_event event;
    char id[JOB_ID_MAX];
    int rc = wire_event_decode(bytes, &event);

    format_id(self, &job->conversation, job->seq, id, sizeof id);
    if (rc == 0)
        rc = self->push->ops->start(self->push, id, &event, on_pushed, job);
    if (rc == -EPROTO) { /* no try will ever be better */
        log_error("a job cannot be delivered", "job=%s", id);
        (*self->malformed)++;
        settle(job, WIRE_JOB_DEAD, 0);
    } else if (rc < 0) {
        fail(job, strerror(-rc));
    }
}

static void on_job(void *arg, const struct wire_job *wire)
{
    struct notify *self = arg;
    struct job *job = find_free(self);

    if (is_in_hand(self, wire)) {
        (*self->repeated)++;
        return;
    }
    if (!job) /* more than was asked for: the lease ends and it comes again */
        return;
    *job = (struct job){.notify = self,
                        .state = DELIVERING,
                        .conversation = wire->conversation,
                        .seq = wire->seq,
                        .tried = wire->tries + 1,
                        .lease_end_ms = clock_monotonic_ms() + self->lease_ms};
    set_in_hand(self);
    deliver(job, wire->event);
}

/* ---- time and wake-ups ---- */

static int on_tick(zloop_t *loop, int timer, void *arg)
{
    struct notify *self = arg;
    uint64_t now_ms = clock_monotonic_ms();

    (void)loop;
    (void)timer;
    for (size_t i = 0; i < self->room; i++) {
        struct job *job = &self->jobs[i];

        if (job->state != SETTLING)
            continue;
        if (now_ms >= job->lease_end_ms) /* others may have it now */
            release(job);
        else if (now_ms >= job->settle_again_ms)
            send_settlement(job);
    }
    source_claim(self->source);
    service_set_health(self->service, source_trouble(self->source));
    return 0;
}

static void on_frame(void *arg, struct bus_frame *frame)
{
    struct notify *self = arg;
    struct wire_wake wake;

    if (frame->head.type == WIRE_TYPE_WAKE && wire_wake_decode(frame->body, &wake) == 0 &&
        self->push && (wake.jobs & self->push->ops->kind))
        source_wake(self->source);
}

static int on_wakeup(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct notify *self = arg;

    (void)loop;
    *self->malformed += bus_drain(sock, WAKEUPS_AT_ONCE, on_frame, self);
    return 0;
}

/* ---- life ---- */

static int open_wakeups(struct notify *self)
{
    struct conf *conf = service_conf(self->service);
    AUTO(base_free_text)
    char *endpoint = topology_endpoint(conf, service_name(self->service), TOPOLOGY_WAKE);
    struct bus_options options = {.type = ZMQ_PULL,
                                  .endpoint = endpoint,
                                  .bind = true,
                                  .high_water = (int)conf_number(conf, "bus/high_water")};
    int rc = bus_open(&self->wakeups, &options);

    if (rc < 0) {
        log_error("cannot open the socket for wake-ups", "endpoint=%s reason=%s", endpoint,
                  log_quote(strerror(-rc)));
        return rc;
    }
    zloop_reader(service_loop(self->service), self->wakeups, on_wakeup, self);
    zloop_reader_set_tolerant(service_loop(self->service), self->wakeups);
    return 0;
}

static void read_conf(struct notify *self, struct conf *conf)
{
    self->retry = (struct retry){.first_ms = (uint64_t)conf_number(conf, "notify/retry_first_ms"),
                                 .most_ms = (uint64_t)conf_number(conf, "notify/retry_most_ms"),
                                 .tries = (uint32_t)conf_number(conf, "notify/tries")};
    self->lease_ms = (uint64_t)conf_number(conf, "notify/timeout_ms") + LEASE_MARGIN_MS;
    self->room = (size_t)conf_number(conf, "notify/parallel");
    self->jobs = NEW_ARRAY(self->room, struct job);
}

static void make_counters(struct notify *self, struct stat_set *stats)
{
    self->delivered = stat_counter(stats, "delivered");
    self->retried = stat_counter(stats, "retried");
    self->dead = stat_counter(stats, "dead");
    self->in_hand = stat_counter(stats, "jobs_in_hand");
    self->repeated = stat_counter(stats, "jobs_repeated");
    self->malformed = stat_counter(stats, "malformed");
}

static int open_source(struct notify *self)
{
    struct source_options options = {
        .kind = self->push->ops->kind,
        .lease_ms = self->lease_ms,
        .poll_ms = (uint64_t)conf_number(service_conf(self->service), "notify/poll_ms")};
    struct source_calls calls = {
        .on_job = on_job, .on_settled = on_settled, .room = free_room, .arg = self};
    int rc = source_new(&self->source, self->service, &options, &calls);

    if (rc == 0)
        zloop_timer(service_loop(self->service), TICK_MS, 0, on_tick, self);
    return rc;
}

int notify_new(struct notify **ret, struct service *service, struct push *push)
{
    AUTO(notify_free) struct notify *self = NEW(struct notify);
    int rc;

    self->service = service;
    self->push = push;
    read_conf(self, service_conf(service));
    make_counters(self, service_stats(service));
    rc = open_wakeups(self);
    if (rc == 0 && push)
        rc = open_source(self);
    if (rc < 0)
        return rc;
    if (!push)
        service_set_health(service, NULL);
    *ret = TAKE(self);
    return 0;
}

void notify_free(struct notify **self)
{
    if (!*self)
        return;
    if ((*self)->push)
        (*self)->push->ops->close(&(*self)->push);
    source_free(&(*self)->source);
    zsock_destroy(&(*self)->wakeups);
    free((*self)->jobs);
    free(*self);
    *self = NULL;
}
