/* Between the bus and the threads: routes by type, counts, bounds what is in flight, and says
 * whether the store is well. */
#include "persist/persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "persist/door.h"
#include "persist/request.h"
#include "persist/standby.h"
#include "persist/task.h"
#include "persist/worker.h"

#define READERS_MAX 8
#define FLIGHT_MAX 400 /* requests of one thread; its pipe has room for twice as many */
#define TICK_MS 100
#define ROUND 200 /* messages taken before the loop looks at other sockets */

struct lane {
    struct persist *persist;
    struct worker_start start;
    zactor_t *actor;
    unsigned in_flight;
    bool open;
    char why[320];
    uint64_t writes, unsafe_writes, settled; /* as last told */
};

struct persist {
    struct service *service;
    const struct store_place *place; /* borrowed */
    uint64_t lease_ms;
    struct door door;
    struct standby *standby; /* MongoDB: while no slot is ours */
    int own_slot;            /* of our name, or SLOT_NONE */
    int slot;                /* MongoDB: that is ours, or SLOT_NONE */
    uint32_t slot_epoch;
    bool is_broken;                     /* ends with the next tick */
    struct lane lanes[1 + READERS_MAX]; /* the writer first */
    size_t lane_count;                  /* that were started */
    size_t lanes_wanted;
    struct buf body, frame;
    uint64_t *malformed, *refused, *requests_taken, *replies_lost, *queue, *expired;
    uint64_t *batches, *events, *stored, *same, *duplicates, *voids, *gaps, *taken, *fenced;
    uint64_t *writes, *unsafe_writes, *settled;
    struct stat_histogram *commit;
};

/* ---- health ---- */

/* What a process that could serve several has to say. */
static void say_slot(struct persist *self)
{
    const struct topology *topology = service_topology(self->service);
    char text[64] = "";

    if (self->standby)
        snprintf(text, sizeof text, "standby for %zu workers", topology->worker_count);
    else if (self->slot != SLOT_NONE && self->slot != self->own_slot)
        snprintf(text, sizeof text, "serves %s", topology->workers[self->slot].name);
    service_set_note(self->service, text);
}

static void say_health(struct persist *self)
{
    say_slot(self);
    if (self->standby && self->lane_count == 0) {
        service_set_health(self->service, NULL);
        return;
    }
    for (size_t i = 0; i < self->lane_count; i++)
        if (!self->lanes[i].open) {
            service_set_health(self->service,
                               self->lanes[i].why[0] ? self->lanes[i].why : "opening the store");
            return;
        }
    service_set_health(self->service, self->lane_count < self->lanes_wanted ? "starting" : NULL);
}

/* ---- down ---- */

static void refuse(struct persist *self, const struct bus_frame *frame,
                   const struct request *request, const char *why)
{
    struct wire_head head = service_head(self->service, (enum wire_type)request->reply);

    (*self->refused)++;
    head.trace = frame->head.trace;
    head.number = frame->head.number;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    request_refuse(request->reply, &self->frame, WIRE_UNAVAILABLE, why);
    if (bus_send_to(self->door.sock, &frame->peer, &self->frame) < 0)
        (*self->replies_lost)++;
}

static struct lane *lane_for(struct persist *self, const struct request *request)
{
    struct lane *best = &self->lanes[1];

    if (request->writer)
        return &self->lanes[0];
    for (size_t i = 2; i < self->lane_count; i++)
        if (self->lanes[i].in_flight < best->in_flight)
            best = &self->lanes[i];
    return best;
}

static void route(struct persist *self, struct bus_frame *frame)
{
    const struct request *request = request_find(frame->head.type);
    struct lane *lane;

    if (!request) {
        (*self->malformed)++;
        return;
    }
    (*self->requests_taken)++;
    lane = lane_for(self, request);
    if (!lane->actor) {
        refuse(self, frame, request,
               self->lanes[0].why[0] ? self->lanes[0].why : "the store is not open yet");
        return;
    }
    if (lane->in_flight >= FLIGHT_MAX || task_send(zactor_sock(lane->actor), frame) < 0) {
        refuse(self, frame, request, "too many requests wait");
        return;
    }
    lane->in_flight++;
    (*self->queue)++;
}

