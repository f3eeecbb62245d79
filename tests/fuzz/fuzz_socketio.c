/* libFuzzer: any bytes as a Socket.IO packet; what decodes encodes to what decodes to the same. And
 * whatever the JSON parser accepts, our own check accepts too. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "edge/socketio/packet.h"

#define DEEPEST 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same_text(struct packet_view a, struct packet_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool is_same(const struct packet *a, const struct packet *b)
{
    return a->type == b->type && a->attachments == b->attachments && a->has_id == b->has_id &&
           a->id == b->id && is_same_text(a->namespace, b->namespace) &&
           is_same_text(a->json, b->json);
}

static void check_packet(const char *text, size_t size)
{
    AUTO(buf_done) struct buf encoded;
    struct packet packet, again;

    buf_init(&encoded, size + 64);
    if (packet_decode(&packet, text, size) < 0)
        return;
    packet_encode(&encoded, &packet);
    if (encoded.over || packet_decode(&again, (const char *)encoded.data, encoded.len) < 0 ||
        !is_same(&packet, &again))
        abort();
}

static void check_json(const char *text, size_t size)
{
    bool ours = packet_json_is_valid(text, size);
    json_t *theirs = json_loadb(text, size, JSON_DECODE_ANY, NULL);

    /* a NUL byte is the end to it; packets with one are refused */
    if (theirs && !ours && size < DEEPEST && !memchr(text, '\0', size))
        abort();
    json_decref(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet packet;

    check_packet((const char *)data, size);
    check_json((const char *)data, size);
    if (packet_decode(&packet, (const char *)data, size) == 0)
        check_json(packet.json.data, packet.json.len);
    return 0;
}
