/* Edge → persist: each question has a slot, and its trace names slot and turn, so that a late reply
 * finds nobody. */
#include "edge/api/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/silence.h"
#include "edge/api/list.h"

#define POLL_MS 500
#define READ_MS 3000
#define SILENT_MS 2500  /* so long without an answer to the poll is trouble */
#define SUSPECT_MS 500  /* so long a restarted worker has for questions to the one before */
#define SLOT_BITS 16    /* of a trace; above: which turn it is */
#define TROUBLE_MAX 300 /* bytes */

struct asked {
    struct list due; /* with those of its patience, first asked first; or free */
    uint64_t trace;  /* 0: free */
    uint64_t due_ms;
    unsigned worker;
    query_fn *fn;
    void *arg;
};

struct worker {
    struct query *query;
    struct pipe *pipe;
    struct silence silence;
    uint64_t boot;
    uint64_t heard_ms;      /* when it last answered the poll; 0: never yet */
    uint64_t suspect_trace; /* those asked before were asked of its predecessor */
    uint64_t suspect_ms;    /* when they are given up; 0: none are */
    bool polled;            /* an answer to the poll is due */
    char trouble[TROUBLE_MAX];
};

enum patience { PATIENCE_READ, PATIENCE_SEND, PATIENCES };

struct question {
    unsigned worker, partition;
    enum wire_type type;
    enum patience patience;
    const struct buf *body;
    query_fn *fn;
    void *arg;
};

struct query {
    struct pipes *pipes;
    bool closing;
    uint64_t patience_ms[PATIENCES];
    uint64_t turn;
    uint64_t poll_ms; /* when to poll next */
    size_t most;
    struct asked *slots;
    struct list free, due[PATIENCES];
    struct worker workers[TOPOLOGY_WORKERS_MAX];
    query_holders_fn *on_holders;
    void *on_holders_arg;
    struct buf frame;
    uint64_t *sent, *lost, *reopened;
};

static void on_reply(void *arg, const struct bus_frame *frame);

static const char *worker_name(const struct worker *worker)
{
    return worker->query->pipes->topology->workers[worker - worker->query->workers].name;
}

/* Instead of the one before, if there was one. */
static int open_pipe(struct worker *worker)
{
    struct pipes *pipes = worker->query->pipes;
    struct pipe_spec spec = {worker_name(worker), TOPOLOGY_REQUESTS, on_reply, worker};
    struct pipe *pipe = NULL;
    int rc = pipes->open(pipes, &pipe, &spec);

    if (rc < 0)
        return rc;
    if (worker->pipe)
        worker->pipe->close(worker->pipe);
    worker->pipe = pipe;
    return 0;
}

static int open_worker(struct query *self, size_t at)
{
    struct worker *worker = &self->workers[at];

    worker->query = self;
    snprintf(worker->trouble, sizeof worker->trouble, "%s has not answered yet",
             worker_name(worker));
    return open_pipe(worker);
}

int query_new(struct query **ret, struct pipes *pipes, size_t most, uint64_t timeout_ms)
{
    AUTO(query_free) struct query *self = NEW(struct query);
    int rc = 0;

    self->pipes = pipes;
    self->patience_ms[PATIENCE_READ] = timeout_ms < READ_MS ? timeout_ms : READ_MS;
    self->patience_ms[PATIENCE_SEND] = timeout_ms;
    self->most = most;
    self->slots = NEW_ARRAY(most, struct asked);
    self->sent = stat_counter(pipes->stats, "queries");
    self->lost = stat_counter(pipes->stats, "queries_lost");
    self->reopened = stat_counter(pipes->stats, "queries_reopened");
    buf_init(&self->frame, WIRE_FRAME_MAX);
    list_init(&self->free);
    list_init(&self->due[PATIENCE_READ]);
    list_init(&self->due[PATIENCE_SEND]);
    for (size_t i = 0; i < most; i++) {
        list_init(&self->slots[i].due);
        list_append(&self->free, &self->slots[i].due);
    }
    for (size_t i = 0; i < pipes->topology->worker_count && rc == 0; i++)
        rc = open_worker(self, i);
    if (rc < 0)
        return rc;
    *ret = TAKE(self);
    return 0;
}

static void finish(struct query *self, struct asked *asked, const struct wire_bytes *reply)
{
    query_fn *fn = asked->fn;
    void *arg = asked->arg;

    asked->trace = 0;
    list_append(&self->free, &asked->due);
    if (!reply)
        (*self->lost)++;
    fn(arg, reply);
}

