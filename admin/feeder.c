/* A lane per partition, in which frames leave in order; going back is to move the lane's mark of
 * the first unsent frame. Routers are known from persist (who holds what) and from their own
 * welcome. */
#include "admin/feeder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"

#define LINKS_MAX 32
#define NOBODY (-1)
#define ALIVE_MS 250
#define RESEND_MS 30000     /* a slow store is no reason: a repeated conflict makes another void */
#define HOLDERS_MS 300      /* between two questions who holds what */
#define HOLDERS_WAIT_MS 500 /* for the answer */
#define BUSY_MS 100         /* after unavailable */
#define FRAMES_AT_ONCE 256
#define SLOT_BITS 16

struct parcel {
    TAILQ_ENTRY(parcel) line;
    struct wire_head head; /* trace 0: free; number 0: none in this epoch yet */
    uint64_t sent_ms;
    uint32_t tag;
    struct buf frame;
};

TAILQ_HEAD(parcel_list, parcel);

struct lane {
    struct parcel_list parcels;
    struct parcel *unsent; /* it and all behind it are to be sent */
    size_t count;
    uint64_t next_number, hold_ms;
    uint32_t epoch;       /* of the numbers */
    uint32_t route_epoch; /* of who holds it; 0: nobody is known */
    int link;
};

struct link {
    char name[TOPOLOGY_NAME_MAX + 1];
    zsock_t *intake, *stream;
    bool welcomed;
    uint64_t boot, received, alive_ms;
};

struct feeder {
    struct place *place;
    struct ask *ask;
    feeder_fn *fn;
    void *arg;
    uint64_t sender, boot, turn;
    char identity[BUS_PEER_MAX + 1];
    struct link links[LINKS_MAX];
    size_t link_count;
    struct lane lanes[ID_PARTITIONS];
    struct parcel parcels[FEEDER_WINDOW];
    size_t count;
    uint64_t holders_ms, answered_ms;
    struct buf scratch;
    char trouble[96];
};

int feeder_new(struct feeder **ret, struct place *place, struct ask *ask, feeder_fn *fn, void *arg)
{
    struct feeder *self = NEW(struct feeder);
    struct id random = id_random();

    self->place = place;
    self->ask = ask;
    self->fn = fn;
    self->arg = arg;
    memcpy(&self->sender, random.bytes, sizeof self->sender);
    memcpy(&self->boot, random.bytes + sizeof self->sender, sizeof self->boot);
    self->boot |= 1;
    snprintf(self->identity, sizeof self->identity, "replay#%" PRIx64, self->boot);
    buf_init(&self->scratch, WIRE_FRAME_MAX);
    for (size_t i = 0; i < FEEDER_WINDOW; i++)
        buf_init(&self->parcels[i].frame, WIRE_FRAME_MAX);
    for (size_t i = 0; i < ID_PARTITIONS; i++) {
        TAILQ_INIT(&self->lanes[i].parcels);
        self->lanes[i].link = NOBODY;
        self->lanes[i].next_number = 1;
    }
    self->answered_ms = clock_monotonic_ms();
    *ret = self;
    return 0;
}

void feeder_free(struct feeder **feeder)
{
    struct feeder *self = TAKE(*feeder);

    if (!self)
        return;
    for (size_t i = 0; i < self->link_count; i++) {
        zsock_destroy(&self->links[i].intake);
        zsock_destroy(&self->links[i].stream);
    }
    for (size_t i = 0; i < FEEDER_WINDOW; i++)
        buf_done(&self->parcels[i].frame);
    buf_done(&self->scratch);
    free(self);
}

static struct buf *start(struct feeder *self, enum wire_type type)
{
    struct wire_head head = {.type = (uint8_t)type,
                             .sender = self->sender,
                             .boot = self->boot,
                             .at_ms = clock_wall_ms()};

    buf_clear(&self->scratch);
    wire_head_encode(&self->scratch, &head);
    return &self->scratch;
}

/* ---- lanes ---- */

