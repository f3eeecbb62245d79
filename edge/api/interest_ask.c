/* Asking: routers for events (chunks of ids, confirmed), then persist for heads. A conversation
 * goes from list to list; what fails goes back to the list it came from. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/api/interest_private.h"

#define CHUNK 1000      /* ids of a frame */
#define REQUESTS 16     /* to routers, unconfirmed */
#define CONFIRM_MS 3000 /* so long a router has to confirm */
#define HEADINGS 16     /* questions for heads under way */
#define EMPTY_MS 5000   /* a conversation that nobody follows any more is kept so long */

struct request {
    struct list all;
    struct list channels;
    uint64_t trace, due_ms;
};

struct heading {
    struct list all;
    struct list channels;
    struct interest *interest;
};

void interest_pause(struct interest *self)
{
    self->paused_ms = clock_monotonic_ms() + RETRY_MS;
}

static void wake(struct interest *self)
{
    self->spec.pipes->wake(self->spec.pipes);
}

void channel_want(struct interest *self, struct channel *channel)
{
    channel->stage = STAGE_WANTED;
    list_append(&self->wanted[id_partition(&channel->id)], &channel->work);
    wake(self);
}

void channel_ask_head(struct interest *self, struct channel *channel)
{
    unsigned worker = self->spec.pipes->topology->worker_of[id_partition(&channel->id)];

    channel->stage = STAGE_HEAD;
    list_append(&self->head[worker], &channel->work);
    wake(self);
}

static void drop_doubtful(struct interest *self, struct channel *channel)
{
    channel->doubt = DOUBT_NONE;
    for (uint32_t i = channel->seat_count; i-- > 0;) {
        struct follower *user = channel->seats[i].user;
        struct tie *tie = &user->ties[channel->seats[i].at];

        if (tie->doubt)
            follower_untie(self, tie, user);
    }
}

static void settle(struct interest *self, struct channel *channel)
{
    if (channel->doubt == DOUBT_NEW) {
        channel->doubt = DOUBT_CHECKED;
        channel_ask_head(self, channel);
        return;
    }
    if (channel->doubt == DOUBT_CHECKED)
        drop_doubtful(self, channel);
    channel->stage = STAGE_LIVE;
    list_remove(&channel->work);
    channel_admit_all(self, channel);
    if (channel->seat_count)
        return;
    channel->empty_ms = clock_monotonic_ms() + EMPTY_MS;
    list_append(&self->empty, &channel->work);
}

void channel_follow_up(struct interest *self, struct channel *channel)
{
    if (!channel->seat_count && channel->seen < channel->top)
        channel->seen = channel->top; /* nobody wants them */
    if (channel->seen >= channel->top) {
        settle(self, channel);
        return;
    }
    channel->stage = STAGE_BEHIND;
    if (channel->fetch)
        list_remove(&channel->work); /* when its page has come */
    else
        list_append(&self->behind, &channel->work);
    wake(self);
}

/* ---- interest ---- */

/* Takes up to a chunk of what is wanted of these partitions into channels, their ids into ids. */
static uint32_t take_wanted(struct interest *self, uint64_t partitions, struct list *channels)
{
    uint32_t count = 0;

    buf_clear(&self->ids);
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct channel *channel;

        if (!(partitions >> p & 1))
            continue;
        while (count < CHUNK &&
               (channel = LIST_FIRST(&self->wanted[p], struct channel, work)) != NULL) {
            wire_item_add(&self->ids, &count, &(struct wire_item){channel->id});
            list_append(channels, &channel->work);
        }
    }
    return count;
}

/* Says to the router of the partition that the ids in self->ids are wanted, or not. */
static int say_interest(struct interest *self, unsigned partition, uint64_t trace,
                        struct wire_interest *interest)
{
    struct wire_head head = pipes_head(self->spec.pipes, WIRE_TYPE_INTEREST);

    head.partition = (uint16_t)partition;
    head.epoch = links_epoch(self->spec.links, partition);
    head.trace = trace;
    head.at_ms = clock_wall_ms();
    buf_clear(&self->body);
    wire_interest_encode(&self->body, interest);
    pipe_frame(&self->frame, &head, &self->body);
    return links_say(self->spec.links, partition, &self->frame);
}

