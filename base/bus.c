/* Every ZeroMQ socket of the program: limits set before it is bound or connected, one frame per
 * message. */
#include "base/bus.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/curve.h"
#include "base/permit.h"

#define HEARTBEAT_MS 1000
#define HEARTBEAT_TIMEOUT_MS 5000
#define RECONNECT_MS 20
#define RECONNECT_MAX_MS 500
#define IPC_PATH_MAX 107

static void set_limits(zsock_t *sock, const struct bus_options *options)
{
    zsock_set_sndhwm(sock, options->high_water);
    zsock_set_rcvhwm(sock, options->high_water);
    zsock_set_sndtimeo(sock, 0);
    zsock_set_linger(sock, 0);
    zsock_set_maxmsgsize(sock, WIRE_FRAME_MAX);
    zsock_set_reconnect_ivl(sock, RECONNECT_MS);
    zsock_set_reconnect_ivl_max(sock, RECONNECT_MAX_MS);
    zsock_set_heartbeat_ivl(sock, HEARTBEAT_MS);
    zsock_set_heartbeat_timeout(sock, HEARTBEAT_TIMEOUT_MS);
    if (options->type == ZMQ_ROUTER) {
        zsock_set_router_mandatory(sock, 1);
        zsock_set_router_handover(sock, 1);
    }
    if (options->identity)
        zsock_set_identity(sock, options->identity);
}

/* tcp endpoints end with "#NAME": whose they are. */
static int secure(zsock_t *sock, const struct bus_options *options)
{
    const char *name = strchr(options->endpoint, '#');

    if (strncmp(options->endpoint, "tcp://", 6) != 0)
        return 0;
    if (options->bind)
        return curve_serve(sock);
    return name ? curve_reach(sock, name + 1) : -ENOKEY;
}

static int attach(zsock_t *sock, const struct bus_options *options)
{
    char endpoint[256];
    mode_t mask = umask(0077);
    int rc;

    snprintf(endpoint, sizeof endpoint, "%.*s", (int)strcspn(options->endpoint, "#"),
             options->endpoint);
    rc = options->bind ? zmq_bind(zsock_resolve(sock), endpoint)
                       : zmq_connect(zsock_resolve(sock), endpoint);
    umask(mask);
    return rc < 0 ? -errno : 0;
}

static const char *ipc_path(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

int bus_open(zsock_t **ret, const struct bus_options *options)
{
    AUTO(zsock_destroy) zsock_t *sock = zsock_new(options->type);
    const char *path = ipc_path(options->endpoint);
    int rc;

    if (options->high_water <= 0)
        return -EINVAL;
    if (path && strlen(path) > IPC_PATH_MAX)
        return -ENAMETOOLONG;
    if (!sock)
        return -errno;
    set_limits(sock, options);
    rc = secure(sock, options);
    if (rc == 0)
        rc = attach(sock, options);
    if (rc < 0)
        return rc;
    *ret = TAKE(sock);
    return 0;
}

/* Reads what is left of a message that has more parts than we know. */
static void skip_rest(void *handle, zmq_msg_t *msg)
{
    while (zmq_msg_more(msg))
        if (zmq_msg_recv(msg, handle, ZMQ_DONTWAIT) < 0)
            return;
}

static int recv_peer(void *handle, zmq_msg_t *msg, struct bus_peer *ret)
{
    if (zmq_msg_recv(msg, handle, ZMQ_DONTWAIT) < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (zmq_msg_size(msg) > BUS_PEER_MAX || !zmq_msg_more(msg)) {
        skip_rest(handle, msg);
        return -EPROTO;
    }
    ret->len = (uint8_t)zmq_msg_size(msg);
    memcpy(ret->bytes, zmq_msg_data(msg), ret->len);
    return 1;
}

/* Our authenticator gives the owner's name to a connection that has proved a key. */
static bool is_permitted(struct bus_frame *frame)
{
    const char *name;

    if (!zmq_msg_gets(&frame->msg, "User-Id"))
        return true;
    name = zmq_msg_gets(&frame->msg, "name");
    return name && permit_allows(name, &frame->head);
}

static int recv_parts(void *handle, struct bus_frame *frame, bool has_peer)
{
    struct wire_bytes bytes;
    int rc;

    if (has_peer) {
        rc = recv_peer(handle, &frame->msg, &frame->peer);
        if (rc <= 0)
            return rc;
    }
    if (zmq_msg_recv(&frame->msg, handle, ZMQ_DONTWAIT) < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (zmq_msg_more(&frame->msg)) {
        skip_rest(handle, &frame->msg);
        return -EPROTO;
    }
    bytes = wire_bytes_of(zmq_msg_data(&frame->msg), zmq_msg_size(&frame->msg));
    if (wire_head_decode(bytes, &frame->head, &frame->body) < 0)
        return -EPROTO;
    return is_permitted(frame) ? 1 : -EPERM;
}

int bus_recv(zsock_t *sock, struct bus_frame *ret)
{
    int rc;

    memset(&ret->peer, 0, sizeof ret->peer);
    zmq_msg_init(&ret->msg);
    rc = recv_parts(zsock_resolve(sock), ret, zsock_type(sock) == ZMQ_ROUTER);
    if (rc <= 0)
        zmq_msg_close(&ret->msg);
    return rc;
}

void bus_frame_done(struct bus_frame *frame)
{
    zmq_msg_close(&frame->msg);
}

unsigned bus_drain(zsock_t *sock, unsigned most, bus_frame_fn *fn, void *arg)
{
    unsigned dropped = 0;

    for (; most > 0; most--) {
        struct bus_frame frame;
        int rc = bus_recv(sock, &frame);

        if (rc == 0)
            break;
        if (rc < 0) {
            dropped++;
            continue;
        }
        fn(arg, &frame);
        bus_frame_done(&frame);
    }
    return dropped;
}

int bus_send(zsock_t *sock, const struct buf *frame)
{
    if (frame->over)
        return -EMSGSIZE;
    return zmq_send(zsock_resolve(sock), frame->data, frame->len, ZMQ_DONTWAIT) < 0 ? -errno : 0;
}

int bus_send_to(zsock_t *sock, const struct bus_peer *peer, const struct buf *frame)
{
    void *handle = zsock_resolve(sock);

    if (frame->over)
        return -EMSGSIZE;
    if (zmq_send(handle, peer->bytes, peer->len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return -errno;
    return zmq_send(handle, frame->data, frame->len, ZMQ_DONTWAIT) < 0 ? -errno : 0;
}
