/* Group commit: the batches that wait are written together, in one commit, and each is answered
 * with its own verdicts. */
#pragma once

#include "persist/fence.h"
#include "persist/task.h"

#define COMMIT_TASKS 256
#define COMMIT_BYTES (4u << 20)

struct commit {
    size_t task_count;
    size_t count; /* events */
    size_t bytes;
    struct {
        struct task task;
        size_t first, count; /* its events */
    } tasks[COMMIT_TASKS];
    struct wire_event events[STORE_APPEND_MAX];
    struct wire_verdict verdicts[STORE_APPEND_MAX];
};

/* Takes the task, whose message it owns from now on. -EAGAIN: it does not fit beside the others:
 * write those first; -EPROTO: it is malformed or too large; -EIO: the store failed. Events of
 * epochs that are over, or of partitions that are not ours, get their verdict here. */
int commit_add(struct commit *self, struct fence *fence, struct task *task) MUST_CHECK;

/* Writes what it holds: 0, and the verdicts are there, counted in report. */
int commit_write(struct commit *self, struct store *store, struct task_report *report) MUST_CHECK;

/* The body of a batch_answer for task number i. */
void commit_answer(const struct commit *self, size_t i, struct buf *list, struct buf *out);

void commit_clear(struct commit *self); /* ends its tasks */
