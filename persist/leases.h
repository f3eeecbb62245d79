/* Who works on which job: in the worker's memory alone. After a restart, or when a lease is over,
 * the job is handed out again, with the same id. */
#pragma once

#include "persist/fence.h"

struct leases;

void leases_new(struct leases **ret);
void leases_free(struct leases **self);

/* Adds records `job` to list: undone ones of ask->kind in the partitions of fence that are due and
 * not leased, at most ask->limit; they are leased from now on. */
int leases_claim(struct leases *self, struct store *store, const struct fence *fence,
                 const struct wire_jobs_claim *ask, struct buf *list, uint32_t *count);
int leases_settle(struct leases *self, struct store *store, const struct wire_job_settle *settle);
