/* The insides of interest: who follows what (interest_table.c), asking routers and persist
 * (interest_ask.c), events in order (interest_walk.c), memberships (interest_read.c). Included by
 * those alone. */
#pragma once

#include "edge/api/idmap.h"
#include "edge/api/interest.h"
#include "edge/api/list.h"

#define SEEN_UNKNOWN UINT64_MAX
#define FETCHES 32   /* pages of events under way */
#define RETRY_MS 250 /* before what failed is asked again */

/* What a conversation waits for. */
enum stage {
    STAGE_WANTED,  /* its router is to be asked */
    STAGE_ASKED,   /* … to confirm */
    STAGE_HEAD,    /* persist is to be asked for its head */
    STAGE_HEADING, /* … to answer */
    STAGE_BEHIND,  /* events are missing */
    STAGE_LIVE,    /* nothing */
};

/* A reread says that a user is no member: believed when all events until then are walked. */
enum doubt { DOUBT_NONE, DOUBT_NEW, DOUBT_CHECKED };

struct fetch;

/* A conversation with local followers. */
struct channel {
    struct id id;
    struct list all;  /* of its partition */
    struct list work; /* with those that wait for the same, or with the empty ones */
    uint64_t seen;    /* number of the last event handed out */
    uint64_t top;     /* of the last one known to exist */
    uint64_t empty_ms;
    struct fetch *fetch; /* the page under way; or NULL */
    struct seat *seats;
    uint32_t seat_count, seat_room;
    uint8_t stage, doubt;
    bool known; /* its interest was confirmed and its head known once */
};

/* A user in a conversation, as the conversation sees it … */
struct seat {
    struct follower *user;
    uint64_t from; /* the first event that is theirs */
    uint32_t at;   /* index of the tie */
};

/* … and as the user does. */
struct tie {
    struct channel *channel;
    uint32_t at; /* index of the seat */
    bool listed; /* the reread under way has it */
    bool doubt;
};

/* A user with local sockets. */
struct follower {
    struct id id;
    struct list work; /* waits to be read */
    struct interest *interest;
    struct interest_member *members;
    struct tie *ties;
    uint32_t tie_count, tie_room;
    uint32_t unknown; /* ties to channels not known yet */
    bool read, reading, again;
    int64_t query;
    struct id after; /* of the read under way */
    struct id *gone; /* removed from while the read is under way */
    uint32_t gone_count;
};

struct interest_member {
    struct interest_member *next; /* of the same user */
    struct follower *user;        /* NULL: has left during a walk */
    void *socket;
    struct list wait; /* to join, or to be told */
    uint64_t due_ms;
    interest_joined_fn *fn; /* NULL: was told */
    void *arg;
    bool joined, full;
};

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
    uint64_t reset; /* partitions whose router is to forget first */
    struct list requests;
    uint64_t request_turn;
    struct list head[TOPOLOGY_WORKERS_MAX];
    struct list heads; /* questions under way */
    size_t heads_count, requests_count;
    struct list behind;
    struct fetch fetches[FETCHES];
    struct list unread;
    size_t reads;
    struct list joining, ready;
    struct list left; /* members that left during a walk */
    struct list empty;
    unsigned walking;
    uint64_t paused_ms; /* nothing is asked before */
    struct buf ids, body, frame;
    uint64_t *delivered, *handed, *fetched, *lost;
};

/* ---- interest_table.c ---- */
struct channel *channel_new(struct interest *self, const struct id *id);
void channel_free(struct interest *self, struct channel *channel);
/* 0 also when it is tied already; -ENOSPC: the table is full. from: as in seat. */
int follower_tie(struct interest *self, struct follower *user, struct channel *channel,
                 uint64_t from) MUST_CHECK;
/* NULL: not tied. */
struct tie *follower_find_tie(struct follower *user, const struct channel *channel);
void follower_untie(struct interest *self, struct tie *tie, struct follower *user);
struct follower *follower_new(struct interest *self, const struct id *id);
void follower_free(struct interest *self, struct follower *user);
/* Tells the members that wait, if all is known now. */
void follower_check(struct interest *self, struct follower *user);
/* A table is full: those that join are refused, the others lost. */
void follower_fail(struct interest *self, struct follower *user);
void channel_know(struct interest *self, struct channel *channel);

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
void interest_read(struct interest *self);
