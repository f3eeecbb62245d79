/* Two frames each way; the message itself is moved, never copied, on its way down. */
#include "persist/task.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

/* What goes down in front of a message. */
struct origin {
    uint64_t arrived_ms;
    struct bus_peer peer;
};

int task_send(zsock_t *pipe, struct bus_frame *frame)
{
    void *handle = zsock_resolve(pipe);
    struct origin origin = {clock_monotonic_ms(), frame->peer};

    if (zmq_send(handle, &origin, sizeof origin, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return -errno;
    return zmq_msg_send(&frame->msg, handle, ZMQ_DONTWAIT) < 0 ? -errno : 0;
}

static int take_body(struct task *task)
{
    struct wire_bytes bytes = wire_bytes_of(zmq_msg_data(&task->msg), zmq_msg_size(&task->msg));

    return wire_head_decode(bytes, &task->head, &task->body);
}

int task_recv(zsock_t *pipe, struct task *ret)
{
    void *handle = zsock_resolve(pipe);
    struct origin origin;
    int len = zmq_recv(handle, &origin, sizeof origin, ZMQ_DONTWAIT);
    int more = 0;
    size_t size = sizeof more;

    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
    zmq_getsockopt(handle, ZMQ_RCVMORE, &more, &size);
    if (!more) /* "$TERM" */
        return -EPIPE;
    ret->peer = origin.peer;
    ret->arrived_ms = origin.arrived_ms;
    zmq_msg_init(&ret->msg);
    if (zmq_msg_recv(&ret->msg, handle, 0) < 0 || take_body(ret) < 0) {
        zmq_msg_close(&ret->msg);
        return -EPIPE;
    }
    return 1;
}

bool task_is_late(const struct task *task)
{
    const struct wire_head *head = &task->head;

    return head->deadline_ms > head->at_ms &&
           clock_monotonic_ms() - task->arrived_ms > head->deadline_ms - head->at_ms;
}

void task_done(struct task *task)
{
    zmq_msg_close(&task->msg);
}

/* A frame is larger than what zmq keeps inside a zmq_msg_t, so its bytes stay where they are. */
void task_move(struct task *to, struct task *from)
{
    *to = *from;
    zmq_msg_init(&to->msg);
    zmq_msg_move(&to->msg, &from->msg);
}

/* The pipe has room for every request that may be in flight, twice: this waits for nobody. */
static void send_up(zsock_t *pipe, const struct bus_peer *peer, const void *data, size_t len)
{
    void *handle = zsock_resolve(pipe);

    if (zmq_send(handle, peer->bytes, peer->len, ZMQ_SNDMORE) >= 0)
        zmq_send(handle, data, len, 0);
}

void task_reply(zsock_t *pipe, const struct bus_peer *peer, const struct buf *frame)
{
    send_up(pipe, peer, frame->data, frame->len);
}

void task_send_report(zsock_t *pipe, const struct task_report *report)
{
    struct bus_peer nobody = {0};

    send_up(pipe, &nobody, report, sizeof *report);
}

int task_recv_answer(zsock_t *pipe, struct bus_peer *ret_peer, zmq_msg_t *ret_msg,
                     struct task_report *ret_report)
{
    void *handle = zsock_resolve(pipe);
    int len = zmq_recv(handle, ret_peer->bytes, sizeof ret_peer->bytes, ZMQ_DONTWAIT);

    if (len < 0)
        return 0;
    ret_peer->len = (uint8_t)len;
    zmq_msg_init(ret_msg);
    if (zmq_msg_recv(ret_msg, handle, 0) < 0)
        return 0;
    if (len > 0)
        return 1;
    memcpy(ret_report, zmq_msg_data(ret_msg), sizeof *ret_report);
    zmq_msg_close(ret_msg);
    return 2;
}
