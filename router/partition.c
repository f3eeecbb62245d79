/* Per worker: claim, until an answer names epochs; announce, until it is confirmed; then hold. A
 * claim that is repeated makes a higher epoch, so only the answer to the last one counts. */
#include "router/partition.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 3000 /* how long an answer is waited for at first */
#define ANSWER_MOST_MS 24000
#define RETRY_MS 250 /* after unavailable */
#define LIST_MAX 8192

enum phase { PHASE_CLAIM, PHASE_ANNOUNCE, PHASE_HOLD, PHASE_NONE };

struct holder {
    enum phase phase;
    uint64_t wanted; /* of this worker's partitions */
    uint64_t trace;  /* of the last question */
    uint64_t due_ms; /* when it is asked (again) */
    uint64_t wait_ms;
    uint8_t durability;
};

struct partitions {
    const struct topology *topology;
    const char *name;
    struct wire_head head;
    struct partition_out out;
    struct holder holders[TOPOLOGY_WORKERS_MAX];
    uint32_t epochs[ID_PARTITIONS];
    uint64_t wanted, claimed, held, lost; /* masks; claimed: has an epoch, and is not lost */
    uint64_t traces;
    struct buf list, frame;
};

int partitions_new(struct partitions **ret, const struct topology *topology, uint64_t wanted,
                   const char *name, const struct wire_head *head, const struct partition_out *out)
{
    struct partitions *self = NEW(struct partitions);

    self->topology = topology;
    self->name = name;
    self->head = *head;
    self->out = *out;
    self->wanted = wanted;
    for (size_t i = 0; i < topology->worker_count; i++) {
        struct holder *holder = &self->holders[i];

        holder->wanted = topology->workers[i].partitions & wanted;
        holder->phase = holder->wanted ? PHASE_CLAIM : PHASE_NONE;
        holder->wait_ms = ANSWER_MS;
    }
    buf_init(&self->list, LIST_MAX);
    buf_init(&self->frame, LIST_MAX + 1024);
    *ret = self;
    return 0;
}

void partitions_free(struct partitions **self)
{
    if (!*self)
        return;
    buf_done(&(*self)->list);
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}

/* ---- questions ---- */

static void start_frame(struct partitions *self, struct holder *holder, enum wire_type type)
{
    holder->trace = ++self->traces;
    self->head.type = (uint8_t)type;
    self->head.trace = holder->trace;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &self->head);
}

static int send_claim(struct partitions *self, size_t worker)
{
    struct holder *holder = &self->holders[worker];
    struct wire_claim claim = {
        .role = WIRE_ROUTER, .partitions = holder->wanted, .holder = wire_text(self->name)};

    start_frame(self, holder, WIRE_TYPE_CLAIM);
    wire_claim_encode(&self->frame, &claim);
    return self->out.send(self->out.arg, worker, &self->frame);
}

static struct wire_list list_holdings(struct partitions *self, uint64_t mask, struct buf *list)
{
    uint32_t count = 0;

    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct wire_holding holding = {.partition = (uint16_t)p,
                                       .epoch = self->epochs[p],
                                       .role = WIRE_ROUTER,
                                       .holder = wire_text(self->name)};

        if (mask >> p & 1)
            wire_holding_add(list, &count, &holding);
    }
    return wire_list_of(list, count);
}

static int send_announce(struct partitions *self, size_t worker)
{
    struct holder *holder = &self->holders[worker];
    struct wire_announce announce;

    buf_clear(&self->list);
    announce.holdings = list_holdings(self, holder->wanted & self->claimed, &self->list);
    start_frame(self, holder, WIRE_TYPE_ANNOUNCE);
    wire_announce_encode(&self->frame, &announce);
    return self->out.send(self->out.arg, worker, &self->frame);
}

static void ask(struct partitions *self, size_t worker, uint64_t now_ms)
{
    struct holder *holder = &self->holders[worker];
    int rc = holder->phase == PHASE_CLAIM ? send_claim(self, worker) : send_announce(self, worker);

    if (rc < 0) {
        holder->due_ms = now_ms + RETRY_MS;
        return;
    }
    holder->due_ms = now_ms + holder->wait_ms;
    if (holder->wait_ms < ANSWER_MOST_MS)
        holder->wait_ms *= 2;
}

