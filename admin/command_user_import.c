/* parley user import: one command, a row of the table in main.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/lines.h"
#include "admin/pipeline.h"
#include "admin/user_line.h"
#include "base/clock.h"

#define PROGRESS_MS 1000

struct import {
    FILE *file;
    struct lines lines;
    uint64_t line; /* number of the last one read, from 1 */
    bool found;    /* user holds the next request */
    struct user_line user;
    uint64_t lines_asked[PIPELINE_WINDOW]; /* line of a request under way, by its number */
    uint64_t asked, added, existing, failed;
    uint64_t progress_ms; /* when it was last shown */
};

static void complain(struct import *self, uint64_t line, const char *what, const char *more)
{
    fprintf(stderr, "line %" PRIu64 ": %s%s%s\n", line, what, more[0] ? ": " : "", more);
    self->failed++;
}

static bool is_blank(const char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
        len--;
    return len == 0;
}

static void on_line(void *arg, const char *line, size_t len, bool cut)
{
    struct import *self = arg;
    AUTO(base_free_text) char *why = NULL;

    self->line++;
    if (cut)
        complain(self, self->line, "longer than any user", "");
    else if (!is_blank(line, len) && user_line_parse(&self->user, line, len, &why) < 0)
        complain(self, self->line, why, "");
    else
        self->found = self->user.username != NULL;
}

/* Reads on until a good line has been found; false at the end of the file. */
static bool find_user(struct import *self)
{
    int c;

    self->found = false;
    while (!self->found && (c = getc(self->file)) != EOF) {
        char byte = (char)c;

        lines_feed(&self->lines, &byte, 1, on_line, self);
    }
    if (!self->found)
        lines_end(&self->lines, on_line, self);
    return self->found;
}

static void show_progress(struct import *self, bool last)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (!last && now_ms - self->progress_ms < PROGRESS_MS)
        return;
    self->progress_ms = now_ms;
    fprintf(stderr, "%s%" PRIu64 " added, %" PRIu64 " existed, %" PRIu64 " failed\n",
            last ? "" : "… ", self->added, self->existing, self->failed);
}

static int next(void *arg, struct buf *message, enum wire_type *ret_type)
{
    struct import *self = arg;
    struct wire_admin_user request;

    if (!find_user(self))
        return 0;
    request = user_line_request(&self->user);
    wire_admin_user_encode(message, &request);
    user_line_done(&self->user);
    *ret_type = WIRE_TYPE_ADMIN_USER;
    self->lines_asked[self->asked++ % PIPELINE_WINDOW] = self->line;
    return 1;
}

static void done(void *arg, const struct pipeline_result *result)
{
    struct import *self = arg;
    uint64_t line = self->lines_asked[result->number % PIPELINE_WINDOW];
    bool existed = result->status == WIRE_CONFLICT && strcmp(result->detail, "username") == 0;

    if (!result->answered) {
        complain(self, line, "no answer", "the user may or may not exist now");
    } else if (result->status == WIRE_OK) {
        self->added++;
    } else if (existed) {
        self->existing++;
        fprintf(stderr, "line %" PRIu64 ": this username existed%s\n", line,
                result->again ? " (it may be by this import)" : "");
    } else {
        complain(self, line, pipeline_status_name(result->status), result->detail);
    }
    show_progress(self, false);
}

static int import(struct import *self, struct place *place)
{
    struct pipeline_work work = {.next = next, .done = done, .arg = self};
    AUTO(base_free_text) char *why = NULL;

    self->progress_ms = clock_monotonic_ms();
    if (pipeline_run(place, "edge", &work, &why) < 0) {
        fprintf(stderr, "parley: %s\n", why);
        return EXIT_FAILURE;
    }
    show_progress(self, true);
    if (ferror(self->file)) {
        fprintf(stderr, "parley: cannot read on: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return self->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const struct command_line *line, struct place *place)
{
    struct import self = {.file = stdin};
    bool is_stdin = strcmp(line->args[0], "-") == 0;
    int status;

    if (!is_stdin)
        self.file = fopen(line->args[0], "re");
    if (!self.file) {
        fprintf(stderr, "parley: cannot read %s: %s\n", line->args[0], strerror(errno));
        return EXIT_FAILURE;
    }
    status = import(&self, place);
    if (!is_stdin)
        fclose(self.file);
    return status;
}

const struct command command_user_import = {
    .name = "user import",
    .arguments = "FILE|-",
    .least = 1,
    .most = 1,
    .summary = "Make many users from JSON lines",
    .help = "A line is {\"username\":…,\"email\"?:…,\"displayName\"?:…,\"password\"?:…}. Bad lines "
            "are named and skipped; users that\nexist are named and no failure. Ends with 1 when "
            "a line failed.\n",
    .run = run,
};
