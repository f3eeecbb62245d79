/* A table of 64 places. A place that is given to another edge has another generation, so what was
 * kept for its predecessor reaches nobody. */
#include "router/edge.h"

#include <string.h>

void edge_table_init(struct edge_table *self)
{
    memset(self, 0, sizeof *self);
    for (unsigned i = 0; i < EDGE_MAX; i++)
        self->edges[i].slot = (uint8_t)i;
}

struct edge *edge_table_find(struct edge_table *self, uint64_t sender, uint64_t boot)
{
    for (unsigned i = 0; i < EDGE_MAX; i++) {
        struct edge *edge = &self->edges[(self->latest + i) % EDGE_MAX];

        if (edge->boot == boot && edge->sender == sender && boot != 0) {
            self->latest = edge->slot;
            return edge;
        }
    }
    return NULL;
}

/* The stream's next number is given to nobody: should the edge come back, it sees that it missed
 * something. */
static void silence(struct edge_table *self, struct edge *edge)
{
    edge->is_live = false;
    edge->sent++;
    self->live &= ~(1ull << edge->slot);
}

/* A free place, or that of the edge that has been silent for longest. */
static struct edge *find_place(struct edge_table *self)
{
    struct edge *best = NULL;

    for (unsigned i = 0; i < EDGE_MAX; i++) {
        struct edge *edge = &self->edges[i];

        if (edge->boot == 0)
            return edge;
        if (!edge->is_live && (!best || edge->heard_ms < best->heard_ms))
            best = edge;
    }
    if (best)
        self->has_forgotten = true;
    return best;
}

struct edge *edge_table_enter(struct edge_table *self, const struct wire_head *head,
                              uint64_t now_ms)
{
    struct edge *edge = edge_table_find(self, head->sender, head->boot);
    uint8_t slot;

    if (edge || head->boot == 0)
        return edge;
    edge = find_place(self);
    if (!edge)
        return NULL;
    slot = edge->slot;
    *edge = (struct edge){.boot = head->boot,
                          .sender = head->sender,
                          .heard_ms = now_ms,
                          .generation = ++self->places,
                          .slot = slot};
    return edge;
}

static uint64_t silence_others(struct edge_table *self, const struct edge *edge)
{
    uint64_t silenced = 0;

    for (unsigned i = 0; i < EDGE_MAX; i++) {
        struct edge *other = &self->edges[i];

        if (other != edge && other->is_live && other->sender == edge->sender) {
            silence(self, other);
            silenced |= 1ull << i;
        }
    }
    return silenced;
}

bool edge_table_hear(struct edge_table *self, struct edge *edge, const struct bus_peer *peer,
                     uint64_t now_ms, uint64_t *ret_silenced)
{
    edge->heard_ms = now_ms;
    edge->peer = *peer;
    *ret_silenced = 0;
    if (edge->is_live)
        return false;
    edge->is_live = true;
    self->live |= 1ull << edge->slot;
    *ret_silenced = silence_others(self, edge);
    return true;
}

uint64_t edge_table_tick(struct edge_table *self, uint64_t now_ms)
{
    uint64_t silenced = 0;

    for (unsigned i = 0; i < EDGE_MAX; i++) {
        struct edge *edge = &self->edges[i];

        if (edge->is_live && now_ms - edge->heard_ms >= EDGE_SILENCE_MS) {
            silence(self, edge);
            silenced |= 1ull << i;
        }
    }
    return silenced;
}

uint64_t edge_handle(const struct edge *edge)
{
    return (uint64_t)edge->generation << 8 | edge->slot;
}

struct edge *edge_table_resolve(struct edge_table *self, uint64_t handle)
{
    struct edge *edge = &self->edges[handle % EDGE_MAX];

    return edge->boot != 0 && edge_handle(edge) == handle ? edge : NULL;
}

/* Normally the first number is 1. Where numbers of edges were forgotten this may be one of those,
 * and its first frame is as good a start as any. */
enum edge_order edge_take(struct edge_table *self, struct edge *edge, unsigned partition,
                          uint64_t number)
{
    struct edge_intake *intake = &edge->intake[partition];

    if (intake->expected == 0)
        intake->expected = self->has_forgotten ? number : 1;
    if (number > intake->expected)
        return EDGE_JUMP;
    if (number < intake->expected)
        return EDGE_AGAIN;
    intake->expected++;
    return EDGE_TAKE;
}

bool edge_may_tell_gap(struct edge *edge, unsigned partition, uint64_t now_ms)
{
    struct edge_intake *intake = &edge->intake[partition];

    if (intake->gap_ms != 0 && now_ms - intake->gap_ms < EDGE_GAP_EVERY_MS)
        return false;
    intake->gap_ms = now_ms;
    return true;
}

void edge_note_early(struct edge *edge, unsigned partition)
{
    edge->early |= 1ull << partition;
    edge->intake[partition].expected = 1;
}

void edge_table_leave(struct edge_table *self, uint64_t partitions)
{
    for (unsigned i = 0; i < EDGE_MAX; i++) {
        struct edge *edge = &self->edges[i];

        edge->early &= ~partitions;
        for (uint64_t left = partitions; left; left &= left - 1)
            edge->intake[__builtin_ctzll(left)] = (struct edge_intake){0};
    }
}

uint64_t edge_take_early(struct edge *edge, uint64_t held)
{
    uint64_t mask = edge->early & held;

    edge->early &= ~held;
    return mask;
}
