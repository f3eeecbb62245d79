/* The loop of a thread: take what waits, write batches together, answer the rest one by one. */
#include "persist/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "persist/commit.h"
#include "persist/request.h"

#define REOPEN_FIRST_MS 50 /* the process before may hold its lock while it dies */
#define REOPEN_MOST_MS 1000
#define REOPEN_NEWER_MS 30000 /* a newer schema does not go away by itself */

struct worker {
    const struct worker_start *start;
    zsock_t *pipe;
    struct store *store; /* NULL: not open */
    struct fence fence;
    struct slot slot;
    bool is_idle; /* the slot is another one's */
    struct leases *leases;
    struct commit *commit; /* the writer's */
    uint64_t reopen_ms;
    uint64_t reopen_wait_ms; /* of the last failure; 0: none since something was stored */
    uint64_t expired, told_writes;
    char why[320];
    struct buf body, list, frame;
};

/* ---- the store ---- */

static void report_state(struct worker *self, struct task_report *report)
{
    report->open = self->store != NULL;
    report->expired = self->expired;
    self->expired = 0;
    if (self->store) {
        report->writes = self->store->writes;
        report->unsafe_writes = self->store->unsafe_writes;
        report->settled = self->store->settled;
        self->told_writes = self->store->writes;
    }
    report->slot = self->slot.index;
    report->slot_epoch = self->slot.epoch;
    report->slot_is_taken = self->is_idle;
    snprintf(report->why, sizeof report->why, "%s", self->why);
    task_send_report(self->pipe, report);
}

/* What is written outside of batches is counted too. */
static void report_writes(struct worker *self)
{
    struct task_report report = {0};

    if (self->store->writes != self->told_writes)
        report_state(self, &report);
}

/* What the store says of itself cannot be put right from here: the next process can. */
static void heed_doubt(const struct worker *self)
{
    if (!self->store || !self->store->is_doubtful)
        return;
    log_error("a sync failed: ending, for a fresh start from the log", "%s", "");
    _exit(EXIT_FAILURE);
}

static void close_store(struct worker *self)
{
    heed_doubt(self);
    if (self->store)
        self->store->ops->close(&self->store);
}

static void reopen_later(struct worker *self)
{
    self->reopen_wait_ms = self->reopen_wait_ms ? self->reopen_wait_ms * 2 : REOPEN_FIRST_MS;
    if (self->reopen_wait_ms > REOPEN_MOST_MS)
        self->reopen_wait_ms = REOPEN_MOST_MS;
    self->reopen_ms = clock_monotonic_ms() + self->reopen_wait_ms;
}

/* Whatever we would still do is the new one's to do. Nothing is closed in order: the endpoint's
 * path is the new one's, too. */
static void superseded(const struct worker *self)
{
    log_error("another process serves our partitions now", "worker=%s epoch=%u",
              self->slot.topology->workers[self->slot.index].name, self->slot.epoch);
    _exit(EXIT_FAILURE);
}

/* Before the first request and after every reopening. */
static int take_slot(struct worker *self)
{
    int rc;

    if (!self->commit || !self->slot.topology)
        return 0;
    self->slot.checked_ms = 0;
    rc = self->slot.index == SLOT_NONE ? slot_claim(&self->slot, self->store)
                                       : slot_check(&self->slot, self->store);
    if (rc == -ESTALE)
        superseded(self);
    self->is_idle = rc == -EPERM;
    if (rc == 0)
        self->fence.partitions = self->slot.topology->workers[self->slot.index].partitions;
    return rc;
}

static void open_store(struct worker *self)
{
    AUTO(base_free_text) char *why = NULL;
    struct task_report report = {0};
    int rc = self->start->ops->open(&self->store, &self->start->place, &why);

    if (rc == 0)
        rc = take_slot(self);
    if (rc == 0 && self->commit)
        rc = fence_open(&self->fence, self->store);
    if (rc < 0) {
        snprintf(self->why, sizeof self->why, "%s",
                 why           ? why
                 : self->store ? self->store->why
                               : "the store cannot be opened");
        close_store(self);
        reopen_later(self);
        if (rc == -EPROTONOSUPPORT)
            self->reopen_ms = clock_monotonic_ms() + REOPEN_NEWER_MS;
    } else {
        self->why[0] = '\0';
    }
    report_state(self, &report);
}

