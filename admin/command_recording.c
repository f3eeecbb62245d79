/* parley recording: one command, a row of the table in main.c. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/command.h"
#include "admin/pipeline.h"
#include "admin/story.h"

enum { OPTION_JSON, OPTION_CONVERSATIONS };

static const char *const kind_names[] = {
    "other",        "void",           "conversation.created", "conversation.updated",
    "member.added", "member.removed", "member.updated",       "message.created"};

/* What of it begins before it, or has holes. */
struct gaps {
    uint64_t earlier, broken;
};

static struct gaps find_gaps(const struct story *story)
{
    struct gaps gaps = {0};

    for (size_t i = 0; i < story->conversation_count; i++) {
        gaps.earlier += story->conversations[i]->base > 0;
        gaps.broken += story->conversations[i]->missing > 0;
    }
    return gaps;
}

static void format_time(uint64_t wall_ms, char *text, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;

    strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
}

/* ---- for people ---- */

static void print_counts(const struct story_totals *totals)
{
    printf("in          %" PRIu64 " posts, %" PRIu64 " ends of sessions\n", totals->posts,
           totals->revokes);
    for (size_t i = 0; i < COUNT_OF(kind_names); i++)
        if (totals->kinds[i])
            printf("              %-22s %" PRIu64 "\n", kind_names[i], totals->kinds[i]);
    printf("out         %" PRIu64 " answers, %" PRIu64 " events delivered\n", totals->answers,
           totals->delivers);
    for (unsigned i = 0; i < COUNT_OF(totals->statuses); i++)
        if (totals->statuses[i])
            printf("              %-22s %" PRIu64 "\n", pipeline_status_name(i),
                   totals->statuses[i]);
    if (totals->unanswered)
        printf("              %-22s %" PRIu64 "\n", "not answered", totals->unanswered);
    printf("snapshot    %" PRIu64 " conversations in the routers' memory\n", totals->snapshots);
    if (totals->stored)
        printf("stored      %" PRIu64 " events whose posts were not seen\n", totals->stored);
    printf("routers     %" PRIu64 " beginnings\n", totals->begins);
    if (totals->malformed)
        printf("malformed   %" PRIu64 " frames\n", totals->malformed);
    printf("lost        %" PRIu64 " frames, since the recorder was too slow\n", totals->lost);
}

static void print_text(const struct story *story, const struct recording_reader *reader)
{
    struct gaps gaps = find_gaps(story);
    char began[32];

    format_time(recording_wall_ms(reader), began, sizeof began);
    printf("began       %s\nspan        %.1f s, %" PRIu64 " records\n", began,
           (double)(story->totals.last_us - story->totals.first_us) / 1e6, story->totals.records);
    print_counts(&story->totals);
    printf("concerns    %zu conversations; %" PRIu64 " began earlier, of %" PRIu64
           " something is missing\n",
           story->conversation_count, gaps.earlier, gaps.broken);
    printf("file        %s\n",
           recording_damage(reader) ? recording_damage(reader) : "whole to its end");
}

static void print_conversations(const struct story *story)
{
    for (size_t i = 0; i < story->conversation_count; i++) {
        const struct story_conversation *conversation = story->conversations[i];
        char text[ID_TEXT];

        id_to_text(&conversation->id, text);
        printf("%s after %" PRIu64 " to %" PRIu64 ", %" PRIu64 " posts", text, conversation->base,
               conversation->top, conversation->posts);
        if (conversation->missing)
            printf(", %" PRIu64 " is missing", conversation->missing);
        printf("\n");
    }
}

/* ---- for programs ---- */

static void set_number(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *conversations_of(const struct story *story)
{
    json_t *list = json_array();

    for (size_t i = 0; i < story->conversation_count; i++) {
        const struct story_conversation *conversation = story->conversations[i];
        json_t *object = json_object();
        char text[ID_TEXT];

        id_to_text(&conversation->id, text);
        json_object_set_new(object, "id", json_string(text));
        set_number(object, "after", conversation->base);
        set_number(object, "to", conversation->top);
        set_number(object, "posts", conversation->posts);
        set_number(object, "missing", conversation->missing);
        json_array_append_new(list, object);
    }
    return list;
}

static void print_json(const struct story *story, const struct recording_reader *reader, bool all)
{
    const struct story_totals *totals = &story->totals;
    json_t *root = json_object(), *kinds = json_object(), *statuses = json_object();
    struct gaps gaps = find_gaps(story);

    set_number(root, "beganMs", recording_wall_ms(reader));
    set_number(root, "spanMs", (totals->last_us - totals->first_us) / 1000);
    set_number(root, "records", totals->records);
    set_number(root, "posts", totals->posts);
    for (size_t i = 0; i < COUNT_OF(kind_names); i++)
        set_number(kinds, kind_names[i], totals->kinds[i]);
    json_object_set_new(root, "kinds", kinds);
    set_number(root, "revokes", totals->revokes);
    set_number(root, "answers", totals->answers);
    for (unsigned i = 0; i <= WIRE_FENCED; i++)
        set_number(statuses, pipeline_status_name(i), totals->statuses[i]);
    json_object_set_new(root, "statuses", statuses);
    set_number(root, "unanswered", totals->unanswered);
    set_number(root, "delivers", totals->delivers);
    set_number(root, "snapshots", totals->snapshots);
    set_number(root, "stored", totals->stored);
    set_number(root, "begins", totals->begins);
    set_number(root, "malformed", totals->malformed);
    set_number(root, "lost", totals->lost);
    set_number(root, "conversations", story->conversation_count);
    set_number(root, "begunEarlier", gaps.earlier);
    set_number(root, "broken", gaps.broken);
    if (all)
        json_object_set_new(root, "list", conversations_of(story));
    if (recording_damage(reader)) {
        json_object_set_new(root, "damage", json_string(recording_damage(reader)));
        set_number(root, "damageOffset", recording_damage_offset(reader));
    }
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}

static int run(const struct command_line *line, struct place *place)
{
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(story_free) struct story *story = NULL;
    AUTO(base_free_text) char *why = NULL;
    bool all = line->values[OPTION_CONVERSATIONS] != NULL;

    (void)place;
    if (recording_open(&reader, line->args[0], &why) < 0) {
        fprintf(stderr, "parley: %s: %s\n", line->args[0], why);
        return EXIT_FAILURE;
    }
    if (story_new(&story, reader) < 0) {
        fprintf(stderr, "parley: %s: more than %u posts\n", line->args[0], STORY_POSTS_MAX);
        return EXIT_FAILURE;
    }
    if (line->values[OPTION_JSON])
        print_json(story, reader, all);
    else if (all)
        print_conversations(story);
    else
        print_text(story, reader);
    if (!recording_damage(reader))
        return EXIT_SUCCESS;
    fprintf(stderr, "parley: %s: %s\n", line->args[0], recording_damage(reader));
    return EXIT_FAILURE;
}

const struct command command_recording = {
    .name = "recording",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .summary = "Say what is in a recording",
    .help = "Reads the whole file, so that it also says whether it is damaged and where; what lies "
            "before is counted. Ends\nwith 1 when it is.\n",
    .options = {{"--json", NULL, "for programs"},
                {"--conversations", NULL, "each conversation and its numbers"}},
    .run = run,
    .anywhere = true,
};