static void want_all(struct interest *self, struct list *channels)
{
    struct channel *channel;

    while ((channel = LIST_FIRST(channels, struct channel, work)) != NULL)
        channel_want(self, channel);
}

static void free_request(struct interest *self, struct request *request)
{
    list_remove(&request->all);
    self->requests_count--;
    free(request);
}

static int ask_chunk(struct interest *self, unsigned partition, uint64_t partitions)
{
    struct request *request = NEW(struct request);
    struct wire_interest interest = {.on = 1, .reset = self->reset & partitions};
    uint32_t count;
    int rc;

    list_init(&request->all);
    list_init(&request->channels);
    count = take_wanted(self, partitions, &request->channels);
    interest.conversations = wire_list_of(&self->ids, count);
    request->trace = ++self->request_turn;
    request->due_ms = clock_monotonic_ms() + CONFIRM_MS;
    rc = say_interest(self, partition, request->trace, &interest);
    if (rc < 0) {
        want_all(self, &request->channels);
        free(request);
        return rc;
    }
    self->reset &= ~partitions;
    for (struct list *at = request->channels.next; at != &request->channels; at = at->next)
        LIST_ITEM(at, struct channel, work)->stage = STAGE_ASKED;
    list_append(&self->requests, &request->all);
    self->requests_count++;
    return 0;
}

static bool anything_wanted(const struct interest *self, uint64_t partitions)
{
    if (self->reset & partitions)
        return true;
    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (partitions >> p & 1 && !list_empty(&self->wanted[p]))
            return true;
    return false;
}

static uint64_t partitions_of(const struct interest *self, int router)
{
    uint64_t mask = 0;

    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (links_router(self->spec.links, p) == router)
            mask |= 1ull << p;
    return mask;
}

static void ask_routers(struct interest *self)
{
    uint64_t done = 0;

    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        int router = links_router(self->spec.links, p);
        uint64_t partitions;

        if (router < 0 || done >> p & 1)
            continue;
        partitions = partitions_of(self, router);
        done |= partitions;
        while (self->requests_count < REQUESTS && anything_wanted(self, partitions))
            if (ask_chunk(self, p, partitions) < 0) {
                interest_pause(self);
                break;
            }
    }
}

void interest_on_interested(struct interest *self, const struct bus_frame *frame)
{
    struct wire_interested interested;
    struct list *at = self->requests.next;

    if (wire_interested_decode(frame->body, &interested) < 0)
        return;
    for (; at != &self->requests; at = at->next) {
        struct request *request = LIST_ITEM(at, struct request, all);
        struct channel *channel;

        if (request->trace != frame->head.trace)
            continue;
        if (interested.status != WIRE_OK) {
            want_all(self, &request->channels);
            interest_pause(self);
        }
        while ((channel = LIST_FIRST(&request->channels, struct channel, work)) != NULL)
            channel_ask_head(self, channel);
        free_request(self, request);
        wake(self);
        return;
    }
}

/* ---- heads ---- */

static void take_heads(struct interest *self, struct wire_list positions)
{
    struct wire_position position;
    struct wire_bytes item;

    while (wire_list_next(&positions, &item)) {
        struct channel *channel;

        if (wire_position_decode(item, &position) < 0)
            continue;
        channel = idmap_find(&self->channels, &position.conversation);
        if (channel && position.seq > channel->top)
            channel->top = position.seq;
    }
}

static void on_heads(void *arg, const struct wire_bytes *reply)
{
    struct heading *heading = arg;
    struct interest *self = heading->interest;
    struct wire_heads_reply heads;
    bool good = reply && wire_heads_reply_decode(*reply, &heads) == 0 && heads.status == WIRE_OK;
    struct channel *channel;

    list_remove(&heading->all);
    self->heads_count--;
    if (good)
        take_heads(self, heads.positions);
    else
        interest_pause(self);
    while ((channel = LIST_FIRST(&heading->channels, struct channel, work)) != NULL) {
        if (!good) {
            channel_ask_head(self, channel);
            continue;
        }
        if (channel->seen == SEEN_UNKNOWN)
            channel->seen = channel->top;
        channel_follow_up(self, channel);
    }
    free(heading);
}

