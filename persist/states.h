/* What a writer remembers of conversations: a bounded table by id. When it is full it is emptied;
 * everything in it can be read again from the store. */
#pragma once

#include "base/id.h"

struct states;

struct state {
    struct id conversation;
    uint64_t number; /* SQLite: the conversation's row */
    uint64_t seq, messages, last_message;
    uint8_t kind;
    bool used;
};

void states_new(struct states **ret, size_t most);
void states_free(struct states **self);

/* NULL when it is not there. The result lives until the next states_put. */
struct state *states_find(struct states *self, const struct id *conversation);
/* A copy of *state, in place of what was there. */
struct state *states_put(struct states *self, const struct state *state);
/* Room for so many more: now it is emptied, or not before they are put. */
void states_make_room(struct states *self, size_t more);
void states_drop(struct states *self, const struct id *conversation);
void states_clear(struct states *self);
