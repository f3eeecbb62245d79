/* The command line: one row per command, one way to read its options. */
#pragma once

#include "admin/place.h"

#define COMMAND_OPTIONS_MAX 4
#define COMMAND_USAGE 2 /* exit status: the command line is wrong */

struct command_option {
    const char *name;  /* "--email" */
    const char *value; /* what its value is called in the help; NULL: it takes none */
    const char *help;
};

/* A command as it was typed. */
struct command_line {
    const struct command *command;
    const char *config;                      /* of -c; NULL: not given */
    const char *values[COMMAND_OPTIONS_MAX]; /* by option; NULL: not given; "" for one without */
    char **args;                             /* what is left, in argv */
    int arg_count;
    bool help;
};

struct command {
    const char *name;      /* "user add" */
    const char *arguments; /* as the help shows them */
    int least, most;       /* how many; most −1: any number */
    const char *summary;   /* one line */
    const char *help;      /* more lines, or "" */
    struct command_option options[COMMAND_OPTIONS_MAX + 1];
    /* Returns the exit status. place is the installation that the command line names. */
    int (*run)(const struct command_line *line, struct place *place);
    bool anywhere; /* needs no installation: place is NULL */
};

/* Reads argv against the table (ended by a row without a name). 0; or -EINVAL with a sentence. line
 * borrows from argv, which is reordered. command NULL: none was named. */
int command_parse(const struct command *const *table, int argc, char **argv,
                  struct command_line *ret, char **ret_why) MUST_CHECK;

/* Reads the command line, runs what it says; the exit status. */
int command_main(const struct command *const *table, int argc, char **argv);

extern const struct command command_up, command_status, command_user_add, command_user_import,
    command_user_token, command_scan, command_keys, command_record, command_recording,
    command_replay;
