/* How the command asks a daemon: one frame there, one back, tied by the trace id. */
#include "admin/control.h"

#include <stdio.h>
#include <string.h>

#include "base/curve.h"

#define HIGH_WATER 1000
#define FRAME_MAX (256u << 10)

/* Daemons on other hosts answer only whom they know. */
static int show_key(struct place *place)
{
    AUTO(base_free_text) char *why = NULL;
    int rc = 0;

    if (conf_text(place->conf, "bus/hosts")[0] != '\0')
        rc = curve_start(conf_path(place->conf, "bus/keys"), "admin", &why);
    if (rc < 0)
        fprintf(stderr, "parley: %s\n", why ? why : strerror(-rc));
    return rc;
}

int control_reach(zsock_t **ret, struct place *place, const char *daemon,
                  enum topology_channel channel, const char *identity)
{
    AUTO(base_free_text) char *endpoint = topology_endpoint(place->conf, daemon, channel);
    struct bus_options options = {.type = channel == TOPOLOGY_INTAKE ? ZMQ_PUSH : ZMQ_DEALER,
                                  .endpoint = endpoint,
                                  .high_water = HIGH_WATER,
                                  .identity = identity};
    int rc = show_key(place);

    return rc < 0 ? rc : bus_open(ret, &options);
}

int control_open(zsock_t **ret, struct place *place, const char *daemon)
{
    return control_reach(ret, place, daemon, TOPOLOGY_CONTROL, NULL);
}

void control_begin(struct buf *frame, enum wire_type type, uint64_t trace)
{
    struct wire_head head = {.type = (uint8_t)type, .trace = trace};

    head.sender = id_fingerprint(0, "admin", strlen("admin"));
    buf_clear(frame);
    wire_head_encode(frame, &head);
}

int control_ask_status(zsock_t *sock, uint64_t trace)
{
    AUTO(buf_done) struct buf frame;
    struct wire_status status = {.detail = 1};

    buf_init(&frame, FRAME_MAX);
    control_begin(&frame, WIRE_TYPE_STATUS, trace);
    wire_status_encode(&frame, &status);
    return bus_send(sock, &frame);
}

int control_read_status(zsock_t *sock, struct bus_frame *frame, struct wire_status_is *ret)
{
    if (bus_recv(sock, frame) != 1)
        return 0;
    if (frame->head.type == WIRE_TYPE_STATUS_IS && wire_status_is_decode(frame->body, ret) == 0)
        return 1;
    bus_frame_done(frame);
    return 0;
}

void control_wait(zsock_t *const *socks, size_t count, int timeout_ms)
{
    zmq_pollitem_t items[PLACE_DAEMONS_MAX];

    for (size_t i = 0; i < count && i < COUNT_OF(items); i++)
        items[i] = (zmq_pollitem_t){.socket = zsock_resolve(socks[i]), .events = ZMQ_POLLIN};
    zmq_poll(items, (int)(count < COUNT_OF(items) ? count : COUNT_OF(items)), timeout_ms);
}
