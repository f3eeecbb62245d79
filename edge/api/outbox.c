/* Edge → router: one lane per partition, in which frames leave in order. Going back, for whatever
 * reason, is to move the lane's mark of the first unsent frame; everything leaves through pump().
 */
#include "edge/api/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "edge/api/list.h"

#define RESEND_MS 5000  /* an unanswered frame goes out again after that */
#define SLOT_BITS 16    /* of a trace; above: which turn it is */
#define KEEP_BYTES 4096 /* of memory that a free frame may keep */

struct parcel {
    struct list line; /* of its lane, oldest first; or free */
    struct list due;  /* by deadline, while somebody waits for the answer */
    uint16_t slot;
    struct wire_head head; /* trace 0: free; number 0: none in this epoch yet */
    uint64_t sent_ms, due_ms;
    bool sent, resent;
    outbox_fn *fn; /* NULL: nobody waits any more */
    void *arg;
    struct buf frame;
};

struct lane {
    struct list parcels;
    struct parcel *unsent; /* it and all behind it are to be sent; NULL: none */
    uint32_t epoch;
    uint64_t next_number;
    size_t count;
};

struct outbox {
    struct pipes *pipes;
    struct links *links;
    struct outbox_limits limits;
    uint64_t turn;
    struct parcel **slots; /* made when first used */
    size_t slots_used, count;
    struct list free, due;
    struct lane lanes[ID_PARTITIONS];
    struct buf body, head;
    uint64_t *posted, *resent, *overdue, *refused;
};

int outbox_new(struct outbox **ret, struct pipes *pipes, struct links *links,
               const struct outbox_limits *limits)
{
    struct outbox *self = NEW(struct outbox);

    self->pipes = pipes;
    self->links = links;
    self->limits = *limits;
    self->slots = NEW_ARRAY(limits->most, struct parcel *);
    self->posted = stat_counter(pipes->stats, "frames_posted");
    self->resent = stat_counter(pipes->stats, "frames_resent");
    self->overdue = stat_counter(pipes->stats, "frames_overdue");
    self->refused = stat_counter(pipes->stats, "frames_refused");
    list_init(&self->free);
    list_init(&self->due);
    for (size_t i = 0; i < ID_PARTITIONS; i++) {
        list_init(&self->lanes[i].parcels);
        self->lanes[i].next_number = 1;
    }
    buf_init(&self->body, WIRE_FRAME_MAX - WIRE_HEAD_BYTES);
    buf_init(&self->head, WIRE_HEAD_BYTES);
    *ret = self;
    return 0;
}

/* ---- parcels ---- */

static struct parcel *take_free(struct outbox *self)
{
    struct parcel *parcel = LIST_FIRST(&self->free, struct parcel, line);

    if (parcel || self->slots_used == self->limits.most)
        return parcel;
    parcel = NEW(struct parcel);
    parcel->slot = (uint16_t)self->slots_used;
    list_init(&parcel->line);
    list_init(&parcel->due);
    buf_init(&parcel->frame, WIRE_FRAME_MAX);
    self->slots[self->slots_used++] = parcel;
    return parcel;
}

static void release(struct outbox *self, struct parcel *parcel)
{
    parcel->head.trace = 0;
    parcel->fn = NULL;
    if (parcel->frame.room > KEEP_BYTES) {
        buf_done(&parcel->frame);
        buf_init(&parcel->frame, WIRE_FRAME_MAX);
    }
    list_remove(&parcel->due);
    list_append(&self->free, &parcel->line);
}

static void tell(struct parcel *parcel, const struct wire_answer *answer)
{
    outbox_fn *fn = TAKE(parcel->fn);

    list_remove(&parcel->due);
    if (fn)
        fn(parcel->arg, answer, parcel->resent);
}

static const struct wire_answer unknown = {.status = WIRE_UNAVAILABLE};

