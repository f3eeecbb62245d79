/* Growing bytes with a required maximum. Embedded: buf_init / buf_done. */
#pragma once

#include "base/base.h"

struct buf {
    uint8_t *data; /* NULL while nothing was ever put in */
    size_t len;
    size_t room;
    size_t max; /* bytes; what would go beyond is refused whole */
    bool over;  /* something was refused since buf_init or buf_clear */
};

void buf_init(struct buf *self, size_t max);
void buf_done(struct buf *self); /* for AUTO too */

/* Empties it and keeps the memory. */
void buf_clear(struct buf *self);

/* Adds len bytes. -EMSGSIZE (and over = true, content unchanged) when that would exceed max. A
 * caller that adds many pieces may ignore the results and look at over once. */
int buf_put(struct buf *self, const void *data, size_t len);
int buf_put_text(struct buf *self, const char *text);
int buf_printf(struct buf *self, const char *format, ...) PRINTF_LIKE(2, 3);

/* Room for len bytes behind the content, to be written by the caller, who then adds to len. NULL as
 * buf_put refuses. */
uint8_t *buf_reserve(struct buf *self, size_t len);

/* Removes the first len bytes. */
void buf_drop(struct buf *self, size_t len);

/* The bytes, which the caller now owns (free()); the buffer is empty afterwards. */
uint8_t *buf_take(struct buf *self, size_t *ret_len);
