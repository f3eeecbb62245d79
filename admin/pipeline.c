/* A ring of requests: number n stands in slot n mod window; the oldest unfinished one holds the
 * ring. */
#include "admin/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/why.h"
#include "base/clock.h"

#define FRAME_MAX (64u << 10)
#define BUSY_MS 100
#define WAIT_MS 50

struct slot {
    struct buf frame;
    bool finished;
    unsigned sent;
    unsigned busy;
    uint64_t again_ms; /* when it is sent again */
    bool answered;
    enum wire_result status;
    char *detail;
};

struct pipeline {
    const struct pipeline_work *work;
    zsock_t *sock;
    struct slot slots[PIPELINE_WINDOW];
    uint64_t first, next; /* numbers under way: first … next − 1 */
    bool ended;
};

static struct slot *slot_of(struct pipeline *self, uint64_t number)
{
    return &self->slots[number % PIPELINE_WINDOW];
}

static void send_slot(struct pipeline *self, struct slot *slot, uint64_t now_ms)
{
    if (bus_send(self->sock, &slot->frame) == 0) {
        slot->sent++;
        slot->again_ms = now_ms + PIPELINE_ANSWER_MS;
    } else {
        slot->again_ms = now_ms + BUSY_MS;
    }
}

static void finish(struct slot *slot, bool answered, enum wire_result status, char *detail)
{
    slot->finished = true;
    slot->answered = answered;
    slot->status = status;
    slot->detail = detail;
    buf_done(&slot->frame);
}

static bool fill_slot(struct pipeline *self, uint64_t now_ms)
{
    struct slot *slot = slot_of(self, self->next);
    AUTO(buf_done) struct buf message;
    enum wire_type type;

    buf_init(&message, FRAME_MAX);
    if (self->work->next(self->work->arg, &message, &type) == 0)
        return false;
    *slot = (struct slot){0};
    buf_init(&slot->frame, FRAME_MAX + WIRE_HEAD_BYTES);
    control_begin(&slot->frame, type, self->next + 1);
    buf_put(&slot->frame, message.data, message.len);
    self->next++;
    if (message.over)
        finish(slot, true, WIRE_TOO_LARGE, base_strdup("the request is too long"));
    else
        send_slot(self, slot, now_ms);
    return true;
}

static void on_answer(void *arg, struct bus_frame *frame)
{
    struct pipeline *self = arg;
    struct wire_status_reply reply;
    uint64_t number = frame->head.trace - 1;
    struct slot *slot = slot_of(self, number);

    if (frame->head.type != WIRE_TYPE_STATUS_REPLY || number < self->first ||
        number >= self->next || slot->finished || wire_status_reply_decode(frame->body, &reply) < 0)
        return;
    if (reply.status == WIRE_UNAVAILABLE && ++slot->busy < PIPELINE_BUSY_TRIES) {
        slot->again_ms = clock_monotonic_ms() + BUSY_MS;
        return;
    }
    finish(slot, true, reply.status, wire_bytes_dup(reply.detail));
}

static void send_again(struct pipeline *self, uint64_t now_ms)
{
    for (uint64_t number = self->first; number < self->next; number++) {
        struct slot *slot = slot_of(self, number);

        if (slot->finished || now_ms < slot->again_ms)
            continue;
        if (slot->sent >= PIPELINE_TRIES + slot->busy)
            finish(slot, false, WIRE_UNAVAILABLE, NULL);
        else
            send_slot(self, slot, now_ms);
    }
}

static void report(struct pipeline *self)
{
    for (; self->first < self->next && slot_of(self, self->first)->finished; self->first++) {
        struct slot *slot = slot_of(self, self->first);
        struct pipeline_result result = {.number = self->first,
                                         .answered = slot->answered,
                                         .again = slot->sent > 1,
                                         .status = slot->status,
                                         .detail = slot->detail ? slot->detail : ""};

        self->work->done(self->work->arg, &result);
        free(TAKE(slot->detail));
    }
}

/* Whether anybody is there: requests are given far longer than this. */
static bool is_alive(zsock_t *sock)
{
    uint64_t deadline_ms = clock_monotonic_ms() + PIPELINE_ALIVE_MS;

    if (control_ask_status(sock, 0) < 0)
        return false;
    while (clock_monotonic_ms() < deadline_ms) {
        struct bus_frame frame;
        struct wire_status_is status;

        if (control_read_status(sock, &frame, &status) == 1) {
            bus_frame_done(&frame);
            return true;
        }
        control_wait(&sock, 1, WAIT_MS);
    }
    return false;
}

static void run(struct pipeline *self)
{
    while (!self->ended || self->first < self->next) {
        uint64_t now_ms = clock_monotonic_ms();

        while (!self->ended && self->next - self->first < PIPELINE_WINDOW)
            self->ended = !fill_slot(self, now_ms);
        control_wait(&self->sock, 1, WAIT_MS);
        now_ms = clock_monotonic_ms();
        bus_drain(self->sock, PIPELINE_WINDOW, on_answer, self);
        send_again(self, now_ms);
        report(self);
    }
}

int pipeline_run(struct place *place, const char *role, const struct pipeline_work *work,
                 char **ret_why)
{
    struct pipeline self = {.work = work};
    const char *daemon = place_first(place, role);
    int rc;

    if (!daemon)
        return why_say(ret_why, -ENOENT, "up/daemons names no daemon of the role %s", role);
    rc = control_open(&self.sock, place, daemon);
    if (rc < 0)
        return why_say(ret_why, rc, "cannot reach %s: %s", daemon, strerror(-rc));
    if (is_alive(self.sock))
        run(&self);
    else
        rc = why_say(ret_why, -ETIMEDOUT, "%s does not answer: does Parley run?", daemon);
    zsock_destroy(&self.sock);
    return rc;
}

const char *pipeline_status_name(enum wire_result status)
{
    static const char *const names[] = {"ok",          "duplicate", "invalid",  "unauthorized",
                                        "forbidden",   "not found", "conflict", "too large",
                                        "unavailable", "fenced"};

    return (size_t)status < COUNT_OF(names) ? names[status] : "unknown";
}
