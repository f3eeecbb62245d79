/* How the bus side of the edge reaches other daemons: ZeroMQ sockets on the libuv loop (pipe.c), or
 * what a test puts in their place. */
#pragma once

#include <uv.h>

#include "base/service.h"

/* A connection to one socket of one daemon. */
struct pipe {
    /* As bus_send. */
    int (*send)(struct pipe *self, const struct buf *frame);
    /* Ends it; allowed inside pipe_fn too. */
    void (*close)(struct pipe *self);
};

/* Called for each frame that comes; borrowed. Never from inside send. */
typedef void pipe_fn(void *arg, const struct bus_frame *frame);

struct pipe_spec {
    const char *name;              /* of the daemon */
    enum topology_channel channel; /* INTAKE: one way, to it */
    pipe_fn *on_frame;             /* NULL for INTAKE */
    void *arg;
};

/* What the bus side lives on. on_tick and on_turn are set by its user. */
struct pipes {
    const char *name; /* this daemon's */
    uint64_t sender, boot;
    const struct topology *topology;
    struct stat_set *stats;

    int (*open)(struct pipes *self, struct pipe **ret, const struct pipe_spec *spec);
    /* Have on_turn called before the loop sleeps. */
    void (*wake)(struct pipes *self);

    void (*on_tick)(void *arg); /* every 25 ms */
    void (*on_turn)(void *arg);
    void *arg;
};

/* The real ones. */
int pipes_new(struct pipes **ret, struct service *service, uv_loop_t *loop) MUST_CHECK;
/* When all pipes are closed. The loop must turn once more before it is closed. */
void pipes_free(struct pipes **self);

/* A header of this daemon: sender, boot and the given type filled in, all else zero. */
struct wire_head pipes_head(const struct pipes *self, enum wire_type type);

/* Empties out and writes a frame into it: head, then the body, which may be NULL. */
void pipe_frame(struct buf *out, const struct wire_head *head, const struct buf *body);
