/* parley user add: one command, a row of the table in main.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/pipeline.h"

#define PASSWORD_MAX 1024

enum { OPTION_EMAIL, OPTION_NAME, OPTION_PASSWORD };

struct addition {
    struct wire_admin_user user;
    bool asked;
    int exit_status;
};

static int next(void *arg, struct buf *message, enum wire_type *ret_type)
{
    struct addition *self = arg;

    if (self->asked)
        return 0;
    self->asked = true;
    *ret_type = WIRE_TYPE_ADMIN_USER;
    wire_admin_user_encode(message, &self->user);
    return 1;
}

static void done(void *arg, const struct pipeline_result *result)
{
    struct addition *self = arg;

    if (result->answered && result->status == WIRE_OK) {
        printf("%.*s %s\n", (int)self->user.username.len, (const char *)self->user.username.data,
               result->detail);
        self->exit_status = EXIT_SUCCESS;
    } else if (!result->answered) {
        fprintf(stderr, "parley: no answer; the user may or may not exist now\n");
    } else if (result->status == WIRE_CONFLICT) {
        fprintf(stderr, "parley: somebody has this %s already\n", result->detail);
    } else {
        fprintf(stderr, "parley: %s%s%s\n", pipeline_status_name(result->status),
                result->detail[0] ? ": " : "", result->detail);
    }
}

/* A line of standard input without its end. */
static int read_password(char *text, size_t size)
{
    if (!fgets(text, (int)size, stdin)) {
        fprintf(stderr, "parley: no password on standard input\n");
        return -1;
    }
    if (!strchr(text, '\n') && !feof(stdin)) {
        fprintf(stderr, "parley: the password is longer than %d bytes\n", PASSWORD_MAX);
        return -1;
    }
    text[strcspn(text, "\r\n")] = '\0';
    return 0;
}

static wire_bytes text_or_none(const char *text)
{
    return wire_text(text ? text : "");
}

static int run(const struct command_line *line, struct place *place)
{
    char password[PASSWORD_MAX + 2] = "";
    AUTO(base_free_text) char *why = NULL;
    struct addition self = {.exit_status = EXIT_FAILURE};
    struct pipeline_work work = {.next = next, .done = done, .arg = &self};
    int rc;

    if (line->values[OPTION_PASSWORD] && read_password(password, sizeof password) < 0)
        return EXIT_FAILURE;
    self.user = (struct wire_admin_user){
        .username = wire_text(line->args[0]),
        .email = text_or_none(line->values[OPTION_EMAIL]),
        .display_name = text_or_none(line->values[OPTION_NAME]),
        .password = wire_text(password),
    };
    rc = pipeline_run(place, "edge", &work, &why);
    explicit_bzero(password, sizeof password);
    if (rc < 0)
        fprintf(stderr, "parley: %s\n", why);
    return self.exit_status;
}

const struct command command_user_add = {
    .name = "user add",
    .arguments = "USERNAME",
    .least = 1,
    .most = 1,
    .summary = "Make a user",
    .help = "Prints the name and the new id. Without a password the user can come in by a token "
            "only.\n",
    .options = {{"--email", "ADDRESS", "e-mail address"},
                {"--name", "TEXT", "name that others see (otherwise USERNAME)"},
                {"--password-stdin", NULL, "read the password, a line, from standard input"}},
    .run = run,
};
