/* Decodes a frame by its type, encodes it, and does so again: both encodings must be the same
 * bytes. */
#include "tests/lib/wire_check.h"

#include <stdlib.h>
#include <string.h>

/* Steps through a list to its end: its items must add up to it. */
static void step(struct wire_list list)
{
    size_t left = list.len;
    struct wire_bytes item;

    while (wire_list_next(&list, &item)) {
        if (item.len + 4 > left)
            abort();
        left -= item.len + 4;
    }
    if (left != 0)
        abort();
}

#define STEP_u8(field)
#define STEP_u16(field)
#define STEP_u32(field)
#define STEP_u64(field)
#define STEP_id(field)
#define STEP_bytes(field)
#define STEP_list(field) step(field);
#define STEP(kind, field) STEP_##kind(message.field)

#define CHECK_CASE(name, NAME, number)                         \
    case number: {                                             \
        struct wire_##name message;                            \
        if (wire_##name##_decode(body, &message) < 0)          \
            return 0;                                          \
        WIRE_##NAME(STEP) wire_##name##_encode(out, &message); \
        return 1;                                              \
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

#define RECORD_CHECK(name, NAME, ...)                                        \
    static int check_##name(struct wire_bytes in)                            \
    {                                                                        \
        AUTO(buf_done) struct buf once;                                      \
        AUTO(buf_done) struct buf twice;                                     \
        struct wire_##name record;                                           \
                                                                             \
        buf_init(&once, WIRE_FRAME_MAX);                                     \
        buf_init(&twice, WIRE_FRAME_MAX);                                    \
        if (wire_##name##_decode(in, &record) < 0)                           \
            return 0;                                                        \
        wire_##name##_encode(&once, &record);                                \
        if (wire_##name##_decode(wire_buf(&once), &record) < 0)              \
            return -1;                                                       \
        wire_##name##_encode(&twice, &record);                               \
        return wire_bytes_equal(wire_buf(&once), wire_buf(&twice)) ? 1 : -1; \
    }
WIRE_RECORDS(RECORD_CHECK)

int wire_check_records(struct wire_bytes in)
{
    int worst = 1;

#define RECORD_RUN(name, NAME, ...) \
    if (check_##name(in) < 0)       \
        worst = -1;
    WIRE_RECORDS(RECORD_RUN)
    return worst;
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
