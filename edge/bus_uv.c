/* ZeroMQ on the loop that libwebsockets runs on. The file descriptor only says "look"; looking is
 * done before every sleep, and a socket with more than its share waiting keeps the loop awake. */
#include "edge/bus_uv.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH 256
#define HANDLES 3

struct bus_uv {
    zsock_t *sock; /* the owner's */
    bus_uv_fn *on_frame;
    bus_uv_ready_fn *on_ready;
    void *arg;
    uint64_t *malformed;
    bool closing;
    int open; /* handles that libuv still knows */
    uv_poll_t wake;
    uv_prepare_t before_sleep;
    uv_idle_t stay_awake;
};

static void on_wake(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events; /* the loop turns: before its next sleep the socket is read */
}

static void on_stay_awake(uv_idle_t *idle)
{
    (void)idle;
}

/* 1: a frame was read or dropped; 0: none waits. */
static int read_one(struct bus_uv *self)
{
    struct bus_frame frame;
    int rc = bus_recv(self->sock, &frame);

    if (rc == -EPROTO || rc == -EPERM) {
        if (self->malformed)
            (*self->malformed)++;
        return 1;
    }
    if (rc <= 0)
        return 0;
    self->on_frame(self->arg, &frame);
    bus_frame_done(&frame);
    return 1;
}

static bool waits(struct bus_uv *self)
{
    return !self->closing && (zsock_events(self->sock) & ZMQ_POLLIN);
}

static void on_before_sleep(uv_prepare_t *prepare)
{
    struct bus_uv *self = prepare->data;

    if (self->on_frame) {
        int left = BATCH;

        while (left > 0 && !self->closing && read_one(self))
            left--;
    } else if (waits(self)) {
        self->on_ready(self->arg);
    }
    if (waits(self))
        uv_idle_start(&self->stay_awake, on_stay_awake); /* more waits: others first */
    else if (!self->closing)
        uv_idle_stop(&self->stay_awake);
}

int bus_uv_new(struct bus_uv **ret, uv_loop_t *loop, zsock_t *sock, bus_uv_fn *on_frame,
               bus_uv_ready_fn *on_ready, void *arg)
{
    struct bus_uv *self = NEW(struct bus_uv);
    int rc;

    self->sock = sock;
    self->on_frame = on_frame;
    self->on_ready = on_ready;
    self->arg = arg;
    rc = uv_poll_init(loop, &self->wake, zsock_fd(sock));
    if (rc < 0) {
        free(self);
        return rc;
    }
    uv_prepare_init(loop, &self->before_sleep);
    uv_idle_init(loop, &self->stay_awake);
    self->open = HANDLES;
    self->wake.data = self->before_sleep.data = self->stay_awake.data = self;
    uv_poll_start(&self->wake, UV_READABLE, on_wake);
    uv_prepare_start(&self->before_sleep, on_before_sleep);
    *ret = self;
    return 0;
}

void bus_uv_count_malformed(struct bus_uv *self, uint64_t *malformed)
{
    self->malformed = malformed;
}

static void on_closed(uv_handle_t *handle)
{
    struct bus_uv *self = handle->data;

    if (--self->open == 0)
        free(self);
}

void bus_uv_free(struct bus_uv **self)
{
    struct bus_uv *it = TAKE(*self);

    if (!it)
        return;
    it->closing = true;
    uv_close((uv_handle_t *)&it->wake, on_closed);
    uv_close((uv_handle_t *)&it->before_sleep, on_closed);
    uv_close((uv_handle_t *)&it->stay_awake, on_closed);
}
