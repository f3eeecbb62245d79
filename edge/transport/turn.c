/* The end of the loop's turn: a check handle (after the sockets), a prepare handle (before the
 * sleep), and an idle handle that keeps the loop from sleeping on what was put off after both. */
#include "edge/transport/turn.h"

#include <stdlib.h>

struct turn {
    uv_check_t check;
    uv_prepare_t prepare;
    uv_idle_t idle;
    bool at_sockets;          /* between prepare and check */
    unsigned open;            /* handles not yet closed */
    struct turn_item waiting; /* head of the ring */
};

static void ring_init(struct turn_item *head)
{
    head->next = head->before = head;
}

static void unlink_item(struct turn_item *item)
{
    item->before->next = item->next;
    item->next->before = item->before;
    item->next = item->before = NULL;
}

/* What is added while it runs waits for the next time; the idle handle sees to it. */
static void run(struct turn *self)
{
    struct turn_item now;

    uv_idle_stop(&self->idle);
    if (self->waiting.next == &self->waiting)
        return;
    now = self->waiting;
    now.next->before = now.before->next = &now;
    ring_init(&self->waiting);
    while (now.next != &now) {
        struct turn_item *item = now.next;

        unlink_item(item);
        item->run(item);
    }
}

static void on_check(uv_check_t *check)
{
    struct turn *self = CONTAINER_OF(check, struct turn, check);

    self->at_sockets = false;
    run(self);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct turn *self = CONTAINER_OF(prepare, struct turn, prepare);

    run(self);
    self->at_sockets = true;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

bool turn_is_at_sockets(const struct turn *self)
{
    return self->at_sockets;
}

int turn_new(struct turn **ret, uv_loop_t *loop)
{
    struct turn *self = NEW(struct turn);

    ring_init(&self->waiting);
    uv_check_init(loop, &self->check);
    uv_prepare_init(loop, &self->prepare);
    uv_idle_init(loop, &self->idle);
    self->open = 3;
    uv_check_start(&self->check, on_check);
    uv_prepare_start(&self->prepare, on_prepare);
    uv_unref((uv_handle_t *)&self->check);
    uv_unref((uv_handle_t *)&self->prepare);
    *ret = self;
    return 0;
}

static void closed(struct turn *self)
{
    if (--self->open == 0)
        free(self);
}

static void on_check_closed(uv_handle_t *handle)
{
    closed(CONTAINER_OF(handle, struct turn, check));
}

static void on_prepare_closed(uv_handle_t *handle)
{
    closed(CONTAINER_OF(handle, struct turn, prepare));
}

static void on_idle_closed(uv_handle_t *handle)
{
    closed(CONTAINER_OF(handle, struct turn, idle));
}

void turn_free(struct turn **self)
{
    struct turn *turn = TAKE(*self);

    if (!turn)
        return;
    uv_close((uv_handle_t *)&turn->check, on_check_closed);
    uv_close((uv_handle_t *)&turn->prepare, on_prepare_closed);
    uv_close((uv_handle_t *)&turn->idle, on_idle_closed);
}

void turn_add(struct turn *self, struct turn_item *item)
{
    if (item->next)
        return;
    item->next = &self->waiting;
    item->before = self->waiting.before;
    item->before->next = item;
    self->waiting.before = item;
    uv_idle_start(&self->idle, on_idle);
}

void turn_cancel(struct turn *self, struct turn_item *item)
{
    (void)self;
    if (item->next)
        unlink_item(item);
}
