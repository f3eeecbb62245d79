/* The thread in which an engine works. It loads the engine (again every few seconds while that
 * fails), proves it on the EICAR test string, and then answers one path with one verdict. */
#pragma once

#include <czmq.h>

#include "scan/engine.h"

struct worker_setup {
    const struct engine_ops *ops;
    const char *database;
    struct engine_limits limits;
};

enum worker_event {
    WORKER_LOADED, /* number: signatures */
    WORKER_BROKEN, /* text: why; it tries again by itself */
    WORKER_RESULT, /* number: an engine_verdict; text: its text */
};

struct worker_report {
    enum worker_event event;
    uint64_t number;
    char *text; /* free() */
};

/* setup is borrowed for the life of the thread. NULL: there is no thread to be had. */
zactor_t *worker_new(const struct worker_setup *setup);

/* Only after WORKER_LOADED, and one at a time. */
void worker_scan(zactor_t *worker, const char *path);

/* What the thread reported: 1; 0: nothing. */
int worker_read(zactor_t *worker, struct worker_report *ret) MUST_CHECK;

/* The engine finds the EICAR string, plain. 0, or -EIO with a sentence (free()). */
int worker_prove(struct engine *engine, char **ret_why) MUST_CHECK;
