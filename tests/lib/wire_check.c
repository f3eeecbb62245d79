/* Decodes a frame by its type, encodes it, and does so again: both encodings must be the same
 * bytes. */
#include "tests/lib/wire_check.h"

#include <string.h>

#define CHECK_CASE(name, NAME, number)                \
    case number: {                                    \
        struct wire_##name message;                   \
        if (wire_##name##_decode(body, &message) < 0) \
            return 0;                                 \
        wire_##name##_encode(out, &message);          \
        return 1;                                     \
    }

static int decode_encode(struct wire_bytes frame, struct buf *out)
{
    struct wire_head head;
    struct wire_bytes body;

    if (wire_head_decode(frame, &head, &body) < 0)
        return 0;
    wire_head_encode(out, &head);
    switch (head.type) {
        WIRE_MESSAGES(CHECK_CASE)
    default:
        return 0;
    }
}

int wire_check_frame(struct wire_bytes frame)
{
    AUTO(buf_done) struct buf once;
    AUTO(buf_done) struct buf twice;

    buf_init(&once, WIRE_FRAME_MAX);
    buf_init(&twice, WIRE_FRAME_MAX);
    if (decode_encode(frame, &once) == 0)
        return 0;
    if (decode_encode(wire_buf(&once), &twice) != 1)
        return -1;
    return wire_bytes_equal(wire_buf(&once), wire_buf(&twice)) ? 1 : -1;
}
