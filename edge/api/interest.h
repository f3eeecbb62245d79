/* Which local sockets follow which conversations; asks routers for their events, notices what is
 * missing and fetches it from persist: one repair path for every fault. Knows nothing of JSON or
 * Socket.IO: the owner renders and sends. */
#pragma once

#include "edge/api/links.h"
#include "edge/api/query.h"

struct interest;
struct interest_member; /* one local socket of a user */

struct interest_ops {
    /* Makes what sockets get for an event, once per event; given back to release when all have it.
     */
    void *(*render)(void *arg, const struct wire_event *event);
    void (*release)(void *arg, void *rendered);
    void (*send)(void *arg, void *socket, void *rendered);
    /* A session has ended (zero: all of the user's): close its sockets, refuse its tokens. */
    void (*revoked)(void *arg, const struct id *user, const struct id *session);
    /* The socket cannot be told everything any more (a table is full, or a fault has hidden too
     * much): close it, so that it comes back and asks. May be NULL. */
    void (*lost)(void *arg, void *socket);
    /* Events of before the next one may have been missed for good: the socket must sync. May be
     * NULL. */
    void (*behind)(void *arg, void *socket);
    /* A router is new or its stream had a hole: what was told until now may have holes, too. May be
     * NULL. */
    void (*broken)(void *arg);
};

struct interest_limits {
    size_t follows;   /* memberships of connected users, together */
    uint64_t join_ms; /* so long a join may take */
};

/* WIRE_OK: every conversation of the user is confirmed and their heads are known; events flow from
 * now on. WIRE_UNAVAILABLE: it could not be done in time, or a table is full. Called exactly once,
 * never from inside interest_join. */
typedef void interest_joined_fn(void *arg, enum wire_result result);

struct interest_spec {
    struct pipes *pipes;
    struct query *query;
    struct links *links;
    const struct interest_ops *ops;
    void *arg; /* of ops; all of it borrowed */
    struct interest_limits limits;
};

int interest_new(struct interest **ret, const struct interest_spec *spec) MUST_CHECK;
/* Members that were not left are forgotten; joins that were not answered are not answered. */
void interest_free(struct interest **self);

/* Follows all conversations of the user, now and as memberships change. socket is borrowed until
 * interest_leave. */
void interest_join(struct interest *self, struct interest_member **ret, const struct id *user,
                   void *socket, interest_joined_fn *fn, void *arg);
/* fn is not called after. Allowed inside any callback. */
void interest_leave(struct interest *self, struct interest_member **member);

/* Asks the routers of these partitions anew for all that is followed there, then persist for what
 * was missed; and for the memberships of all local users. */
void interest_repair(struct interest *self, uint64_t partitions);

/* Frames of the routers' streams. */
void interest_on_interested(struct interest *self, const struct bus_frame *frame);
void interest_on_deliver(struct interest *self, const struct bus_frame *frame);

/* Time-outs; what is to be sent, before the loop sleeps. */
void interest_tick(struct interest *self);
void interest_turn(struct interest *self);

/* Where a conversation of a local user stands. Whole: its router has confirmed that it tells all,
 * all events up to seen were handed out, and the user is a member there. */
struct interest_standing {
    struct id conversation;
    uint64_t seen;
    bool whole;
};
typedef void interest_standing_fn(void *arg, const struct interest_standing *standing);

/* Tells of all conversations of the user. False, with nothing told: they are not known at the
 * moment. */
bool interest_standings(struct interest *self, const struct id *user, interest_standing_fn *fn,
                        void *arg);

/* Number of the last event of the conversation that was handed out here; 0: none, or not known. */
uint64_t interest_seen(const struct interest *self, const struct id *conversation);

size_t interest_conversations(const struct interest *self);
size_t interest_users(const struct interest *self);
