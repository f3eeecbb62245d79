/* The insides of interest: who follows what (interest_table.[ch]), asking routers and persist
 * (interest_ask.c), events in order (interest_walk.c), memberships (interest_read.c). Included by
 * those alone. */
#pragma once

#include "edge/api/idmap.h"
#include "edge/api/interest_table.h"

#define FETCHES 32   /* pages of events under way */
#define RETRY_MS 250 /* before what failed is asked again */

struct fetch {
    struct interest *interest;
    struct channel *channel; /* NULL: free, or it has gone */
    bool busy;
};

struct interest {
    struct interest_spec spec;
    struct idmap channels, users;
    size_t ties;
    struct list all[ID_PARTITIONS];
    struct list wanted[ID_PARTITIONS];
    uint64_t repair; /* counts them */
    uint64_t reset;  /* partitions whose router is to forget first */
    struct list requests;
    uint64_t request_turn;
    struct list head[TOPOLOGY_WORKERS_MAX];
    struct list heads; /* questions under way */
    size_t heads_count, requests_count;
    struct list behind;
    struct fetch fetches[FETCHES];
    struct list unread;
    size_t reads;
    struct list discoveries;
    size_t discoveries_count;
    struct list joining, ready;
    struct list left; /* members that left during a walk */
    struct list empty;
    unsigned walking;
    uint64_t paused_ms; /* nothing is asked before */
    struct buf ids, body, frame;
    uint64_t *delivered, *handed, *fetched, *lost;
};

/* ---- interest_ask.c ---- */
void channel_want(struct interest *self, struct channel *channel);
void channel_ask_head(struct interest *self, struct channel *channel);
/* Everything until top is to be handed out; then it is live. */
void channel_follow_up(struct interest *self, struct channel *channel);
void interest_pause(struct interest *self);
void interest_ask(struct interest *self);
void interest_ask_tick(struct interest *self, uint64_t now);
void interest_ask_free(struct interest *self);
/* Tells the routers that nobody follows these any more, and frees them. */
void interest_drop_empty(struct interest *self, uint64_t now);

/* ---- interest_walk.c ---- */
void interest_walk(struct interest *self, struct channel *channel, const struct wire_event *event);
void interest_fetch(struct interest *self);

/* ---- interest_read.c ---- */
void follower_want_read(struct interest *self, struct follower *user);
void follower_note_gone(struct follower *user, const struct id *conversation);
void follower_note_back(struct follower *user, const struct id *conversation);
/* The user goes. */
void follower_forget_discoveries(struct interest *self, const struct follower *user);
void interest_read(struct interest *self);
void interest_read_free(struct interest *self);