void partitions_tick(struct partitions *self, uint64_t now_ms)
{
    for (size_t i = 0; i < self->topology->worker_count; i++) {
        const struct holder *holder = &self->holders[i];

        if ((holder->phase == PHASE_CLAIM || holder->phase == PHASE_ANNOUNCE) &&
            now_ms >= holder->due_ms)
            ask(self, i, now_ms);
    }
}

void partitions_probe(struct partitions *self, size_t worker)
{
    /* Nothing waits for the answer, so it does not matter whether this one left. */
    if (self->holders[worker].phase == PHASE_HOLD && send_announce(self, worker) < 0)
        return;
}

/* ---- answers ---- */

static void take_epochs(struct partitions *self, const struct holder *holder,
                        struct wire_list holdings)
{
    struct wire_bytes item;

    while (wire_list_next(&holdings, &item)) {
        struct wire_holding holding;

        if (wire_holding_decode(item, &holding) < 0 || holding.partition >= ID_PARTITIONS ||
            holding.epoch == 0 || !(holder->wanted >> holding.partition & 1))
            continue;
        self->epochs[holding.partition] = holding.epoch;
        self->claimed |= 1ull << holding.partition;
    }
}

void partitions_claimed(struct partitions *self, size_t worker, uint64_t trace,
                        const struct wire_claimed *claimed, uint64_t now_ms)
{
    struct holder *holder = &self->holders[worker];

    if (holder->phase != PHASE_CLAIM || trace != holder->trace)
        return;
    holder->wait_ms = ANSWER_MS;
    if (claimed->status == WIRE_OK)
        take_epochs(self, holder, claimed->holdings);
    if ((holder->wanted & ~self->claimed) != 0) { /* all or nothing: ask again for all */
        holder->due_ms = now_ms + RETRY_MS;
        return;
    }
    holder->phase = PHASE_ANNOUNCE;
    ask(self, worker, now_ms);
}

void partitions_announced(struct partitions *self, size_t worker, uint64_t trace,
                          const struct wire_announced *announced, uint64_t now_ms)
{
    struct holder *holder = &self->holders[worker];
    uint64_t mask = holder->wanted & self->claimed;

    if (holder->phase != PHASE_ANNOUNCE || trace != holder->trace) /* or only a probe */
        return;
    holder->wait_ms = ANSWER_MS;
    if (announced->status == WIRE_FENCED) {
        partitions_fence(self, mask);
        return;
    }
    if (announced->status != WIRE_OK) {
        holder->due_ms = now_ms + RETRY_MS;
        return;
    }
    holder->durability = announced->durability;
    holder->phase = PHASE_HOLD;
    self->held |= mask;
    self->out.held(self->out.arg, mask);
}

void partitions_fence(struct partitions *self, uint64_t mask)
{
    mask &= self->claimed;
    if (!mask)
        return;
    self->claimed &= ~mask;
    self->held &= ~mask;
    self->lost |= mask;
    for (size_t i = 0; i < self->topology->worker_count; i++)
        if (!(self->holders[i].wanted & ~self->lost))
            self->holders[i].phase = PHASE_NONE;
    self->out.lost(self->out.arg, mask);
}

/* ---- what is so ---- */

/* An edge may learn from the store of an epoch that is ours before its answer has come here. */
enum partition_state partitions_state(const struct partitions *self, unsigned partition,
                                      uint32_t epoch)
{
    uint64_t bit = 1ull << partition;

    if (self->held & bit)
        return epoch == self->epochs[partition] ? PARTITION_HELD : PARTITION_FOREIGN;
    if (self->wanted & ~self->lost & bit && epoch >= self->epochs[partition])
        return PARTITION_EARLY;
    return PARTITION_FOREIGN;
}

uint32_t partitions_epoch(const struct partitions *self, unsigned partition)
{
    return self->claimed >> partition & 1 ? self->epochs[partition] : 0;
}

uint64_t partitions_held(const struct partitions *self)
{
    return self->held;
}

uint64_t partitions_lost(const struct partitions *self)
{
    return self->lost;
}

uint64_t partitions_wanted(const struct partitions *self)
{
    return self->wanted;
}

uint8_t partitions_durability(const struct partitions *self, unsigned partition)
{
    return self->holders[self->topology->worker_of[partition]].durability;
}

struct wire_list partitions_holdings(struct partitions *self, struct buf *list)
{
    return list_holdings(self, self->held, list);
}
