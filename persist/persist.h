/* The persist daemon's loop: requests come in on one socket and go to the thread that may answer
 * them; replies go out. Nothing here waits for the store. */
#pragma once

#include "base/service.h"
#include "persist/store.h"

struct persist;

/* place and service are borrowed. -errno, having logged why. */
int persist_new(struct persist **ret, struct service *service, const struct store_place *place)
    MUST_CHECK;
void persist_free(struct persist **self);
