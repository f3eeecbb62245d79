/* The parts of a router that several of its tests put together, and what they send to edges. */
#pragma once

#include "router/interest.h"
#include "router/partition.h"
#include "router/stream.h"

#define SENT_MAX 4096

struct sent {
    uint8_t peer; /* first byte of the edge's routing id */
    struct wire_head head;
    /* gap: expected; answer, interested: status; welcome: number of holdings; heartbeat: sent;
     * deliver: seq */
    uint64_t value;
};

struct parts {
    struct edge_table edges;
    struct stat_set *stats;
    struct stream *stream;
    struct interest *interest;
    struct topology topology; /* one worker, which has all partitions */
    struct partitions *partitions;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    int send_rc;    /* what sending fails with */
    uint64_t trace; /* of the last claim or announcement */
};

/* wanted: a mask of partitions; interests: so many at most. */
void parts_open(struct parts *self, uint64_t wanted, size_t interests);
void parts_close(struct parts *self);

/* The store lets this router have partitions 0 … count-1; and knows that it holds them. */
void parts_claim(struct parts *self, unsigned count, uint32_t epoch, uint64_t now_ms);
void parts_announce(struct parts *self, uint64_t now_ms);

struct edge *parts_enter(struct parts *self, uint64_t sender, uint64_t boot, uint64_t now_ms);
/* One with a stream. */
struct edge *parts_live(struct parts *self, uint64_t sender, uint64_t boot, uint64_t now_ms);

uint64_t parts_counter(const struct parts *self, const char *name);
