/* parley status: one command, a row of the table in main.c. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/gather.h"

#define TIMEOUT_MS 1000

enum { OPTION_JSON, OPTION_ALL };

static const char *state_of(const struct gather_answer *answer)
{
    if (!answer->answered)
        return "no answer";
    return answer->status.ready ? "ready" : "not ready";
}

static json_t *text_of(wire_bytes bytes)
{
    return json_stringn((const char *)bytes.data, bytes.len);
}

static json_t *counters_of(wire_list list)
{
    json_t *object = json_object();
    struct wire_bytes item;

    while (wire_list_next(&list, &item)) {
        struct wire_counter counter;
        AUTO(base_free_text) char *name = NULL;

        if (wire_counter_decode(item, &counter) < 0)
            continue;
        name = wire_bytes_dup(counter.name);
        json_object_set_new(object, name, json_integer((json_int_t)counter.value));
    }
    return object;
}

static json_t *daemon_of(const struct gather_answer *answer)
{
    const struct wire_status_is *status = &answer->status;
    json_t *object = json_pack("{s:s, s:s, s:b}", "name", answer->daemon, "state", state_of(answer),
                               "ready", answer->answered && status->ready);

    if (!answer->answered)
        return object;
    json_object_set_new(object, "version", text_of(status->version));
    json_object_set_new(object, "pid", json_integer((json_int_t)status->pid));
    json_object_set_new(object, "upMs", json_integer((json_int_t)status->up_ms));
    json_object_set_new(object, "health", text_of(status->health));
    json_object_set_new(object, "counters", counters_of(status->counters));
    return object;
}

static void print_json(const struct gather *gather)
{
    json_t *root = json_object(), *daemons = json_array();

    for (size_t i = 0; i < gather->count; i++)
        json_array_append_new(daemons, daemon_of(&gather->answers[i]));
    json_object_set_new(root, "daemons", daemons);
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}

static void format_time(uint64_t ms, char *text, size_t size)
{
    uint64_t seconds = ms / 1000;

    if (seconds < 60)
        snprintf(text, size, "%" PRIu64 ".%" PRIu64 " s", seconds, ms % 1000 / 100);
    else if (seconds < 3600)
        snprintf(text, size, "%" PRIu64 " min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(text, size, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(text, size, "%" PRIu64 " days", seconds / 86400);
}

static void print_counters(wire_list list, bool all)
{
    struct wire_bytes item;

    while (wire_list_next(&list, &item)) {
        struct wire_counter counter;

        if (wire_counter_decode(item, &counter) == 0 && (all || counter.value > 0))
            printf("    %-36.*s %" PRIu64 "\n", (int)counter.name.len,
                   (const char *)counter.name.data, counter.value);
    }
}

static void print_daemon(const struct gather_answer *answer, bool all)
{
    const struct wire_status_is *status = &answer->status;
    char up[32];

    if (!answer->answered) {
        printf("%-14s %-10s\n", answer->daemon, state_of(answer));
        return;
    }
    format_time(status->up_ms, up, sizeof up);
    printf("%-14s %-10s %-9.*s %8" PRIu64 "  %-12s %.*s\n", answer->daemon, state_of(answer),
           (int)status->version.len, (const char *)status->version.data, status->pid, up,
           (int)status->health.len, (const char *)status->health.data);
    print_counters(status->counters, all);
}

static int run(const struct command_line *line, struct place *place)
{
    AUTO(gather_free) struct gather *gather = NULL;
    int rc = gather_new(&gather, place, TIMEOUT_MS);

    if (rc < 0) {
        fprintf(stderr, "parley: cannot ask the daemons: %s\n", strerror(-rc));
        return EXIT_FAILURE;
    }
    if (line->values[OPTION_JSON]) {
        print_json(gather);
    } else {
        printf("%-14s %-10s %-9s %8s  %-12s %s\n", "DAEMON", "STATE", "VERSION", "PID", "UP",
               "HEALTH");
        for (size_t i = 0; i < gather->count; i++)
            print_daemon(&gather->answers[i], line->values[OPTION_ALL] != NULL);
    }
    return gather_is_good(gather) ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command command_status = {
    .name = "status",
    .arguments = "",
    .summary = "Ask every daemon how it is",
    .help = "Ends with 1 when one is not ready or does not answer within a second. Under each "
            "daemon stand its queue\ndepths and counters, those that are not 0.\n",
    .options = {{"--json", NULL, "for programs, with all counters"},
                {"--all", NULL, "counters that are 0 too"}},
    .run = run,
};
