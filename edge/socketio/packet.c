/* Socket.IO packets: <type>[<attachments>-][<namespace>,][<ack id>][<json>]. */
#include "edge/socketio/packet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct cursor {
    const char *at, *end;
};

static bool is_digit(const struct cursor *in)
{
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

/* The number that begins there, up to max. */
static int take_number(struct cursor *in, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (!is_digit(in))
        return -EPROTO;
    while (is_digit(in)) {
        value = value * 10 + (uint64_t)(*in->at++ - '0');
        if (value > max)
            return -EPROTO;
    }
    *ret = value;
    return 0;
}

static bool is_binary(enum packet_type type)
{
    return type == PACKET_BINARY_EVENT || type == PACKET_BINARY_ACK;
}

static int take_attachments(struct cursor *in, struct packet *packet)
{
    uint64_t count;

    if (!is_binary(packet->type))
        return 0;
    if (take_number(in, PACKET_ATTACHMENTS, &count) < 0 || count == 0)
        return -EPROTO;
    if (in->at == in->end || *in->at++ != '-')
        return -EPROTO;
    packet->attachments = (unsigned)count;
    return 0;
}

/* Ends at a comma, or with the packet. */
static int take_namespace(struct cursor *in, struct packet *packet)
{
    const char *comma;
    size_t len;

    packet->namespace = (struct packet_view){"/", 1};
    if (in->at == in->end || *in->at != '/')
        return 0;
    comma = memchr(in->at, ',', (size_t)(in->end - in->at));
    len = (size_t)((comma ? comma : in->end) - in->at);
    if (len > PACKET_NAMESPACE)
        return -EPROTO;
    packet->namespace = (struct packet_view){in->at, len};
    in->at += len + (comma ? 1 : 0);
    return 0;
}

int packet_decode(struct packet *ret, const char *text, size_t len)
{
    struct cursor in = {.at = text, .end = text + len};
    struct packet packet = {0};

    if (len == 0 || *in.at < '0' || *in.at > '6')
        return -EPROTO;
    if (memchr(text, '\0', len)) /* the JSON parser would take it for the end */
        return -EPROTO;
    packet.type = (enum packet_type)(*in.at++ - '0');
    if (take_attachments(&in, &packet) < 0 || take_namespace(&in, &packet) < 0)
        return -EPROTO;
    if (is_digit(&in)) {
        packet.has_id = true;
        if (take_number(&in, PACKET_ID_MAX, &packet.id) < 0)
            return -EPROTO;
    }
    packet.json = (struct packet_view){in.at, (size_t)(in.end - in.at)};
    *ret = packet;
    return 0;
}

void packet_encode(struct buf *out, const struct packet *packet)
{
    char number[32];
    bool is_root = packet->namespace.len == 1 && packet->namespace.data[0] == '/';
    bool may_omit = packet->has_id || packet->json.len == 0 || packet->json.data[0] != '/';

    buf_put(out, &(char){(char)('0' + packet->type)}, 1);
    if (is_binary(packet->type)) {
        snprintf(number, sizeof(number), "%u-", packet->attachments);
        buf_put_text(out, number);
    }
    if (!is_root || !may_omit) {
        buf_put(out, packet->namespace.data, packet->namespace.len);
        buf_put(out, ",", 1);
    }
    if (packet->has_id) {
        snprintf(number, sizeof(number), "%llu", (unsigned long long)packet->id);
        buf_put_text(out, number);
    }
    buf_put(out, packet->json.data, packet->json.len);
}
