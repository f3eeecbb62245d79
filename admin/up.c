/* One loop over signals, the daemons' output, and a tick that asks them whether they are ready. */
#include "admin/up.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/child.h"
#include "admin/control.h"
#include "admin/restart.h"
#include "base/clock.h"

#define TICK_MS 50
#define ASK_AGAIN_MS 1000
#define STOP_MS 5000
#define REPORT_MS 10000
#define LAST_WORDS_MAX 400

static const char *const stop_order[] = {"edge", "router", "notify", "scan", "persist"};

struct daemon {
    struct up *up;
    struct child child;
    struct restart restart;
    zsock_t *control;
    uint64_t asked_ms;    /* 0: may be asked at once */
    uint64_t start_at_ms; /* 0: runs or is not to */
    bool ready;
    char health[LAST_WORDS_MAX];
    char last_words[LAST_WORDS_MAX]; /* the last line of its log, an error if there was one */
    bool last_words_are_error;
};

struct up {
    struct place *place;
    const char *programs;
    zloop_t *loop;
    struct daemon daemons[PLACE_DAEMONS_MAX];
    size_t count;
    int name_width;
    sigset_t mask; /* what the daemons get */
    int signals;
    uint64_t trace;
    uint64_t lost_lines;
    uint64_t report_at_ms;
    bool was_ready;
    bool failed;
    bool stopping;
    size_t stage; /* of stop_order */
    uint64_t kill_at_ms;
};

/* ---- what it prints ---- */

/* A line of a log, unless whoever reads it is behind: then it is counted, since a supervisor must
 * not wait. A line is shorter than what a pipe that poll calls writable takes. */
static void print_line(struct up *self, const char *who, const char *text, size_t len)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT)) {
        self->lost_lines++;
        return;
    }
    if (self->lost_lines > 0)
        dprintf(STDERR_FILENO, "%-*s | %llu lines were lost, since nobody read them\n",
                self->name_width, "parley", (unsigned long long)self->lost_lines);
    self->lost_lines = 0;
    dprintf(STDERR_FILENO, "%-*s | %.*s\n", self->name_width, who, (int)len, text);
}

static void say(struct up *self, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct up *self, const char *format, ...)
{
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_line(self, "parley", text, strlen(text));
}

static void on_line(void *arg, const char *line, size_t len, bool cut)
{
    struct daemon *daemon = arg;
    bool error = memmem(line, len, "level=error", strlen("level=error")) != NULL;

    (void)cut;
    print_line(daemon->up, daemon->child.name, line, len);
    if (!error && daemon->last_words_are_error)
        return;
    daemon->last_words_are_error = error;
    snprintf(daemon->last_words, sizeof daemon->last_words, "%.*s", (int)len, line);
}

static void print_urls(struct up *self)
{
    const char *lead = "Parley is ready: ";

    for (size_t i = 0; i < self->count; i++) {
        AUTO(base_free_text) char *url = NULL;

        if (!place_has_role(self->place->daemons[i], "edge"))
            continue;
        url = place_url(self->place, self->place->daemons[i]);
        printf("%s%s\n", lead, url);
        lead = "also: ";
    }
    if (!place_first(self->place, "edge"))
        printf("Parley is ready.\n");
    fflush(stdout);
}

/* ---- starting ---- */

static int on_output(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    struct daemon *daemon = arg;
    zmq_pollitem_t gone = *item;

    if (!child_read(&daemon->child, on_line, daemon))
        zloop_poller_end(loop, &gone);
    return 0;
}

static void start(struct up *self, struct daemon *daemon)
{
    AUTO(base_free_text) char *program = NULL;
    char *name = self->place->daemons[daemon - self->daemons];
    char config_flag[] = "-c", name_flag[] = "-n";
    zmq_pollitem_t output;
    int rc;

    if (asprintf(&program, "%s/parley-%.*s", self->programs, (int)strcspn(name, "."), name) < 0)
        abort();
    daemon->start_at_ms = 0;
    daemon->ready = false;
    daemon->asked_ms = 0;
    daemon->last_words_are_error = false;
    daemon->last_words[0] = '\0';
    restart_started(&daemon->restart, clock_monotonic_ms());
    rc = child_start(&daemon->child,
                     (char *[]){program, config_flag, self->place->file, name_flag, name, NULL},
                     &self->mask);
    if (rc < 0) {
        say(self, "cannot start %s: %s; trying again", name, strerror(-rc));
        daemon->start_at_ms = clock_monotonic_ms() + RESTART_FIRST_MS;
        return;
    }
    output = (zmq_pollitem_t){.fd = daemon->child.output, .events = ZMQ_POLLIN};
    zloop_poller(self->loop, &output, on_output, daemon);
    zloop_poller_set_tolerant(self->loop, &output);
}

