/* See the header. Frames are copied into queues, so that nothing is ever called from inside send.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/edge/fake_parts.h"

#define STEP_MS 5
#define TICK_MS 25
#define BEAT_MS 250
#define REPLY_MAX (4u << 20)

struct fake_frame {
    struct list all;
    struct fake_pipe *pipe;
    struct buf bytes;
};

static uint64_t virtual_ms = 1000000;

static uint64_t virtual_us(void)
{
    return virtual_ms * 1000;
}

static uint64_t virtual_wall(void)
{
    return virtual_ms + 1700000000000ull;
}

static const struct clock_source virtual_clock = {virtual_us, virtual_wall};

const struct backend_limits fake_limits = {
    .queries = 256,
    .query_ms = 5000,
    .outbox = {.most = 1024, .most_per_partition = 256, .answer_ms = 10000},
    .interest = {.follows = 1000, .join_ms = 10000},
};

struct id fake_id(unsigned number)
{
    struct id id = {{0}};

    id.bytes[0] = (uint8_t)(number % ID_PARTITIONS);
    id.bytes[1] = 1;
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

/* ---- frames ---- */

static void queue(struct list *to, struct fake_pipe *pipe, const void *data, size_t len)
{
    struct fake_frame *frame = NEW(struct fake_frame);

    list_init(&frame->all);
    frame->pipe = pipe;
    buf_init(&frame->bytes, WIRE_FRAME_MAX);
    buf_put(&frame->bytes, data, len);
    list_append(to, &frame->all);
}

static void frame_free(struct fake_frame *frame)
{
    list_remove(&frame->all);
    buf_done(&frame->bytes);
    free(frame);
}

static int pipe_send(struct pipe *base, const struct buf *frame)
{
    struct fake_pipe *pipe = CONTAINER_OF(base, struct fake_pipe, pipe);

    if (pipe->fake->full)
        return -EAGAIN;
    queue(&pipe->fake->out, pipe, frame->data, frame->len);
    return 0;
}

static void pipe_close(struct pipe *base)
{
    CONTAINER_OF(base, struct fake_pipe, pipe)->closed = true;
}

static int pipes_open(struct pipes *base, struct pipe **ret, const struct pipe_spec *spec)
{
    struct fake *self = CONTAINER_OF(base, struct fake, pipes);
    struct fake_pipe *pipe = NEW(struct fake_pipe);

    pipe->pipe = (struct pipe){pipe_send, pipe_close};
    pipe->fake = self;
    snprintf(pipe->name, sizeof pipe->name, "%s", spec->name);
    pipe->channel = spec->channel;
    pipe->on_frame = spec->on_frame;
    pipe->arg = spec->arg;
    list_init(&pipe->all);
    list_append(&self->pipes_open, &pipe->all);
    *ret = &pipe->pipe;
    return 0;
}

static void pipes_wake(struct pipes *base)
{
    CONTAINER_OF(base, struct fake, pipes)->woken = true;
}

void fake_send(struct fake_pipe *pipe, const struct wire_head *head, const struct buf *body)
{
    AUTO(buf_done) struct buf frame = {0};

    buf_init(&frame, WIRE_FRAME_MAX);
    pipe_frame(&frame, head, body);
    queue(&pipe->fake->in, pipe, frame.data, frame.len);
}

static void ask_persist(struct fake *self, struct fake_pipe *pipe, const struct wire_head *head,
                        struct wire_bytes body)
{
    AUTO(buf_done) struct buf reply = {0};
    struct wire_head out = {.boot = self->persist_boot, .trace = head->trace};

    self->asked[head->type]++;
    if (!self->persist_up)
        return;
    buf_init(&reply, REPLY_MAX);
    out.type = (uint8_t)fake_persist_answer(self, head->type, body, &reply);
    fake_send(pipe, &out, &reply);
}

