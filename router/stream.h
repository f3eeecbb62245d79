/* The numbered stream to each edge: every frame but a heartbeat uses up a number, whether it could
 * be sent or not, so that an edge that missed one sees it. */
#pragma once

#include "base/stat.h"
#include "router/edge.h"

struct stream_out {
    void *arg;
    int (*send)(void *arg, const struct bus_peer *peer, const struct buf *frame); /* bus_send_to */
};

struct stream;

/* head: what frames start with, but for type, number and what is said below. out is copied. */
int stream_new(struct stream **ret, const struct wire_head *head, const struct stream_out *out,
               struct stat_set *stats) MUST_CHECK;
void stream_free(struct stream **self);

/* A buffer with room for the header in front: add the message to it and give it to stream_send, to
 * as many edges as you like. Valid until the next call of stream_start. */
struct buf *stream_start(struct stream *self);

/* What differs in a header. */
struct stream_tag {
    enum wire_type type;
    uint64_t trace;
    unsigned partition;
    uint32_t epoch;
};

/* To one edge; nothing for one that has no stream (NULL or not live). */
void stream_send(struct stream *self, struct edge *edge, const struct stream_tag *tag);

/* heartbeat{the last number given out}, which uses up none. */
void stream_beat(struct stream *self, struct edge *edge);
/* Uses up a number: the edge will look for what it may have missed. */
void stream_skip(struct edge *edge);