void outbox_stop(struct outbox *self)
{
    self->limits.most_per_partition = 0;
    while (!list_empty(&self->due))
        tell(LIST_FIRST(&self->due, struct parcel, due), &unknown);
}

void outbox_free(struct outbox **self)
{
    struct outbox *it = TAKE(*self);

    if (!it)
        return;
    outbox_stop(it);
    for (size_t i = 0; i < it->slots_used; i++) {
        buf_done(&it->slots[i]->frame);
        free(it->slots[i]);
    }
    free(it->slots);
    buf_done(&it->body);
    buf_done(&it->head);
    free(it);
}

static struct parcel *find(struct outbox *self, uint64_t trace)
{
    size_t slot = trace & ((1u << SLOT_BITS) - 1);

    return trace && slot < self->slots_used && self->slots[slot]->head.trace == trace
               ? self->slots[slot]
               : NULL;
}

/* ---- lanes ---- */

static struct parcel *behind(struct lane *lane, struct parcel *parcel)
{
    struct list *next = parcel->line.next;

    return next == &lane->parcels ? NULL : LIST_ITEM(next, struct parcel, line);
}

/* From this parcel (NULL: there is none) on everything is sent again, numbered anew from number on.
 */
static void renumber(struct lane *lane, struct parcel *from, uint64_t number)
{
    lane->unsent = from;
    lane->next_number = number;
    for (; from; from = behind(lane, from))
        from->head.number = 0;
}

static int send_parcel(struct outbox *self, unsigned partition, struct parcel *parcel)
{
    struct lane *lane = &self->lanes[partition];
    int rc;

    parcel->head.epoch = lane->epoch;
    if (!parcel->head.number)
        parcel->head.number = lane->next_number++;
    buf_clear(&self->head);
    wire_head_encode(&self->head, &parcel->head);
    memcpy(parcel->frame.data, self->head.data, WIRE_HEAD_BYTES);
    rc = links_post(self->links, partition, &parcel->frame);
    if (rc < 0)
        return rc;
    if (parcel->sent)
        (*self->resent)++;
    parcel->resent = parcel->sent;
    parcel->sent = true;
    parcel->sent_ms = clock_monotonic_ms();
    return 0;
}

static void pump(struct outbox *self, unsigned partition)
{
    struct lane *lane = &self->lanes[partition];
    uint32_t epoch = links_epoch(self->links, partition);

    if (!lane->unsent || links_router(self->links, partition) < 0)
        return;
    if (epoch != lane->epoch) {
        lane->epoch = epoch;
        renumber(lane, LIST_FIRST(&lane->parcels, struct parcel, line), 1);
    }
    while (lane->unsent && send_parcel(self, partition, lane->unsent) == 0)
        lane->unsent = behind(lane, lane->unsent);
}

static int64_t post(struct outbox *self, struct wire_head *head, outbox_fn *fn, void *arg)
{
    struct lane *lane = &self->lanes[head->partition];
    struct parcel *parcel;

    if (self->body.over)
        return -EMSGSIZE;
    parcel = lane->count < self->limits.most_per_partition && self->count < self->limits.most
                 ? take_free(self)
                 : NULL;
    if (!parcel) {
        (*self->refused)++;
        return -EAGAIN;
    }
    head->trace = ++self->turn << SLOT_BITS | parcel->slot;
    head->deadline_ms = clock_wall_ms() + self->limits.answer_ms;
    parcel->head = *head;
    parcel->sent = parcel->resent = false;
    parcel->due_ms = clock_monotonic_ms() + self->limits.answer_ms;
    parcel->fn = fn;
    parcel->arg = arg;
    pipe_frame(&parcel->frame, head, &self->body);
    list_append(&lane->parcels, &parcel->line);
    list_append(&self->due, &parcel->due);
    lane->count++;
    self->count++;
    (*self->posted)++;
    if (!lane->unsent)
        lane->unsent = parcel;
    pump(self, head->partition);
    return (int64_t)head->trace;
}

