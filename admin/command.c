/* Reads a command line against the table of commands, and explains the table. */
#include "admin/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/why.h"

/* How many words of argv are the command's name; 0: they are not. */
static int match_name(const struct command *command, int argc, char **argv)
{
    const char *name = command->name;

    for (int words = 0; words < argc; words++) {
        size_t len = strlen(argv[words]);

        if (strncmp(name, argv[words], len) != 0)
            return 0;
        if (name[len] == '\0')
            return words + 1;
        if (name[len] != ' ')
            return 0;
        name += len + 1;
    }
    return 0;
}

static int find_command(const struct command *const *table, int argc, char **argv,
                        const struct command **ret, char **ret_why)
{
    for (; *table; table++) {
        int words = match_name(*table, argc, argv);

        if (words > 0) {
            *ret = *table;
            return words;
        }
    }
    return why_say(ret_why, -EINVAL, "there is no command \"%s%s%s\"", argv[0], argc > 1 ? " " : "",
                   argc > 1 ? argv[1] : "");
}

/* The text of a value: behind "=", or the next word. */
static int take_value(int argc, char **argv, int *at, const char *equals, const char **ret,
                      char **ret_why)
{
    if (equals) {
        *ret = equals + 1;
        return 0;
    }
    if (*at + 1 >= argc)
        return why_say(ret_why, -EINVAL, "%s wants a value", argv[*at]);
    *ret = argv[++*at];
    return 0;
}

static int parse_own_option(int argc, char **argv, int *at, struct command_line *line,
                            char **ret_why)
{
    const char *equals = strchr(argv[*at], '=');
    size_t len = equals ? (size_t)(equals - argv[*at]) : strlen(argv[*at]);
    const struct command_option *option = line->command ? line->command->options : NULL;

    for (int i = 0; option && option[i].name; i++) {
        if (strlen(option[i].name) != len || strncmp(option[i].name, argv[*at], len) != 0)
            continue;
        if (option[i].value)
            return take_value(argc, argv, at, equals, &line->values[i], ret_why);
        if (equals)
            return why_say(ret_why, -EINVAL, "%s takes no value", option[i].name);
        line->values[i] = "";
        return 0;
    }
    return why_say(ret_why, -EINVAL, "there is no option %s here", argv[*at]);
}

static int parse_option(int argc, char **argv, int *at, struct command_line *line, char **ret_why)
{
    const char *word = argv[*at];

    if (strcmp(word, "-c") == 0)
        return take_value(argc, argv, at, NULL, &line->config, ret_why);
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        line->help = true;
        return 0;
    }
    return parse_own_option(argc, argv, at, line, ret_why);
}

static int check_count(const struct command_line *line, char **ret_why)
{
    const struct command *command = line->command;

    if (!command || line->help)
        return 0;
    if (line->arg_count < command->least || (command->most >= 0 && line->arg_count > command->most))
        return why_say(ret_why, -EINVAL, "it is: parley %s %s", command->name, command->arguments);
    return 0;
}

int command_parse(const struct command *const *table, int argc, char **argv,
                  struct command_line *ret, char **ret_why)
{
    struct command_line line = {.args = argv};
    bool only_args = false;

    for (int at = 1; at < argc; at++) {
        bool option = !only_args && argv[at][0] == '-' && argv[at][1] != '\0';
        int rc = 0;

        if (option && strcmp(argv[at], "--") == 0) {
            only_args = true;
        } else if (option) {
            rc = parse_option(argc, argv, &at, &line, ret_why);
        } else if (!line.command) {
            rc = find_command(table, argc - at, argv + at, &line.command, ret_why);
            at += rc > 0 ? rc - 1 : 0;
        } else {
            line.args[line.arg_count++] = argv[at];
        }
        if (rc < 0)
            return rc;
    }
    if (check_count(&line, ret_why) < 0)
        return -EINVAL;
    *ret = line;
    return 0;
}

static void print_overview(const struct command *const *table)
{
    printf("Usage: parley [-c FILE] COMMAND …\n\nCommands:\n");
    for (; *table; table++) {
        int width = printf("  %s%s%s", (*table)->name, (*table)->arguments[0] ? " " : "",
                           (*table)->arguments);

        printf("%*s %s\n", width < 32 ? 32 - width : 0, "", (*table)->summary);
    }
    printf("\n  -c FILE    the configuration of the installation (otherwise $PARLEY_CONFIG,\n"
           "             ./parley.cfg or ./parley-data/parley.cfg)\n"
           "  --help     behind a command: what it does\n"
           "  --version  print the version\n");
}

static void print_help(const struct command *command)
{
    printf("Usage: parley [-c FILE] %s%s%s%s\n%s.\n%s", command->name,
           command->options[0].name ? " [OPTION …]" : "", command->arguments[0] ? " " : "",
           command->arguments, command->summary, command->help);
    for (const struct command_option *option = command->options; option->name; option++) {
        int width = printf("  %s%s%s", option->name, option->value ? " " : "",
                           option->value ? option->value : "");

        printf("%*s %s\n", width < 24 ? 24 - width : 0, "", option->help);
    }
}

static int run(const struct command_line *line)
{
    AUTO(place_close) struct place *place = NULL;
    AUTO(base_free_text) char *why = NULL;

    if (!line->command->anywhere && place_open(&place, line->config, &why) < 0) {
        fprintf(stderr, "parley: %s\n", why);
        return EXIT_FAILURE;
    }
    return line->command->run(line, place);
}

static int parse_and_run(const struct command *const *table, int argc, char **argv)
{
    struct command_line line;
    AUTO(base_free_text) char *why = NULL;

    if (command_parse(table, argc, argv, &line, &why) < 0) {
        fprintf(stderr, "parley: %s\nTry parley --help\n", why);
        return COMMAND_USAGE;
    }
    if (line.command && !line.help)
        return run(&line);
    if (line.command)
        print_help(line.command);
    else
        print_overview(table);
    return line.help ? EXIT_SUCCESS : COMMAND_USAGE;
}

int command_main(const struct command *const *table, int argc, char **argv)
{
    static char help_flag[] = "--help";

    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        printf("parley %s\n", PARLEY_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc > 1 && strcmp(argv[1], "help") == 0) /* `help user add` is `--help user add` */
        argv[1] = help_flag;
    return parse_and_run(table, argc, argv);
}
