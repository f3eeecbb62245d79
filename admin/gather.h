/* Asks every daemon of an installation how it is. */
#pragma once

#include "admin/control.h"

struct gather_answer {
    const char *daemon; /* borrowed from the place */
    zsock_t *sock;
    bool answered;
    struct bus_frame frame;       /* while answered: what status borrows from */
    struct wire_status_is status; /* while answered */
};

struct gather {
    struct gather_answer answers[PLACE_DAEMONS_MAX];
    size_t count;
};

/* Asks all of them at once and waits for the last one's answer, at most so long; place is borrowed
 * for the life of the result. -errno when a socket cannot be made. */
int gather_new(struct gather **ret, struct place *place, uint64_t timeout_ms) MUST_CHECK;
void gather_free(struct gather **self);

/* All have answered and are ready. */
bool gather_is_good(const struct gather *self);
