/* What a recording tells: which posts came, what became of them, and in which order they would have
 * to come again for the same logs to follow. Holds offsets, not contents. */
#pragma once

#include <uthash.h>

#include "base/recording.h"

#define STORY_POSTS_MAX 50000000u
/* A router knows the client ids of so many of the newest numbers (router/memory.h); what it answers
 * of older ones it knows by chance, since they are still under way. */
#define STORY_MEMORY 64

struct story_event {
    uint64_t seq;
    uint64_t offset; /* of the record with its deliver frame */
    uint64_t at_us;
    uint32_t name; /* + 1; 0: a void has none */
};

struct story_conversation {
    UT_hash_handle hh;
    struct id id;
    uint32_t at;      /* in the story's list */
    uint64_t base;    /* the last number before the recording, or one that is known to be later */
    uint64_t top;     /* the last number that was given in it; base: none was */
    uint64_t missing; /* the first number in between of which nobody knows the post; 0: none */
    uint64_t posts;
    struct story_event *events; /* ascending */
    size_t event_count, event_room;
    bool disordered; /* its posts do not stand in the order of their numbers */
};

struct story_post {
    uint64_t offset; /* of the record with its frame */
    uint64_t at_us;
    uint64_t at_ms;         /* of its frame, and so of its event */
    uint64_t place;         /* its number, if it got one; else the last number before it */
    uint64_t seq, messages; /* as answered */
    uint32_t conversation;  /* in the story's list */
    uint32_t name;          /* same actor and client id: the same name */
    uint32_t same;          /* while reading: another one that waits for the same answer, + 1 */
    uint16_t router;        /* in the story's list */
    uint8_t status;         /* enum wire_result; if answered */
    bool answered;
    bool stored;   /* not seen: made from the event, to which offset leads */
    bool numbered; /* an event or (voided) a void stands at place because of it */
    bool voided;
    bool weak;    /* the event was stored before anybody was answered: by an earlier try, say */
    bool skipped; /* it left no mark and would leave one if it came again, or nobody knows what
                     became of it */
};

struct story_router {
    uint64_t boot;
    uint32_t last_name, last_first; /* of its last answers: name + 1, and the first post of it */
};

struct story_totals {
    uint64_t records, posts, revokes, answers, delivers, snapshots, begins, lost, stored, malformed;
    uint64_t kinds[16];    /* posts by enum wire_kind; 0: others */
    uint64_t statuses[16]; /* answers by enum wire_result; 15: others */
    uint64_t unanswered, skipped;
    uint64_t first_us, last_us; /* times of records */
};

struct story {
    struct story_conversation *by_id;
    struct story_conversation **conversations;
    size_t conversation_count, conversation_room;
    struct story_post *posts; /* as they came */
    size_t post_count, post_room;
    uint32_t *order; /* which post is to come in whose place */
    struct story_router *routers;
    size_t router_count;
    size_t name_count;
    struct story_totals totals;
};

/* Reads it to the end or to its damage, which the reader then knows. -EMSGSIZE: more posts than
 * STORY_POSTS_MAX. */
int story_new(struct story **ret, struct recording_reader *reader) MUST_CHECK;
void story_free(struct story **self);

/* The record with the deliver frame of this number. NULL: there is none. */
const struct story_event *story_find(const struct story_conversation *conversation, uint64_t seq);
