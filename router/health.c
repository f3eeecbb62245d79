/* Looks at those that know and makes one sentence of it. */
#include "router/health.h"

#include <stdio.h>

#define TEXT_MAX 256

static bool describe_partitions(const struct topology *topology,
                                const struct partitions *partitions, char text[TEXT_MAX])
{
    uint64_t lost = partitions_lost(partitions);
    uint64_t missing = partitions_wanted(partitions) & ~lost & ~partitions_held(partitions);

    if (missing)
        snprintf(text, TEXT_MAX, "waiting for %s to give it its partitions",
                 topology->workers[topology->worker_of[__builtin_ctzll(missing)]].name);
    else if (lost)
        snprintf(text, TEXT_MAX,
                 "fenced: another router holds %d of its partitions; stop this one, or start it "
                 "again to take them back",
                 __builtin_popcountll(lost));
    return missing || lost;
}

static bool describe_workers(struct worker *const *workers, size_t count, char text[TEXT_MAX])
{
    for (size_t i = 0; i < count; i++) {
        const char *trouble = worker_trouble(workers[i]);

        if (!trouble)
            continue;
        snprintf(text, TEXT_MAX, "%s %s", worker_name(workers[i]), trouble);
        return true;
    }
    return false;
}

void health_report(struct service *service, const struct partitions *partitions,
                   struct worker *const *workers, size_t count)
{
    char text[TEXT_MAX];
    bool trouble = describe_partitions(service_topology(service), partitions, text) ||
                   describe_workers(workers, count, text);

    service_set_health(service, trouble ? text : NULL);
}
