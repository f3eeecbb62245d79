/* Logs of the daemons and files of users both come as lines that may be of any length. */
#include "admin/lines.h"

#include <string.h>

static void add(struct lines *self, const char *data, size_t len)
{
    size_t room = LINES_MAX - self->len;

    if (len > 0)
        self->begun = true;
    if (len > room) {
        self->cut = true;
        len = room;
    }
    memcpy(self->kept + self->len, data, len);
    self->len += len;
}

static void emit(struct lines *self, lines_fn *fn, void *arg)
{
    size_t len = self->len;
    bool cut = self->cut;

    self->len = 0;
    self->begun = false;
    self->cut = false;
    fn(arg, self->kept, len, cut);
}

void lines_feed(struct lines *self, const char *data, size_t len, lines_fn *fn, void *arg)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end ? (size_t)(end - data) : len;

        add(self, data, part);
        if (!end)
            return;
        emit(self, fn, arg);
        data += part + 1;
        len -= part + 1;
    }
}

void lines_end(struct lines *self, lines_fn *fn, void *arg)
{
    if (self->begun)
        emit(self, fn, arg);
}
