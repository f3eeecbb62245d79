/* Two questions per worker, each asked again and again: the claim, while something is not ours; the
 * announcement, while something is, which is held from the first answer on. A claim that is
 * repeated may make a higher epoch, so only the answer to the last one counts. */
#include "router/partition.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

#define ANSWER_MS 1000 /* how long an answer to a claim is waited for at first */
#define ANSWER_MOST_MS 16000
#define RETRY_MS 250    /* after unavailable */
#define CLAIM_PARTS 6   /* a lease's time in claims of a standby … */
#define RENEWAL_PARTS 3 /* … and in announcements of a holder */
#define LIST_MAX 8192

struct holder {
    uint64_t reach;          /* of this worker's partitions: those that may be ours */
    uint64_t claim_trace;    /* of the last claim */
    uint64_t claim_due_ms;   /* when it is asked (again) */
    uint64_t claim_wait_ms;  /* for its answer */
    bool is_waiting;         /* for the answer to the last claim */
    bool is_answered;        /* claims are, so what is missing is somebody else's */
    uint64_t announce_trace; /* of the first announcement of all that is claimed; 0: none yet */
    uint64_t announce_due_ms;
    uint8_t durability;
};

struct partitions {
    struct partition_spec spec;
    struct wire_head head;
    struct partition_out out;
    struct holder holders[TOPOLOGY_WORKERS_MAX];
    uint32_t epochs[ID_PARTITIONS]; /* the last of ours */
    uint64_t claimed, held, lost;   /* masks; claimed: has an epoch, and is not lost */
    uint64_t traces;
    struct buf list, frame;
};

/* "0-31", "1,3,8-15", or nothing. */
static int read_mask(struct conf *conf, const char *key, uint64_t *ret)
{
    const char *text = conf_text(conf, key);

    *ret = 0;
    if (text[0] == '\0' || topology_parse_mask(text, ret) == 0)
        return 0;
    log_error("partitions are written like \"0-31\" or \"1,3,8-15\"", "key=%s value=%s", key,
              log_quote(text));
    return -EINVAL;
}

int partitions_configure(struct partition_spec *spec, struct conf *conf)
{
    spec->lease_ms = (uint64_t)conf_number(conf, "bus/lease_ms");
    if (read_mask(conf, "router/partitions", &spec->wanted) < 0)
        return -EINVAL;
    return read_mask(conf, "router/standby", &spec->standby);
}

int partitions_new(struct partitions **ret, const struct partition_spec *spec,
                   const struct wire_head *head, const struct partition_out *out)
{
    struct partitions *self = NEW(struct partitions);

    self->spec = *spec;
    self->head = *head;
    self->out = *out;
    for (size_t i = 0; i < spec->topology->worker_count; i++) {
        struct holder *holder = &self->holders[i];

        holder->reach = spec->topology->workers[i].partitions & (spec->wanted | spec->standby);
        holder->claim_wait_ms = ANSWER_MS;
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

static uint64_t start_frame(struct partitions *self, enum wire_type type)
{
    self->head.type = (uint8_t)type;
    self->head.trace = ++self->traces;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &self->head);
    return self->head.trace;
}

static void claim(struct partitions *self, size_t worker, uint64_t now_ms)
{
    struct holder *holder = &self->holders[worker];
    uint64_t missing = holder->reach & ~self->claimed;
    struct wire_claim message = {.role = WIRE_ROUTER,
                                 .partitions = missing & self->spec.wanted,
                                 .holder = wire_text(self->spec.name),
                                 .standby = missing & ~self->spec.wanted};

    holder->claim_trace = start_frame(self, WIRE_TYPE_CLAIM);
    wire_claim_encode(&self->frame, &message);
    if (self->out.send(self->out.arg, worker, &self->frame) < 0) {
        holder->claim_due_ms = now_ms + RETRY_MS;
        return;
    }
    holder->is_answered = !holder->is_waiting && holder->is_answered;
    holder->is_waiting = true;
    holder->claim_due_ms = now_ms + holder->claim_wait_ms;
    if (holder->claim_wait_ms < ANSWER_MOST_MS)
        holder->claim_wait_ms *= 2;
}

static struct wire_list list_holdings(struct partitions *self, uint64_t mask, struct buf *list)
{
    uint32_t count = 0;

    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct wire_holding holding = {.partition = (uint16_t)p,
                                       .epoch = self->epochs[p],
                                       .role = WIRE_ROUTER,
                                       .holder = wire_text(self->spec.name)};

        if (mask >> p & 1)
            wire_holding_add(list, &count, &holding);
    }
    return wire_list_of(list, count);
}

static int send_announcement(struct partitions *self, size_t worker)
{
    struct holder *holder = &self->holders[worker];
    struct wire_announce announce;
    uint64_t trace;
    int rc;

    buf_clear(&self->list);
    announce.holdings = list_holdings(self, holder->reach & self->claimed, &self->list);
    trace = start_frame(self, WIRE_TYPE_ANNOUNCE);
    wire_announce_encode(&self->frame, &announce);
    rc = self->out.send(self->out.arg, worker, &self->frame);
    if (rc == 0 && holder->announce_trace == 0)
        holder->announce_trace = trace;
    return rc;
}

