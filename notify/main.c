/* parley-notify: does what a new message causes outside of Parley. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "notify/notify.h"

static const struct conf_key keys[] = {NOTIFY_KEYS, CONF_END};

static const struct service_spec spec = {
    .role = "notify",
    .summary = "Tells the outside about new messages.",
    .keys = keys,
};

/* What the configuration delivers to; *ret stays NULL when that is nothing. */
static int open_push(struct push **ret, struct service *service)
{
    struct conf *conf = service_conf(service);
    struct push_webhook_options options = {
        .url = conf_text(conf, "notify/webhook"),
        .timeout_ms = (long)conf_number(conf, "notify/timeout_ms"),
        .connections = (long)conf_number(conf, "notify/parallel"),
    };

    if (options.url[0] == '\0')
        return 0;
    if (strcmp(conf_text(conf, "bus/jobs"), "webhook") != 0)
        log_warn(
            "notify/webhook is set, but bus/jobs does not name webhook: no message makes a job",
            "%s", "");
    return push_webhook_new(ret, service_loop(service), &options);
}

int main(int argc, char **argv)
{
    AUTO(service_free) struct service *service = NULL;
    AUTO(notify_free) struct notify *notify = NULL; /* released first */
    struct push *push = NULL;
    int rc = service_new(&service, &spec, argc, argv);

    if (rc != 0)
        return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (open_push(&push, service) < 0 || notify_new(&notify, service, push) < 0)
        return EXIT_FAILURE;
    return service_run(service) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
