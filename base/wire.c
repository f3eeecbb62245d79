/* Encoders and decoders of base/wire_schema.h, all made from its lines by macro: one function per
 * kind of field. */
#include "base/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
    const uint8_t *at;
    size_t left;
};

static const uint8_t *take(struct cursor *in, size_t len)
{
    const uint8_t *at = in->at;

    if (len > in->left)
        return NULL;
    in->at += len;
    in->left -= len;
    return at;
}

static uint64_t load(const uint8_t *at, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void put(struct buf *out, uint64_t value, size_t len)
{
    uint8_t *to = buf_reserve(out, len);

    if (!to)
        return; /* out->over says so */
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(value >> (8 * i));
    out->len += len;
}

/* Every get_KIND: nothing left is the default, part of a field is -EPROTO. */
#define GET_INTEGER(kind, size)                                       \
    static int get_##kind(struct cursor *in, wire_##kind *ret)        \
    {                                                                 \
        const uint8_t *at;                                            \
                                                                      \
        if (in->left == 0)                                            \
            return 0;                                                 \
        at = take(in, size);                                          \
        if (!at)                                                      \
            return -EPROTO;                                           \
        *ret = (wire_##kind)load(at, size);                           \
        return 0;                                                     \
    }                                                                 \
    static void put_##kind(struct buf *out, const wire_##kind *value) \
    {                                                                 \
        put(out, *value, size);                                       \
    }
GET_INTEGER(u8, 1)
GET_INTEGER(u16, 2)
GET_INTEGER(u32, 4)
GET_INTEGER(u64, 8)

static int get_id(struct cursor *in, wire_id *ret)
{
    const uint8_t *at;

    if (in->left == 0)
        return 0;
    at = take(in, sizeof *ret);
    if (!at)
        return -EPROTO;
    memcpy(ret, at, sizeof *ret);
    return 0;
}

static void put_id(struct buf *out, const wire_id *value)
{
    buf_put(out, value, sizeof *value);
}

static int get_bytes(struct cursor *in, wire_bytes *ret)
{
    uint32_t len = 0;
    const uint8_t *at;

    if (in->left == 0)
        return 0;
    if (get_u32(in, &len) < 0)
        return -EPROTO;
    at = take(in, len);
    if (!at)
        return -EPROTO;
    *ret = (wire_bytes){at, len};
    return 0;
}

static void put_bytes(struct buf *out, const wire_bytes *value)
{
    put(out, value->len, 4);
    buf_put(out, value->data, value->len);
}

/* Walks the items once, so that stepping through them later cannot fail. */
static int get_list(struct cursor *in, wire_list *ret)
{
    uint32_t count = 0;
    wire_bytes items = {0};
    struct cursor walk;

    if (in->left == 0)
        return 0;
    if (get_u32(in, &count) < 0 || in->left == 0 || get_bytes(in, &items) < 0)
        return -EPROTO;
    walk = (struct cursor){items.data, items.len};
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = take(&walk, 4);

        if (!at || !take(&walk, load(at, 4)))
            return -EPROTO;
    }
    if (walk.left)
        return -EPROTO;
    *ret = (wire_list){items.data, items.len, count};
    return 0;
}

static void put_list(struct buf *out, const wire_list *value)
{
    wire_bytes items = {value->data, value->len};

    put(out, value->count, 4);
    put_bytes(out, &items);
}

#define DECODE_FIELD(kind, name) rc = rc ? rc : get_##kind(&in, &out.name);
#define ENCODE_FIELD(kind, name) put_##kind(out, &in->name);

#define CODEC(name, NAME, ...)                                                              \
    int wire_##name##_decode(struct wire_bytes bytes, struct wire_##name *ret)              \
    {                                                                                       \
        struct cursor in = {bytes.data, bytes.len};                                         \
        struct wire_##name out = {0};                                                       \
        int rc = 0;                                                                         \
                                                                                            \
        WIRE_##NAME(DECODE_FIELD) if (rc < 0) return rc;                                    \
        *ret = out;                                                                         \
        return 0;                                                                           \
    }                                                                                       \
    void wire_##name##_encode(struct buf *out, const struct wire_##name *in)                \
    {                                                                                       \
        WIRE_##NAME(ENCODE_FIELD)                                                           \
    }                                                                                       \
    void wire_##name##_add(struct buf *list, uint32_t *count, const struct wire_##name *in) \
    {                                                                                       \
        size_t start = list->len;                                                           \
                                                                                            \
        put(list, 0, 4);                                                                    \
        wire_##name##_encode(list, in);                                                     \
        end_item(list, start, count);                                                       \
    }

/* Writes the item's length in front of it; one that did not fit leaves nothing behind. */
static void end_item(struct buf *list, size_t start, uint32_t *count)
{
    size_t len = list->len - start - 4;

    if (list->over) {
        list->len = start;
        return;
    }
    for (size_t i = 0; i < 4; i++)
        list->data[start + i] = (uint8_t)(len >> (8 * i));
    (*count)++;
}

WIRE_RECORDS(CODEC)
WIRE_MESSAGES(CODEC)

int wire_head_decode(struct wire_bytes frame, struct wire_head *ret, struct wire_bytes *ret_body)
{
    struct cursor in = {frame.data, frame.len};
    struct wire_head out = {0};
    int rc = frame.len < WIRE_HEAD_BYTES ? -EPROTO : 0;

    WIRE_HEAD(DECODE_FIELD)
    if (rc < 0 || out.version != WIRE_VERSION)
        return -EPROTO;
    *ret = out;
    *ret_body = (struct wire_bytes){in.at, in.left};
    return 0;
}

void wire_head_encode(struct buf *out, const struct wire_head *head)
{
    struct wire_head copy = *head;
    const struct wire_head *in = &copy;

    copy.version = WIRE_VERSION;
    WIRE_HEAD(ENCODE_FIELD)
}

bool wire_list_next(struct wire_list *list, struct wire_bytes *ret_item)
{
    size_t len;

    if (list->count == 0)
        return false;
    len = load(list->data, 4);
    *ret_item = (struct wire_bytes){list->data + 4, len};
    list->data += 4 + len;
    list->len -= 4 + len;
    list->count--;
    return true;
}

struct wire_list wire_list_of(const struct buf *buf, uint32_t count)
{
    return (struct wire_list){buf->data, buf->len, count};
}

struct wire_bytes wire_bytes_of(const void *data, size_t len)
{
    return (struct wire_bytes){data, len};
}

struct wire_bytes wire_text(const char *text)
{
    return (struct wire_bytes){(const uint8_t *)text, strlen(text)};
}

struct wire_bytes wire_buf(const struct buf *buf)
{
    return (struct wire_bytes){buf->data, buf->len};
}

bool wire_bytes_equal(struct wire_bytes a, struct wire_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

char *wire_bytes_dup(struct wire_bytes bytes)
{
    char *text = NEW_ARRAY(bytes.len + 1, char);

    if (bytes.len)
        memcpy(text, bytes.data, bytes.len);
    return text;
}

const char *wire_type_name(uint8_t type)
{
    switch (type) {
#define NAME_CASE(name, NAME, number) \
    case number:                      \
        return #name;
        WIRE_MESSAGES(NAME_CASE)
    default:
        return "?";
    }
}
