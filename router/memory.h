/* What the router remembers of a conversation besides its numbers: the client ids of its newest
 * events and the roles of those who use it. Both bounded: who falls out is asked for again. */
#pragma once

#include "base/id.h"

/* A client id is known while no more than MEMORY_REACH numbers were given out since: neither more,
 * by chance, nor less, so that the same posts have the same outcome whenever the router was
 * started. The rest of the room is for client ids that use up no number. */
#define MEMORY_REACH 64
#define MEMORY_RECENTS_MAX 80
#define MEMORY_MEMBERS_MAX 256

struct memory_recent {
    struct id key; /* id_of_client */
    uint64_t fingerprint;
    uint64_t seq;
    uint64_t at; /* the number by which it came here: seq, or that of the void of a repeat */
};

/* Embedded; zeroed is empty. */
struct memory_recents {
    struct memory_recent *ring;
    unsigned room, count, next;
};

struct memory_member {
    struct id user;
    uint8_t role; /* WIRE_ROLE_NONE: known to be no member */
    bool left;    /* was one once */
};

struct memory_members {
    struct memory_member *list; /* those asked for often come first */
    unsigned room, count, hand;
};

/* Adds one; beyond MEMORY_RECENTS_MAX the oldest is forgotten. */
void memory_recents_add(struct memory_recents *self, const struct memory_recent *recent);
/* The latest of this key; NULL: not among them. Borrowed until the next call that changes it. */
const struct memory_recent *memory_recents_find(const struct memory_recents *self,
                                                const struct id *key);
void memory_recents_clear(struct memory_recents *self); /* frees, too */

/* Adds or replaces; beyond MEMORY_MEMBERS_MAX one that was not asked for often is forgotten, never
 * one of the last 64 put. */
void memory_members_put(struct memory_members *self, const struct memory_member *member);
/* NULL: not known. Borrowed until the next call. */
const struct memory_member *memory_members_find(struct memory_members *self, const struct id *user);
void memory_members_clear(struct memory_members *self); /* frees, too */
