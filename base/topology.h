/* Which daemons there are and where: names of persist workers with their partitions, and every
 * daemon's endpoints. All of it comes from the keys that every daemon shares (section bus). */
#pragma once

#include "base/conf.h"
#include "base/id.h"

#define TOPOLOGY_WORKERS_MAX 64
#define TOPOLOGY_NAME_MAX 32 /* bytes of a daemon's name */

/* A daemon's sockets. */
enum topology_channel {
    TOPOLOGY_CONTROL,  /* every daemon: ROUTER, requests of the admin command */
    TOPOLOGY_REQUESTS, /* persist: ROUTER, from routers and everybody who asks */
    TOPOLOGY_INTAKE,   /* router: PULL, client events */
    TOPOLOGY_STREAMS,  /* router: ROUTER, to and from edges */
    TOPOLOGY_WAKE,     /* notify, scan: PULL, wake-ups */
};

struct topology_worker {
    char name[TOPOLOGY_NAME_MAX + 1];
    uint64_t partitions; /* a mask */
};

struct topology {
    struct topology_worker workers[TOPOLOGY_WORKERS_MAX];
    size_t worker_count;
    uint8_t worker_of[ID_PARTITIONS]; /* index into workers */
};

/* Checks bus/hosts, and reads the workers of bus/workers ("persist", or "persist.1:0-31
 * persist.2:32-63"). -EINVAL with a sentence in *ret_why (free()) unless every partition has
 * exactly one. */
int topology_load(struct topology *ret, struct conf *conf, char **ret_why) MUST_CHECK;

/* A mask from "0-31" or "1,3,8-15". -EINVAL when it is not one. */
int topology_parse_mask(const char *text, uint64_t *ret) MUST_CHECK;

/* The index of the worker called name; -1 when there is none. */
int topology_find(const struct topology *self, const char *name);
/* Its mask; 0 when there is none. */
uint64_t topology_partitions_of(const struct topology *self, const char *name);

/* "ipc://DIR/NAME-CHANNEL" under bus/dir, or "tcp://HOST:PORT#NAME" for a daemon that bus/hosts
 * names, whose channels are ports in a row (free()). For bus_open. */
char *topology_endpoint(struct conf *conf, const char *name, enum topology_channel channel);
