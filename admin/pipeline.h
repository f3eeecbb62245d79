/* Many requests to one daemon, a window of them under way at a time, answers reported in the order
 * of the requests. What is not answered or answered `unavailable` is asked again, a few times. */
#pragma once

#include "admin/control.h"

#define PIPELINE_WINDOW 64
#define PIPELINE_ALIVE_MS 5000   /* for the first sign of life */
#define PIPELINE_ANSWER_MS 20000 /* then it is asked again */
#define PIPELINE_TRIES 3         /* without any answer */
#define PIPELINE_BUSY_TRIES 100  /* answered `unavailable` */

struct pipeline_result {
    uint64_t number; /* of the request, from 0 */
    bool answered;   /* else the daemon did not, several times */
    bool again;      /* it was sent more than once */
    enum wire_result status;
    const char *detail;
};

/* next: puts a message (without its header) into an empty buffer and says its type: 1; or 0: there
 * is none more. done: what became of it. */
struct pipeline_work {
    int (*next)(void *arg, struct buf *message, enum wire_type *ret_type);
    void (*done)(void *arg, const struct pipeline_result *result);
    void *arg;
};

/* Asks the first daemon of the role; returns when all is done. A negative errno with a sentence
 * (free()) when there is no such daemon or it does not answer at all. */
int pipeline_run(struct place *place, const char *role, const struct pipeline_work *work,
                 char **ret_why) MUST_CHECK;

/* "conflict", … for people. */
const char *pipeline_status_name(enum wire_result status);
