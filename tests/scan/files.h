/* Files for scanners, in a temporary folder. */
#pragma once

#include "base/buf.h"

struct files {
    char folder[64];
};

void files_make(struct files *self);
void files_remove(struct files *self);

/* Writes one; its path lives until the next call. */
const char *files_write(struct files *self, const char *name, const struct buf *content);

/* The EICAR test string, of two halves. */
void files_put_eicar(struct buf *out);
/* Puts the content into a zip archive, as it is; or, of content that begins with so many spaces,
 * compressed. */
void files_pack(struct buf *content);
void files_squeeze(struct buf *content, size_t spaces);
