/* Most text needs no escape: runs are found eight bytes at a time and copied whole. */
#include "edge/socketio/writer.h"

#include <string.h>

#include "edge/transport/utf8.h"

#define ONES 0x0101010101010101ULL
#define HIGH_BITS (0x80 * ONES)
#define NUMBER_MAX 20 /* digits of a 64-bit number */

struct writer writer_of(struct buf *out)
{
    return (struct writer){.out = out};
}

/* Before a value or a name: room for it, and the comma. */
static uint8_t *begin(struct writer *self, size_t len)
{
    uint8_t *to = buf_reserve(self->out, len + 1);

    if (!to)
        return NULL;
    if (self->comma) {
        *to++ = ',';
        self->out->len++;
    }
    self->comma = true;
    return to;
}

static void put(struct writer *self, const void *data, size_t len)
{
    uint8_t *to = begin(self, len);

    if (!to)
        return;
    memcpy(to, data, len);
    self->out->len += len;
}

static void open(struct writer *self, const char *bracket)
{
    put(self, bracket, 1);
    self->comma = false;
}

static void close(struct writer *self, const char *bracket)
{
    buf_put(self->out, bracket, 1);
    self->comma = true;
}

void writer_open_object(struct writer *self)
{
    open(self, "{");
}

void writer_close_object(struct writer *self)
{
    close(self, "}");
}

void writer_open_array(struct writer *self)
{
    open(self, "[");
}

void writer_close_array(struct writer *self)
{
    close(self, "]");
}

static uint8_t *put_quoted(uint8_t *to, const char *text, size_t len)
{
    *to++ = '"';
    memcpy(to, text, len);
    to += len;
    *to++ = '"';
    return to;
}

void writer_name(struct writer *self, const char *name)
{
    size_t len = strlen(name);
    uint8_t *to = begin(self, len + 3);

    if (!to)
        return;
    *put_quoted(to, name, len) = ':';
    self->out->len += len + 3;
    self->comma = false;
}

void writer_plain(struct writer *self, const char *text)
{
    size_t len = strlen(text);
    uint8_t *to = begin(self, len + 2);

    if (!to)
        return;
    put_quoted(to, text, len);
    self->out->len += len + 2;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* High bits of the bytes that are zero; a byte above such a one may be named too. */
static uint64_t zeros(uint64_t eight)
{
    return (eight - ONES) & ~eight & HIGH_BITS;
}

static size_t plain_run(const uint8_t *at, size_t len)
{
    size_t i = 0;

    for (uint64_t eight; i + sizeof eight <= len; i += sizeof eight) {
        memcpy(&eight, at + i, sizeof eight);
        if (((eight - 0x20 * ONES) & ~eight & HIGH_BITS) | zeros(eight ^ ('"' * ONES)) |
            zeros(eight ^ ('\\' * ONES)))
            break;
    }
    while (i < len && is_plain(at[i]))
        i++;
    return i;
}

static void put_escape(struct buf *out, uint8_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char shorts[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                  ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

    if (shorts[c])
        escape[1] = shorts[c];
    buf_put(out, escape, shorts[c] ? 2 : sizeof escape);
}

static void put_text(struct writer *self, const uint8_t *at, size_t len)
{
    put(self, "\"", 1);
    for (;;) {
        size_t run = plain_run(at, len);

        buf_put(self->out, at, run);
        if (run == len)
            break;
        put_escape(self->out, at[run]);
        at += run + 1;
        len -= run + 1;
    }
    buf_put(self->out, "\"", 1);
}

void writer_text(struct writer *self, const char *text, size_t len)
{
    if (!text)
        writer_null(self);
    else
        put_text(self, (const uint8_t *)text, utf8_is_valid(text, len) ? len : 0);
}

void writer_cstring(struct writer *self, const char *text)
{
    writer_text(self, text, text ? strlen(text) : 0);
}

void writer_number(struct writer *self, uint64_t value)
{
    char digits[NUMBER_MAX];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    put(self, digits + at, sizeof digits - at);
}

void writer_bool(struct writer *self, bool value)
{
    put(self, value ? "true" : "false", value ? 4 : 5);
}

void writer_null(struct writer *self)
{
    put(self, "null", 4);
}

void writer_raw(struct writer *self, const void *json, size_t len)
{
    put(self, json, len);
}
