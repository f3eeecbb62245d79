/* The socket on which a worker's requests come in. Its path may come to belong to another process
 * that took the worker over; such a one must not be closed, since that would remove the path. */
#pragma once

#include <sys/types.h>

#include "base/service.h"

struct door {
    zsock_t *sock; /* NULL: closed */
    char *path;    /* NULL: not ipc */
    ino_t inode;
};

/* Opens the endpoint of the worker called so. -errno; has logged why. */
int door_open(struct door *self, struct service *service, const char *worker) MUST_CHECK;
void door_close(struct door *self);
/* 0: it is where it was; -ENOENT: nobody finds it any more; -ESTALE: another's is there. */
int door_look(const struct door *self) MUST_CHECK;
