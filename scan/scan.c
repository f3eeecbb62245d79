/* Requests of the admin command come in at the control socket; a worker thread answers them one by
 * one. */
#include "scan/scan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "scan/worker.h"

#define TICK_MS 100
#define GRACE_MS 1000 /* libclamav looks at its clock now and then only */
#define OWN_DATABASE "../share/parley/eicar.ndb"

struct job {
    struct bus_peer peer;
    uint64_t trace;
    char *path;
};

struct scan {
    struct service *service;
    zactor_t *worker;
    struct worker_setup setup;
    char *own_database;
    bool loaded;
    bool busy; /* the first job is with the worker … */
    bool late; /* … and was answered already, since its deadline passed */
    uint64_t started_us;
    uint64_t deadline_ms;
    struct job *jobs; /* a ring */
    size_t room, first, count;
    uint64_t *clean, *infected, *failed, *refused, *waiting, *signatures;
    struct stat_histogram *time;
};

static struct job *job_at(struct scan *self, size_t index)
{
    return &self->jobs[(self->first + index) % self->room];
}

static void answer(struct scan *self, const struct job *job, enum wire_result status,
                   const char *detail)
{
    service_reply_status(self->service, &job->peer, job->trace, status, detail);
}

static void drop_first(struct scan *self)
{
    free(TAKE(job_at(self, 0)->path));
    self->first = (self->first + 1) % self->room;
    self->count--;
    *self->waiting = self->count;
}

static void start_next(struct scan *self)
{
    if (!self->loaded || self->busy || self->count == 0)
        return;
    self->busy = true;
    self->late = false;
    self->started_us = clock_monotonic_us();
    worker_scan(self->worker, job_at(self, 0)->path);
}

static void answer_verdict(struct scan *self, enum engine_verdict verdict, const char *text)
{
    const struct job *job = job_at(self, 0);
    char detail[256];

    snprintf(detail, sizeof detail, verdict == ENGINE_INFECTED ? "infected %s" : "%s",
             verdict == ENGINE_CLEAN ? "clean" : text);
    (*(verdict == ENGINE_CLEAN      ? self->clean
       : verdict == ENGINE_INFECTED ? self->infected
                                    : self->failed))++;
    answer(self, job, verdict == ENGINE_FAILED ? WIRE_INVALID : WIRE_OK, detail);
}

static void on_result(struct scan *self, const struct worker_report *report)
{
    stat_record(self->time, clock_monotonic_us() - self->started_us);
    if (!self->late)
        answer_verdict(self, (enum engine_verdict)report->number, report->text);
    else
        service_set_health(self->service, NULL);
    self->busy = false;
    drop_first(self);
    start_next(self);
}

static void on_report(struct scan *self, const struct worker_report *report)
{
    switch (report->event) {
    case WORKER_LOADED:
        self->loaded = true;
        *self->signatures = report->number;
        log_info("engine loaded, finds the EICAR test string",
                 "engine=%s signatures=%llu database=%s", self->setup.ops->name,
                 (unsigned long long)report->number, log_quote(self->setup.database));
        service_set_health(self->service, NULL);
        start_next(self);
        break;
    case WORKER_BROKEN:
        service_set_health(self->service, report->text);
        break;
    case WORKER_RESULT:
        on_result(self, report);
        break;
    }
}

static int on_worker(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct scan *self = arg;
    struct worker_report report;

    (void)loop;
    (void)sock;
    while (worker_read(self->worker, &report) == 1) {
        on_report(self, &report);
        free(report.text);
    }
    return 0;
}

/* ---- requests ---- */

static bool is_asked_already(struct scan *self, const struct bus_frame *request)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct job *job = job_at(self, i);

        if (job->trace == request->head.trace && job->peer.len == request->peer.len &&
            memcmp(job->peer.bytes, request->peer.bytes, job->peer.len) == 0)
            return true;
    }
    return false;
}

static bool is_good_path(wire_bytes path)
{
    return path.len > 0 && path.len < PATH_MAX && path.data[0] == '/' &&
           !memchr(path.data, '\0', path.len);
}

