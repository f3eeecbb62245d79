/* Users with local sockets and the conversations they are in. Included by interest's insides alone.
 */
#pragma once

#include "edge/api/interest.h"
#include "edge/api/list.h"

#define SEEN_UNKNOWN UINT64_MAX

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
    uint32_t pending; /* seats whose first event is not known yet */
    uint8_t stage, doubt;
};

/* A user in a conversation, as the conversation sees it … */
struct seat {
    struct follower *user;
    uint64_t from; /* the first event that they get; SEEN_UNKNOWN until the conversation is live */
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
    uint32_t pending; /* ties whose seat has no first event yet, and ties to come */
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
    uint64_t repair; /* the last one before which it has been told everything */
    bool joined, full;
};

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
/* Whether all their conversations are read and followed. */
bool follower_is_known(const struct follower *user);
/* If so, tells the members that wait. */
void follower_check(struct interest *self, struct follower *user);
/* They cannot be told everything: those that join are refused, the others lost. */
void follower_fail(struct interest *self, struct follower *user);
/* The user is a member of something from now on, and was not tied to it. */
void follower_added(struct interest *self, const struct follower *user);
/* Gives a seat its first event. */
void channel_admit(struct interest *self, struct channel *channel, struct seat *seat,
                   uint64_t from);
/* It is live: seats without a first event get the next one. */
void channel_admit_all(struct interest *self, struct channel *channel);
