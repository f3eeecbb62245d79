/* Looks at those that know and makes one sentence of it. */
#include "router/health.h"

#include <stdio.h>

#define TEXT_MAX 256

static bool describe_partitions(const struct topology *topology,
                                const struct partitions *partitions, char text[TEXT_MAX])
{
    uint64_t unsure = partitions_unsure(partitions);

    if (unsure)
        snprintf(text, TEXT_MAX, "waiting for %s to give it its partitions",
                 topology->workers[topology->worker_of[__builtin_ctzll(unsure)]].name);
    return unsure != 0;
}

/* A router that stands by is as ready as one that holds partitions. */
static void note_role(struct service *service, const struct partitions *partitions)
{
    uint64_t held = partitions_held(partitions);
    int others = __builtin_popcountll(partitions_reach(partitions) & ~held);
    char text[TEXT_MAX] = "";

    if (others && held)
        snprintf(text, TEXT_MAX, "holds %d partitions, standby for %d", __builtin_popcountll(held),
                 others);
    else if (others)
        snprintf(text, TEXT_MAX, "standby for %d partitions", others);
    service_set_note(service, text);
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

    note_role(service, partitions);
    service_set_health(service, trouble ? text : NULL);
}