static void answer_slot(struct persist *self, const struct bus_frame *frame)
{
    struct wire_head head = service_head(self->service, WIRE_TYPE_SLOT_IS);
    struct wire_slot_is answer = {wire_text(service_name(self->service)), self->slot_epoch};

    head.trace = frame->head.trace;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    wire_slot_is_encode(&self->frame, &answer);
    if (bus_send_to(self->door.sock, &frame->peer, &self->frame) < 0)
        (*self->replies_lost)++;
}

static void on_frame(void *arg, struct bus_frame *frame)
{
    struct persist *self = arg;

    if (frame->head.type == WIRE_TYPE_SLOT)
        answer_slot(self, frame);
    else
        route(self, frame);
}

static int on_request(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct persist *self = arg;

    (void)loop;
    *self->malformed += bus_drain(sock, ROUND, on_frame, self);
    return 0;
}

/* ---- up ---- */

static int start_readers(struct persist *self);
static void serve_slot(struct persist *self, const struct task_report *report);
static void leave_slot(struct persist *self, const struct task_report *report);

static void count_commit(struct persist *self, const struct task_report *report)
{
    *self->batches += report->batches;
    *self->events += report->events;
    *self->stored += report->stored;
    *self->same += report->same;
    *self->duplicates += report->repeated;
    *self->voids += report->repeated + report->refused;
    *self->gaps += report->gaps;
    *self->taken += report->taken;
    *self->fenced += report->fenced;
    if (report->batches)
        stat_record(self->commit, report->commit_us);
}

/* Adds what a number has grown by; a store that was opened again counts from 0. */
static void grow(uint64_t *counter, uint64_t *told, uint64_t now)
{
    *counter += now >= *told ? now - *told : now;
    *told = now;
}

static void on_report(struct lane *lane, const struct task_report *report)
{
    struct persist *self = lane->persist;

    count_commit(self, report);
    *self->expired += report->expired;
    grow(self->writes, &lane->writes, report->writes);
    grow(self->unsafe_writes, &lane->unsafe_writes, report->unsafe_writes);
    grow(self->settled, &lane->settled, report->settled);
    if (report->slot_is_taken) {
        leave_slot(self, report);
        return;
    }
    if (report->open == lane->open && strcmp(report->why, lane->why) == 0)
        return;
    lane->open = report->open;
    memcpy(lane->why, report->why, sizeof lane->why);
    if (lane == &self->lanes[0] && self->standby && lane->open)
        serve_slot(self, report);
    if (lane->open && self->lane_count < self->lanes_wanted && start_readers(self) < 0)
        log_error("no more threads", "reason=%s", strerror(errno));
    say_health(self);
}

