/* parley-scan: says whether a file is clean. */
#include <stdlib.h>

#include "scan/scan.h"

static const struct conf_key keys[] = {SCAN_KEYS, CONF_END};

static const struct service_spec spec = {
    .role = "scan",
    .summary = "Looks for malicious files with libclamav.",
    .keys = keys,
};

int main(int argc, char **argv)
{
    AUTO(service_free) struct service *service = NULL;
    AUTO(scan_free) struct scan *scan = NULL; /* released first */
    int rc = service_new(&service, &spec, argc, argv);

    if (rc != 0)
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (scan_new(&scan, service, &engine_clamav) < 0)
        return EXIT_FAILURE;
    return service_run(service) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
