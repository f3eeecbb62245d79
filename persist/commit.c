/* Events of many batches side by side in one array; those that are fenced are passed over when it
 * is written. */
#include "persist/commit.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

static int read_events(struct commit *self, struct fence *fence, const struct task *task,
                       struct wire_list list)
{
    struct wire_bytes item;

    while (wire_list_next(&list, &item)) {
        struct wire_append append;
        struct wire_event *event = &self->events[self->count];
        int rc;

        if (wire_append_decode(item, &append) < 0 || wire_event_decode(append.event, event) < 0)
            return -EPROTO;
        rc = fence_pass(fence, id_partition(&event->conversation), append.epoch);
        if (rc < 0 && rc != -ESTALE)
            return -EIO;
        self->verdicts[self->count++] = (struct wire_verdict){
            .seq = event->seq,
            .answer = rc == 0 ? 0 : WIRE_ANSWER_FENCED,
        };
    }
    self->bytes += task->body.len;
    return 0;
}

int commit_add(struct commit *self, struct fence *fence, struct task *task)
{
    struct wire_batch batch;
    size_t first = self->count;
    int rc;

    if (wire_batch_decode(task->body, &batch) < 0 || batch.events.count > STORE_APPEND_MAX)
        return -EPROTO;
    if (self->task_count == COMMIT_TASKS || self->count + batch.events.count > STORE_APPEND_MAX ||
        (self->bytes > 0 && self->bytes + task->body.len > COMMIT_BYTES))
        return -EAGAIN;
    rc = read_events(self, fence, task, batch.events);
    if (rc < 0) {
        self->count = first;
        return rc;
    }
    task_move(&self->tasks[self->task_count].task, task);
    self->tasks[self->task_count].first = first;
    self->tasks[self->task_count++].count = self->count - first;
    return 0;
}

static void count_verdicts(const struct commit *self, struct task_report *report)
{
    for (size_t i = 0; i < self->count; i++) {
        switch (self->verdicts[i].answer) {
        case WIRE_ANSWER_STORED:
            report->stored++;
            break;
        case WIRE_ANSWER_SAME:
            report->same++;
            break;
        case WIRE_ANSWER_DUPLICATE_OF:
        case WIRE_ANSWER_CONFLICT_WITH:
            report->repeated++;
            break;
        case WIRE_ANSWER_REFUSED:
            report->refused++;
            break;
        case WIRE_ANSWER_GAP:
            report->gaps++;
            break;
        case WIRE_ANSWER_TAKEN:
            report->taken++;
            break;
        default:
            report->fenced++;
        }
    }
}

/* The usual case, nobody fenced, is written as it stands. */
static int write_unfenced(struct commit *self, struct store *store)
{
    struct wire_event *events = NEW_ARRAY(self->count + 1, struct wire_event);
    struct wire_verdict *verdicts = NEW_ARRAY(self->count + 1, struct wire_verdict);
    size_t count = 0;
    int rc = 0;

    for (size_t i = 0; i < self->count; i++)
        if (self->verdicts[i].answer == 0)
            events[count++] = self->events[i];
    if (count > 0)
        rc = store->ops->append(store, events, count, verdicts);
    count = 0;
    for (size_t i = 0; i < self->count && rc == 0; i++)
        if (self->verdicts[i].answer == 0)
            self->verdicts[i] = verdicts[count++];
    free(events);
    free(verdicts);
    return rc;
}

static bool any_fenced(const struct commit *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->verdicts[i].answer)
            return true;
    return false;
}

int commit_write(struct commit *self, struct store *store, struct task_report *report)
{
    uint64_t start_us = clock_monotonic_us();
    int rc;

    if (any_fenced(self))
        rc = write_unfenced(self, store);
    else
        rc = store->ops->append(store, self->events, self->count, self->verdicts);
    if (rc < 0)
        return rc;
    report->batches = self->task_count;
    report->events = self->count;
    report->commit_us = clock_monotonic_us() - start_us;
    count_verdicts(self, report);
    return 0;
}

void commit_answer(const struct commit *self, size_t i, struct buf *list, struct buf *out)
{
    struct wire_batch_answer answer = {.status = WIRE_OK};
    uint32_t count = 0;

    buf_clear(list);
    for (size_t k = 0; k < self->tasks[i].count; k++)
        wire_verdict_add(list, &count, &self->verdicts[self->tasks[i].first + k]);
    answer.verdicts = wire_list_of(list, count);
    wire_batch_answer_encode(out, &answer);
}

void commit_clear(struct commit *self)
{
    for (size_t i = 0; i < self->task_count; i++)
        task_done(&self->tasks[i].task);
    self->task_count = self->count = self->bytes = 0;
}