int64_t outbox_post(struct outbox *self, const struct wire_post *what, uint64_t at_ms,
                    outbox_fn *fn, void *arg)
{
    struct wire_head head = pipes_head(self->pipes, WIRE_TYPE_POST);

    head.partition = (uint16_t)id_partition(&what->conversation);
    head.at_ms = at_ms;
    buf_clear(&self->body);
    wire_post_encode(&self->body, what);
    return post(self, &head, fn, arg);
}

int64_t outbox_revoke(struct outbox *self, const struct wire_revoke *revoke, outbox_fn *fn,
                      void *arg)
{
    struct wire_head head = pipes_head(self->pipes, WIRE_TYPE_REVOKE);

    head.partition = (uint16_t)id_partition(&revoke->user);
    head.at_ms = clock_wall_ms();
    buf_clear(&self->body);
    wire_revoke_encode(&self->body, revoke);
    return post(self, &head, fn, arg);
}

void outbox_forget(struct outbox *self, int64_t trace)
{
    struct parcel *parcel = trace > 0 ? find(self, (uint64_t)trace) : NULL;

    if (!parcel)
        return;
    parcel->fn = NULL;
    list_remove(&parcel->due);
}

void outbox_restart(struct outbox *self, uint64_t partitions)
{
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct lane *lane = &self->lanes[p];

        if (!(partitions >> p & 1))
            continue;
        lane->unsent = LIST_FIRST(&lane->parcels, struct parcel, line);
        pump(self, p);
    }
}

/* ---- what routers say ---- */

void outbox_on_answer(struct outbox *self, const struct bus_frame *frame)
{
    struct parcel *parcel = find(self, frame->head.trace);
    struct wire_answer answer;
    struct lane *lane;

    if (!parcel || wire_answer_decode(frame->body, &answer) < 0)
        return;
    lane = &self->lanes[parcel->head.partition];
    if (frame->head.epoch < links_epoch(self->links, parcel->head.partition) ||
        answer.status == WIRE_FENCED)
        return; /* of a router whose time is over: the next one answers */
    if (lane->unsent == parcel)
        lane->unsent = behind(lane, parcel);
    lane->count--;
    self->count--;
    list_remove(&parcel->line);
    tell(parcel, &answer);
    release(self, parcel);
}

/* The router expects that number next, so it has taken none from there on. Those frames go again;
 * they keep their numbers unless the router has forgotten us and starts at 1. */
void outbox_on_gap(struct outbox *self, const struct bus_frame *frame)
{
    struct lane *lane = &self->lanes[frame->head.partition % ID_PARTITIONS];
    struct wire_gap gap;
    struct parcel *parcel, *unsent = NULL;

    if (wire_gap_decode(frame->body, &gap) < 0 || frame->head.epoch != lane->epoch)
        return;
    parcel = LIST_FIRST(&lane->parcels, struct parcel, line);
    for (; parcel && parcel->head.number && parcel->head.number < gap.expected;
         parcel = behind(lane, parcel))
        if (parcel == lane->unsent)
            unsent = parcel; /* we had gone back further already */
    renumber(lane, parcel, gap.expected);
    if (unsent)
        lane->unsent = unsent;
    pump(self, frame->head.partition % ID_PARTITIONS);
}

void outbox_tick(struct outbox *self)
{
    uint64_t now = clock_monotonic_ms();

    for (;;) {
        struct parcel *parcel = LIST_FIRST(&self->due, struct parcel, due);

        if (!parcel || parcel->due_ms > now)
            break;
        (*self->overdue)++;
        tell(parcel, &unknown);
    }
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct lane *lane = &self->lanes[p];
        struct parcel *oldest = LIST_FIRST(&lane->parcels, struct parcel, line);

        if (oldest && !lane->unsent && oldest->sent_ms + RESEND_MS <= now)
            lane->unsent = oldest;
        pump(self, p);
    }
}

size_t outbox_unanswered(const struct outbox *self)
{
    return self->count;
}
