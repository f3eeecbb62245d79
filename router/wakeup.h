/* Wake-ups: tells notify that there may be jobs. Many events make one; one that gets lost delays a
 * job and loses nothing, as the jobs are in the store. */
#pragma once

#include "base/conf.h"
#include "base/stat.h"

struct wakeup;

struct wakeup_out {
    void *arg;
    int (*send)(void *arg, const struct buf *frame); /* as bus_send */
};

/* head: what frames start with, but for the type. out is copied. */
int wakeup_new(struct wakeup **ret, const struct wire_head *head, const struct wakeup_out *out,
               struct stat_set *stats) MUST_CHECK;
void wakeup_free(struct wakeup **self);

/* jobs: a mask of enum wire_job_kind, of an event that is stored. */
void wakeup_add(struct wakeup *self, uint32_t jobs);
/* Sends what was added since, if anything. */
void wakeup_flush(struct wakeup *self);

/* The mask of jobs that a message causes, by bus/jobs: "webhook", or nothing. -EINVAL, and says so.
 */
int wakeup_read_jobs(struct conf *conf, uint32_t *ret) MUST_CHECK;
