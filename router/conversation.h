/* The heart: conversations in use. Gives every event its number, answers what was asked before,
 * holds what must wait, and puts right what the store says. Knows no socket: what leaves goes
 * through struct conversation_out, and nothing here looks at a clock. */
#pragma once

#include "base/stat.h"
#include "router/load.h"
#include "router/post.h"

struct conversations;
struct conversation;
struct conversation_table;

struct conversation_limits {
    size_t conversations; /* remembered at once; the one unused for longest makes room */
    size_t waiting;       /* posts waiting per conversation; more are answered unavailable */
    size_t held_bytes;    /* of all posts that wait or are pending; beyond it the same */
};

/* Where things go. Posts given to append are borrowed until they are settled or withdrawn. */
struct conversation_out {
    void *arg;
    /* durability of the answer is for the receiver to fill in. */
    void (*answer)(void *arg, const struct post *post, const struct post_waiter *to,
                   const struct wire_answer *answer);
    void (*append)(void *arg, struct post *post);
    void (*withdraw)(void *arg, struct post *post); /* it may be settled: then nothing */
    void (*deliver)(void *arg, const struct wire_event *event);
    void (*load)(void *arg, unsigned partition, struct load *load); /* until loaded or unload */
    void (*unload)(void *arg, unsigned partition, struct load *load);
    void (*fenced)(void *arg, unsigned partition); /* told by the store; state is dropped already */
    /* Something may stand in a log that was never delivered: every edge must look. */
    void (*unsure)(void *arg);
};

/* jobs: the mask that a message.created causes. out is copied. */
int conversations_new(struct conversations **ret, const struct conversation_limits *limits,
                      const struct conversation_out *out, uint32_t jobs, struct stat_set *stats)
    MUST_CHECK;
void conversations_free(struct conversations **self);

/* Takes a post: it is answered sooner or later, unless its partition is dropped. */
void conversations_take(struct conversations *self, struct post **post);

/* The store's word on a post that was appended. 0: the post is gone; -EAGAIN: nothing is settled,
 * it is to be sent again with all that follows it. */
int conversations_settle(struct conversations *self, struct post *post,
                         const struct wire_verdict *verdict) MUST_CHECK;

/* The answer (status ok or fenced) to a load; whose it is, load says. */
void conversations_loaded(struct conversations *self, struct load *load,
                          const struct wire_loaded *loaded);
/* What the load asks for. The list is made in buf. */
struct wire_load conversations_load_request(struct load *load, struct buf *list);

/* Forgets all of a partition, posts included: its next holder answers them. */
void conversations_drop(struct conversations *self, unsigned partition);

size_t conversations_count(const struct conversations *self);
/* For who only looks on (tap.c). */
struct conversation_table *conversations_table(struct conversations *self);
