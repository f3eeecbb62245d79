/* Between the bus and the threads: routes by type, counts, bounds what is in flight, and says
 * whether the store is well. */
#include "persist/persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "persist/request.h"
#include "persist/task.h"
#include "persist/worker.h"

#define READERS_MAX 8
#define FLIGHT_MAX 400 /* requests of one thread; its pipe has room for twice as many */
#define ROUND 200      /* messages taken before the loop looks at other sockets */

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
    zsock_t *requests;
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

static void say_health(struct persist *self)
{
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
    if (bus_send_to(self->requests, &frame->peer, &self->frame) < 0)
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

static int on_request(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct persist *self = arg;

    (void)loop;
    for (int i = 0; i < ROUND; i++) {
        struct bus_frame frame;
        int rc = bus_recv(sock, &frame);

        if (rc == 0)
            return 0;
        if (rc < 0) {
            (*self->malformed)++;
            continue;
        }
        route(self, &frame);
        bus_frame_done(&frame);
    }
    return 0;
}

/* ---- up ---- */

static int start_readers(struct persist *self);

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
    if (report->open == lane->open && strcmp(report->why, lane->why) == 0)
        return;
    lane->open = report->open;
    memcpy(lane->why, report->why, sizeof lane->why);
    if (lane->open && self->lane_count < self->lanes_wanted && start_readers(self) < 0)
        log_error("no more threads", "reason=%s", strerror(errno));
    say_health(self);
}

static void send_on(struct persist *self, const struct bus_peer *peer, zmq_msg_t *msg)
{
    void *handle = zsock_resolve(self->requests);

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
    for (int i = 0; i < ROUND; i++) {
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

static int start_lane(struct persist *self, const struct store_place *place, bool writer)
{
    struct lane *lane = &self->lanes[self->lane_count];

    lane->persist = self;
    lane->start.ops = store_find(place->kind);
    lane->start.place = *place;
    lane->start.place.writer = writer;
    lane->start.head = service_head(self->service, WIRE_TYPE_BATCH_ANSWER);
    lane->start.partitions =
        topology_partitions_of(service_topology(self->service), service_name(self->service));
    lane->start.lease_ms = (uint64_t)conf_number(service_conf(self->service), "bus/lease_ms");
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
        rc = start_lane(self, &self->lanes[0].start.place, false);
    return rc;
}

static int open_requests(struct persist *self)
{
    struct conf *conf = service_conf(self->service);
    AUTO(base_free_text)
    char *endpoint = topology_endpoint(conf, service_name(self->service), TOPOLOGY_REQUESTS);
    struct bus_options options = {.type = ZMQ_ROUTER,
                                  .endpoint = endpoint,
                                  .bind = true,
                                  .high_water = (int)conf_number(conf, "bus/high_water")};
    int rc = bus_open(&self->requests, &options);

    if (rc < 0) {
        log_error("cannot open the socket for requests", "endpoint=%s reason=%s", endpoint,
                  log_quote(strerror(-rc)));
        return rc;
    }
    rc = zloop_reader(service_loop(self->service), self->requests, on_request, self);
    return rc < 0 ? -ENOMEM : 0;
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
    self->lanes_wanted = 1 + (size_t)conf_number(service_conf(service), "persist/readers");
    make_counters(self);
    rc = open_requests(self);
    if (rc == 0)
        rc = start_lane(self, place, true);
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
    for (size_t i = 0; i < (*self)->lane_count; i++) {
        zloop_reader_end(service_loop((*self)->service), zactor_sock((*self)->lanes[i].actor));
        zactor_destroy(&(*self)->lanes[i].actor);
    }
    if ((*self)->requests)
        zloop_reader_end(service_loop((*self)->service), (*self)->requests);
    zsock_destroy(&(*self)->requests);
    buf_done(&(*self)->body);
    buf_done(&(*self)->frame);
    free(*self);
    *self = NULL;
}