static int ask_heads(struct interest *self, struct list *channels)
{
    struct heading *heading = NEW(struct heading);
    struct channel *channel;
    unsigned partition = 0;
    uint32_t count = 0;

    heading->interest = self;
    list_init(&heading->all);
    list_init(&heading->channels);
    buf_clear(&self->ids);
    while (count < CHUNK && (channel = LIST_FIRST(channels, struct channel, work)) != NULL) {
        partition = id_partition(&channel->id);
        wire_item_add(&self->ids, &count, &(struct wire_item){channel->id});
        channel->stage = STAGE_HEADING;
        list_append(&heading->channels, &channel->work);
    }
    buf_clear(&self->body);
    wire_heads_encode(&self->body, &(struct wire_heads){wire_list_of(&self->ids, count)});
    if (query_read(self->spec.query, partition, WIRE_TYPE_HEADS, &self->body, on_heads, heading) <
        0) {
        while ((channel = LIST_FIRST(&heading->channels, struct channel, work)) != NULL)
            channel_ask_head(self, channel);
        free(heading);
        return -EAGAIN;
    }
    list_append(&self->heads, &heading->all);
    self->heads_count++;
    return 0;
}

void interest_ask(struct interest *self)
{
    ask_routers(self);
    for (size_t i = 0; i < self->spec.pipes->topology->worker_count; i++)
        while (self->heads_count < HEADINGS && !list_empty(&self->head[i]))
            if (ask_heads(self, &self->head[i]) < 0) {
                interest_pause(self);
                return;
            }
}

/* ---- repair, time-outs, the end ---- */

void interest_repair(struct interest *self, uint64_t partitions)
{
    struct list *at = self->requests.next;
    struct follower *user;
    size_t place = 0;

    self->reset |= partitions;
    self->repair++;
    if (self->spec.ops->broken)
        self->spec.ops->broken(self->spec.arg);
    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (partitions >> p & 1)
            for (struct list *it = self->all[p].next; it != &self->all[p]; it = it->next)
                channel_want(self, LIST_ITEM(it, struct channel, all));
    while (at != &self->requests) { /* those whose conversations are all wanted anew */
        struct request *request = LIST_ITEM(at, struct request, all);

        at = at->next;
        if (list_empty(&request->channels))
            free_request(self, request);
    }
    while ((user = idmap_next(&self->users, &place)) != NULL)
        follower_want_read(self, user);
    wake(self);
}

void interest_ask_tick(struct interest *self, uint64_t now)
{
    for (;;) {
        struct request *request = LIST_FIRST(&self->requests, struct request, all);

        if (!request || request->due_ms > now)
            break;
        log_warn("a router does not confirm interest", "%s", "");
        want_all(self, &request->channels);
        free_request(self, request);
    }
}

/* Takes conversations of one router's partitions off the front of the empty ones, a chunk at most.
 */
static void drop_chunk(struct interest *self, struct channel *channel)
{
    unsigned partition = id_partition(&channel->id);
    int router = links_router(self->spec.links, partition);
    uint64_t now = clock_monotonic_ms();
    struct wire_interest interest = {.on = 0};
    uint32_t count = 0;

    buf_clear(&self->ids);
    while (channel && count < CHUNK && (channel->empty_ms <= now || count == 0) &&
           links_router(self->spec.links, id_partition(&channel->id)) == router) {
        wire_item_add(&self->ids, &count, &(struct wire_item){channel->id});
        channel_free(self, channel);
        channel = LIST_FIRST(&self->empty, struct channel, work);
    }
    interest.conversations = wire_list_of(&self->ids, count);
    if (router >= 0 && say_interest(self, partition, 0, &interest) < 0)
        log_debug("a router takes no frames", "partition=%u",
                  partition); /* the next repair tells */
}

void interest_drop_empty(struct interest *self, uint64_t now)
{
    for (;;) {
        struct channel *channel = LIST_FIRST(&self->empty, struct channel, work);

        if (!channel ||
            (channel->empty_ms > now && self->channels.count <= self->spec.limits.follows))
            break;
        drop_chunk(self, channel);
    }
}

void interest_ask_free(struct interest *self)
{
    while (!list_empty(&self->requests))
        free_request(self, LIST_FIRST(&self->requests, struct request, all));
    while (!list_empty(&self->heads)) {
        struct heading *heading = LIST_FIRST(&self->heads, struct heading, all);

        list_remove(&heading->all);
        free(heading);
    }
}