static void renumber(struct lane *lane, struct parcel *from, uint64_t number)
{
    lane->unsent = from;
    lane->next_number = number;
    for (; from; from = TAILQ_NEXT(from, line))
        from->head.number = 0;
}

static int send_parcel(struct feeder *self, struct lane *lane, struct parcel *parcel)
{
    AUTO(buf_done) struct buf head;
    int rc;

    buf_init(&head, WIRE_HEAD_BYTES);
    parcel->head.epoch = lane->epoch;
    if (!parcel->head.number)
        parcel->head.number = lane->next_number++;
    wire_head_encode(&head, &parcel->head);
    memcpy(parcel->frame.data, head.data, WIRE_HEAD_BYTES);
    rc = bus_send(self->links[lane->link].intake, &parcel->frame);
    if (rc == 0)
        parcel->sent_ms = clock_monotonic_ms();
    return rc;
}

static void pump(struct feeder *self, struct lane *lane)
{
    if (lane->link == NOBODY || !self->links[lane->link].welcomed ||
        clock_monotonic_ms() < lane->hold_ms)
        return;
    if (lane->epoch != lane->route_epoch) {
        lane->epoch = lane->route_epoch;
        renumber(lane, TAILQ_FIRST(&lane->parcels), 1);
    }
    while (lane->unsent && send_parcel(self, lane, lane->unsent) == 0)
        lane->unsent = TAILQ_NEXT(lane->unsent, line);
}

bool feeder_has_room(const struct feeder *self, unsigned partition)
{
    return self->count < FEEDER_WINDOW && self->lanes[partition].count < FEEDER_LANE;
}

void feeder_post(struct feeder *self, const struct wire_head *head, struct wire_bytes body,
                 uint32_t tag)
{
    struct lane *lane = &self->lanes[head->partition % ID_PARTITIONS];
    struct parcel *parcel;

    do /* there is one: the caller has asked */
        parcel = &self->parcels[++self->turn % FEEDER_WINDOW];
    while (parcel->head.trace);
    parcel->head = (struct wire_head){
        .type = head->type,
        .partition = head->partition % ID_PARTITIONS,
        .sender = self->sender,
        .boot = self->boot,
        .trace = self->turn << SLOT_BITS | (uint64_t)(parcel - self->parcels),
        .at_ms = head->at_ms,
    };
    parcel->tag = tag;
    buf_clear(&parcel->frame);
    wire_head_encode(&parcel->frame, &parcel->head);
    buf_put(&parcel->frame, body.data, body.len);
    TAILQ_INSERT_TAIL(&lane->parcels, parcel, line);
    lane->count++;
    if (self->count++ == 0)
        self->answered_ms = clock_monotonic_ms(); /* it is waited for from now on */
    if (!lane->unsent)
        lane->unsent = parcel;
    pump(self, lane);
}

size_t feeder_unanswered(const struct feeder *self)
{
    return self->count;
}

/* ---- what routers say ---- */

/* It goes again, behind the others: the router has taken nothing of it. */
static void put_back(struct lane *lane, struct parcel *parcel)
{
    if (lane->unsent == parcel)
        lane->unsent = TAILQ_NEXT(parcel, line);
    TAILQ_REMOVE(&lane->parcels, parcel, line);
    TAILQ_INSERT_TAIL(&lane->parcels, parcel, line);
    parcel->head.number = 0;
    if (!lane->unsent)
        lane->unsent = parcel;
    lane->hold_ms = clock_monotonic_ms() + BUSY_MS;
}

