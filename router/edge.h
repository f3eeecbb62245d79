/* The edges that this router knows: who they are, which of their frames comes next, and the number
 * of the last one sent to them. At most 64 at a time: one bit each. An edge that falls silent is
 * told nothing any more; its numbers are kept for when it comes back, until its place is needed. */
#pragma once

#include "base/bus.h"
#include "base/topology.h"

#define EDGE_MAX 64
#define EDGE_SILENCE_MS 10000
#define EDGE_GAP_EVERY_MS 100

struct edge_intake {
    uint64_t expected; /* number of the next frame; 0: none came yet */
    uint64_t gap_ms;   /* when it was last told of a gap; 0: never */
};

struct edge {
    uint64_t boot; /* 0: a free place */
    uint64_t sender;
    uint64_t heard_ms;
    uint64_t sent; /* the last number of its stream */
    uint64_t welcomed_ms;
    uint64_t early; /* partitions of which frames came before they could be taken */
    uint32_t generation;
    uint8_t slot;
    bool is_live; /* has said that it is alive; else it has no stream */
    struct bus_peer peer;
    char name[TOPOLOGY_NAME_MAX + 1];
    struct edge_intake intake[ID_PARTITIONS];
};

struct edge_table {
    struct edge edges[EDGE_MAX];
    uint64_t live;      /* a mask of slots */
    uint32_t places;    /* given out so far */
    bool has_forgotten; /* some edge's numbers are gone */
    unsigned latest;    /* slot of the last one found: frames come in runs */
};

void edge_table_init(struct edge_table *self);

/* NULL: unknown. */
struct edge *edge_table_find(struct edge_table *self, uint64_t sender, uint64_t boot);
/* Finds it or gives it a place. NULL: all places are taken by live edges. */
struct edge *edge_table_enter(struct edge_table *self, const struct wire_head *head,
                              uint64_t now_ms);
/* It has spoken on its stream: from now on it has one. Earlier boots of the same sender have none
 * any more: *ret_silenced, a mask of slots. Returns true when it had none until now. */
bool edge_table_hear(struct edge_table *self, struct edge *edge, const struct bus_peer *peer,
                     uint64_t now_ms, uint64_t *ret_silenced);
/* Silences those not heard for EDGE_SILENCE_MS: a mask of slots. */
uint64_t edge_table_tick(struct edge_table *self, uint64_t now_ms);

/* What stands for this edge in what may outlive it; and back: NULL when its place is another's. */
uint64_t edge_handle(const struct edge *edge);
struct edge *edge_table_resolve(struct edge_table *self, uint64_t handle);

/* How a frame numbered `number` of a partition stands to those before it. */
enum edge_order {
    EDGE_TAKE,  /* the next one */
    EDGE_AGAIN, /* it came already */
    EDGE_JUMP,  /* one before it is missing: not taken */
};
enum edge_order edge_take(struct edge_table *self, struct edge *edge, unsigned partition,
                          uint64_t number);
/* Whether it is time to tell the edge of a gap (and notes that it is told). */
bool edge_may_tell_gap(struct edge *edge, unsigned partition, uint64_t now_ms);
/* A frame came before its partition may be taken from. */
void edge_note_early(struct edge *edge, unsigned partition);
/* These partitions are another router's now; should they come back, their frames start anew. */
void edge_table_leave(struct edge_table *self, uint64_t partitions);
/* The partitions of which frames came too early and that are held now: their first frame is wanted.
 */
uint64_t edge_take_early(struct edge *edge, uint64_t held);
