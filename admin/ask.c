/* One question at a time, asked until it is answered or the time is up. */
#include "admin/ask.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

struct ask {
    struct place *place;
    struct topology topology;
    zsock_t *socks[TOPOLOGY_WORKERS_MAX];
    uint64_t trace;
    struct buf frame;
    struct bus_frame reply;
    bool has_reply;
};

int ask_new(struct ask **ret, struct place *place, char **ret_why)
{
    AUTO(ask_free) struct ask *self = NEW(struct ask);
    int rc = topology_load(&self->topology, place->conf, ret_why);

    if (rc < 0)
        return rc;
    self->place = place;
    buf_init(&self->frame, WIRE_FRAME_MAX);
    *ret = TAKE(self);
    return 0;
}

static void drop_reply(struct ask *self)
{
    if (self->has_reply)
        bus_frame_done(&self->reply);
    self->has_reply = false;
}

void ask_free(struct ask **ask)
{
    struct ask *self = TAKE(*ask);

    if (!self)
        return;
    drop_reply(self);
    for (size_t i = 0; i < TOPOLOGY_WORKERS_MAX; i++)
        zsock_destroy(&self->socks[i]);
    buf_done(&self->frame);
    free(self);
}

size_t ask_worker_count(const struct ask *self)
{
    return self->topology.worker_count;
}

size_t ask_worker_of(const struct ask *self, unsigned partition)
{
    return self->topology.worker_of[partition % ID_PARTITIONS];
}

static int send_question(struct ask *self, const struct ask_question *question)
{
    zsock_t **sock = &self->socks[question->worker];
    int rc = 0;

    if (!*sock)
        rc = control_reach(sock, self->place, self->topology.workers[question->worker].name,
                           TOPOLOGY_REQUESTS, NULL);
    if (rc < 0)
        return rc;
    control_begin(&self->frame, question->type, ++self->trace);
    buf_put(&self->frame, question->message->data, question->message->len);
    return bus_send(*sock, &self->frame);
}

/* Answers to earlier questions count for nothing. */
static bool read_reply(struct ask *self, zsock_t *sock)
{
    int rc;

    while ((rc = bus_recv(sock, &self->reply)) != 0) {
        if (rc < 0)
            continue;
        if (self->reply.head.trace == self->trace)
            return true;
        bus_frame_done(&self->reply);
    }
    return false;
}

static bool wait_for_reply(struct ask *self, zsock_t *sock, uint64_t until_ms)
{
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();

        if (read_reply(self, sock))
            return true;
        if (now_ms >= until_ms)
            return false;
        control_wait(&sock, 1, (int)(until_ms - now_ms));
    }
}

int ask_put(struct ask *self, const struct ask_question *question, struct wire_bytes *ret)
{
    uint64_t deadline_ms = clock_monotonic_ms() + question->timeout_ms;

    drop_reply(self);
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms(), until_ms = now_ms + ASK_AGAIN_MS;
        int rc = send_question(self, question);

        if (rc < 0 && rc != -EAGAIN)
            return rc;
        if (until_ms > deadline_ms)
            until_ms = deadline_ms;
        if (wait_for_reply(self, self->socks[question->worker], until_ms)) {
            self->has_reply = true;
            *ret = self->reply.body;
            return 0;
        }
        if (until_ms == deadline_ms)
            return -ETIMEDOUT;
        zsock_destroy(&self->socks[question->worker]);
    }
}
