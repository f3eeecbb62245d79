/* Shared bytes: a WebSocket frame header, then the content, in one allocation. Servers do not mask,
 * so one frame serves every client. */
#include "edge/transport/payload.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_TEXT 0x81 /* final, text */
#define FRAME_BINARY 0x82
#define FRAME_HEADER_MAX 10
#define PLACE 32 /* bytes of a reference in a queue, about */

struct payload {
    uint32_t refs;
    uint8_t header; /* bytes of it, at the end of the space for it */
    bool binary, droppable;
    size_t len;
    uint8_t bytes[]; /* FRAME_HEADER_MAX, then len */
};

static size_t memory, most_memory = SIZE_MAX; /* of all payloads; the edge has one loop */

static size_t size_of(const struct payload *self)
{
    return sizeof *self + FRAME_HEADER_MAX + self->len;
}

size_t payload_memory(void)
{
    return memory;
}

void payload_limit_memory(size_t most)
{
    most_memory = most;
}

bool payload_is_scarce(void)
{
    return memory > most_memory;
}

static uint8_t put_length(uint8_t *end, size_t len, uint8_t first)
{
    uint8_t wide = len < 126 ? 0 : len < 65536 ? 2 : 8;
    uint8_t *at = end - 2 - wide;

    at[0] = first;
    at[1] = wide == 0 ? (uint8_t)len : wide == 2 ? 126 : 127;
    for (uint8_t i = 0; i < wide; i++)
        at[2 + i] = (uint8_t)(len >> (8 * (wide - 1 - i)));
    return (uint8_t)(2 + wide);
}

struct payload *payload_new(bool binary, const struct payload_piece *pieces, size_t count)
{
    struct payload *self;
    size_t len = 0;
    uint8_t *at;

    for (size_t i = 0; i < count; i++)
        len += pieces[i].len;
    self = base_alloc(1, sizeof(*self) + FRAME_HEADER_MAX + len);
    self->refs = 1;
    self->binary = binary;
    self->len = len;
    memory += size_of(self);
    at = self->bytes + FRAME_HEADER_MAX;
    self->header = put_length(at, len, binary ? FRAME_BINARY : FRAME_TEXT);
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len)
            memcpy(at, pieces[i].data, pieces[i].len);
        at += pieces[i].len;
    }
    return self;
}

struct payload *payload_text(const char *text)
{
    struct payload_piece piece = {text, strlen(text)};

    return payload_new(false, &piece, 1);
}

struct payload *payload_ref(struct payload *self)
{
    self->refs++;
    memory += PLACE;
    return self;
}

void payload_unref(struct payload **self)
{
    struct payload *payload = *self;

    *self = NULL;
    if (!payload)
        return;
    memory -= payload->refs > 1 ? PLACE : size_of(payload);
    if (--payload->refs == 0)
        free(payload);
}

bool payload_is_binary(const struct payload *self)
{
    return self->binary;
}

void payload_set_droppable(struct payload *self)
{
    self->droppable = true;
}

bool payload_is_droppable(const struct payload *self)
{
    return self->droppable;
}

const uint8_t *payload_content(const struct payload *self, size_t *ret_len)
{
    *ret_len = self->len;
    return self->bytes + FRAME_HEADER_MAX;
}

const uint8_t *payload_frame(const struct payload *self, size_t *ret_len)
{
    *ret_len = self->header + self->len;
    return self->bytes + FRAME_HEADER_MAX - self->header;
}
