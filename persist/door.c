/* What is said at the path of an ipc socket goes to who bound it last. */
#include "persist/door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

static int inode_of(const char *path, ino_t *ret)
{
    struct stat found;

    if (stat(path, &found) < 0)
        return -errno;
    *ret = found.st_ino;
    return 0;
}

int door_open(struct door *self, struct service *service, const char *worker)
{
    struct conf *conf = service_conf(service);
    AUTO(base_free_text) char *endpoint = topology_endpoint(conf, worker, TOPOLOGY_REQUESTS);
    struct bus_options options = {.type = ZMQ_ROUTER,
                                  .endpoint = endpoint,
                                  .bind = true,
                                  .high_water = (int)conf_number(conf, "bus/high_water")};
    int rc = bus_open(&self->sock, &options);

    if (rc == 0 && strncmp(endpoint, "ipc://", 6) == 0) {
        self->path = base_strdup(endpoint + 6);
        rc = inode_of(self->path, &self->inode);
    }
    if (rc < 0)
        log_error("cannot open the socket for requests", "endpoint=%s reason=%s", endpoint,
                  log_quote(strerror(-rc)));
    return rc;
}

void door_close(struct door *self)
{
    zsock_destroy(&self->sock);
    free(self->path);
    *self = (struct door){0};
}

int door_look(const struct door *self)
{
    ino_t inode = self->inode;
    int rc = self->path ? inode_of(self->path, &inode) : 0;

    if (rc < 0)
        return rc;
    return inode == self->inode ? 0 : -ESTALE;
}
