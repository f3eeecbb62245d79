/* One question to all, answers until the deadline. */
#include "admin/gather.h"

#include <stdlib.h>

#include "base/clock.h"

#define TRACE 1

static int ask(struct gather *self, struct place *place)
{
    for (size_t i = 0; i < place->count; i++) {
        struct gather_answer *answer = &self->answers[i];
        int rc = control_open(&answer->sock, place, place->daemons[i]);

        if (rc == 0)
            rc = control_ask_status(answer->sock, TRACE);
        if (rc < 0)
            return rc;
        answer->daemon = place->daemons[i];
        self->count++;
    }
    return 0;
}

static void wait_for_answers(struct gather *self, uint64_t deadline_ms)
{
    zsock_t *waiting[PLACE_DAEMONS_MAX];

    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        size_t count = 0;

        for (size_t i = 0; i < self->count; i++) {
            struct gather_answer *answer = &self->answers[i];

            if (!answer->answered)
                answer->answered =
                    control_read_status(answer->sock, &answer->frame, &answer->status) == 1;
            if (!answer->answered)
                waiting[count++] = answer->sock;
        }
        if (count == 0 || now_ms >= deadline_ms)
            return;
        control_wait(waiting, count, (int)(deadline_ms - now_ms));
    }
}

int gather_new(struct gather **ret, struct place *place, uint64_t timeout_ms)
{
    AUTO(gather_free) struct gather *self = NEW(struct gather);
    int rc = ask(self, place);

    if (rc < 0)
        return rc;
    wait_for_answers(self, clock_monotonic_ms() + timeout_ms);
    *ret = TAKE(self);
    return 0;
}

void gather_free(struct gather **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < PLACE_DAEMONS_MAX; i++) {
        if ((*self)->answers[i].answered)
            bus_frame_done(&(*self)->answers[i].frame);
        zsock_destroy(&(*self)->answers[i].sock);
    }
    free(*self);
    *self = NULL;
}

bool gather_is_good(const struct gather *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (!self->answers[i].answered || !self->answers[i].status.ready)
            return false;
    return true;
}
