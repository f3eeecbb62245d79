/* Frames are copied into one chunk, which leaves at the end of the turn while the recorder keeps
 * up, and grows while it does not. */
#include "router/tap.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/recording.h"

#define LIST_SLICE (256u << 10) /* of the snapshot, in one turn */

static void on_command(void *arg, const struct bus_frame *request);

int tap_new(struct tap **ret, struct service *service, struct conversation_table *conversations)
{
    struct tap *self = NEW(struct tap);

    self->service = service;
    self->conversations = conversations;
    buf_init(&self->frames, TAP_QUEUE_MAX);
    buf_init(&self->frame, WIRE_FRAME_MAX);
    buf_init(&self->scratch, WIRE_FRAME_MAX);
    self->recorded_total = stat_counter(service_stats(service), "recorded_frames");
    self->lost_total = stat_counter(service_stats(service), "recorded_lost");
    service_on_command(service, on_command, self);
    *ret = self;
    return 0;
}

void tap_free(struct tap **self)
{
    if (!*self)
        return;
    service_on_command((*self)->service, NULL, NULL);
    buf_done(&(*self)->frames);
    buf_done(&(*self)->frame);
    buf_done(&(*self)->scratch);
    free(*self);
    *self = NULL;
}

static void end(struct tap *self, const char *why)
{
    log_info("no longer recorded", "reason=%s", log_quote(why));
    self->partitions = self->unlisted = 0;
    self->peer.len = 0;
    self->stopping = false;
    self->lost = 0;
    self->count = 0;
    buf_done(&self->frames); /* and its memory */
    buf_init(&self->frames, TAP_QUEUE_MAX);
}

/* ---- frames ---- */

/* Once one was lost, the others are too, until the recorder can be told where. */
static void add(struct tap *self, enum recording_kind kind, const struct buf *frame)
{
    struct wire_recorded recorded = {
        .kind = (uint8_t)kind, .at_us = clock_monotonic_us(), .frame = wire_buf(frame)};

    if (self->lost == 0 && !frame->over)
        wire_recorded_add(&self->frames, &self->count, &recorded);
    if (self->lost == 0 && !frame->over && !self->frames.over) {
        (*self->recorded_total)++;
        return;
    }
    self->frames.over = false; /* what did not fit has left nothing behind */
    self->lost++;
    (*self->lost_total)++;
}

static struct buf *start(struct tap *self, const struct wire_head *head)
{
    buf_clear(&self->scratch);
    wire_head_encode(&self->scratch, head);
    return &self->scratch;
}

void tap_in(struct tap *self, const struct wire_head *head, struct wire_bytes body)
{
    struct buf *frame = start(self, head);

    buf_put(frame, body.data, body.len);
    add(self, RECORDING_IN, frame);
}

void tap_answer(struct tap *self, const struct edge *edge, const struct stream_tag *tag,
                const struct wire_answer *answer)
{
    struct wire_head head = {.type = (uint8_t)tag->type,
                             .partition = (uint16_t)tag->partition,
                             .epoch = tag->epoch,
                             .sender = edge->sender,
                             .boot = edge->boot,
                             .trace = tag->trace};
    struct buf *frame = start(self, &head);

    wire_answer_encode(frame, answer);
    add(self, RECORDING_OUT, frame);
}

void tap_deliver(struct tap *self, uint32_t epoch, const struct wire_event *event)
{
    AUTO(buf_done) struct buf bytes;
    struct wire_head head = service_head(self->service, WIRE_TYPE_DELIVER);
    struct wire_deliver deliver;
    struct buf *frame;

    head.partition = (uint16_t)id_partition(&event->conversation);
    head.epoch = epoch;
    buf_init(&bytes, WIRE_FRAME_MAX);
    wire_event_encode(&bytes, event);
    deliver.event = wire_buf(&bytes);
    frame = start(self, &head);
    wire_deliver_encode(frame, &deliver);
    add(self, RECORDING_OUT, frame);
}

/* ---- the snapshot ---- */

static struct wire_list members_of(const struct conversation *conversation, struct buf *list)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < conversation->members.count; i++) {
        const struct memory_member *known = &conversation->members.list[i];
        struct wire_member member = {.user = known->user, .role = known->role};

        if (known->role != WIRE_ROLE_NONE)
            wire_member_add(list, &count, &member);
    }
    return wire_list_of(list, count);
}

static void add_state(struct tap *self, struct conversation *conversation)
{
    AUTO(buf_done) struct buf members;
    const struct post *first = TAILQ_FIRST(&conversation->pending);
    struct wire_head head = service_head(self->service, WIRE_TYPE_RECORD_STATE);
    struct wire_record_state state = {
        .conversation = conversation->id,
        .kind = conversation->kind,
        .stored = first ? first->seq - 1 : conversation->head,
        .head = conversation->head,
        .messages = conversation->stored_messages,
        .last_message = conversation->stored_last,
    };
    struct buf *frame;

    buf_init(&members, WIRE_FRAME_MAX / 2);
    state.members = members_of(conversation, &members);
    head.partition = conversation->partition;
    frame = start(self, &head);
    wire_record_state_encode(frame, &state);
    add(self, RECORDING_SNAPSHOT, frame);
}