void query_stop(struct query *self)
{
    self->closing = true;
    for (size_t i = 0; i < PATIENCES; i++)
        while (!list_empty(&self->due[i]))
            finish(self, LIST_FIRST(&self->due[i], struct asked, due), NULL);
}

void query_free(struct query **self)
{
    struct query *it = TAKE(*self);

    if (!it)
        return;
    query_stop(it);
    for (size_t i = 0; i < TOPOLOGY_WORKERS_MAX; i++)
        if (it->workers[i].pipe)
            it->workers[i].pipe->close(it->workers[i].pipe);
    buf_done(&it->frame);
    free(it->slots);
    free(it);
}

static int64_t ask(struct query *self, const struct question *question)
{
    struct asked *asked = LIST_FIRST(&self->free, struct asked, due);
    struct pipe *pipe = self->workers[question->worker].pipe;
    struct wire_head head = pipes_head(self->pipes, question->type);
    uint64_t wait_ms = self->patience_ms[question->patience];
    int rc;

    if (!asked || self->closing)
        return -EAGAIN;
    head.trace = (self->turn + 1) << SLOT_BITS | (uint64_t)(asked - self->slots);
    head.partition = (uint16_t)question->partition;
    head.at_ms = clock_wall_ms();
    head.deadline_ms = head.at_ms + wait_ms;
    pipe_frame(&self->frame, &head, question->body);
    silence_asked(&self->workers[question->worker].silence, clock_monotonic_ms());
    rc = pipe->send(pipe, &self->frame);
    if (rc < 0)
        return rc;
    self->turn++;
    (*self->sent)++;
    asked->trace = head.trace;
    asked->due_ms = clock_monotonic_ms() + wait_ms;
    asked->worker = question->worker;
    asked->fn = question->fn;
    asked->arg = question->arg;
    list_append(&self->due[question->patience], &asked->due);
    return (int64_t)head.trace;
}

static int64_t ask_partition(struct query *self, struct question *question)
{
    question->worker = self->pipes->topology->worker_of[question->partition % ID_PARTITIONS];
    return ask(self, question);
}

int64_t query_send(struct query *self, unsigned partition, enum wire_type type,
                   const struct buf *body, query_fn *fn, void *arg)
{
    struct question question = {0, partition, type, PATIENCE_SEND, body, fn, arg};

    return ask_partition(self, &question);
}

int64_t query_read(struct query *self, unsigned partition, enum wire_type type,
                   const struct buf *body, query_fn *fn, void *arg)
{
    struct question question = {0, partition, type, PATIENCE_READ, body, fn, arg};

    return ask_partition(self, &question);
}

static struct asked *find(struct query *self, uint64_t trace)
{
    size_t slot = trace & ((1u << SLOT_BITS) - 1);

    return trace && slot < self->most && self->slots[slot].trace == trace ? &self->slots[slot]
                                                                          : NULL;
}

void query_cancel(struct query *self, int64_t handle)
{
    struct asked *asked = handle > 0 ? find(self, (uint64_t)handle) : NULL;

    if (!asked)
        return;
    asked->trace = 0;
    list_append(&self->free, &asked->due);
}

/* Questions that went to a process that is gone are lost or wait in a queue for the new one: they
 * get a moment. */
static void note_boot(struct worker *worker, uint64_t boot)
{
    if (worker->boot && worker->boot != boot) {
        worker->suspect_trace = (worker->query->turn + 1) << SLOT_BITS;
        worker->suspect_ms = clock_monotonic_ms() + SUSPECT_MS;
    }
    worker->boot = boot;
}

static void on_reply(void *arg, const struct bus_frame *frame)
{
    struct worker *worker = arg;
    struct query *self = worker->query;
    struct asked *asked = find(self, frame->head.trace);

    silence_answered(&worker->silence);
    note_boot(worker, frame->head.boot);
    if (asked && &self->workers[asked->worker] == worker)
        finish(self, asked, &frame->body);
}

/* ---- the poll ---- */

