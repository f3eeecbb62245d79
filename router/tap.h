/* What `parley record` listens to: a copy of the frames that enter and leave, for one recorder at a
 * time, through the control socket. The router never waits for it: what does not fit into a bounded
 * queue is counted as lost, and the recorder is told where. Costs a comparison per frame while
 * nobody records. */
#pragma once

#include "base/service.h"
#include "router/conversation_table.h"
#include "router/stream.h"

#define TAP_FLIGHT_MAX (32u << 20) /* bytes sent that the recorder has not confirmed */
#define TAP_QUEUE_MAX (4u << 20)   /* bytes that wait here to be sent */
#define TAP_SILENCE_MS 5000        /* a recorder that says nothing for so long is gone */

struct tap {
    uint64_t partitions; /* those recorded now: a mask */
    struct service *service;
    struct conversation_table *conversations;
    struct bus_peer peer; /* len 0: nobody records */
    uint64_t trace, number, sent, received, heard_ms;
    uint64_t unlisted;   /* partitions whose conversations were not told yet */
    uint32_t generation; /* of the recording: conversations remember who was told of them */
    bool stopping;
    uint64_t lost;     /* not told yet */
    struct buf frames; /* records `recorded` */
    uint32_t count;
    struct buf frame, scratch;
    uint64_t *recorded_total, *lost_total;
};

/* service and conversations are borrowed. Takes the service's commands. */
int tap_new(struct tap **ret, struct service *service, struct conversation_table *conversations)
    MUST_CHECK;
void tap_free(struct tap **self);

/* Whether frames of this partition are to be given to tap_in and tap_out; self may be NULL. */
static inline bool tap_wants(const struct tap *self, unsigned partition)
{
    return self && self->partitions >> partition & 1;
}

/* A post or revoke that was accepted. */
void tap_in(struct tap *self, const struct wire_head *head, struct wire_bytes body);
/* An answer to this edge, as it was sent. */
void tap_answer(struct tap *self, const struct edge *edge, const struct stream_tag *tag,
                const struct wire_answer *answer);
void tap_deliver(struct tap *self, uint32_t epoch, const struct wire_event *event);

/* At the end of a turn of the loop, and when time passes: sends what may be sent. */
void tap_flush(struct tap *self);