/* A store that failed is closed and opened again: at once when that may help, else after a while.
 */
static void store_failed(struct worker *self, int rc, const char *doing)
{
    struct task_report report = {0};

    if (!self->store)
        return;
    snprintf(self->why, sizeof self->why, "%s",
             self->store->why[0] ? self->store->why : strerror(-rc));
    log_warn("the store failed", "doing=%s errno=%d reason=%s", doing, -rc, log_quote(self->why));
    close_store(self);
    self->reopen_ms = 0;
    if (rc != -EAGAIN)
        reopen_later(self);
    report_state(self, &report);
}

/* Who was stopped for a while may have been replaced: looked up from time to time, and before
 * anything is written after that. */
static void keep_slot(struct worker *self)
{
    int rc = 0;

    if (self->store && self->commit && self->slot.topology)
        rc = slot_check(&self->slot, self->store);
    if (rc == -ESTALE)
        superseded(self);
    if (rc < 0)
        store_failed(self, rc, "claims");
}

/* ---- answers ---- */

static void send_reply(struct worker *self, const struct task *task, uint8_t reply)
{
    struct wire_head head = self->start->head;

    head.type = reply;
    head.trace = task->head.trace;
    head.number = task->head.number;
    head.partition = task->head.partition;
    head.epoch = task->head.epoch;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    buf_put(&self->frame, self->body.data, self->body.len);
    task_reply(self->pipe, &task->peer, &self->frame);
}

static void refuse(struct worker *self, const struct task *task, const struct request *request,
                   enum wire_result status)
{
    buf_clear(&self->body);
    request_refuse(request->reply, &self->body, status,
                   status == WIRE_UNAVAILABLE ? self->why : "");
    send_reply(self, task, request->reply);
}

static enum wire_result result_of(int rc)
{
    switch (rc) {
    case -EPROTO:
        return WIRE_INVALID;
    case -ESTALE:
        return WIRE_FENCED;
    case -EMSGSIZE:
        return WIRE_TOO_LARGE;
    default:
        return WIRE_UNAVAILABLE;
    }
}

/* ---- batches ---- */

static void write_commit(struct worker *self)
{
    const struct request *request = request_find(WIRE_TYPE_BATCH);
    struct task_report report = {0};
    int rc;

    if (self->commit->task_count == 0)
        return;
    keep_slot(self);
    rc = self->store ? commit_write(self->commit, self->store, &report) : -EAGAIN;
    for (size_t i = 0; i < self->commit->task_count; i++) {
        const struct task *task = &self->commit->tasks[i].task;

        if (rc < 0) {
            refuse(self, task, request, WIRE_UNAVAILABLE);
            continue;
        }
        buf_clear(&self->body);
        commit_answer(self->commit, i, &self->list, &self->body);
        send_reply(self, task, request->reply);
    }
    commit_clear(self->commit);
    if (rc < 0 && self->store)
        store_failed(self, rc, "append");
    if (rc == 0) {
        self->reopen_wait_ms = 0;
        report_state(self, &report);
    }
}

static void take_batch(struct worker *self, struct task *task, const struct request *request)
{
    int rc = -EAGAIN;

    if (self->store)
        rc = commit_add(self->commit, &self->fence, task);
    if (self->store && rc == -EAGAIN) {
        write_commit(self);
        rc = self->store ? commit_add(self->commit, &self->fence, task) : -EAGAIN;
    }
    if (rc == 0)
        return; /* the group has the task now */
    if (rc == -EIO)
        store_failed(self, rc, "claims");
    refuse(self, task, request, rc == -EPROTO ? WIRE_INVALID : WIRE_UNAVAILABLE);
    task_done(task);
}