static void on_poll_reply(void *arg, const struct wire_bytes *reply)
{
    struct worker *worker = arg;
    struct query *self = worker->query;
    const char *name = self->pipes->topology->workers[worker - self->workers].name;
    struct wire_holders_reply holders;

    worker->polled = false;
    if (!reply || wire_holders_reply_decode(*reply, &holders) < 0)
        return; /* note_silence says so, when it goes on */
    worker->heard_ms = clock_monotonic_ms();
    if (holders.status != WIRE_OK) {
        snprintf(worker->trouble, sizeof worker->trouble, "%s: %.*s", name,
                 (int)(holders.detail.len < TROUBLE_MAX ? holders.detail.len : TROUBLE_MAX),
                 holders.detail.len ? (const char *)holders.detail.data : "");
        return;
    }
    worker->trouble[0] = '\0';
    if (self->on_holders)
        self->on_holders(self->on_holders_arg, holders.holdings);
}

static void poll_workers(struct query *self, uint64_t now)
{
    AUTO(buf_done) struct buf body;

    buf_init(&body, 64);
    wire_holders_encode(&body, &(struct wire_holders){WIRE_ROUTER});
    for (unsigned i = 0; i < self->pipes->topology->worker_count; i++) {
        struct question question = {
            i, 0, WIRE_TYPE_HOLDERS, PATIENCE_READ, &body, on_poll_reply, &self->workers[i]};

        if (!self->workers[i].polled)
            self->workers[i].polled = ask(self, &question) > 0;
    }
    self->poll_ms = now + POLL_MS;
}

const char *query_trouble(const struct query *self)
{
    for (size_t i = 0; i < self->pipes->topology->worker_count; i++)
        if (self->workers[i].trouble[0])
            return self->workers[i].trouble;
    return NULL;
}

void query_on_holders(struct query *self, query_holders_fn *fn, void *arg)
{
    self->on_holders = fn;
    self->on_holders_arg = arg;
}

static void give_up_suspects(struct query *self, struct worker *worker)
{
    worker->suspect_ms = 0;
    for (size_t i = 0; i < PATIENCES; i++) {
        struct list *at = self->due[i].next;

        while (at != &self->due[i]) {
            struct asked *asked = LIST_ITEM(at, struct asked, due);

            if (asked->trace >= worker->suspect_trace)
                break;
            if (&self->workers[asked->worker] == worker) {
                finish(self, asked, NULL);
                at = self->due[i].next; /* fn may have cancelled others */
            } else {
                at = at->next;
            }
        }
    }
}

static void note_silence(struct query *self, size_t at, uint64_t now)
{
    struct worker *worker = &self->workers[at];

    if (worker->heard_ms && worker->heard_ms + SILENT_MS < now)
        snprintf(worker->trouble, sizeof worker->trouble, "%s does not answer",
                 self->pipes->topology->workers[at].name);
}

/* Another process may have its endpoint. What was asked is answered by the one that was asked, or
 * given up; the poll asks anew. */
static void reopen_silent(struct worker *worker, uint64_t now)
{
    struct query *self = worker->query;

    if (!silence_is_over(&worker->silence, now))
        return;
    if (open_pipe(worker) < 0)
        log_warn("cannot reach persist", "worker=%s", worker_name(worker));
    (*self->reopened)++;
    worker->polled = false;
    self->poll_ms = now;
}

/* Its store may be slow, and the loop answers this at once. */
static void ping(struct worker *worker)
{
    struct query *self = worker->query;
    struct wire_head head = pipes_head(self->pipes, WIRE_TYPE_SLOT);
    AUTO(buf_done) struct buf body;

    buf_init(&body, 64);
    wire_slot_encode(&body, &(struct wire_slot){wire_text("")});
    pipe_frame(&self->frame, &head, &body);
    if (worker->pipe->send(worker->pipe, &self->frame) < 0)
        return; /* there are many unanswered ones already */
}

void query_tick(struct query *self)
{
    uint64_t now = clock_monotonic_ms();

    for (size_t i = 0; i < self->pipes->topology->worker_count; i++) {
        if (silence_wants_ping(&self->workers[i].silence, now))
            ping(&self->workers[i]);
        reopen_silent(&self->workers[i], now);
    }

    for (size_t i = 0; i < self->pipes->topology->worker_count; i++)
        note_silence(self, i, now);

    for (size_t i = 0; i < self->pipes->topology->worker_count; i++)
        if (self->workers[i].suspect_ms && self->workers[i].suspect_ms <= now)
            give_up_suspects(self, &self->workers[i]);
    for (size_t i = 0; i < PATIENCES; i++)
        for (;;) {
            struct asked *asked = LIST_FIRST(&self->due[i], struct asked, due);

            if (!asked || asked->due_ms > now)
                break;
            finish(self, asked, NULL);
        }
    if (now >= self->poll_ms)
        poll_workers(self, now);
}