static void take_answer(struct feeder *self, const struct bus_frame *frame)
{
    size_t slot = frame->head.trace & ((1u << SLOT_BITS) - 1);
    struct parcel *parcel = slot < FEEDER_WINDOW ? &self->parcels[slot] : NULL;
    struct wire_answer answer;
    struct lane *lane;

    if (!parcel || !frame->head.trace || parcel->head.trace != frame->head.trace ||
        wire_answer_decode(frame->body, &answer) < 0)
        return;
    lane = &self->lanes[parcel->head.partition];
    if (frame->head.epoch < lane->route_epoch || answer.status == WIRE_FENCED)
        return; /* of a router whose time is over */
    if (answer.status == WIRE_UNAVAILABLE) {
        put_back(lane, parcel);
        return;
    }
    if (lane->unsent == parcel)
        lane->unsent = TAILQ_NEXT(parcel, line);
    TAILQ_REMOVE(&lane->parcels, parcel, line);
    lane->count--;
    self->count--;
    parcel->head.trace = 0;
    self->answered_ms = clock_monotonic_ms();
    self->fn(self->arg, parcel->tag, &answer);
}

static void take_gap(struct feeder *self, const struct bus_frame *frame)
{
    struct lane *lane = &self->lanes[frame->head.partition % ID_PARTITIONS];
    struct parcel *parcel = TAILQ_FIRST(&lane->parcels);
    struct wire_gap gap;

    if (wire_gap_decode(frame->body, &gap) < 0 || frame->head.epoch != lane->epoch)
        return;
    while (parcel && parcel->head.number && parcel->head.number < gap.expected &&
           parcel != lane->unsent)
        parcel = TAILQ_NEXT(parcel, line);
    if (parcel && parcel == lane->unsent && parcel->head.number &&
        parcel->head.number < gap.expected)
        return; /* we have gone back further already */
    renumber(lane, parcel, gap.expected);
}

/* ---- who holds what ---- */

static int find_link(struct feeder *self, const char *name)
{
    struct link *link;

    for (size_t i = 0; i < self->link_count; i++)
        if (strcmp(self->links[i].name, name) == 0)
            return (int)i;
    if (self->link_count == LINKS_MAX)
        return NOBODY;
    link = &self->links[self->link_count];
    *link = (struct link){0};
    snprintf(link->name, sizeof link->name, "%s", name);
    if (control_reach(&link->intake, self->place, name, TOPOLOGY_INTAKE, NULL) < 0 ||
        control_reach(&link->stream, self->place, name, TOPOLOGY_STREAMS, self->identity) < 0) {
        zsock_destroy(&link->intake);
        return NOBODY;
    }
    return (int)self->link_count++;
}

static void learn(struct feeder *self, struct wire_list holdings, const char *holder)
{
    struct wire_holding holding;
    struct wire_bytes item;

    while (wire_list_next(&holdings, &item)) {
        char name[TOPOLOGY_NAME_MAX + 1];
        struct lane *lane;
        int link;

        if (wire_holding_decode(item, &holding) < 0 || holding.partition >= ID_PARTITIONS ||
            holding.holder.len > TOPOLOGY_NAME_MAX || (!holder && !holding.holder.len))
            continue;
        lane = &self->lanes[holding.partition];
        if (holding.epoch < lane->route_epoch ||
            (holding.epoch == lane->route_epoch && lane->link != NOBODY))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)holding.holder.len,
                 holding.holder.len ? (const char *)holding.holder.data : "");
        link = find_link(self, holder ? holder : name);
        if (link == NOBODY)
            continue;
        lane->link = link;
        lane->route_epoch = holding.epoch;
    }
}

static void ask_holders(struct feeder *self, uint64_t now_ms)
{
    AUTO(buf_done) struct buf message;

    buf_init(&message, 64);
    wire_holders_encode(&message, &(struct wire_holders){WIRE_ROUTER});
    for (size_t i = 0; i < ask_worker_count(self->ask); i++) {
        struct ask_question question = {i, WIRE_TYPE_HOLDERS, &message, HOLDERS_WAIT_MS};
        struct wire_holders_reply reply;
        struct wire_bytes body;

        if (ask_put(self->ask, &question, &body) == 0 &&
            wire_holders_reply_decode(body, &reply) == 0 && reply.status == WIRE_OK)
            learn(self, reply.holdings, NULL);
    }
    self->holders_ms = now_ms + HOLDERS_MS;
}

/* ---- streams ---- */