/* ---- everything else ---- */

static int ask_store(struct worker *self, const struct request *request, const struct task *task)
{
    struct request_desk desk = {self->store, &self->fence, self->leases};
    struct store *store = self->store;
    int rc;

    if (request->writer)
        return request->fn(&desk, &task->head, task->body, &self->body);
    rc = store->ops->view(store, true);
    if (rc < 0)
        return rc;
    rc = request->fn(&desk, &task->head, task->body, &self->body);
    if (store->ops->view(store, false) < 0 && rc == 0)
        rc = -EIO;
    return rc;
}

static void answer(struct worker *self, const struct task *task, const struct request *request)
{
    int rc = -EAGAIN;

    buf_clear(&self->body);
    if (self->store)
        rc = ask_store(self, request, task);
    if (rc == 0 && self->body.over)
        rc = -EMSGSIZE;
    if (rc == 0) {
        if (!self->commit)
            self->reopen_wait_ms = 0;
        send_reply(self, task, request->reply);
        report_writes(self);
        return;
    }
    if (result_of(rc) == WIRE_UNAVAILABLE && self->store)
        store_failed(self, rc, wire_type_name(task->head.type));
    refuse(self, task, request, result_of(rc));
}

static void take(struct worker *self, struct task *task)
{
    const struct request *request = request_find(task->head.type);
    bool is_late = request && task_is_late(task);

    if (request && !request->fn && !is_late) {
        take_batch(self, task, request);
        return;
    }
    if (self->commit)
        write_commit(self); /* what came before it is to be seen by it */
    keep_slot(self);
    if (is_late) {
        self->expired++;
        refuse(self, task, request, WIRE_UNAVAILABLE);
    } else if (request) {
        answer(self, task, request);
    }
    task_done(task);
}

/* ---- the loop ---- */

/* Until a request waits, or it is time to open the store, or to see that time passes. */
static void wait_for_work(struct worker *self)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(self->pipe), .events = ZMQ_POLLIN};
    uint64_t now_ms = clock_monotonic_ms();
    long wait_ms =
        self->fence.lease_ms / 4 < SLOT_CHECK_MS ? (long)self->fence.lease_ms / 4 : SLOT_CHECK_MS;

    if (self->is_idle || !self->commit)
        wait_ms = -1;
    if (!self->store && !self->is_idle)
        wait_ms = self->reopen_ms <= now_ms ? 0 : (long)(self->reopen_ms - now_ms);
    zmq_poll(&item, 1, wait_ms);
    fence_turn(&self->fence);
    keep_slot(self);
    if (!self->store && !self->is_idle && self->reopen_ms <= clock_monotonic_ms())
        open_store(self);
}

static int work(struct worker *self)
{
    struct task_report report = {0};
    struct task task;
    int rc;

    wait_for_work(self);
    while ((rc = task_recv(self->pipe, &task)) == 1)
        take(self, &task);
    if (self->commit)
        write_commit(self);
    if (self->expired > 0)
        report_state(self, &report);
    heed_doubt(self);
    return rc;
}

void worker_run(zsock_t *pipe, void *arg)
{
    const struct worker_start *start = arg;
    struct worker self = {.start = start, .pipe = pipe, .slot = start->slot};

    buf_init(&self.body, REQUEST_REPLY_MAX);
    buf_init(&self.list, REQUEST_REPLY_MAX);
    buf_init(&self.frame, REQUEST_REPLY_MAX + WIRE_HEAD_BYTES);
    self.fence.partitions = self.start->partitions;
    self.fence.lease_ms = self.start->lease_ms;
    if (self.start->place.writer) {
        self.commit = NEW(struct commit);
        leases_new(&self.leases);
    }
    zsock_signal(pipe, 0);
    while (work(&self) >= 0)
        continue;
    close_store(&self);
    leases_free(&self.leases);
    free(self.commit);
    buf_done(&self.body);
    buf_done(&self.list);
    buf_done(&self.frame);
}
