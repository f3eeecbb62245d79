/* Payloads of long-polling. Text packets are passed on as views; only binary ones are copied. */
#include "edge/socketio/polling.h"

#include <errno.h>
#include <string.h>

#define SEPARATOR 0x1e

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `padding` are "=". Bits that the padding cuts off must be 0:
 * there is one way to write something. */
static int decode_group(struct buf *out, const char *in, size_t padding)
{
    uint8_t bytes[3];
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? value_of(in[i]) : 0;

        if (value < 0)
            return -EPROTO;
        bits = bits << 6 | (uint32_t)value;
    }
    if (bits & ((1u << (8 * padding)) - 1))
        return -EPROTO;
    bytes[0] = (uint8_t)(bits >> 16);
    bytes[1] = (uint8_t)(bits >> 8);
    bytes[2] = (uint8_t)bits;
    return buf_put(out, bytes, 3 - padding);
}

static int decode(struct buf *out, const char *in, size_t len)
{
    size_t padding = 0;

    buf_clear(out);
    if (len % 4)
        return -EPROTO;
    while (padding < 2 && padding < len && in[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len; i += 4) {
        if (decode_group(out, in + i, i + 4 == len ? padding : 0) < 0)
            return -EPROTO;
    }
    return 0;
}

static void encode(struct buf *out, const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)in[i] << 16;
        char text[4];

        bits |= have > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= have > 2 ? in[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            text[k] = k <= have ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
        buf_put(out, text, sizeof(text));
    }
}

void polling_init(struct polling_reader *self, const void *payload, size_t len)
{
    *self = (struct polling_reader){.at = payload, .left = len, .more = true};
    buf_init(&self->decoded, len);
}

void polling_done(struct polling_reader *self)
{
    buf_done(&self->decoded);
}

int polling_next(struct polling_reader *self, struct polling_packet *ret)
{
    const char *end, *packet = self->at;
    size_t len;

    if (!self->more)
        return 0;
    end = self->left ? memchr(packet, SEPARATOR, self->left) : NULL;
    len = end ? (size_t)(end - packet) : self->left;
    self->more = end;
    self->at += len + (end ? 1 : 0);
    self->left -= len + (end ? 1 : 0);
    if (len == 0)
        return -EPROTO;
    if (packet[0] == 'b') {
        if (decode(&self->decoded, packet + 1, len - 1) < 0)
            return -EPROTO;
        *ret = (struct polling_packet){'4', true, self->decoded.data, self->decoded.len};
        return 1;
    }
    if (packet[0] < '0' || packet[0] > '6')
        return -EPROTO;
    *ret = (struct polling_packet){packet[0], false, packet + 1, len - 1};
    return 1;
}

void polling_put(struct buf *out, bool binary, const void *content, size_t len)
{
    if (out->len)
        buf_put(out, &(char){SEPARATOR}, 1);
    if (binary) {
        buf_put(out, "b", 1);
        encode(out, content, len);
    } else {
        buf_put(out, content, len);
    }
}
