/* Collects the job bits of one turn of the loop. */
#include "router/wakeup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define FRAME_MAX 1024

struct wakeup {
    struct wire_head head;
    struct wakeup_out out;
    struct buf frame;
    uint32_t jobs;
    uint64_t *sent, *dropped;
};

int wakeup_new(struct wakeup **ret, const struct wire_head *head, const struct wakeup_out *out,
               struct stat_set *stats)
{
    struct wakeup *self = NEW(struct wakeup);

    self->head = *head;
    self->head.type = WIRE_TYPE_WAKE;
    self->out = *out;
    buf_init(&self->frame, FRAME_MAX);
    self->sent = stat_counter(stats, "wakeups");
    self->dropped = stat_counter(stats, "wakeups_dropped");
    *ret = self;
    return 0;
}

void wakeup_free(struct wakeup **self)
{
    if (!*self)
        return;
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}

void wakeup_add(struct wakeup *self, uint32_t jobs)
{
    self->jobs |= jobs;
}

void wakeup_flush(struct wakeup *self)
{
    struct wire_wake wake = {.jobs = self->jobs};

    if (!self->jobs)
        return;
    self->jobs = 0;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &self->head);
    wire_wake_encode(&self->frame, &wake);
    if (self->out.send(self->out.arg, &self->frame) < 0)
        (*self->dropped)++;
    else
        (*self->sent)++;
}

int wakeup_read_jobs(struct conf *conf, uint32_t *ret)
{
    const char *text = conf_text(conf, "bus/jobs");

    if (text[0] != '\0' && strcmp(text, "webhook") != 0) {
        log_error("bus/jobs must be \"webhook\" or empty", "value=%s", log_quote(text));
        return -EINVAL;
    }
    *ret = text[0] ? WIRE_JOB_WEBHOOK : 0;
    return 0;
}
