/* parley-edge: the door. Clients speak HTTP and Socket.IO to it, it speaks the bus to the rest. */
#include <signal.h>
#include <stdlib.h>

#include "edge/api/api.h"
#include "edge/api/backend.h"
#include "edge/edge.h"

static const struct conf_key keys[] = {
    EDGE_KEYS,
    API_KEYS,
    BACKEND_KEYS,
    CONF_END,
};

static const struct service_spec spec = {
    .role = "edge",
    .summary = "serves clients by HTTP and Socket.IO",
    .keys = keys,
};

int main(int argc, char **argv)
{
    AUTO(service_free) struct service *service = NULL;
    AUTO(edge_free) struct edge *edge = NULL; /* released first */
    int rc;

    zsys_handler_set(NULL); /* libuv has the signals */
    signal(SIGPIPE, SIG_IGN);
    rc = service_new(&service, &spec, argc, argv);
    if (rc != 0)
        return rc > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (edge_new(&edge, service) < 0) /* has said why */
        return EXIT_FAILURE;
    edge_run(edge);
    return EXIT_SUCCESS;
}
