/* Edge ↔ router: the sockets and the count of what came. Everything that may be missing ends in one
 * call: ops->repair. */
#include "edge/api/links.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define ALIVE_MS 250
#define SILENT_MS 2000 /* a router heard nothing of for so long gets nothing, either */
#define NOBODY (-1)

struct link {
    struct links *links;
    char name[TOPOLOGY_NAME_MAX + 1];
    struct pipe *intake, *stream;
    bool welcomed, silent;
    uint64_t boot;     /* of the router whose stream this is */
    uint64_t received; /* its last number */
    uint64_t heard_ms, alive_ms;
};

struct route {
    uint32_t epoch; /* 0: nobody holds it */
    int link;       /* index, or NOBODY */
};

struct links {
    struct pipes *pipes;
    const struct links_ops *ops;
    void *arg;
    struct link *all[LINKS_MAX];
    struct route routes[ID_PARTITIONS];
    uint64_t moved; /* partitions whose new router could not be told of them yet */
    struct buf frame, body;
    char trouble[128];
    uint64_t *holes;
};

int links_new(struct links **ret, struct pipes *pipes, const struct links_ops *ops, void *arg)
{
    struct links *self = NEW(struct links);

    self->pipes = pipes;
    self->ops = ops;
    self->arg = arg;
    self->holes = stat_counter(pipes->stats, "stream_holes");
    buf_init(&self->frame, 1024);
    buf_init(&self->body, 512);
    for (size_t i = 0; i < ID_PARTITIONS; i++)
        self->routes[i].link = NOBODY;
    *ret = self;
    return 0;
}

static void link_free(struct link *link)
{
    if (link->intake)
        link->intake->close(link->intake);
    if (link->stream)
        link->stream->close(link->stream);
    free(link);
}

void links_free(struct links **self)
{
    struct links *it = TAKE(*self);

    if (!it)
        return;
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (it->all[i])
            link_free(it->all[i]);
    buf_done(&it->frame);
    buf_done(&it->body);
    free(it);
}

static uint64_t partitions_of(const struct links *self, const struct link *link)
{
    uint64_t mask = 0;

    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (self->routes[p].link != NOBODY && self->all[self->routes[p].link] == link)
            mask |= 1ull << p;
    return mask;
}

/* ---- the stream ---- */

static void say_alive(struct links *self, struct link *link, uint64_t now)
{
    struct wire_head head = pipes_head(self->pipes, WIRE_TYPE_ALIVE);
    struct wire_alive alive = {wire_text(self->pipes->name), link->welcomed ? link->received : 0};

    head.at_ms = clock_wall_ms();
    buf_clear(&self->body);
    wire_alive_encode(&self->body, &alive);
    pipe_frame(&self->frame, &head, &self->body);
    if (link->stream->send(link->stream, &self->frame) < 0)
        log_debug("router takes no frames", "router=%s", link->name); /* the next one will do */
    link->alive_ms = now + ALIVE_MS;
}

static uint64_t learn(struct links *self, struct wire_list holdings, const char *holder);

static void repair(struct links *self, uint64_t partitions)
{
    self->moved &= ~partitions;
    if (partitions)
        self->ops->repair(self->arg, partitions);
}

static void start_stream(struct link *link, const struct bus_frame *frame, uint64_t number)
{
    struct links *self = link->links;
    struct wire_welcome welcome;

    log_info("following a router's stream", "router=%s boot=%" PRIx64 " number=%" PRIu64,
             link->name, frame->head.boot, number);
    link->boot = frame->head.boot;
    link->received = number;
    link->welcomed = true;
    if (frame->head.type == WIRE_TYPE_WELCOME && wire_welcome_decode(frame->body, &welcome) == 0)
        learn(self, welcome.holdings, link->name);
    repair(self, partitions_of(self, link));
}

/* What was sent up to number has come, or is missing. */
static void count(struct link *link, uint64_t number, bool complete)
{
    link->received = number;
    if (complete)
        return;
    (*link->links->holes)++;
    log_warn("a stream has a hole", "router=%s number=%" PRIu64, link->name, number);
    repair(link->links, partitions_of(link->links, link));
}

static void on_heartbeat(struct link *link, const struct bus_frame *frame)
{
    struct wire_heartbeat heartbeat;

    if (wire_heartbeat_decode(frame->body, &heartbeat) < 0)
        return;
    if (!link->welcomed || frame->head.boot != link->boot)
        start_stream(link, frame, heartbeat.sent);
    else
        count(link, heartbeat.sent, heartbeat.sent == link->received);
}

static void hear(struct link *link)
{
    link->heard_ms = clock_monotonic_ms();
    if (!link->silent)
        return;
    link->silent = false;
    if (link->welcomed)
        repair(link->links, partitions_of(link->links, link) & link->links->moved);
}

static void on_stream(void *arg, const struct bus_frame *frame)
{
    struct link *link = arg;
    struct links *self = link->links;

    hear(link);
    if (frame->head.type == WIRE_TYPE_HEARTBEAT) {
        on_heartbeat(link, frame);
        return;
    }
    if (frame->head.type == WIRE_TYPE_WELCOME || !link->welcomed ||
        frame->head.boot != link->boot) /* a welcome starts a stream, also of a known router */
        start_stream(link, frame, frame->head.number);
    else
        count(link, frame->head.number, frame->head.number == link->received + 1);
    if (frame->head.type != WIRE_TYPE_WELCOME)
        self->ops->frame(self->arg, frame);
}

