/* parley-persist: the only one that opens the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "persist/persist.h"

static const struct conf_key keys[] = {
    CONF_TEXT("store/kind", "sqlite", "what keeps everything: sqlite or mongodb"),
    CONF_PATH("store/path", "parley.db", "the SQLite file"),
    CONF_TEXT("store/uri", "mongodb://127.0.0.1:27017", "the MongoDB server or replica set"),
    CONF_TEXT("store/database", "parley", "the MongoDB database"),
    CONF_NUMBER("persist/readers", 2, 1, 8, "threads that answer questions"),
    CONF_NUMBER("persist/cache_megabytes", 16, 1, 1024,
                "pages of the SQLite file that each thread keeps in memory"),
    CONF_END,
};

static const struct service_spec spec = {
    .role = "persist",
    .summary = "Keeps events, users and jobs; answers questions about them.",
    .keys = keys,
};

/* Whether this daemon can serve at all, as configured. */
static bool makes_sense(struct service *service, const struct store_place *place)
{
    const struct topology *topology = service_topology(service);

    if (!store_find(place->kind))
        log_error("store/kind must be sqlite or mongodb", "kind=%s", log_quote(place->kind));
    else if (strcmp(place->kind, "sqlite") == 0 && topology->worker_count > 1)
        log_error("SQLite has one persist worker; bus/workers names more", "workers=%zu",
                  topology->worker_count);
    else if (strcmp(place->kind, "sqlite") == 0 &&
             topology_find(topology, service_name(service)) < 0)
        log_error(
            "SQLite has one persist worker and no standby: bus/workers does not name this one",
            "name=%s", service_name(service));
    else
        return true;
    return false;
}

int main(int argc, char **argv)
{
    AUTO(service_free) struct service *service = NULL;
    AUTO(persist_free) struct persist *persist = NULL; /* released first */
    struct store_place place = {0};
    int rc = service_new(&service, &spec, argc, argv);

    if (rc != 0) /* has said why */
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    place.kind = conf_text(service_conf(service), "store/kind");
    place.path = conf_path(service_conf(service), "store/path");
    place.cache_mb = (int)conf_number(service_conf(service), "persist/cache_megabytes");
    place.uri = conf_text(service_conf(service), "store/uri");
    place.database = conf_text(service_conf(service), "store/database");
    if (!makes_sense(service, &place) || persist_new(&persist, service, &place) < 0)
        return EXIT_FAILURE;
    return service_run(service) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