static void take_out(struct fake *self, struct fake_frame *frame)
{
    struct wire_head head;
    struct wire_bytes body;

    assert_int_equal(wire_head_decode(wire_buf(&frame->bytes), &head, &body), 0);
    assert_int_equal(head.sender, self->pipes.sender);
    assert_int_equal(head.boot, self->pipes.boot);
    if (frame->pipe->closed)
        return;
    if (frame->pipe->channel == TOPOLOGY_REQUESTS)
        ask_persist(self, frame->pipe, &head, body);
    else
        fake_router_take(self, frame->pipe, &head, body);
}

static void take_in(struct fake_frame *frame)
{
    struct bus_frame in;

    memset(&in, 0, sizeof in);
    assert_int_equal(wire_head_decode(wire_buf(&frame->bytes), &in.head, &in.body), 0);
    if (!frame->pipe->closed && frame->pipe->on_frame)
        frame->pipe->on_frame(frame->pipe->arg, &in);
}

static bool is_held(const struct fake *self, const struct fake_frame *frame)
{
    struct wire_head head;
    struct wire_bytes body;

    assert_int_equal(wire_head_decode(wire_buf(&frame->bytes), &head, &body), 0);
    return self->hold && head.type == self->hold;
}

static bool move_frames(struct fake *self)
{
    struct fake_frame *frame;
    bool moved = false;

    while ((frame = LIST_FIRST(&self->out, struct fake_frame, all)) != NULL) {
        take_out(self, frame);
        frame_free(frame);
        moved = true;
    }
    while ((frame = LIST_FIRST(&self->in, struct fake_frame, all)) != NULL) {
        moved = true;
        if (is_held(self, frame)) {
            list_append(&self->held, &frame->all);
            continue;
        }
        list_remove(&frame->all);
        take_in(frame);
        frame_free(frame);
    }
    return moved;
}

static void turn(struct fake *self)
{
    bool busy = true;

    while (busy) {
        busy = move_frames(self);
        if (self->woken && self->pipes.on_turn) {
            self->woken = false;
            self->pipes.on_turn(self->pipes.arg);
            busy = true;
        }
    }
}

void fake_run(struct fake *self, uint64_t ms)
{
    uint64_t end = self->now_ms + ms;

    turn(self);
    while (self->now_ms < end) {
        self->now_ms += STEP_MS;
        virtual_ms = self->now_ms;
        if (self->now_ms % BEAT_MS == 0)
            for (size_t i = 0; i < FAKE_ROUTERS; i++)
                fake_router_beat(self, &self->routers[i]);
        if (self->now_ms % TICK_MS == 0 && self->pipes.on_tick)
            self->pipes.on_tick(self->pipes.arg);
        turn(self);
    }
}

void fake_release(struct fake *self)
{
    self->hold = 0;
    list_append_all(&self->in, &self->held);
    turn(self);
}

/* ---- what the owner of the backend does ---- */

static void *render(void *arg, const struct wire_event *event)
{
    struct fake *self = arg;
    struct wire_event *copy = NEW(struct wire_event);

    self->rendered++;
    *copy = *event;
    return copy;
}

static void release(void *arg, void *rendered)
{
    struct fake *self = arg;

    self->released++;
    free(rendered);
}

static void send_event(void *arg, void *to, void *rendered)
{
    struct fake_socket *socket = to;
    const struct wire_event *event = rendered;

    (void)arg;
    assert_int_equal(socket->told, 1);
    assert_int_equal(socket->joined, WIRE_OK);
    assert_true(socket->count < FAKE_SEEN);
    socket->seen[socket->count].conversation = event->conversation;
    socket->seen[socket->count].seq = event->seq;
    socket->seen[socket->count++].kind = event->kind;
    if (socket->leave_at_next)
        interest_leave(backend_interest(socket->fake->backend), &socket->member);
}

static void on_revoked(void *arg, const struct id *user, const struct id *session)
{
    struct fake *self = arg;

    (void)user;
    self->last_revoked = *session;
    self->revocations++;
}

static void on_lost(void *arg, void *to)
{
    struct fake_socket *socket = to;

    (void)arg;
    socket->lost = true;
}

static void on_behind(void *arg, void *to)
{
    struct fake_socket *socket = to;

    (void)arg;
    socket->behind++;
}

