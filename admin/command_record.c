/* parley record: one command, a row of the table in main.c. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/fill.h"
#include "admin/listener.h"
#include "admin/why.h"
#include "base/clock.h"

#define BEGIN_MS 5000 /* for the first router */
#define STOP_MS 3000  /* for the last frames */
#define PROGRESS_MS 1000
#define WAIT_MS 100
#define SECONDS_MAX 31536000

enum { OPTION_PARTITIONS, OPTION_SECONDS };

struct record {
    const char *path;
    struct listener listeners[PLACE_DAEMONS_MAX];
    size_t count;
    struct listener_file file;
    uint64_t seconds; /* 0: until it is told */
    uint64_t progress_ms;
    struct ask *ask;
    uint64_t filled; /* events that were read from the store */
    bool incomplete; /* a router has not told its last frames, or there are holes left */
};

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
    (void)number;
    stop_wanted = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int open_listeners(struct record *self, struct place *place, uint64_t partitions,
                          char **ret_why)
{
    for (size_t i = 0; i < place->count; i++) {
        struct listener *listener = &self->listeners[self->count];
        int rc;

        if (!place_has_role(place->daemons[i], "router"))
            continue;
        *listener = (struct listener){.daemon = place->daemons[i], .partitions = partitions};
        rc = listener_open(listener, place);
        if (rc < 0)
            return why_say(ret_why, rc, "cannot reach %s: %s", listener->daemon, strerror(-rc));
        self->count++;
    }
    return self->count ? 0 : why_say(ret_why, -ENOENT, "up/daemons names no router");
}

static bool any(const struct record *self, bool (*is)(const struct listener *))
{
    for (size_t i = 0; i < self->count; i++)
        if (is(&self->listeners[i]))
            return true;
    return false;
}

static bool has_begun(const struct listener *listener)
{
    return listener->was_begun;
}

static bool is_refused(const struct listener *listener)
{
    return listener->is_refused && !listener->was_begun;
}

static bool is_telling(const struct listener *listener)
{
    return listener->is_begun && !listener->is_stopped;
}

/* One look at all routers. */
static int step(struct record *self, bool stop)
{
    zsock_t *socks[PLACE_DAEMONS_MAX];
    int rc = 0;

    for (size_t i = 0; i < self->count; i++) {
        listener_tick(&self->listeners[i], clock_monotonic_ms(), stop);
        socks[i] = self->listeners[i].sock;
    }
    control_wait(socks, self->count, WAIT_MS);
    for (size_t i = 0; i < self->count && rc == 0; i++)
        rc = listener_read(&self->listeners[i], &self->file);
    return rc;
}

static void show_progress(struct record *self)
{
    const uint64_t *counts = recording_counts(self->file.writer);
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms - self->progress_ms < PROGRESS_MS)
        return;
    self->progress_ms = now_ms;
    fprintf(stderr, "… %" PRIu64 " s: %" PRIu64 " frames in, %" PRIu64 " out, %.1f MB",
            (now_ms - self->file.began_us / 1000) / 1000, counts[RECORDING_IN],
            counts[RECORDING_OUT], (double)recording_size(self->file.writer) / 1e6);
    if (counts[RECORDING_LOST])
        fprintf(stderr, ", %" PRIu64 " LOST", counts[RECORDING_LOST]);
    fprintf(stderr, "\n");
}

/* Until the first router tells. */
static int begin(struct record *self, char **ret_why)
{
    uint64_t deadline_ms = clock_monotonic_ms() + BEGIN_MS;
    int rc = 0;

    while (rc == 0 && !any(self, has_begun)) {
        if (any(self, is_refused))
            return why_say(ret_why, -EBUSY, "somebody else is recording");
        if (stop_wanted || clock_monotonic_ms() >= deadline_ms)
            return why_say(ret_why, -ETIMEDOUT, "no router answers: does Parley run?");
        rc = step(self, false);
    }
    return rc < 0 ? why_say(ret_why, rc, "cannot write %s: %s", self->path, strerror(-rc)) : 0;
}

static int listen_to_all(struct record *self)
{
    uint64_t end_ms = clock_monotonic_ms() + self->seconds * 1000;
    int rc = 0;

    fprintf(stderr, "recording into %s; Ctrl-C ends it\n", self->path);
    while (rc == 0 && !stop_wanted && (self->seconds == 0 || clock_monotonic_ms() < end_ms)) {
        rc = step(self, false);
        if (rc == 0)
            rc = recording_flush(self->file.writer);
        show_progress(self);
    }
    return rc;
}

/* What the routers still hold. */
static int drain(struct record *self)
{
    uint64_t deadline_ms = clock_monotonic_ms() + STOP_MS;
    int rc = 0;

    for (size_t i = 0; i < self->count; i++)
        self->listeners[i].more_ms = 0; /* at once */
    while (rc == 0 && any(self, is_telling) && clock_monotonic_ms() < deadline_ms)
        rc = step(self, true);
    self->incomplete = any(self, is_telling);
    if (self->incomplete)
        fprintf(stderr, "parley: a router did not tell its last frames\n");
    return rc;
}

