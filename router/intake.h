/* What edges push: posts and revocations, numbered per edge, partition and epoch. Taken in order,
 * or the edge is told where to go back to. */
#pragma once

#include "base/bus.h"
#include "router/conversation.h"
#include "router/fanout.h"
#include "router/partition.h"
#include "router/tap.h"

struct intake;

/* All borrowed. */
struct intake_parts {
    struct edge_table *edges;
    struct partitions *partitions;
    struct conversations *conversations;
    struct stream *stream;
    struct fanout *fanout;
    struct tap *tap; /* NULL: none */
};

int intake_new(struct intake **ret, const struct intake_parts *parts, struct stat_set *stats)
    MUST_CHECK;
void intake_free(struct intake **self);

/* One frame. What is wrong with it costs a counter. */
void intake_take(struct intake *self, const struct wire_head *head, struct wire_bytes body,
                 uint64_t now_ms);
/* Partitions are held: edges whose frames came before that are told to begin. */
void intake_open(struct intake *self, uint64_t partitions);