static const struct interest_ops ops = {render,  release,   send_event, on_revoked,
                                        on_lost, on_behind, NULL};

static void on_joined(void *arg, enum wire_result result)
{
    struct fake_socket *socket = arg;

    socket->told++;
    socket->joined = result;
}

struct fake_socket *fake_socket_new(struct fake *self, const struct id *user)
{
    struct fake_socket *socket = NEW(struct fake_socket);

    socket->fake = self;
    socket->user = *user;
    interest_join(backend_interest(self->backend), &socket->member, user, socket, on_joined,
                  socket);
    assert_int_equal(socket->told, 0);
    return socket;
}

void fake_socket_free(struct fake_socket **self)
{
    struct fake_socket *socket = TAKE(*self);

    if (!socket)
        return;
    if (socket->fake->backend)
        interest_leave(backend_interest(socket->fake->backend), &socket->member);
    free(socket);
}

size_t fake_got(const struct fake_socket *self, const struct fake_conversation *conversation)
{
    uint64_t last = 0;
    size_t count = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (!id_equal(&self->seen[i].conversation, &conversation->id))
            continue;
        assert_true(last == 0 || self->seen[i].seq == last + 1);
        last = self->seen[i].seq;
        count++;
    }
    return count;
}

uint64_t fake_first(const struct fake_socket *self, const struct fake_conversation *conversation)
{
    for (size_t i = 0; i < self->count; i++)
        if (id_equal(&self->seen[i].conversation, &conversation->id))
            return self->seen[i].seq;
    return 0;
}

/* ---- life ---- */

static void init_routers(struct fake *self)
{
    static const char *const names[FAKE_ROUTERS] = {"router", "router.2"};

    for (size_t i = 0; i < FAKE_ROUTERS; i++) {
        self->routers[i].name = names[i];
        self->routers[i].boot = 100 * (i + 1);
        self->routers[i].up = true;
    }
    fake_claim(self, &self->routers[0], UINT64_MAX);
}

struct fake *fake_new(const struct backend_limits *limits)
{
    struct fake *self = NEW(struct fake);

    virtual_ms =
        (virtual_ms / 1000 + 1) * 1000 + 100; /* the same distance to beats in every test */
    self->now_ms = virtual_ms;
    clock_replace(&virtual_clock);
    snprintf(self->topology.workers[0].name, sizeof self->topology.workers[0].name, "persist");
    self->topology.workers[0].partitions = UINT64_MAX;
    self->topology.worker_count = 1;
    self->persist_boot = 7;
    self->persist_up = true;
    list_init(&self->pipes_open);
    list_init(&self->out);
    list_init(&self->in);
    list_init(&self->held);
    init_routers(self);
    self->pipes.name = "edge";
    self->pipes.sender = 11;
    self->pipes.boot = 12;
    self->pipes.topology = &self->topology;
    self->pipes.open = pipes_open;
    self->pipes.wake = pipes_wake;
    assert_int_equal(stat_new(&self->pipes.stats), 0);
    if (limits)
        assert_int_equal(backend_new_on(&self->backend, &self->pipes, limits, &ops, self), 0);
    return self;
}

static void free_frames(struct list *frames)
{
    while (!list_empty(frames))
        frame_free(LIST_FIRST(frames, struct fake_frame, all));
}

void fake_free(struct fake **fake)
{
    struct fake *self = TAKE(*fake);

    backend_free(&self->backend);
    free_frames(&self->out);
    free_frames(&self->in);
    free_frames(&self->held);
    while (!list_empty(&self->pipes_open)) {
        struct fake_pipe *pipe = LIST_FIRST(&self->pipes_open, struct fake_pipe, all);

        assert_true(pipe->closed);
        list_remove(&pipe->all);
        free(pipe);
    }
    for (size_t i = 0; i < self->conversation_count; i++) {
        for (size_t j = 0; j < self->conversations[i]->head; j++)
            buf_done(&self->conversations[i]->events[j]);
        free(self->conversations[i]);
    }
    assert_int_equal(self->rendered, self->released);
    stat_free(&self->pipes.stats);
    clock_replace(NULL);
    free(self);
}
