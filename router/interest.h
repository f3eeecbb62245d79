/* Which edges want the events of which conversation: a mask of edge slots for each. */
#pragma once

#include "base/id.h"

struct interest;

/* most: conversations. */
int interest_new(struct interest **ret, size_t most) MUST_CHECK;
void interest_free(struct interest **self);

/* -ENOSPC: there are as many as may be. */
int interest_add(struct interest *self, const struct id *conversation, unsigned slot) MUST_CHECK;
void interest_remove(struct interest *self, const struct id *conversation, unsigned slot);
/* Forgets all that this edge wanted in these partitions. Looks at the whole table: for repairs
 * only. */
void interest_reset(struct interest *self, unsigned slot, uint64_t partitions);

uint64_t interest_of(const struct interest *self, const struct id *conversation);
/* Conversations that somebody wants. */
size_t interest_count(const struct interest *self);
