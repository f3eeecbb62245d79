/* Questions to the store, one after another: what persist answers to anybody who may read. */
#pragma once

#include "admin/control.h"

#define ASK_AGAIN_MS 1000 /* without an answer it is asked again, through a new socket */

struct ask;

/* place is borrowed. -EINVAL and a sentence (free()): the configuration's workers make no sense. */
int ask_new(struct ask **ret, struct place *place, char **ret_why) MUST_CHECK;
void ask_free(struct ask **self);

size_t ask_worker_count(const struct ask *self);
/* Which worker has the partition. */
size_t ask_worker_of(const struct ask *self, unsigned partition);

struct ask_question {
    size_t worker;
    enum wire_type type;
    const struct buf *message; /* without its header */
    uint64_t timeout_ms;
};

/* *ret is the reply's body, borrowed until the next question. -ETIMEDOUT: none came. Only for
 * questions that may be repeated. */
int ask_put(struct ask *self, const struct ask_question *question, struct wire_bytes *ret)
    MUST_CHECK;
