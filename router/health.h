/* What `parley status` says of this router. */
#pragma once

#include "base/service.h"
#include "router/partition.h"
#include "router/worker.h"

/* Ready (and whether it stands by), or the first thing that is the matter: persist has not said yet
 * which partitions it may have, a worker does not answer or cannot store. All borrowed. */
void health_report(struct service *service, const struct partitions *partitions,
                   struct worker *const *workers, size_t count);
