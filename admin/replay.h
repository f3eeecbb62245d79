/* Replaying a recording: looks what the store has of it, pushes what it has not, compares answers
 * and logs. */
#pragma once

#include "admin/feeder.h"
#include "admin/story.h"

#define REPLAY_SHOWN_MAX 20        /* differences that are described; the others are counted */
#define REPLAY_PER_CONVERSATION 32 /* posts under way */
#define REPLAY_AGAIN                                                            \
    16 /* of the newest events that the store has, so many are posted once more \
        */

struct replay_target {
    uint64_t head; /* of the store, before anything was pushed */
    uint32_t flying;
};

struct replay_counts {
    uint64_t pushed;   /* posts */
    uint64_t again;    /* of them: known to be in the store, must be answered `duplicate` */
    uint64_t standing; /* not pushed: their events are in the store already */
    uint64_t passed;   /* not pushed: left no mark, and the log has gone on since */
    uint64_t skipped;  /* not pushed: see story_post.skipped */
    uint64_t answered; /* compared */
    uint64_t events;   /* compared */
    uint64_t differences;
};

struct replay {
    struct recording_reader *reader; /* all borrowed */
    struct story *story;
    struct ask *ask;
    struct feeder *feeder;
    struct replay_target *targets; /* by conversation */
    size_t next;                   /* place in the story's order */
    struct replay_counts counts;
};

/* Says one on stderr, unless there were many, and counts it. */
void replay_differ(struct replay *self, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- replay_check.c: asks the store ---- */

/* Fills in targets. -errno and a sentence (free()): the store does not answer. */
int replay_find_heads(struct replay *self, char **ret_why) MUST_CHECK;
/* Whether all that is needed is in the recording or in the store; says on stderr what is missing.
 */
bool replay_is_complete(const struct replay *self);
/* Compares every log with the recording. */
int replay_check_logs(struct replay *self, void (*progress)(void *arg, size_t done), void *arg,
                      char **ret_why) MUST_CHECK;

/* ---- replay.c: pushes ---- */

/* The feeder's answers go there; arg is the replay. */
void replay_on_answer(void *arg, uint32_t tag, const struct wire_answer *answer);
/* Pushes what is due: a post may go when its time, in µs of the recording, is before until_us.
 * -errno and a sentence: the recording cannot be read any more. */
int replay_push(struct replay *self, uint64_t until_us, char **ret_why) MUST_CHECK;
bool replay_is_pushed(const struct replay *self);
