/* Which edges are there and what they want: their signs of life and their interest come in here,
 * and are answered by `welcome` and `interested`. Interest is confirmed when the partitions are
 * held: before that an event might still come through another router. */
#pragma once

#include "router/interest.h"
#include "router/partition.h"
#include "router/stream.h"

#define ROSTER_WAITING_MAX 1024 /* confirmations that wait; more are refused by unavailable */

struct roster;

/* All borrowed. */
struct roster_parts {
    struct edge_table *edges;
    struct partitions *partitions;
    struct interest *interest;
    struct stream *stream;
    const char *name; /* the router's */
};

int roster_new(struct roster **ret, const struct roster_parts *parts, struct stat_set *stats)
    MUST_CHECK;
void roster_free(struct roster **self);

/* A frame of an edge's stream socket: alive or interest. What is wrong with it costs a counter.
 * `interested` says ok; fenced, when it is about a partition of another router; unavailable, when
 * there are too many; invalid. */
void roster_take(struct roster *self, const struct bus_frame *frame, uint64_t now_ms);
/* A heartbeat to everybody; forgets who was silent for too long. */
void roster_tick(struct roster *self, uint64_t now_ms);
/* Partitions are held: tells every edge, which would else learn it from the store a while later. */
void roster_tell_holdings(struct roster *self, uint64_t now_ms);
/* Partitions are held, or lost: confirms or refuses what waited for them. */
void roster_review(struct roster *self);
