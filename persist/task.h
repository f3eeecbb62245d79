/* What goes through the pipe between the daemon's loop and its threads. Downwards: a request, as
 * two frames, whose it is and since when, and the message itself. Upwards: a reply in the same
 * shape, or (without a routing id) a report. */
#pragma once

#include <czmq.h>

#include "base/bus.h"

struct task {
    struct bus_peer peer;
    uint64_t arrived_ms; /* in the loop, monotonic */
    zmq_msg_t msg;       /* what head and body borrow from */
    struct wire_head head;
    struct wire_bytes body;
};

/* What a thread says of itself, after a commit and when something changes. */
struct task_report {
    uint64_t batches, events, commit_us; /* of this commit; 0 when there was none */
    uint64_t stored, same, repeated, refused, gaps, taken, fenced;
    uint64_t expired;                        /* requests dropped because their time was over */
    uint64_t writes, unsafe_writes, settled; /* of the store, since it was opened */
    bool open;
    int slot;            /* MongoDB: that it serves, or SLOT_NONE */
    uint32_t slot_epoch; /* of its claim, or of another one's */
    bool slot_is_taken;  /* by another one: the thread does nothing more */
    char why[320];       /* when it is not open */
};

/* Moves the frame down the pipe. -EAGAIN: it is full, and the frame stays the caller's. */
int task_send(zsock_t *pipe, struct bus_frame *frame) MUST_CHECK;
/* 1; 0 when none waits; -EPIPE: the thread is to end. task_done is due after 1 alone. */
int task_recv(zsock_t *pipe, struct task *ret) MUST_CHECK;
void task_done(struct task *task);
/* It waited for longer than its asker does, who has asked again by now. The times in the frame are
 * the asker's clock, of which only the difference counts here. */
bool task_is_late(const struct task *task);
/* from's message becomes to's; what borrows from it still does. */
void task_move(struct task *to, struct task *from);

void task_reply(zsock_t *pipe, const struct bus_peer *peer, const struct buf *frame);
void task_send_report(zsock_t *pipe, const struct task_report *report);

/* In the loop: 1 a reply (ret_msg is to be closed), 2 a report, 0 nothing waits. */
int task_recv_answer(zsock_t *pipe, struct bus_peer *ret_peer, zmq_msg_t *ret_msg,
                     struct task_report *ret_report) MUST_CHECK;
