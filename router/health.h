/* What `parley status` says of this router. */
#pragma once

#include "base/service.h"
#include "router/partition.h"
#include "router/worker.h"

/* Ready, or the first thing that is the matter: partitions not given yet, taken by another router,
 * a worker that does not answer or cannot store. All borrowed. */
void health_report(struct service *service, const struct partitions *partitions,
                   struct worker *const *workers, size_t count);
