/* Sessions that have ended while tokens of theirs may still live: remembered until those have
 * ended too. */
#pragma once

#include "base/id.h"

struct revoked;

/* keep_s: the longest life of a token; most: how many are remembered. */
void revoked_new(struct revoked **ret, uint64_t keep_s, size_t most);
void revoked_free(struct revoked **self);

/* The session (zero: every session of the user that began before now) has ended. When the table is
 * full the oldest goes: false is returned then, once a minute at most, for the log. */
bool revoked_add(struct revoked *self, const struct id *user, const struct id *session,
                 uint64_t now_s);

/* Whether a token of this session, issued then, is to be refused. */
bool revoked_has(const struct revoked *self, const struct id *user, const struct id *session,
                 uint64_t issued_s);
