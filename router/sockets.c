/* Opens, names and closes them; who reads and writes is router.c's matter. */
#include "router/sockets.h"

#include <string.h>

#include "base/log.h"
#include "base/topology.h"

#define WAKE_HIGH_WATER 16 /* a wake-up says all that a hundred would */

static int open_one(zsock_t **ret, const struct bus_options *options)
{
    int rc = bus_open(ret, options);

    if (rc < 0)
        log_error("cannot open a socket", "endpoint=%s reason=%s", options->endpoint,
                  log_quote(strerror(-rc)));
    return rc;
}

int sockets_open(struct sockets *self, struct conf *conf, const char *name)
{
    AUTO(base_free_text) char *intake = topology_endpoint(conf, name, TOPOLOGY_INTAKE);
    AUTO(base_free_text) char *streams = topology_endpoint(conf, name, TOPOLOGY_STREAMS);
    AUTO(base_free_text) char *wake = topology_endpoint(conf, "notify", TOPOLOGY_WAKE);
    int high_water = (int)conf_number(conf, "bus/high_water");
    struct bus_options pull = {
        .type = ZMQ_PULL, .endpoint = intake, .bind = true, .high_water = high_water};
    struct bus_options router = {
        .type = ZMQ_ROUTER, .endpoint = streams, .bind = true, .high_water = high_water};
    struct bus_options push = {.type = ZMQ_PUSH, .endpoint = wake, .high_water = WAKE_HIGH_WATER};
    int rc = open_one(&self->intake, &pull);

    if (rc == 0)
        rc = open_one(&self->streams, &router);
    return rc < 0 ? rc : open_one(&self->wake, &push);
}

void sockets_close(struct sockets *self)
{
    zsock_destroy(&self->wake);
    zsock_destroy(&self->streams);
    zsock_destroy(&self->intake);
}

int sockets_send_stream(void *arg, const struct bus_peer *peer, const struct buf *frame)
{
    struct sockets *self = arg;

    return bus_send_to(self->streams, peer, frame);
}

int sockets_send_wake(void *arg, const struct buf *frame)
{
    struct sockets *self = arg;

    return bus_send(self->wake, frame);
}