/* Frames were lost, or a router has begun anew: events may be missing that the store has. */
static int fill(struct record *self)
{
    const uint64_t *counts = recording_counts(self->file.writer);
    int rc;

    if (counts[RECORDING_LOST] == 0 && counts[RECORDING_BEGIN] <= self->count)
        return 0;
    rc = fill_holes(self->file.writer, self->path, self->ask, self->file.last_us, &self->filled);
    if (rc == -ETIMEDOUT || rc == -EMSGSIZE)
        fprintf(stderr, "parley: the store cannot say what was not seen: %s\n", strerror(-rc));
    self->incomplete = self->incomplete || rc < 0;
    return rc == -ETIMEDOUT || rc == -EMSGSIZE ? 0 : rc;
}

static int finish(struct record *self)
{
    uint64_t counts[RECORDING_KINDS];
    uint64_t size = recording_size(self->file.writer);
    int rc;

    memcpy(counts, recording_counts(self->file.writer), sizeof counts);
    rc = recording_finish(&self->file.writer);
    if (rc < 0) {
        fprintf(stderr, "parley: cannot write %s: %s\n", self->path, strerror(-rc));
        return EXIT_FAILURE;
    }
    printf("recorded %.1f s: %" PRIu64 " frames in, %" PRIu64 " out, %" PRIu64
           " conversations at the start, %" PRIu64 " bytes in %s\n",
           (double)self->file.last_us / 1e6, counts[RECORDING_IN], counts[RECORDING_OUT],
           counts[RECORDING_SNAPSHOT], size, self->path);
    if (counts[RECORDING_LOST])
        fprintf(stderr, "parley: %" PRIu64 " frames are missing: this machine was too slow\n",
                counts[RECORDING_LOST]);
    if (self->filled)
        printf("%" PRIu64 " events were not seen and read from the store\n", self->filled);
    return counts[RECORDING_LOST] || self->incomplete ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int record(struct record *self)
{
    AUTO(base_free_text) char *why = NULL;
    int rc;

    if (begin(self, &why) < 0) {
        fprintf(stderr, "parley: %s\n", why);
        unlink(self->path); /* there is nothing in it */
        return EXIT_FAILURE;
    }
    rc = listen_to_all(self);
    if (rc == 0)
        rc = drain(self);
    if (rc == 0)
        rc = fill(self);
    if (rc < 0) {
        fprintf(stderr, "parley: cannot write %s: %s\n", self->path, strerror(-rc));
        return EXIT_FAILURE;
    }
    return finish(self);
}

static int read_options(const struct command_line *line, struct record *self,
                        uint64_t *ret_partitions)
{
    const char *partitions = line->values[OPTION_PARTITIONS];
    const char *seconds = line->values[OPTION_SECONDS];
    char *end = NULL;

    *ret_partitions = UINT64_MAX;
    if (partitions && topology_parse_mask(partitions, ret_partitions) < 0) {
        fprintf(stderr, "parley: --partitions takes numbers like \"0-31\" or \"1,3,8-15\"\n");
        return -EINVAL;
    }
    self->seconds = seconds ? strtoull(seconds, &end, 10) : 0;
    if (seconds && (*end != '\0' || self->seconds < 1 || self->seconds > SECONDS_MAX)) {
        fprintf(stderr, "parley: --seconds takes a number of seconds\n");
        return -EINVAL;
    }
    return 0;
}

static int run(const struct command_line *line, struct place *place)
{
    struct record *self = NEW(struct record);
    AUTO(base_free_text) char *why = NULL;
    uint64_t partitions;
    int status = COMMAND_USAGE, rc;

    self->path = line->args[0];
    if (read_options(line, self, &partitions) == 0) {
        status = EXIT_FAILURE;
        rc = open_listeners(self, place, partitions, &why);
        if (rc == 0)
            rc = ask_new(&self->ask, place, &why);
        if (rc == 0)
            rc = recording_create(&self->file.writer, self->path, clock_wall_ms());
        self->file.began_us = clock_monotonic_us();
        catch_signals();
        if (rc == 0)
            status = record(self);
        else
            fprintf(stderr, "parley: %s%s%s\n", why ? why : self->path, why ? "" : ": ",
                    why ? "" : strerror(-rc));
    }
    recording_abandon(&self->file.writer);
    ask_free(&self->ask);
    for (size_t i = 0; i < self->count; i++)
        listener_close(&self->listeners[i]);
    free(self);
    return status;
}

const struct command command_record = {
    .name = "record",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .summary = "Record what enters and leaves the routers",
    .help = "Begins with the conversations that the routers have in memory, and ends with Ctrl-C. "
            "The routers do not wait for\nit: when this machine is too slow the recording says "
            "where frames are missing, and the command ends with 1.\nThe file holds what people "
            "wrote: keep it as you keep the store.\n",
    .options = {{"--partitions", "LIST", "only these of the partitions 0-63, like \"0-31,40\""},
                {"--seconds", "N", "end by itself after so long"}},
    .run = run,
};
