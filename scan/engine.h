/* What can look into a file: the interface of scan engines. Used by one thread at a time. */
#pragma once

#include "base/base.h"

enum engine_verdict {
    ENGINE_CLEAN,    /* all of it was looked at, and nothing was found */
    ENGINE_INFECTED, /* text: the signature's name */
    ENGINE_FAILED,   /* it was not, or not all of it; text: why */
};

struct engine_result {
    enum engine_verdict verdict;
    char text[200];
};

/* What is beyond them is ENGINE_FAILED, never ENGINE_CLEAN. */
struct engine_limits {
    uint64_t file_bytes;
    uint64_t total_bytes; /* of a file with all that is packed in it; below 2^31 − 1 */
    uint32_t depth;       /* archives in archives */
    uint32_t files;       /* in archives */
    uint32_t time_ms;
};

struct engine;

struct engine_ops {
    const char *name;
    /* Loads the database, a file or a folder. 0 and the number of signatures; a negative errno, and
     * *ret_why (free()) says why. */
    int (*open)(struct engine **ret, const char *database, const struct engine_limits *limits,
                unsigned *ret_signatures, char **ret_why);
    void (*scan_file)(struct engine *self, const char *path, struct engine_result *ret);
    void (*scan_bytes)(struct engine *self, const void *data, size_t len,
                       struct engine_result *ret);
    void (*close)(struct engine **self);
};

struct engine {
    const struct engine_ops *ops; /* first member of every implementation */
};

extern const struct engine_ops engine_clamav;
