/* Most text is ASCII: eight bytes at a time until one is not. */
#include "edge/transport/utf8.h"

#include <string.h>

#define HIGH_BITS 0x8080808080808080ULL

static size_t skip_ascii(const uint8_t *at, size_t len)
{
    size_t i = 0;

    for (uint64_t eight; i + sizeof(eight) <= len; i += sizeof(eight)) {
        memcpy(&eight, at + i, sizeof(eight));
        if (eight & HIGH_BITS)
            break;
    }
    while (i < len && at[i] < 0x80)
        i++;
    return i;
}

/* Bytes of the character that begins there, 0 when it is none. The second byte's range depends on
 * the first. */
static size_t character(const uint8_t *at, size_t len)
{
    uint8_t low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    size_t size = at[0] < 0xc2 || at[0] > 0xf4 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    if (size == 0 || size > len || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

bool utf8_is_valid(const void *data, size_t len)
{
    const uint8_t *at = data;
    const uint8_t *end = at + len;

    for (;;) {
        size_t size;

        at += skip_ascii(at, (size_t)(end - at));
        if (at == end)
            return true;
        size = character(at, (size_t)(end - at));
        if (size == 0)
            return false;
        at += size;
    }
}