/* Some more of a partition's conversations; true: that was all. */
static bool list_partition(struct tap *self, unsigned partition)
{
    struct conversation *conversation;

    TAILQ_FOREACH(conversation, &self->conversations->of[partition], neighbour)
    {
        if (conversation->told == self->generation)
            continue;
        if (self->frames.len > LIST_SLICE)
            return false;
        conversation->told = self->generation;
        if (conversation->is_loaded && conversation->kind != 0)
            add_state(self, conversation);
    }
    return true;
}

static void list_some(struct tap *self)
{
    while (self->unlisted) {
        if (!list_partition(self, (unsigned)__builtin_ctzll(self->unlisted)))
            return;
        self->unlisted &= self->unlisted - 1;
    }
}

/* ---- to the recorder ---- */

static int send_chunk(struct tap *self, bool last)
{
    struct wire_head head = service_head(self->service, WIRE_TYPE_RECORD_CHUNK);
    struct wire_record_chunk chunk = {
        .name = wire_text(service_name(self->service)),
        .lost = self->lost,
        .last = last,
        .frames = wire_list_of(&self->frames, self->count),
    };

    head.trace = self->trace;
    head.number = self->number + 1;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    wire_record_chunk_encode(&self->frame, &chunk);
    return bus_send_to(service_control(self->service), &self->peer, &self->frame);
}

/* true: it is gone, and there is room again. */
static bool send_some(struct tap *self, bool last)
{
    int rc;

    if (self->sent - self->received >= TAP_FLIGHT_MAX)
        return false;
    rc = send_chunk(self, last);
    if (rc == -EAGAIN)
        return false;
    if (rc < 0) {
        end(self, "the recorder is gone");
        return false;
    }
    self->number++;
    self->sent += self->frame.len;
    self->lost = 0;
    self->count = 0;
    buf_clear(&self->frames);
    return true;
}

void tap_flush(struct tap *self)
{
    if (self->peer.len == 0)
        return;
    if (clock_monotonic_ms() - self->heard_ms > TAP_SILENCE_MS) {
        end(self, "the recorder is silent");
        return;
    }
    list_some(self);
    if (self->stopping) {
        if (send_some(self, true))
            end(self, "as asked");
    } else if (self->count > 0 || self->lost > 0) {
        send_some(self, false);
    }
}

/* ---- commands ---- */

static bool is_from_recorder(const struct tap *self, const struct bus_peer *peer)
{
    return self->peer.len > 0 && self->peer.len == peer->len &&
           memcmp(self->peer.bytes, peer->bytes, peer->len) == 0;
}

static void begin(struct tap *self, const struct bus_frame *request, uint64_t partitions)
{
    if (self->peer.len > 0 && !is_from_recorder(self, &request->peer)) {
        service_reply_status(self->service, &request->peer, request->head.trace, WIRE_CONFLICT,
                             "somebody else is recording");
        return;
    }
    log_info("recorded from now on", "partitions=%016llx", (unsigned long long)partitions);
    self->peer = request->peer;
    self->trace = request->head.trace;
    self->partitions = self->unlisted = partitions;
    self->number = self->sent = self->received = 0;
    self->heard_ms = clock_monotonic_ms();
    self->generation++;
    self->stopping = false;
    self->lost = 0;
    self->count = 0;
    buf_clear(&self->frames);
    list_some(self);
    send_some(self, false); /* even an empty one: it says that it has begun */
}

static void go_on(struct tap *self, const struct bus_frame *request,
                  const struct wire_record_more *more)
{
    if (!is_from_recorder(self, &request->peer)) {
        if (!more->stop)
            begin(self, request, more->partitions);
        else
            service_reply_status(self->service, &request->peer, request->head.trace, WIRE_NOT_FOUND,
                                 "nothing is recorded for you");
        return;
    }
    self->heard_ms = clock_monotonic_ms();
    if (more->received > self->received && more->received <= self->sent)
        self->received = more->received;
    if (more->stop) {
        self->stopping = true;
        self->partitions = self->unlisted = 0;
    }
    tap_flush(self);
}

static void on_command(void *arg, const struct bus_frame *request)
{
    struct tap *self = arg;
    struct wire_record_start wanted;
    struct wire_record_more more;

    if (request->head.type == WIRE_TYPE_RECORD_START &&
        wire_record_start_decode(request->body, &wanted) == 0)
        begin(self, request, wanted.partitions);
    else if (request->head.type == WIRE_TYPE_RECORD_MORE &&
             wire_record_more_decode(request->body, &more) == 0)
        go_on(self, request, &more);
    else
        service_reply_status(self->service, &request->peer, request->head.trace, WIRE_INVALID,
                             "a router takes no such command");
}
