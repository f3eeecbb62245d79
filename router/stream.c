/* Writes header and number in front of a message that is encoded once. */
#include "router/stream.h"

#include <stdlib.h>
#include <string.h>

struct stream {
    struct wire_head head;
    struct stream_out out;
    struct buf header; /* scratch */
    struct buf frame;
    uint64_t *sent, *dropped;
};

int stream_new(struct stream **ret, const struct wire_head *head, const struct stream_out *out,
               struct stat_set *stats)
{
    struct stream *self = NEW(struct stream);

    self->head = *head;
    self->out = *out;
    buf_init(&self->header, WIRE_HEAD_BYTES);
    buf_init(&self->frame, WIRE_FRAME_MAX);
    self->sent = stat_counter(stats, "stream_frames");
    self->dropped = stat_counter(stats, "stream_dropped");
    *ret = self;
    return 0;
}

void stream_free(struct stream **self)
{
    if (!*self)
        return;
    buf_done(&(*self)->header);
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}

struct buf *stream_start(struct stream *self)
{
    static const uint8_t header[WIRE_HEAD_BYTES];

    buf_clear(&self->frame);
    buf_put(&self->frame, header, sizeof header);
    return &self->frame;
}

static void send_as(struct stream *self, struct edge *edge, const struct stream_tag *tag)
{
    self->head.type = (uint8_t)tag->type;
    self->head.trace = tag->trace;
    self->head.partition = (uint16_t)tag->partition;
    self->head.epoch = tag->epoch;
    self->head.number = edge->sent;
    buf_clear(&self->header);
    wire_head_encode(&self->header, &self->head);
    memcpy(self->frame.data, self->header.data, WIRE_HEAD_BYTES);
    if (self->out.send(self->out.arg, &edge->peer, &self->frame) < 0)
        (*self->dropped)++;
    else
        (*self->sent)++;
}

void stream_send(struct stream *self, struct edge *edge, const struct stream_tag *tag)
{
    if (!edge || !edge->is_live)
        return;
    edge->sent++;
    send_as(self, edge, tag);
}

void stream_beat(struct stream *self, struct edge *edge)
{
    struct wire_heartbeat heartbeat = {.sent = edge->sent};
    struct stream_tag tag = {.type = WIRE_TYPE_HEARTBEAT};

    if (!edge->is_live)
        return;
    wire_heartbeat_encode(stream_start(self), &heartbeat);
    send_as(self, edge, &tag);
}

void stream_skip(struct edge *edge)
{
    edge->sent++;
}
