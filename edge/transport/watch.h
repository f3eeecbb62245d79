/* Watches connections that libwebsockets does not read from: for the peer's going, or for room to
 * write. An epoll set of our own, itself watched by the loop. */
#pragma once

#include <uv.h>

#include "base/base.h"

struct watch;

struct watch_item {
    int fd; /* −1: not watched */
    void (*run)(struct watch_item *item, bool gone);
};

#define WATCH_NONE ((struct watch_item){.fd = -1})

int watch_new(struct watch **ret, uv_loop_t *loop) MUST_CHECK;
void watch_free(struct watch **self);

/* item->run will be called once: gone when the peer has closed or the connection broke; !gone when
 * it can be written to (only if for_writing; then a half-closed peer is not gone). */
void watch_start(struct watch *self, struct watch_item *item, int fd, bool for_writing);
void watch_stop(struct watch *self, struct watch_item *item);
