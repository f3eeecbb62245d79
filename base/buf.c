/* Growing bytes with a maximum: grows by doubling, never beyond what its owner allowed. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *self, size_t max)
{
    *self = (struct buf){.max = max};
}

void buf_done(struct buf *self)
{
    free(self->data);
    *self = (struct buf){.max = self->max};
}

void buf_clear(struct buf *self)
{
    self->len = 0;
    self->over = false;
}

uint8_t *buf_reserve(struct buf *self, size_t len)
{
    size_t room = self->room ? self->room : 64;

    if (len > self->max - self->len) {
        self->over = true;
        return NULL;
    }
    while (room < self->len + len)
        room *= 2;
    if (room > self->room || !self->data) {
        self->data = base_realloc(self->data, room, 1);
        self->room = room;
    }
    return self->data + self->len;
}

int buf_put(struct buf *self, const void *data, size_t len)
{
    uint8_t *to = buf_reserve(self, len);

    if (!to)
        return -EMSGSIZE;
    if (len)
        memcpy(to, data, len);
    self->len += len;
    return 0;
}

int buf_put_text(struct buf *self, const char *text)
{
    return buf_put(self, text, strlen(text));
}

int buf_printf(struct buf *self, const char *format, ...)
{
    va_list args;
    int needed;
    uint8_t *to;

    va_start(args, format);
    needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    to = buf_reserve(self, (size_t)needed + 1);
    if (!to)
        return -EMSGSIZE;
    va_start(args, format);
    vsnprintf((char *)to, (size_t)needed + 1, format, args);
    va_end(args);
    self->len += (size_t)needed;
    return 0;
}

void buf_drop(struct buf *self, size_t len)
{
    if (len > self->len)
        len = self->len;
    self->len -= len;
    if (self->len)
        memmove(self->data, self->data + len, self->len);
}

uint8_t *buf_take(struct buf *self, size_t *ret_len)
{
    uint8_t *data = TAKE(self->data);

    *ret_len = self->len;
    self->len = 0;
    self->room = 0;
    self->over = false;
    return data;
}
