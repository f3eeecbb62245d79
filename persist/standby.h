/* MongoDB: what a persist process without a slot does: ask each slot's endpoint whether anybody
 * serves there, and say which one is silent. */
#pragma once

#include "base/service.h"

struct standby;

/* Asks from now on, on the service's loop. lease_ms: how long a slot may be silent. */
int standby_new(struct standby **ret, struct service *service, uint64_t lease_ms) MUST_CHECK;
void standby_free(struct standby **self);

/* A slot that was silent for lease_ms or longer, and the epoch of its last known holder (0: none);
 * SLOT_NONE: there is none. Slots that are reached by tcp are passed over: whoever is stopped keeps
 * its port. */
int standby_find_silent(const struct standby *self, uint32_t *ret_epoch);
bool standby_is_silent(const struct standby *self, int slot);
/* It turned out that its holder is of this epoch: it gets a lease of its own. */
void standby_note(struct standby *self, int slot, uint32_t epoch);
