/* The newest events of the conversations that are in use, as the JSON that clients get: what a
 * device missed a moment ago is told from here, for all members from the same bytes, without asking
 * persist. Knows nothing of who may see what, except that it can say whether a user came or went
 * meanwhile. */
#pragma once

#include "base/stat.h"
#include "base/wire.h"

struct tail;

/* bytes: of memory, about; 0: keeps nothing. */
void tail_new(struct tail **ret, size_t bytes, struct stat_set *stats);
void tail_free(struct tail **self);
/* Forgets everything. */
void tail_empty(struct tail *self);

struct tail_item {
    uint64_t seq;
    size_t at, len; /* of its JSON in a buffer */
    struct id user; /* who comes or goes by it … */
    bool moves;     /* … or, if that is zero, many */
};

/* Without at and len. */
struct tail_item tail_item_of(const struct wire_event *event);

/* Takes (copies) events with numbers in a row; their JSON lies in json. What does not adjoin to
 * what is kept replaces it if it is newer, and is passed over if it is older. */
void tail_put(struct tail *self, const struct id *conversation, const struct tail_item *items,
              size_t count, const void *json);

/* The events above after, up to last. */
struct tail_span {
    struct id conversation;
    uint64_t after, last;
};

/* Whether all of the span is kept, and the user neither came nor went within it: who is a member at
 * its end may see it all. */
bool tail_covers(struct tail *self, const struct tail_span *span, const struct id *user);
/* One event of a span that is covered: its JSON, until the next call. */
struct wire_bytes tail_at(const struct tail *self, const struct id *conversation, uint64_t seq);
