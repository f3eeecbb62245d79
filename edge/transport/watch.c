/* libuv and libwebsockets share one watcher per socket, so a second opinion needs a second set. */
#include "edge/transport/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_TURN 256

struct watch {
    int epoll;
    uv_poll_t poll;
};

/* One event at a time: what runs may stop the watching of others. */
static void on_events(uv_poll_t *poll, int status, int events)
{
    struct watch *self = CONTAINER_OF(poll, struct watch, poll);
    struct epoll_event event;

    (void)status;
    (void)events;
    for (int i = 0; i < EVENTS_PER_TURN; i++) {
        struct watch_item *item;

        if (epoll_wait(self->epoll, &event, 1, 0) != 1)
            return;
        item = event.data.ptr;
        watch_stop(self, item);
        item->run(item, event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }
}

int watch_new(struct watch **ret, uv_loop_t *loop)
{
    struct watch *self = NEW(struct watch);
    int rc;

    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0) {
        rc = -errno;
        free(self);
        return rc;
    }
    rc = uv_poll_init(loop, &self->poll, self->epoll);
    if (rc < 0) {
        close(self->epoll);
        free(self);
        return rc;
    }
    uv_poll_start(&self->poll, UV_READABLE, on_events);
    uv_unref((uv_handle_t *)&self->poll);
    *ret = self;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *self = CONTAINER_OF(handle, struct watch, poll);

    close(self->epoll);
    free(self);
}

void watch_free(struct watch **self)
{
    struct watch *watch = TAKE(*self);

    if (watch)
        uv_close((uv_handle_t *)&watch->poll, on_closed);
}

void watch_start(struct watch *self, struct watch_item *item, int fd, bool for_writing)
{
    struct epoll_event event = {
        .events = EPOLLONESHOT | (for_writing ? EPOLLOUT : EPOLLRDHUP),
        .data.ptr = item,
    };

    watch_stop(self, item);
    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        item->fd = fd;
}

void watch_stop(struct watch *self, struct watch_item *item)
{
    if (item->fd >= 0)
        epoll_ctl(self->epoll, EPOLL_CTL_DEL, item->fd, NULL);
    item->fd = -1;
}
