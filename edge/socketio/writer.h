/* JSON as text, written straight into a buffer: no tree is built. The caller opens and closes what
 * it begins and names each member; commas come by themselves. That it fits, out->over says. */
#pragma once

#include "base/buf.h"

struct writer {
    struct buf *out;
    bool comma; /* before what comes next */
};

/* Appends to out, which must not be touched by others until the outermost value is complete. */
struct writer writer_of(struct buf *out);

void writer_open_object(struct writer *self);
void writer_close_object(struct writer *self);
void writer_open_array(struct writer *self);
void writer_close_array(struct writer *self);

/* The name of the member whose value comes next: letters and digits, nothing to be escaped. */
void writer_name(struct writer *self, const char *name);

/* Any bytes; as "" when they are not UTF-8, as null when text is NULL. */
void writer_text(struct writer *self, const char *text, size_t len);
void writer_cstring(struct writer *self, const char *text);
/* Text of which is known that nothing in it is to be escaped. */
void writer_plain(struct writer *self, const char *text);
void writer_number(struct writer *self, uint64_t value);
void writer_bool(struct writer *self, bool value);
void writer_null(struct writer *self);
/* A value that is JSON already. */
void writer_raw(struct writer *self, const void *json, size_t len);
