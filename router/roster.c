/* What edges say on their stream: that they live, and what they want. Keeps a short list of
 * confirmations that must wait until partitions are held. */
#include "router/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define WELCOME_EVERY_MS 1000
#define HOLDINGS_MAX 8192

struct waiting {
    uint64_t edge; /* edge_handle */
    uint64_t trace;
    uint64_t partitions;
};

struct roster {
    struct roster_parts parts;
    struct buf holdings; /* scratch */
    struct waiting waiting[ROSTER_WAITING_MAX];
    size_t count;
    uint64_t *malformed, *edges_refused;
};

int roster_new(struct roster **ret, const struct roster_parts *parts, struct stat_set *stats)
{
    struct roster *self = NEW(struct roster);

    self->parts = *parts;
    buf_init(&self->holdings, HOLDINGS_MAX);
    self->malformed = stat_counter(stats, "malformed");
    self->edges_refused = stat_counter(stats, "edges_refused");
    *ret = self;
    return 0;
}

void roster_free(struct roster **self)
{
    if (!*self)
        return;
    buf_done(&(*self)->holdings);
    free(*self);
    *self = NULL;
}

/* ---- interest ---- */

static void confirm(struct roster *self, const struct waiting *asked, enum wire_result status)
{
    struct wire_interested interested = {.status = (uint8_t)status};
    struct stream_tag tag = {.type = WIRE_TYPE_INTERESTED, .trace = asked->trace};

    wire_interested_encode(stream_start(self->parts.stream), &interested);
    stream_send(self->parts.stream, edge_table_resolve(self->parts.edges, asked->edge), &tag);
}

/* true: answered. */
static bool try_confirm(struct roster *self, const struct waiting *asked)
{
    uint64_t ours =
        partitions_reach(self->parts.partitions) & ~partitions_lost(self->parts.partitions);

    if (asked->partitions & ~ours)
        confirm(self, asked, WIRE_FENCED);
    else if (asked->partitions & ~partitions_held(self->parts.partitions))
        return false;
    else
        confirm(self, asked, WIRE_OK);
    return true;
}

/* Sets or clears one after another; a malformed item is no conversation. */
static enum wire_result change(struct roster *self, const struct edge *edge,
                               const struct wire_interest *asked, uint64_t *ret_partitions)
{
    struct wire_list list = asked->conversations;
    struct wire_bytes bytes;
    enum wire_result result = WIRE_OK;

    while (wire_list_next(&list, &bytes)) {
        struct wire_item item;

        if (wire_item_decode(bytes, &item) < 0)
            result = WIRE_INVALID;
        else if (!asked->on)
            interest_remove(self->parts.interest, &item.id, edge->slot);
        else if (interest_add(self->parts.interest, &item.id, edge->slot) < 0)
            result = WIRE_UNAVAILABLE;
        else
            *ret_partitions |= 1ull << id_partition(&item.id);
    }
    return result;
}

static void let_wait(struct roster *self, const struct waiting *asked)
{
    if (self->count == ROSTER_WAITING_MAX)
        confirm(self, asked, WIRE_UNAVAILABLE);
    else
        self->waiting[self->count++] = *asked;
}

static void take_interest(struct roster *self, struct edge *edge, const struct wire_head *head,
                          struct wire_bytes body)
{
    struct waiting asked = {.edge = edge_handle(edge), .trace = head->trace};
    struct wire_interest interest;
    enum wire_result result;

    if (wire_interest_decode(body, &interest) < 0) {
        (*self->malformed)++;
        return;
    }
    if (interest.reset)
        interest_reset(self->parts.interest, edge->slot, interest.reset);
    result = change(self, edge, &interest, &asked.partitions);
    if (result != WIRE_OK)
        confirm(self, &asked, result);
    else if (!try_confirm(self, &asked))
        let_wait(self, &asked);
}

/* ---- coming and going ---- */

static void forget_interest(struct roster *self, uint64_t slots)
{
    for (; slots; slots &= slots - 1) {
        const struct edge *edge = &self->parts.edges->edges[__builtin_ctzll(slots)];

        log_info("edge is gone", "edge=%s boot=%016llx", log_quote(edge->name),
                 (unsigned long long)edge->boot);
        interest_reset(self->parts.interest, edge->slot, UINT64_MAX);
    }
}

static void welcome(struct roster *self, struct edge *edge, uint64_t now_ms)
{
    struct stream_tag tag = {.type = WIRE_TYPE_WELCOME};
    struct wire_welcome message = {.name = wire_text(self->parts.name)};

    buf_clear(&self->holdings);
    message.holdings = partitions_holdings(self->parts.partitions, &self->holdings);
    wire_welcome_encode(stream_start(self->parts.stream), &message);
    stream_send(self->parts.stream, edge, &tag);
    edge->welcomed_ms = now_ms;
}

/* Whatever an edge says here shows that it lives. */
static struct edge *hear(struct roster *self, const struct bus_frame *frame, uint64_t now_ms)
{
    struct edge *edge = edge_table_enter(self->parts.edges, &frame->head, now_ms);
    uint64_t silenced;

    if (!edge) {
        (*self->edges_refused)++;
        return NULL;
    }
    if (edge_table_hear(self->parts.edges, edge, &frame->peer, now_ms, &silenced)) {
        log_info("edge is here", "boot=%016llx", (unsigned long long)edge->boot);
        interest_reset(self->parts.interest, edge->slot, UINT64_MAX); /* its predecessor's */
        welcome(self, edge, now_ms);
    }
    forget_interest(self, silenced);
    return edge;
}

static void take_alive(struct roster *self, struct edge *edge, struct wire_bytes body,
                       uint64_t now_ms)
{
    struct wire_alive alive;

    if (wire_alive_decode(body, &alive) < 0 || alive.name.len > TOPOLOGY_NAME_MAX) {
        (*self->malformed)++;
        return;
    }
    memset(edge->name, 0, sizeof edge->name);
    if (alive.name.len)
        memcpy(edge->name, alive.name.data, alive.name.len);
    if (alive.received == 0 && now_ms - edge->welcomed_ms >= WELCOME_EVERY_MS)
        welcome(self, edge, now_ms);
}

void roster_take(struct roster *self, const struct bus_frame *frame, uint64_t now_ms)
{
    struct edge *edge = NULL;

    if (frame->head.type == WIRE_TYPE_ALIVE || frame->head.type == WIRE_TYPE_INTEREST)
        edge = hear(self, frame, now_ms);
    else
        (*self->malformed)++;
    if (!edge)
        return;
    if (frame->head.type == WIRE_TYPE_ALIVE)
        take_alive(self, edge, frame->body, now_ms);
    else
        take_interest(self, edge, &frame->head, frame->body);
}

void roster_tick(struct roster *self, uint64_t now_ms)
{
    forget_interest(self, edge_table_tick(self->parts.edges, now_ms));
    for (unsigned i = 0; i < EDGE_MAX; i++)
        stream_beat(self->parts.stream, &self->parts.edges->edges[i]);
}

void roster_tell_holdings(struct roster *self, uint64_t now_ms)
{
    for (uint64_t slots = self->parts.edges->live; slots; slots &= slots - 1)
        welcome(self, &self->parts.edges->edges[__builtin_ctzll(slots)], now_ms);
}

void roster_review(struct roster *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->count; i++)
        if (!try_confirm(self, &self->waiting[i]))
            self->waiting[kept++] = self->waiting[i];
    self->count = kept;
}