/* ---- stopping ---- */

static bool stage_runs(struct up *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->daemons[i].child.pid > 0 &&
            place_has_role(self->place->daemons[i], stop_order[self->stage]))
            return true;
    return false;
}

static void signal_stage(struct up *self, int signal)
{
    for (size_t i = 0; i < self->count; i++)
        if (place_has_role(self->place->daemons[i], stop_order[self->stage]))
            child_kill(&self->daemons[i].child, signal);
}

/* Goes on to the first stage that still runs; −1, for the loop: there is none. */
static int stop_next(struct up *self)
{
    while (!stage_runs(self)) {
        if (++self->stage == COUNT_OF(stop_order))
            return -1;
        signal_stage(self, SIGTERM);
        self->kill_at_ms = clock_monotonic_ms() + STOP_MS;
    }
    return 0;
}

static int stop(struct up *self)
{
    if (self->stopping) {
        for (size_t i = 0; i < self->count; i++)
            child_kill(&self->daemons[i].child, SIGKILL);
        return stop_next(self);
    }
    self->stopping = true;
    self->kill_at_ms = clock_monotonic_ms() + STOP_MS;
    signal_stage(self, SIGTERM);
    return stop_next(self);
}

/* ---- dying ---- */

static void describe_end(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was killed by signal %d", WTERMSIG(status));
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
}

static void give_up(struct up *self, struct daemon *daemon)
{
    say(self, "%s cannot start: %s", daemon->child.name,
        daemon->last_words[0] ? daemon->last_words : "it says nothing");
    self->failed = true;
}

static int on_death(struct up *self, struct daemon *daemon, int status)
{
    bool own = WIFEXITED(status) && WEXITSTATUS(status) != 0;
    uint64_t now_ms = clock_monotonic_ms(), delay_ms = 0;
    zmq_pollitem_t output = {.fd = daemon->child.output, .events = ZMQ_POLLIN};
    char end[64];

    daemon->ready = false;
    child_finish(&daemon->child, on_line, daemon);
    zloop_poller_end(self->loop, &output);
    describe_end(status, end, sizeof end);
    if (self->stopping)
        return stop_next(self);
    if (restart_died(&daemon->restart, own, now_ms, &delay_ms) < 0) {
        give_up(self, daemon);
        return stop(self);
    }
    say(self, "%s %s; starting it again%s", daemon->child.name, end, delay_ms ? " soon" : "");
    if (delay_ms == 0)
        start(self, daemon);
    else
        daemon->start_at_ms = now_ms + delay_ms;
    return 0;
}

static int reap(struct up *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < self->count; i++)
            if (self->daemons[i].child.pid == pid) {
                if (on_death(self, &self->daemons[i], status) < 0)
                    return -1;
                break;
            }
    return 0;
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    struct up *self = arg;
    struct signalfd_siginfo info;

    (void)loop;
    (void)item;
    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int rc = info.ssi_signo == SIGCHLD ? reap(self) : stop(self);

        if (rc < 0)
            return -1;
    }
    return 0;
}

/* ---- readiness ---- */

static void read_answers(struct up *self, struct daemon *daemon)
{
    struct bus_frame frame;
    struct wire_status_is status;

    while (control_read_status(daemon->control, &frame, &status) == 1) {
        if (daemon->child.pid > 0 && status.pid == (uint64_t)daemon->child.pid) {
            daemon->asked_ms = 0;
            snprintf(daemon->health, sizeof daemon->health, "%.*s", (int)status.health.len,
                     (const char *)status.health.data);
            daemon->ready = status.ready != 0;
        }
        bus_frame_done(&frame);
    }
    if (!daemon->ready)
        return;
    restart_ready(&daemon->restart);
    if (self->was_ready)
        say(self, "%s is ready again", daemon->child.name);
}