static void announce(struct partitions *self, size_t worker, uint64_t now_ms)
{
    uint64_t wait_ms = self->spec.lease_ms / RENEWAL_PARTS;

    if (send_announcement(self, worker) < 0 && wait_ms > RETRY_MS)
        wait_ms = RETRY_MS;
    self->holders[worker].announce_due_ms = now_ms + wait_ms;
}

void partitions_tick(struct partitions *self, uint64_t now_ms)
{
    for (size_t i = 0; i < self->spec.topology->worker_count; i++) {
        const struct holder *holder = &self->holders[i];

        if (holder->reach & ~self->claimed && now_ms >= holder->claim_due_ms)
            claim(self, i, now_ms);
        if (holder->reach & self->claimed && now_ms >= holder->announce_due_ms)
            announce(self, i, now_ms);
    }
}

void partitions_probe(struct partitions *self, size_t worker)
{
    /* Its answer is nothing that is waited for, so it does not matter whether this one left. */
    if (self->holders[worker].reach & self->held && send_announcement(self, worker) < 0)
        return;
}

void partitions_ask_again(struct partitions *self, size_t worker, uint64_t now_ms)
{
    struct holder *holder = &self->holders[worker];

    holder->announce_due_ms = now_ms;
    if (holder->is_waiting)
        holder->claim_due_ms = now_ms;
}

/* ---- answers ---- */

/* What is ours now and was not before. */
static uint64_t take_epochs(struct partitions *self, const struct holder *holder,
                            struct wire_list holdings)
{
    struct wire_bytes item;
    uint64_t mask = 0;

    while (wire_list_next(&holdings, &item)) {
        struct wire_holding holding;

        if (wire_holding_decode(item, &holding) < 0 || holding.partition >= ID_PARTITIONS ||
            holding.epoch == 0 || !((holder->reach & ~self->claimed) >> holding.partition & 1))
            continue;
        self->epochs[holding.partition] = holding.epoch;
        mask |= 1ull << holding.partition;
    }
    self->claimed |= mask;
    self->lost &= ~mask;
    return mask;
}

void partitions_claimed(struct partitions *self, size_t worker, uint64_t trace,
                        const struct wire_claimed *claimed, uint64_t now_ms)
{
    struct holder *holder = &self->holders[worker];

    if (!holder->is_waiting || trace != holder->claim_trace)
        return;
    holder->is_waiting = false;
    holder->claim_wait_ms = ANSWER_MS;
    holder->claim_due_ms = now_ms + RETRY_MS;
    if (claimed->status != WIRE_OK)
        return;
    holder->is_answered = true;
    holder->claim_due_ms = now_ms + self->spec.lease_ms / CLAIM_PARTS;
    if (take_epochs(self, holder, claimed->holdings)) {
        holder->announce_trace = 0;
        announce(self, worker, now_ms);
    }
}

void partitions_announced(struct partitions *self, size_t worker, uint64_t trace,
                          const struct wire_announced *announced, uint64_t now_ms)
{
    struct holder *holder = &self->holders[worker];
    uint64_t mask = holder->reach & self->claimed;

    if (holder->announce_trace == 0 || trace < holder->announce_trace)
        return;
    if (announced->status == WIRE_FENCED) {
        partitions_fence(self, announced->lost ? mask & announced->lost : mask);
        mask = holder->reach & self->claimed;
    } else if (announced->status != WIRE_OK) {
        if (holder->announce_due_ms > now_ms + RETRY_MS)
            holder->announce_due_ms = now_ms + RETRY_MS;
        return;
    }
    holder->durability = announced->durability;
    mask &= ~self->held;
    if (!mask)
        return;
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
    if (self->claimed & bit)
        return epoch >= self->epochs[partition] ? PARTITION_EARLY : PARTITION_FOREIGN;
    return partitions_reach(self) & bit && epoch > self->epochs[partition] ? PARTITION_EARLY
                                                                           : PARTITION_FOREIGN;
}

uint32_t partitions_epoch(const struct partitions *self, unsigned partition)
{
    return self->claimed >> partition & 1 ? self->epochs[partition] : 0;
}

uint64_t partitions_reach(const struct partitions *self)
{
    return self->spec.wanted | self->spec.standby;
}

uint64_t partitions_held(const struct partitions *self)
{
    return self->held;
}

uint64_t partitions_lost(const struct partitions *self)
{
    return self->lost;
}

uint64_t partitions_unsure(const struct partitions *self)
{
    uint64_t unsure = self->claimed & ~self->held;

    for (size_t i = 0; i < self->spec.topology->worker_count; i++)
        if (!self->holders[i].is_answered)
            unsure |= self->holders[i].reach & ~self->claimed;
    return unsure;
}

uint8_t partitions_durability(const struct partitions *self, unsigned partition)
{
    return self->holders[self->spec.topology->worker_of[partition]].durability;
}

struct wire_list partitions_holdings(struct partitions *self, struct buf *list)
{
    return list_holdings(self, self->held, list);
}
