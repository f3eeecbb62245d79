/* Which local sockets follow which conversations; asks routers for their events, notices what is missing and fetches
 * it from persist: one repair path for every fault. Knows nothing of JSON or Socket.IO: the owner renders and sends. */
#pragma once

#include "base/service.h"

struct interest;
struct interest_member; /* one local socket of a user */

struct interest_ops {
    /* Makes what sockets get for an event, once per event; given back to release when all have it. */
    void *(*render)(void *arg, const struct wire_event *event);
    void (*release)(void *arg, void *rendered);
    void (*send)(void *arg, void *socket, void *rendered);
    /* A session has ended (zero: all of the user's): close its sockets, refuse its tokens. */
    void (*revoked)(void *arg, const struct id *user, const struct id *session);
};

/* WIRE_OK: every conversation of the user is confirmed and their heads are known; events flow from now on.
 * WIRE_UNAVAILABLE: it could not be done in time. Called exactly once, never from inside interest_join. */
typedef void interest_joined_fn(void *arg, enum wire_result result);

/* Follows all conversations of the user, now and as memberships change. socket is borrowed until interest_leave. */
void interest_join(struct interest *self, struct interest_member **ret, const struct id *user,
                   void *socket, interest_joined_fn *fn, void *arg);
void interest_leave(struct interest *self, struct interest_member **member); /* fn is not called after */
