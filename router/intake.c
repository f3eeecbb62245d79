/* Between the PULL socket and the conversations: is it our partition and epoch, is it the next
 * frame of this edge, is it well formed. */
#include "router/intake.h"

#include <stdlib.h>

struct intake {
    struct intake_parts parts;
    uint64_t *malformed, *foreign, *early, *jumps, *revocations, *edges_refused;
};

int intake_new(struct intake **ret, const struct intake_parts *parts, struct stat_set *stats)
{
    struct intake *self = NEW(struct intake);

    self->parts = *parts;
    self->malformed = stat_counter(stats, "malformed");
    self->foreign = stat_counter(stats, "frames_other_epoch");
    self->early = stat_counter(stats, "frames_early");
    self->jumps = stat_counter(stats, "frames_after_gap");
    self->revocations = stat_counter(stats, "revocations");
    self->edges_refused = stat_counter(stats, "edges_refused");
    *ret = self;
    return 0;
}

void intake_free(struct intake **self)
{
    free(*self);
    *self = NULL;
}

static void send_answer(struct intake *self, struct edge *edge, const struct wire_head *head,
                        enum wire_result status)
{
    struct wire_answer answer = {.status = (uint8_t)status};
    struct stream_tag tag = {.type = WIRE_TYPE_ANSWER,
                             .trace = head->trace,
                             .partition = head->partition,
                             .epoch = head->epoch};

    wire_answer_encode(stream_start(self->parts.stream), &answer);
    stream_send(self->parts.stream, edge, &tag);
    if (tap_wants(self->parts.tap, head->partition))
        tap_answer(self->parts.tap, edge, &tag, &answer);
}

static void tell_gap(struct intake *self, struct edge *edge, unsigned partition)
{
    struct wire_gap gap = {.expected = edge->intake[partition].expected};
    struct stream_tag tag = {.type = WIRE_TYPE_GAP,
                             .partition = partition,
                             .epoch = partitions_epoch(self->parts.partitions, partition)};

    wire_gap_encode(stream_start(self->parts.stream), &gap);
    stream_send(self->parts.stream, edge, &tag);
}

static void take_post(struct intake *self, struct edge *edge, const struct wire_head *head,
                      struct wire_bytes body, bool came_before)
{
    struct post *post = NULL;
    enum wire_result result = post_new(&post, head, body, edge_handle(edge));

    if (result == WIRE_OK) {
        post->came_before = came_before;
        conversations_take(self->parts.conversations, &post);
        return;
    }
    (*self->malformed)++;
    send_answer(self, edge, head, result);
}

static void take_revoke(struct intake *self, struct edge *edge, const struct wire_head *head,
                        struct wire_bytes body)
{
    struct wire_revoke revoke;
    struct wire_revoked revoked;

    if (wire_revoke_decode(body, &revoke) < 0 || id_partition(&revoke.user) != head->partition) {
        (*self->malformed)++;
        send_answer(self, edge, head, WIRE_INVALID);
        return;
    }
    (*self->revocations)++;
    revoked = (struct wire_revoked){.user = revoke.user, .session = revoke.session};
    fanout_revoked(self->parts.fanout, &revoked);
    send_answer(self, edge, head, WIRE_OK);
}

/* Of a partition that is held, in this epoch. */
static void take_numbered(struct intake *self, struct edge *edge, const struct wire_head *head,
                          struct wire_bytes body, uint64_t now_ms)
{
    enum edge_order order = edge_take(self->parts.edges, edge, head->partition, head->number);

    if (order == EDGE_JUMP) {
        (*self->jumps)++;
        if (edge_may_tell_gap(edge, head->partition, now_ms))
            tell_gap(self, edge, head->partition);
        return;
    }
    if (tap_wants(self->parts.tap, head->partition))
        tap_in(self->parts.tap, head, body);
    if (head->type == WIRE_TYPE_POST)
        take_post(self, edge, head, body, order == EDGE_AGAIN);
    else
        take_revoke(self, edge, head, body);
}

static bool is_ours(struct intake *self, const struct wire_head *head,
                    enum partition_state *ret_state)
{
    if ((head->type != WIRE_TYPE_POST && head->type != WIRE_TYPE_REVOKE) ||
        head->partition >= ID_PARTITIONS || head->number == 0) {
        (*self->malformed)++;
        return false;
    }
    *ret_state = partitions_state(self->parts.partitions, head->partition, head->epoch);
    if (*ret_state == PARTITION_FOREIGN)
        (*self->foreign)++;
    return *ret_state != PARTITION_FOREIGN;
}

void intake_take(struct intake *self, const struct wire_head *head, struct wire_bytes body,
                 uint64_t now_ms)
{
    enum partition_state state;
    struct edge *edge;

    if (!is_ours(self, head, &state))
        return;
    edge = edge_table_enter(self->parts.edges, head, now_ms);
    if (!edge) {
        (*self->edges_refused)++;
        return;
    }
    if (state == PARTITION_EARLY) {
        (*self->early)++;
        edge_note_early(edge, head->partition);
        return;
    }
    take_numbered(self, edge, head, body, now_ms);
}

void intake_open(struct intake *self, uint64_t partitions)
{
    for (unsigned i = 0; i < EDGE_MAX; i++) {
        struct edge *edge = &self->parts.edges->edges[i];
        uint64_t mask = edge_take_early(edge, partitions);

        for (; mask; mask &= mask - 1)
            tell_gap(self, edge, (unsigned)__builtin_ctzll(mask));
    }
}
