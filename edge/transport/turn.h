/* Work put off to the end of the loop's turn, so that what comes together leaves together: run
 * after the sockets were read and again before the loop sleeps. What is put off never waits for the
 * next event. */
#pragma once

#include <uv.h>

#include "base/base.h"

struct turn;

/* Embedded in what has something to do. */
struct turn_item {
    struct turn_item *next, *before; /* NULL: not waiting */
    void (*run)(struct turn_item *item);
};

int turn_new(struct turn **ret, uv_loop_t *loop);
/* Closes its handles; they are gone after the loop's next turn. */
void turn_free(struct turn **self);

/* item->run(item) will be called once at the end of this turn; a second call before that changes
 * nothing. The item may cancel itself or others, or be added again, while it runs. */
void turn_add(struct turn *self, struct turn_item *item);
void turn_cancel(struct turn *self, struct turn_item *item);

/* Whether the loop is at its sockets now, and not at timers, idle handles and the like. */
bool turn_is_at_sockets(const struct turn *self);
