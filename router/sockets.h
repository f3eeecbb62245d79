/* The sockets that a router has besides those to persist. */
#pragma once

#include "base/bus.h"
#include "base/conf.h"

/* Embedded. */
struct sockets {
    zsock_t *intake;  /* PULL: what edges push */
    zsock_t *streams; /* ROUTER: to and from edges */
    zsock_t *wake;    /* PUSH: to notify */
};

/* For the daemon called name. -errno as bus_open; has logged why. */
int sockets_open(struct sockets *self, struct conf *conf, const char *name) MUST_CHECK;
void sockets_close(struct sockets *self);

/* As bus_send_to and bus_send; arg is the struct sockets. */
int sockets_send_stream(void *arg, const struct bus_peer *peer, const struct buf *frame) MUST_CHECK;
int sockets_send_wake(void *arg, const struct buf *frame) MUST_CHECK;