static void on_request(void *arg, const struct bus_frame *request)
{
    struct scan *self = arg;
    struct job job = {.peer = request->peer, .trace = request->head.trace};
    struct wire_admin_scan scan;

    if (request->head.type != WIRE_TYPE_ADMIN_SCAN ||
        wire_admin_scan_decode(request->body, &scan) < 0) {
        answer(self, &job, WIRE_INVALID, "scan takes no such command");
    } else if (!is_good_path(scan.path)) {
        answer(self, &job, WIRE_INVALID, "the path must be an absolute one");
    } else if (is_asked_already(self, request)) {
        return;
    } else if (!self->loaded || self->count == self->room) {
        (*self->refused)++;
        answer(self, &job, WIRE_UNAVAILABLE,
               self->loaded ? "too many files wait" : "no signatures are loaded");
    } else {
        job.path = wire_bytes_dup(scan.path);
        self->count++;
        *job_at(self, self->count - 1) = job;
        *self->waiting = self->count;
        start_next(self);
    }
}

/* ---- deadlines ---- */

/* A scan cannot be interrupted from outside. When it does not end long after its deadline, the
 * process does, and whoever supervises it starts it again. */
static int on_tick(zloop_t *loop, int timer, void *arg)
{
    struct scan *self = arg;
    uint64_t took_ms = self->busy ? (clock_monotonic_us() - self->started_us) / 1000 : 0;

    (void)loop;
    (void)timer;
    if (took_ms > 2 * self->deadline_ms + GRACE_MS) {
        log_error("a scan does not end; starting anew", "file=%s ms=%llu",
                  log_quote(job_at(self, 0)->path), (unsigned long long)took_ms);
        _exit(EXIT_FAILURE);
    }
    if (took_ms > self->deadline_ms + GRACE_MS && !self->late) {
        self->late = true;
        (*self->failed)++;
        answer(self, job_at(self, 0), WIRE_INVALID, "not scanned: the deadline passed");
        service_set_health(self->service, "a scan does not end");
    }
    return 0;
}

/* ---- life ---- */

static char *own_database(void)
{
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    char *path = NULL;

    if (len <= 0)
        return base_strdup("eicar.ndb");
    program[len] = '\0';
    *(strrchr(program, '/') + 1) = '\0';
    if (asprintf(&path, "%s" OWN_DATABASE, program) < 0)
        abort();
    return path;
}

static void read_conf(struct scan *self, struct conf *conf, const struct engine_ops *engine)
{
    const char *database = conf_path(conf, "scan/database");

    self->own_database = own_database();
    self->deadline_ms = (uint64_t)conf_number(conf, "scan/deadline_ms");
    self->room = (size_t)conf_number(conf, "scan/queue");
    self->jobs = NEW_ARRAY(self->room, struct job);
    self->setup = (struct worker_setup){
        .ops = engine,
        .database = database[0] ? database : self->own_database,
        .limits = {.file_bytes = (uint64_t)conf_number(conf, "scan/file_bytes"),
                   .total_bytes = (uint64_t)conf_number(conf, "scan/total_bytes"),
                   .depth = (uint32_t)conf_number(conf, "scan/depth"),
                   .files = (uint32_t)conf_number(conf, "scan/files"),
                   .time_ms = (uint32_t)self->deadline_ms},
    };
}

static void make_counters(struct scan *self, struct stat_set *stats)
{
    self->clean = stat_counter(stats, "scan_clean");
    self->infected = stat_counter(stats, "scan_infected");
    self->failed = stat_counter(stats, "scan_failed");
    self->refused = stat_counter(stats, "scan_refused");
    self->waiting = stat_counter(stats, "scan_queue");
    self->signatures = stat_counter(stats, "engine_signatures");
    self->time = stat_histogram(stats, "scan_us");
}

int scan_new(struct scan **ret, struct service *service, const struct engine_ops *engine)
{
    AUTO(scan_free) struct scan *self = NEW(struct scan);
    zloop_t *loop = service_loop(service);

    self->service = service;
    read_conf(self, service_conf(service), engine);
    make_counters(self, service_stats(service));
    service_set_health(service, "loading the signatures");
    self->worker = worker_new(&self->setup);
    if (!self->worker) {
        log_error("cannot start a thread", "%s", "");
        return -EAGAIN;
    }
    zloop_reader(loop, zactor_sock(self->worker), on_worker, self);
    zloop_timer(loop, TICK_MS, 0, on_tick, self);
    service_on_command(service, on_request, self);
    *ret = TAKE(self);
    return 0;
}

void scan_free(struct scan **self)
{
    if (!*self)
        return;
    zactor_destroy(&(*self)->worker);
    while ((*self)->count > 0)
        drop_first(*self);
    free((*self)->jobs);
    free((*self)->own_database);
    free(*self);
    *self = NULL;
}
