/* The bus side on real sockets: DEALERs and PUSHes watched by the libuv loop, a timer for what
 * waits and a turn before the loop sleeps for what is to leave together. */
#include "edge/api/pipe.h"

#include <stdio.h>
#include <stdlib.h>

#include "edge/bus_uv.h"

#define TICK_MS 25
#define HIGH_WATER 10000
#define HANDLES 2

struct real_pipes {
    struct pipes pipes;
    struct service *service;
    uv_loop_t *loop;
    char identity[BUS_PEER_MAX + 1];
    uint64_t *malformed;
    int open; /* handles that libuv still knows */
    uv_timer_t tick;
    uv_idle_t turn;
};

struct real_pipe {
    struct pipe pipe;
    zsock_t *sock;
    struct bus_uv *watch; /* NULL: one way */
};

static int pipe_send(struct pipe *pipe, const struct buf *frame)
{
    return bus_send(CONTAINER_OF(pipe, struct real_pipe, pipe)->sock, frame);
}

static void pipe_close(struct pipe *pipe)
{
    struct real_pipe *self = CONTAINER_OF(pipe, struct real_pipe, pipe);

    bus_uv_free(&self->watch);
    zsock_destroy(&self->sock);
    free(self);
}

static int pipes_open(struct pipes *pipes, struct pipe **ret, const struct pipe_spec *spec)
{
    struct real_pipes *self = CONTAINER_OF(pipes, struct real_pipes, pipes);
    AUTO(base_free_text)
    char *endpoint = topology_endpoint(service_conf(self->service), spec->name, spec->channel);
    struct bus_options options = {.endpoint = endpoint, .high_water = HIGH_WATER};
    struct real_pipe *pipe = NEW(struct real_pipe);
    int rc;

    options.type = spec->channel == TOPOLOGY_INTAKE ? ZMQ_PUSH : ZMQ_DEALER;
    if (options.type == ZMQ_DEALER)
        options.identity = self->identity;
    pipe->pipe = (struct pipe){pipe_send, pipe_close};
    rc = bus_open(&pipe->sock, &options);
    if (rc == 0 && spec->on_frame)
        rc = bus_uv_new(&pipe->watch, self->loop, pipe->sock, spec->on_frame, NULL, spec->arg);
    if (rc < 0) {
        pipe_close(&pipe->pipe);
        return rc;
    }
    if (pipe->watch)
        bus_uv_count_malformed(pipe->watch, self->malformed);
    *ret = &pipe->pipe;
    return 0;
}

static void on_turn(uv_idle_t *idle)
{
    struct real_pipes *self = idle->data;

    uv_idle_stop(idle);
    if (self->pipes.on_turn)
        self->pipes.on_turn(self->pipes.arg);
}

static void on_tick(uv_timer_t *timer)
{
    struct real_pipes *self = timer->data;

    if (self->pipes.on_tick)
        self->pipes.on_tick(self->pipes.arg);
}

static void pipes_wake(struct pipes *pipes)
{
    uv_idle_start(&CONTAINER_OF(pipes, struct real_pipes, pipes)->turn, on_turn);
}

int pipes_new(struct pipes **ret, struct service *service, uv_loop_t *loop)
{
    struct real_pipes *self = NEW(struct real_pipes);

    self->service = service;
    self->loop = loop;
    self->malformed = stat_counter(service_stats(service), "bus_malformed");
    self->pipes.name = service_name(service);
    self->pipes.boot = service_boot(service);
    self->pipes.sender = service_head(service, WIRE_TYPE_ALIVE).sender;
    self->pipes.topology = service_topology(service);
    self->pipes.stats = service_stats(service);
    self->pipes.open = pipes_open;
    self->pipes.wake = pipes_wake;
    snprintf(self->identity, sizeof self->identity, "%s#%llx", self->pipes.name,
             (unsigned long long)self->pipes.boot);
    uv_timer_init(loop, &self->tick);
    uv_idle_init(loop, &self->turn);
    self->tick.data = self->turn.data = self;
    self->open = HANDLES;
    uv_timer_start(&self->tick, on_tick, 0, TICK_MS);
    *ret = &self->pipes;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct real_pipes *self = handle->data;

    if (--self->open == 0)
        free(self);
}

void pipes_free(struct pipes **pipes)
{
    struct pipes *it = TAKE(*pipes);
    struct real_pipes *self;

    if (!it)
        return;
    self = CONTAINER_OF(it, struct real_pipes, pipes);
    uv_close((uv_handle_t *)&self->tick, on_closed);
    uv_close((uv_handle_t *)&self->turn, on_closed);
}

struct wire_head pipes_head(const struct pipes *self, enum wire_type type)
{
    return (struct wire_head){.type = (uint8_t)type, .sender = self->sender, .boot = self->boot};
}

void pipe_frame(struct buf *out, const struct wire_head *head, const struct buf *body)
{
    buf_clear(out);
    wire_head_encode(out, head);
    if (!body)
        return;
    if (body->over)
        out->over = true;
    buf_put(out, body->data, body->len);
}