static void say_alive(struct feeder *self, struct link *link, uint64_t now_ms)
{
    struct wire_alive alive = {wire_text("replay"), link->welcomed ? link->received : 0};

    wire_alive_encode(start(self, WIRE_TYPE_ALIVE), &alive);
    if (bus_send(link->stream, &self->scratch) == 0)
        link->alive_ms = now_ms + ALIVE_MS;
}

/* Answers may be missing: what this router has not answered goes again. */
static void send_again(struct feeder *self, const struct link *link)
{
    for (size_t i = 0; i < ID_PARTITIONS; i++) {
        struct lane *lane = &self->lanes[i];

        if (lane->link != NOBODY && &self->links[lane->link] == link)
            lane->unsent = TAILQ_FIRST(&lane->parcels);
    }
}

/* Every frame but a heartbeat has the next number; a heartbeat tells the last one. */
static void count_frame(struct feeder *self, struct link *link, const struct bus_frame *frame)
{
    struct wire_heartbeat heartbeat;
    bool is_new =
        !link->welcomed || link->boot != frame->head.boot || frame->head.type == WIRE_TYPE_WELCOME;
    uint64_t next = link->received + 1, number = frame->head.number;

    if (frame->head.type == WIRE_TYPE_HEARTBEAT) {
        if (wire_heartbeat_decode(frame->body, &heartbeat) < 0)
            return;
        next = link->received;
        number = heartbeat.sent;
    }
    link->received = number;
    link->boot = frame->head.boot;
    link->welcomed = true;
    if (is_new || number != next)
        send_again(self, link);
}

struct reading {
    struct feeder *feeder;
    struct link *link;
};

static void on_frame(void *arg, struct bus_frame *frame)
{
    struct feeder *self = ((struct reading *)arg)->feeder;
    struct link *link = ((struct reading *)arg)->link;
    struct wire_welcome welcome;

    count_frame(self, link, frame);
    if (frame->head.type == WIRE_TYPE_WELCOME && wire_welcome_decode(frame->body, &welcome) == 0)
        learn(self, welcome.holdings, link->name);
    else if (frame->head.type == WIRE_TYPE_ANSWER)
        take_answer(self, frame);
    else if (frame->head.type == WIRE_TYPE_GAP)
        take_gap(self, frame);
}

static void tick_lane(struct feeder *self, struct lane *lane, uint64_t now_ms)
{
    struct parcel *oldest = TAILQ_FIRST(&lane->parcels);

    if (oldest && !lane->unsent && oldest->sent_ms + RESEND_MS <= now_ms)
        lane->unsent = oldest;
    pump(self, lane);
}

void feeder_step(struct feeder *self, int timeout_ms)
{
    zsock_t *streams[LINKS_MAX];
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms >= self->holders_ms)
        ask_holders(self, now_ms);
    for (size_t i = 0; i < self->link_count; i++) {
        if (self->links[i].alive_ms <= now_ms)
            say_alive(self, &self->links[i], now_ms);
        streams[i] = self->links[i].stream;
    }
    control_wait(streams, self->link_count, timeout_ms);
    for (size_t i = 0; i < self->link_count; i++)
        bus_drain(self->links[i].stream, FRAMES_AT_ONCE, on_frame,
                  &(struct reading){self, &self->links[i]});
    now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < ID_PARTITIONS; i++)
        tick_lane(self, &self->lanes[i], now_ms);
}

const char *feeder_trouble(struct feeder *self)
{
    if (self->count == 0 || clock_monotonic_ms() - self->answered_ms < FEEDER_SILENT_MS)
        return NULL;
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        const struct lane *lane = &self->lanes[p];

        if (lane->count == 0)
            continue;
        if (lane->link == NOBODY)
            snprintf(self->trouble, sizeof self->trouble, "no router holds partition %u", p);
        else
            snprintf(self->trouble, sizeof self->trouble, "%s does not answer",
                     self->links[lane->link].name);
        return self->trouble;
    }
    return NULL;
}