static void ask(struct up *self, struct daemon *daemon, uint64_t now_ms)
{
    if (daemon->asked_ms > 0 && now_ms - daemon->asked_ms < ASK_AGAIN_MS)
        return;
    if (control_ask_status(daemon->control, ++self->trace) == 0)
        daemon->asked_ms = now_ms;
}

static void report_waiting(struct up *self)
{
    for (size_t i = 0; i < self->count; i++) {
        struct daemon *daemon = &self->daemons[i];

        if (!daemon->ready)
            say(self, "still waiting for %s%s%s", daemon->child.name, daemon->health[0] ? ": " : "",
                daemon->health);
    }
}

static void check_readiness(struct up *self, uint64_t now_ms)
{
    bool all = true;

    for (size_t i = 0; i < self->count; i++) {
        struct daemon *daemon = &self->daemons[i];

        if (daemon->ready)
            continue;
        read_answers(self, daemon);
        if (!daemon->ready && daemon->child.pid > 0)
            ask(self, daemon, now_ms);
        all = all && daemon->ready;
    }
    if (all) {
        self->report_at_ms = now_ms + REPORT_MS;
        if (!self->was_ready)
            print_urls(self);
        self->was_ready = true;
    } else if (now_ms >= self->report_at_ms) {
        self->report_at_ms = now_ms + REPORT_MS;
        report_waiting(self);
    }
}

static int on_tick(zloop_t *loop, int timer, void *arg)
{
    struct up *self = arg;
    uint64_t now_ms = clock_monotonic_ms();

    (void)loop;
    (void)timer;
    if (self->stopping) {
        if (now_ms >= self->kill_at_ms)
            signal_stage(self, SIGKILL);
        return 0;
    }
    for (size_t i = 0; i < self->count; i++)
        if (self->daemons[i].start_at_ms > 0 && now_ms >= self->daemons[i].start_at_ms)
            start(self, &self->daemons[i]);
    check_readiness(self, now_ms);
    return 0;
}

/* ---- its life ---- */

static void up_free(struct up **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < (*self)->count; i++)
        zsock_destroy(&(*self)->daemons[i].control);
    zloop_destroy(&(*self)->loop);
    if ((*self)->signals >= 0)
        close((*self)->signals);
    free(*self);
    *self = NULL;
}

static int watch_signals(struct up *self)
{
    zmq_pollitem_t item = {.events = ZMQ_POLLIN};
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &ours, &self->mask) < 0)
        return -errno;
    self->signals = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    if (self->signals < 0)
        return -errno;
    item.fd = self->signals;
    return zloop_poller(self->loop, &item, on_signal, self);
}

static int add_daemons(struct up *self)
{
    int rc = 0;

    self->name_width = (int)strlen("parley");
    for (size_t i = 0; i < self->place->count && rc == 0; i++) {
        struct daemon *daemon = &self->daemons[self->count++];
        int width = (int)strlen(self->place->daemons[i]);

        daemon->up = self;
        child_init(&daemon->child, self->place->daemons[i]);
        if (width > self->name_width)
            self->name_width = width;
        rc = control_open(&daemon->control, self->place, self->place->daemons[i]);
    }
    return rc;
}

int up_run(struct place *place, const char *programs)
{
    AUTO(up_free) struct up *self = NEW(struct up);
    int rc;

    self->place = place;
    self->programs = programs;
    self->loop = zloop_new();
    self->report_at_ms = clock_monotonic_ms() + REPORT_MS;
    rc = watch_signals(self);
    if (rc == 0)
        rc = add_daemons(self);
    if (rc < 0) {
        say(self, "cannot start: %s", strerror(-rc));
        return rc;
    }
    for (size_t i = 0; i < self->count; i++)
        start(self, &self->daemons[i]);
    zloop_timer(self->loop, TICK_MS, 0, on_tick, self);
    zloop_start(self->loop);
    say(self, self->failed ? "stopped, since not everything could start" : "stopped");
    return self->failed ? -ECANCELED : 0;
}
