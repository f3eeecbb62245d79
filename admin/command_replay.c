/* parley replay: one command, a row of the table in main.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/replay.h"
#include "base/clock.h"

#define PROGRESS_MS 1000
#define WAIT_MS 5
#define SPEED_MAX 1000000.0

enum { OPTION_SPEED, OPTION_INTO };

struct command_state {
    struct replay replay;
    double speed; /* 0: as fast as it goes */
    uint64_t progress_ms;
};

static bool is_due(struct command_state *self)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms - self->progress_ms < PROGRESS_MS)
        return false;
    self->progress_ms = now_ms;
    return true;
}

static void show_pushing(struct command_state *self)
{
    const struct replay *replay = &self->replay;

    if (is_due(self))
        fprintf(stderr, "… %zu of %zu posts, %" PRIu64 " pushed, %" PRIu64 " differences\n",
                replay->next, replay->story->post_count, replay->counts.pushed,
                replay->counts.differences);
}

static void show_checking(void *arg, size_t done)
{
    struct command_state *self = arg;

    if (is_due(self))
        fprintf(stderr, "… %zu of %zu logs compared, %" PRIu64 " differences\n", done,
                self->replay.story->conversation_count, self->replay.counts.differences);
}

/* What the recording's clock shows now. */
static uint64_t recorded_now(const struct command_state *self, uint64_t began_us)
{
    const struct story *story = self->replay.story;
    uint64_t first_us = story->post_count ? story->posts[0].at_us : 0;

    if (self->speed == 0)
        return UINT64_MAX;
    return first_us + (uint64_t)((double)(clock_monotonic_us() - began_us) * self->speed);
}

static int push_all(struct command_state *self, char **ret_why)
{
    struct replay *replay = &self->replay;
    uint64_t began_us = clock_monotonic_us();

    while (!replay_is_pushed(replay) || feeder_unanswered(replay->feeder) > 0) {
        const char *trouble = feeder_trouble(replay->feeder);

        if (trouble) {
            *ret_why = base_strdup(trouble);
            return -ETIMEDOUT;
        }
        if (replay_push(replay, recorded_now(self, began_us), ret_why) < 0)
            return -EIO;
        feeder_step(replay->feeder, WAIT_MS);
        show_pushing(self);
    }
    return 0;
}

static int run_replay(struct command_state *self, char **ret_why)
{
    struct replay *replay = &self->replay;
    int rc = replay_find_heads(replay, ret_why);

    if (rc < 0)
        return rc;
    if (!replay_is_complete(replay)) {
        *ret_why = base_strdup("nothing was pushed: the recording begins in the middle, or has "
                               "holes, and this store does not have the rest");
        return -ENODATA;
    }
    rc = push_all(self, ret_why);
    return rc < 0 ? rc : replay_check_logs(replay, show_checking, self, ret_why);
}

static int report(const struct command_state *self)
{
    const struct replay_counts *counts = &self->replay.counts;
    const char *damage = recording_damage(self->replay.reader);

    printf("%" PRIu64 " posts pushed (%" PRIu64 " of them known to be stored), %" PRIu64
           " stood in the store, %" PRIu64 " passed over, %" PRIu64 " left out\n",
           counts->pushed, counts->again, counts->standing, counts->passed, counts->skipped);
    printf("%" PRIu64 " answers and %" PRIu64 " events compared, %" PRIu64 " differences\n",
           counts->answered, counts->events, counts->differences);
    if (damage)
        fprintf(stderr, "parley: the recording is damaged %s; what lies before was replayed\n",
                damage);
    return counts->differences || damage ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- the command line ---- */

static int read_speed(const char *text, double *ret)
{
    char *end = NULL;

    *ret = 1;
    if (!text)
        return 0;
    if (strcmp(text, "max") == 0) {
        *ret = 0;
        return 0;
    }
    *ret = strtod(text, &end);
    if (end != text && *end == '\0' && *ret > 0 && *ret <= SPEED_MAX)
        return 0;
    fprintf(stderr, "parley: --speed takes a factor like 1 or 10, or \"max\"\n");
    return -EINVAL;
}

static int open_all(struct command_state *self, const char *path, struct place *place,
                    char **ret_why)
{
    struct replay *replay = &self->replay;
    int rc = recording_open(&replay->reader, path, ret_why);

    if (rc == 0)
        rc = story_new(&replay->story, replay->reader);
    if (rc == -EMSGSIZE)
        *ret_why = base_strdup("there are too many posts in it");
    if (rc == 0)
        rc = ask_new(&replay->ask, place, ret_why);
    if (rc == 0)
        rc = feeder_new(&replay->feeder, place, replay->ask, replay_on_answer, replay);
    if (rc == 0)
        replay->targets = NEW_ARRAY(replay->story->conversation_count + 1, struct replay_target);
    return rc;
}

static void close_all(struct command_state *self)
{
    struct replay *replay = &self->replay;

    feeder_free(&replay->feeder);
    ask_free(&replay->ask);
    story_free(&replay->story);
    recording_close(&replay->reader);
    free(replay->targets);
}

static int replay_into(const struct command_line *line, struct place *place, double speed)
{
    struct command_state self = {.speed = speed, .progress_ms = clock_monotonic_ms()};
    AUTO(base_free_text) char *why = NULL;
    int status = EXIT_FAILURE;
    int rc = open_all(&self, line->args[0], place, &why);

    if (rc == 0)
        rc = run_replay(&self, &why);
    if (rc == 0)
        status = report(&self);
    else
        fprintf(stderr, "parley: %s: %s\n", line->args[0], why ? why : strerror(-rc));
    close_all(&self);
    return status;
}

static int run(const struct command_line *line, struct place *place)
{
    AUTO(place_close) struct place *other = NULL;
    AUTO(base_free_text) char *why = NULL;
    const char *into = line->values[OPTION_INTO] ? line->values[OPTION_INTO] : line->config;
    double speed;

    (void)place;
    if (read_speed(line->values[OPTION_SPEED], &speed) < 0)
        return COMMAND_USAGE;
    if (place_open(&other, into, &why) < 0) {
        fprintf(stderr, "parley: %s\n", why);
        return EXIT_FAILURE;
    }
    return replay_into(line, other, speed);
}

const struct command command_replay = {
    .name = "replay",
    .arguments = "FILE",
    .least = 1,
    .most = 1,
    .summary = "Push a recording's events through a pipeline again",
    .help = "Compares what is answered and stored with what was recorded, and ends with 1 when "
            "anything differs. Events that\nthe store has already are compared and not made "
            "again, so a replay into the store of the recording changes\nnothing, and an empty "
            "store gets the same logs. Users are not in a recording. Where bus/jobs says so, the\n"
            "replayed messages cause webhooks.\n",
    .options = {{"--speed", "N|max", "times the recorded speed (1), or as fast as it goes"},
                {"--into", "CONFIG", "the installation, instead of that of -c"}},
    .run = run,
    .anywhere = true,
};
