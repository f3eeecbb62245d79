/* Cuts a stream of bytes into lines of bounded length. */
#pragma once

#include "base/base.h"

#define LINES_MAX 4000 /* bytes of a line that are kept; the rest of it is dropped */

/* A line without its end and without a NUL behind it, and whether it was longer. */
typedef void lines_fn(void *arg, const char *line, size_t len, bool cut);

struct lines {
    char kept[LINES_MAX];
    size_t len;
    bool begun; /* something of a line has come, even if nothing of it was kept */
    bool cut;
};

/* Calls fn for every line that data completes. */
void lines_feed(struct lines *self, const char *data, size_t len, lines_fn *fn, void *arg);
/* The stream has ended: a last line without an end is one too. */
void lines_end(struct lines *self, lines_fn *fn, void *arg);
