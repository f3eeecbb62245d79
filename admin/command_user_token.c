/* parley user token: one command, a row of the table in main.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/lines.h"
#include "admin/pipeline.h"

struct tokens {
    char **names; /* of the command line; NULL: from standard input */
    int left;
    struct lines lines;
    char *name;                         /* found on standard input */
    char *asked_names[PIPELINE_WINDOW]; /* under way, by number */
    uint64_t asked;
    bool failed;
};

static void on_line(void *arg, const char *line, size_t len, bool cut)
{
    struct tokens *self = arg;

    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
        len--;
    if (cut) {
        fprintf(stderr, "parley: a line is longer than any name\n");
        self->failed = true;
    } else if (len > 0) {
        self->name = strndup(line, len);
    }
}

/* The next name (free()), or NULL. */
static char *next_name(struct tokens *self)
{
    int c;

    if (self->names)
        return self->left-- > 0 ? base_strdup(*self->names++) : NULL;
    while (!self->name && (c = getchar()) != EOF) {
        char byte = (char)c;

        lines_feed(&self->lines, &byte, 1, on_line, self);
    }
    if (!self->name)
        lines_end(&self->lines, on_line, self);
    return TAKE(self->name);
}

static int next(void *arg, struct buf *message, enum wire_type *ret_type)
{
    struct tokens *self = arg;
    struct wire_admin_token request;
    char *name = next_name(self);

    if (!name)
        return 0;
    request.login = wire_text(name);
    wire_admin_token_encode(message, &request);
    *ret_type = WIRE_TYPE_ADMIN_TOKEN;
    self->asked_names[self->asked++ % PIPELINE_WINDOW] = name;
    return 1;
}

static void done(void *arg, const struct pipeline_result *result)
{
    struct tokens *self = arg;
    AUTO(base_free_text) char *name = TAKE(self->asked_names[result->number % PIPELINE_WINDOW]);

    if (result->answered && result->status == WIRE_OK) {
        printf("%s %s\n", name, result->detail);
        return;
    }
    self->failed = true;
    fprintf(stderr, "parley: %s: %s%s%s\n", name,
            result->answered ? pipeline_status_name(result->status) : "no answer",
            result->detail[0] ? ": " : "", result->detail);
}

static int run(const struct command_line *line, struct place *place)
{
    struct tokens self = {.names = line->args, .left = line->arg_count};
    struct pipeline_work work = {.next = next, .done = done, .arg = &self};
    AUTO(base_free_text) char *why = NULL;

    if (line->arg_count == 1 && strcmp(line->args[0], "-") == 0)
        self.names = NULL;
    if (pipeline_run(place, "edge", &work, &why) < 0) {
        fprintf(stderr, "parley: %s\n", why);
        return EXIT_FAILURE;
    }
    return self.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command command_user_token = {
    .name = "user token",
    .arguments = "NAME...|-",
    .least = 1,
    .most = -1,
    .summary = "Print \"username userId token\" lines",
    .help = "A token lets a client in as that user, without a password. With - the names are read "
            "from standard input,\none a line.\n",
    .run = run,
};
