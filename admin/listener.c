/* The recorder's side of router/tap.c. */
#include "admin/listener.h"

#include <errno.h>

#include "base/clock.h"

#define FRAMES_AT_ONCE 64

int listener_open(struct listener *self, struct place *place)
{
    return control_open(&self->sock, place, self->daemon);
}

void listener_close(struct listener *self)
{
    zsock_destroy(&self->sock);
}

static void send_start(struct listener *self, uint64_t now_ms)
{
    AUTO(buf_done) struct buf frame;
    struct wire_record_start start = {.partitions = self->partitions};

    buf_init(&frame, 1024);
    control_begin(&frame, WIRE_TYPE_RECORD_START, ++self->trace);
    wire_record_start_encode(&frame, &start);
    self->start_ms = now_ms;
    if (bus_send(self->sock, &frame) < 0)
        self->trace--; /* its queue is full of earlier ones: those will do */
}

static void send_more(struct listener *self, uint64_t now_ms, bool stop)
{
    AUTO(buf_done) struct buf frame;
    struct wire_record_more more = {
        .received = self->received, .stop = stop, .partitions = self->partitions};

    buf_init(&frame, 1024);
    control_begin(&frame, WIRE_TYPE_RECORD_MORE, self->trace);
    wire_record_more_encode(&frame, &more);
    self->more_ms = now_ms;
    if (bus_send(self->sock, &frame) == 0)
        self->confirmed = self->received;
}

void listener_tick(struct listener *self, uint64_t now_ms, bool stop)
{
    bool is_due = now_ms - self->more_ms >= LISTENER_MORE_MS ||
                  self->received - self->confirmed >= LISTENER_MORE_BYTES;

    if (self->is_stopped)
        return;
    if (self->is_begun && is_due)
        send_more(self, now_ms, stop);
    else if (!self->is_begun && !stop &&
             (self->trace == 0 || now_ms - self->start_ms >= LISTENER_AGAIN_MS))
        send_start(self, now_ms);
}

/* ---- what comes ---- */

/* Times come from the router's clock, which may be another host's: the first one is now. */
static uint64_t time_of(struct listener *self, struct listener_file *file, uint64_t at_us)
{
    int64_t us;

    if (!self->has_shift)
        self->shift_us = (int64_t)(clock_monotonic_us() - file->began_us - at_us);
    self->has_shift = true;
    us = (int64_t)at_us + self->shift_us;
    if (us > (int64_t)file->last_us)
        file->last_us = (uint64_t)us;
    return us > 0 ? (uint64_t)us : 0;
}

static int write_frames(struct listener *self, struct listener_file *file, struct wire_list frames)
{
    struct wire_bytes item;
    struct wire_recorded recorded;
    int rc = 0;

    while (rc == 0 && wire_list_next(&frames, &item)) {
        if (wire_recorded_decode(item, &recorded) < 0 || recorded.kind < RECORDING_IN ||
            recorded.kind > RECORDING_SNAPSHOT)
            continue;
        rc = recording_add(file->writer,
                           &(struct recording_record){.kind = recorded.kind,
                                                      .router = self->boot,
                                                      .at_us = time_of(self, file, recorded.at_us),
                                                      .content = recorded.frame});
    }
    return rc;
}

static int write_begin(struct listener *self, struct listener_file *file, struct wire_bytes name)
{
    return recording_add(file->writer, &(struct recording_record){.kind = RECORDING_BEGIN,
                                                                  .router = self->boot,
                                                                  .at_us = file->last_us,
                                                                  .content = name});
}

/* It tells from here on, as another process or after it had given us up. */
static int begin(struct listener *self, struct listener_file *file, const struct bus_frame *frame,
                 struct wire_bytes name)
{
    bool is_again = self->was_begun && frame->head.boot == self->boot;
    int rc = 0;

    if (is_again) /* nobody knows how much is missing */
        rc = recording_add_lost(file->writer, self->boot, file->last_us, 1);
    self->has_shift = is_again;
    self->boot = frame->head.boot;
    self->number = self->received = self->confirmed = 0;
    self->is_begun = self->was_begun = true;
    return rc < 0 ? rc : write_begin(self, file, name);
}

static int take_chunk(struct listener *self, struct listener_file *file,
                      const struct bus_frame *frame)
{
    struct wire_record_chunk chunk;
    int rc = 0;

    if (frame->head.trace != self->trace || wire_record_chunk_decode(frame->body, &chunk) < 0)
        return 0;
    if (frame->head.number == 1)
        rc = begin(self, file, frame, chunk.name);
    if (rc == 0 && frame->head.number != self->number + 1) { /* a chunk is missing */
        self->is_begun = false;
        return 0;
    }
    self->number++;
    self->received += WIRE_HEAD_BYTES + frame->body.len;
    if (rc == 0)
        rc = write_frames(self, file, chunk.frames);
    if (rc == 0 && chunk.lost > 0)
        rc = recording_add_lost(file->writer, self->boot, file->last_us, chunk.lost);
    if (chunk.last)
        self->is_stopped = true;
    return rc;
}

static void take_refusal(struct listener *self, const struct bus_frame *frame)
{
    struct wire_status_reply reply;

    if (frame->head.trace != self->trace || wire_status_reply_decode(frame->body, &reply) < 0)
        return;
    if (reply.status == WIRE_NOT_FOUND) /* another process that was told to stop */
        self->is_begun = false;
    self->is_refused = reply.status == WIRE_CONFLICT;
}

int listener_read(struct listener *self, struct listener_file *file)
{
    int rc = 0;

    for (int left = FRAMES_AT_ONCE; left > 0 && rc == 0; left--) {
        struct bus_frame frame;
        int got = bus_recv(self->sock, &frame);

        if (got == 0)
            break;
        if (got < 0)
            continue;
        if (frame.head.type == WIRE_TYPE_RECORD_CHUNK)
            rc = take_chunk(self, file, &frame);
        else if (frame.head.type == WIRE_TYPE_STATUS_REPLY)
            take_refusal(self, &frame);
        bus_frame_done(&frame);
    }
    return rc;
}
