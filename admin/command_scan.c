/* parley scan: one command, a row of the table in main.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/pipeline.h"

#define EXIT_INFECTED 1
#define EXIT_UNKNOWN 2

struct question {
    const char *path;
    bool asked;
    int exit_status;
};

static int next(void *arg, struct buf *message, enum wire_type *ret_type)
{
    struct question *self = arg;
    struct wire_admin_scan request = {.path = wire_text(self->path)};

    if (self->asked)
        return 0;
    self->asked = true;
    *ret_type = WIRE_TYPE_ADMIN_SCAN;
    wire_admin_scan_encode(message, &request);
    return 1;
}

static void done(void *arg, const struct pipeline_result *result)
{
    struct question *self = arg;

    if (result->answered && result->status == WIRE_OK) {
        printf("%s: %s\n", self->path, result->detail);
        self->exit_status = strcmp(result->detail, "clean") == 0 ? EXIT_SUCCESS : EXIT_INFECTED;
        return;
    }
    fprintf(stderr, "parley: %s: no verdict: %s\n", self->path,
            result->answered ? result->detail : "no answer");
}

static int run(const struct command_line *line, struct place *place)
{
    AUTO(base_free_text) char *path = realpath(line->args[0], NULL);
    AUTO(base_free_text) char *why = NULL;
    struct question self = {.path = path, .exit_status = EXIT_UNKNOWN};
    struct pipeline_work work = {.next = next, .done = done, .arg = &self};

    if (!path) {
        fprintf(stderr, "parley: %s: %s\n", line->args[0], strerror(errno));
        return EXIT_UNKNOWN;
    }
    if (pipeline_run(place, "scan", &work, &why) < 0)
        fprintf(stderr, "parley: %s\n", why);
    return self.exit_status;
}

const struct command command_scan = {
    .name = "scan",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .summary = "Ask the scanner for a verdict about a file",
    .help = "Ends with 0 when it is clean, 1 when it is infected, 2 when there is no verdict. The "
            "scanner opens the file\nitself, so it must be able to read it.\n",
    .run = run,
};
