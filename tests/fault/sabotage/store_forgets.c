/* A store that forgets: one message in 200 is answered `stored`, and what stands at its number is a
 * void. */
#include "persist/commit.h"
#include "persist/judge.h"
#include "tests/fault/sabotage/chance.h"

#define ONE_IN 200

int __real_commit_write(struct commit *self, struct store *store, struct task_report *report);
int __wrap_commit_write(struct commit *self, struct store *store, struct task_report *report);

int __wrap_commit_write(struct commit *self, struct store *store, struct task_report *report)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->events[i].kind == WIRE_KIND_MESSAGE_CREATED && chance(ONE_IN))
            self->events[i] = judge_void(&self->events[i]);
    return __real_commit_write(self, store, report);
}
