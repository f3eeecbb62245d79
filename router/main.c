/* parley-router: its configuration table and its composition. */
#include <stdlib.h>

#include "router/router.h"

static const struct conf_key keys[] = {
    ROUTER_KEYS,
    CONF_END,
};

static const struct service_spec spec = {
    .role = "router",
    .summary = "Numbers, deduplicates and distributes the events of conversations.",
    .keys = keys,
};

int main(int argc, char **argv)
{
    AUTO(service_free) struct service *service = NULL;
    AUTO(router_free) struct router *router = NULL; /* released first */
    int rc = service_new(&service, &spec, argc, argv);

    if (rc != 0) /* all is said */
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (router_new(&router, service) < 0)
        return EXIT_FAILURE;
    return service_run(service) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