/* ---- who holds what ---- */

static int open_link(struct links *self, size_t at, const char *name)
{
    struct link *link = NEW(struct link);
    struct pipe_spec intake = {link->name, TOPOLOGY_INTAKE, NULL, NULL};
    struct pipe_spec stream = {link->name, TOPOLOGY_STREAMS, on_stream, link};
    int rc;

    link->links = self;
    link->heard_ms = clock_monotonic_ms();
    snprintf(link->name, sizeof link->name, "%s", name);
    rc = self->pipes->open(self->pipes, &link->intake, &intake);
    if (rc == 0)
        rc = self->pipes->open(self->pipes, &link->stream, &stream);
    if (rc < 0) {
        log_error("cannot reach a router", "router=%s why=%s", log_quote(name), strerror(-rc));
        link_free(link);
        return rc;
    }
    self->all[at] = link;
    say_alive(self, link, clock_monotonic_ms());
    return 0;
}

/* The link to the router of that name, made now if need be; NOBODY: the table is full. */
static int find_link(struct links *self, const char *name)
{
    size_t free_at = LINKS_MAX;

    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (self->all[i] && strcmp(self->all[i]->name, name) == 0)
            return (int)i;
        if (!self->all[i] && free_at == LINKS_MAX)
            free_at = i;
    }
    if (free_at == LINKS_MAX || open_link(self, free_at, name) < 0)
        return NOBODY;
    return (int)free_at;
}

static bool take_holding(struct links *self, const struct wire_holding *holding, const char *holder)
{
    struct route *route;
    char name[TOPOLOGY_NAME_MAX + 1];
    int link;

    if (holding->partition >= ID_PARTITIONS || (holding->role && holding->role != WIRE_ROUTER) ||
        holding->holder.len > TOPOLOGY_NAME_MAX || (!holder && !holding->holder.len))
        return false;
    route = &self->routes[holding->partition];
    if (holding->epoch < route->epoch || (holding->epoch == route->epoch && route->link != NOBODY))
        return false;
    snprintf(name, sizeof name, "%.*s", (int)holding->holder.len,
             holding->holder.len ? (const char *)holding->holder.data : "");
    link = find_link(self, holder ? holder : name);
    if (link == NOBODY)
        return false; /* tried again with the next poll */
    *route = (struct route){holding->epoch, link};
    return true;
}

/* Returns which partitions have a new holder or epoch. */
static uint64_t learn(struct links *self, struct wire_list holdings, const char *holder)
{
    struct wire_holding holding;
    struct wire_bytes item;
    uint64_t moved = 0;

    while (wire_list_next(&holdings, &item))
        if (wire_holding_decode(item, &holding) == 0 && take_holding(self, &holding, holder))
            moved |= 1ull << holding.partition;
    return moved;
}

static void leave_idle(struct links *self)
{
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (self->all[i] && !partitions_of(self, self->all[i])) {
            log_info("leaving a router", "router=%s", self->all[i]->name);
            link_free(TAKE(self->all[i]));
        }
}

void links_learn(struct links *self, struct wire_list holdings)
{
    uint64_t ready = 0;

    self->moved |= learn(self, holdings, NULL);
    leave_idle(self);
    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (links_router(self, p) >= 0)
            ready |= 1ull << p;
    repair(self, self->moved & ready); /* the others when their router is heard */
}

/* ---- use ---- */

int links_router(const struct links *self, unsigned partition)
{
    int link = self->routes[partition].link;

    return link != NOBODY && self->all[link]->welcomed && !self->all[link]->silent ? link : -1;
}

uint32_t links_epoch(const struct links *self, unsigned partition)
{
    return self->routes[partition].epoch;
}

static struct link *link_of(struct links *self, unsigned partition)
{
    int link = self->routes[partition].link;

    return link == NOBODY ? NULL : self->all[link];
}

int links_post(struct links *self, unsigned partition, const struct buf *frame)
{
    struct link *link = link_of(self, partition);

    return link ? link->intake->send(link->intake, frame) : -EAGAIN;
}

int links_say(struct links *self, unsigned partition, const struct buf *frame)
{
    struct link *link = link_of(self, partition);

    return link ? link->stream->send(link->stream, frame) : -EAGAIN;
}

const char *links_trouble(struct links *self)
{
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct link *link = link_of(self, p);

        if (!link)
            snprintf(self->trouble, sizeof self->trouble, "no router holds partition %u", p);
        else if (!link->welcomed || link->silent)
            snprintf(self->trouble, sizeof self->trouble, "%s does not answer", link->name);
        else
            continue;
        return self->trouble;
    }
    return NULL;
}

void links_tick(struct links *self)
{
    uint64_t now = clock_monotonic_ms();

    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = self->all[i];

        if (!link)
            continue;
        link->silent = link->heard_ms + SILENT_MS < now;
        if (link->alive_ms <= now)
            say_alive(self, link, now);
    }
}
