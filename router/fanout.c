/* Encodes once, sends to a mask of edges. */
#include "router/fanout.h"

#include "router/rules.h"

void fanout_init(struct fanout *self, struct edge_table *edges, struct interest *interest,
                 struct stream *stream)
{
    *self = (struct fanout){.edges = edges, .interest = interest, .stream = stream};
    buf_init(&self->event, WIRE_FRAME_MAX);
}

void fanout_done(struct fanout *self)
{
    buf_done(&self->event);
}

static void send_to(const struct fanout *self, uint64_t mask, const struct stream_tag *tag)
{
    for (; mask; mask &= mask - 1)
        stream_send(self->stream, &self->edges->edges[__builtin_ctzll(mask)], tag);
}

void fanout_event(struct fanout *self, const struct wire_event *event, uint32_t epoch)
{
    struct stream_tag tag = {
        .type = WIRE_TYPE_DELIVER, .partition = id_partition(&event->conversation), .epoch = epoch};
    struct wire_deliver deliver;
    uint64_t mask = rules_is_barrier(event->kind)
                        ? self->edges->live
                        : interest_of(self->interest, &event->conversation);

    mask &= self->edges->live;
    if (!mask)
        return;
    buf_clear(&self->event);
    wire_event_encode(&self->event, event);
    deliver.event = wire_buf(&self->event);
    wire_deliver_encode(stream_start(self->stream), &deliver);
    send_to(self, mask, &tag);
}

void fanout_revoked(const struct fanout *self, const struct wire_revoked *revoked)
{
    struct stream_tag tag = {.type = WIRE_TYPE_REVOKED, .partition = id_partition(&revoked->user)};

    wire_revoked_encode(stream_start(self->stream), revoked);
    send_to(self, self->edges->live, &tag);
}

void fanout_unsure(const struct fanout *self)
{
    for (uint64_t mask = self->edges->live; mask; mask &= mask - 1)
        stream_skip(&self->edges->edges[__builtin_ctzll(mask)]);
}