static void send_on(struct persist *self, const struct bus_peer *peer, zmq_msg_t *msg)
{
    void *handle = zsock_resolve(self->door.sock);

    if (zmq_send(handle, peer->bytes, peer->len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
        zmq_msg_send(msg, handle, ZMQ_DONTWAIT) < 0)
        (*self->replies_lost)++;
    zmq_msg_close(msg);
}

static int on_answer(zloop_t *loop, zsock_t *pipe, void *arg)
{
    struct lane *lane = arg;
    struct task_report report;
    struct bus_peer peer;
    zmq_msg_t msg;

    (void)loop;
    for (int i = 0; i < ROUND && lane->actor; i++) {
        int rc = task_recv_answer(pipe, &peer, &msg, &report);

        if (rc == 0)
            return 0;
        if (rc == 2) {
            on_report(lane, &report);
            continue;
        }
        lane->in_flight--;
        (*lane->persist->queue)--;
        send_on(lane->persist, &peer, &msg);
    }
    return 0;
}

/* ---- life ---- */

static int start_lane(struct persist *self, struct slot_wish wish)
{
    struct lane *lane = &self->lanes[self->lane_count];
    const struct topology *topology = service_topology(self->service);

    lane->persist = self;
    lane->start.ops = store_find(self->place->kind);
    lane->start.place = *self->place;
    lane->start.place.writer = self->lane_count == 0;
    lane->start.slot = (struct slot){.topology = self->standby ? topology : NULL,
                                     .name = service_name(self->service),
                                     .wish = wish,
                                     .index = SLOT_NONE};
    lane->start.head = service_head(self->service, WIRE_TYPE_BATCH_ANSWER);
    lane->start.partitions = topology_partitions_of(topology, service_name(self->service));
    lane->start.lease_ms = self->lease_ms;
    lane->actor = zactor_new(worker_run, &lane->start);
    if (!lane->actor)
        return -ENOMEM;
    self->lane_count++;
    return zloop_reader(service_loop(self->service), zactor_sock(lane->actor), on_answer, lane) < 0
               ? -ENOMEM
               : 0;
}

/* They find the schema that the writer made. */
static int start_readers(struct persist *self)
{
    int rc = 0;

    while (self->lane_count < self->lanes_wanted && rc == 0)
        rc = start_lane(self, (struct slot_wish){.index = SLOT_NONE});
    return rc;
}

static void stop_lanes(struct persist *self)
{
    for (size_t i = 0; i < self->lane_count; i++) {
        struct lane *lane = &self->lanes[i];

        zloop_reader_end(service_loop(self->service), zactor_sock(lane->actor));
        zactor_destroy(&lane->actor);
        *self->queue -= lane->in_flight;
        *lane = (struct lane){0};
    }
    self->lane_count = 0;
}

static void close_door(struct persist *self)
{
    if (self->door.sock)
        zloop_reader_end(service_loop(self->service), self->door.sock);
    door_close(&self->door);
}

/* Requests are those of the worker called so from now on. */
static int open_door(struct persist *self, const char *worker)
{
    int rc;

    close_door(self);
    rc = door_open(&self->door, self->service, worker);
    if (rc == 0)
        rc = zloop_reader(service_loop(self->service), self->door.sock, on_request, self);
    return rc;
}

/* ---- slots ---- */

static const char *slot_name(const struct persist *self, int slot)
{
    return service_topology(self->service)->workers[slot].name;
}

static int claim_slot(struct persist *self, int slot, uint32_t expected)
{
    int rc = start_lane(self, (struct slot_wish){slot, expected});

    if (rc < 0)
        log_error("no thread", "reason=%s", log_quote(strerror(-rc)));
    return rc;
}

static void serve_slot(struct persist *self, const struct task_report *report)
{
    self->slot = report->slot;
    self->slot_epoch = report->slot_epoch;
    log_info("serving", "worker=%s epoch=%u", slot_name(self, self->slot), self->slot_epoch);
    if ((!self->door.sock || self->slot != self->own_slot) &&
        open_door(self, slot_name(self, self->slot)) < 0)
        self->is_broken = true;
    standby_free(&self->standby);
}

/* Somebody else's; unless our own endpoint is open already, since nobody answered there for a
 * lease's time: then it is taken from the one that claimed it and is silent. */
static void leave_slot(struct persist *self, const struct task_report *report)
{
    int wish = self->lanes[0].start.slot.wish.index;
    uint32_t epoch = report->slot_epoch;

    stop_lanes(self);
    if (self->door.sock)
        self->is_broken = claim_slot(self, self->own_slot, epoch) < 0;
    else if (wish != SLOT_NONE)
        standby_note(self->standby, wish, epoch);
}

/* Looks for a slot to serve. While the store is away nobody can be asked whose ours is: but when
 * nobody answers at its endpoint either, clients are told there what is the matter. */
static int seek_slot(struct persist *self)
{
    uint32_t epoch = 0;
    int slot = standby_find_silent(self->standby, &epoch);

    if (self->lane_count == 0 && slot != SLOT_NONE) {
        log_warn("taking over", "worker=%s after_epoch=%u", slot_name(self, slot), epoch);
        return claim_slot(self, slot, epoch);
    }
    if (self->lane_count > 0 && self->lanes[0].start.slot.wish.index == SLOT_NONE &&
        self->own_slot != SLOT_NONE && !self->door.sock &&
        standby_is_silent(self->standby, self->own_slot))
        return open_door(self, slot_name(self, self->own_slot));
    return 0;
}

static int on_tick(zloop_t *loop, int timer, void *arg)
{
    struct persist *self = arg;
    int rc = 0;

    (void)loop;
    (void)timer;
    if (self->standby)
        rc = seek_slot(self);
    else if (door_look(&self->door) == -ENOENT)
        rc = -ENOENT;
    if (rc == -ENOENT)
        log_error("the socket for requests is gone", "%s", "");
    say_health(self);
    return rc < 0 || self->is_broken ? -1 : 0;
}

/* On MongoDB processes take each other over; on SQLite there is one. */
static int start(struct persist *self)
{
    bool is_alone = strcmp(self->place->kind, "mongodb") != 0;
    int rc;

    if (is_alone) {
        rc = open_door(self, service_name(self->service));
    } else {
        rc = standby_new(&self->standby, self->service, self->lease_ms);
        if (rc == 0 && zloop_timer(service_loop(self->service), TICK_MS, 0, on_tick, self) < 0)
            rc = -ENOMEM;
    }
    return rc < 0 ? rc : start_lane(self, (struct slot_wish){.index = SLOT_NONE});
}

static void make_counters(struct persist *self)
{
    struct stat_set *stats = service_stats(self->service);

    self->requests_taken = stat_counter(stats, "requests");
    self->malformed = stat_counter(stats, "requests_malformed");
    self->refused = stat_counter(stats, "requests_refused");
    self->expired = stat_counter(stats, "requests_expired");
    self->replies_lost = stat_counter(stats, "replies_lost");
    self->queue = stat_counter(stats, "queue");
    self->batches = stat_counter(stats, "batches");
    self->events = stat_counter(stats, "events");
    self->stored = stat_counter(stats, "stored");
    self->same = stat_counter(stats, "same");
    self->duplicates = stat_counter(stats, "duplicates");
    self->voids = stat_counter(stats, "voids");
    self->gaps = stat_counter(stats, "gaps");
    self->taken = stat_counter(stats, "taken");
    self->fenced = stat_counter(stats, "fenced");
    self->settled = stat_counter(stats, "settled");
    self->writes = stat_counter(stats, "mongo_writes");
    self->unsafe_writes = stat_counter(stats, "mongo_unsafe_writes");
    self->commit = stat_histogram(stats, "commit");
}

int persist_new(struct persist **ret, struct service *service, const struct store_place *place)
{
    AUTO(persist_free) struct persist *self = NEW(struct persist);
    int rc;

    self->service = service;
    buf_init(&self->body, WIRE_FRAME_MAX);
    buf_init(&self->frame, WIRE_FRAME_MAX);
    self->place = place;
    self->lease_ms = (uint64_t)conf_number(service_conf(service), "bus/lease_ms");
    self->own_slot = topology_find(service_topology(service), service_name(service));
    self->slot = SLOT_NONE;
    self->lanes_wanted = 1 + (size_t)conf_number(service_conf(service), "persist/readers");
    make_counters(self);
    rc = start(self);
    if (rc < 0)
        return rc;
    say_health(self);
    *ret = TAKE(self);
    return 0;
}

void persist_free(struct persist **self)
{
    if (!*self)
        return;
    stop_lanes(*self);
    if (door_look(&(*self)->door) == -ESTALE) /* closing it would remove the other one's */
        _exit(EXIT_SUCCESS);
    standby_free(&(*self)->standby);
    close_door(*self);
    buf_done(&(*self)->body);
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}
