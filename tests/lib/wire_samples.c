/* Every field of every message gets a value of its own: by kind, from a running number. */
#include "tests/lib/wire_samples.h"

#include <string.h>

static uint64_t running;
static uint8_t text[64];
static struct buf items;

static wire_u8 sample_u8(void)
{
    return (wire_u8)(running++ * 7 + 1);
}
static wire_u32 sample_u32(void)
{
    return (wire_u32)(running++ * 65537 + 1);
}
static wire_u64 sample_u64(void)
{
    return running++ * 0x0101010101010101u + 1;
}
static wire_id sample_id(void)
{
    wire_id id;

    memset(&id, (int)(running++ & 0xff), sizeof id);
    return id;
}
static wire_bytes sample_bytes(void)
{
    memset(text, 'a' + (int)(running % 26), sizeof text);
    return (wire_bytes){text, 1 + running++ % sizeof text};
}
static wire_list sample_list(void)
{
    static uint32_t count;
    struct wire_position position = {.seq = running};

    if (!items.max) {
        buf_init(&items, 4096);
        for (int i = 0; i < 3; i++) {
            position.conversation = sample_id();
            wire_position_add(&items, &count, &position);
        }
    }
    return wire_list_of(&items, count);
}

#define SAMPLE_FIELD(kind, name) message.name = sample_##kind();
#define SAMPLE_CASE(name, NAME, number)                                \
    case number: {                                                     \
        struct wire_##name message = {0};                              \
        WIRE_##NAME(SAMPLE_FIELD) wire_##name##_encode(out, &message); \
        break;                                                         \
    }

#define NUMBER_OF(name, NAME, number) number,
static const uint8_t numbers[] = {WIRE_MESSAGES(NUMBER_OF)};

size_t wire_samples_count(void)
{
    return COUNT_OF(numbers);
}

const char *wire_samples_frame(size_t which, struct buf *out)
{
    struct wire_head head = {.type = numbers[which],
                             .partition = 5,
                             .epoch = 6,
                             .sender = 7,
                             .boot = 8,
                             .number = 9,
                             .trace = 10,
                             .deadline_ms = 11,
                             .at_ms = 12};

    wire_head_encode(out, &head);
    switch (numbers[which]) {
        WIRE_MESSAGES(SAMPLE_CASE)
    default:
        break;
    }
    return wire_type_name(numbers[which]);
}
