/* Sockets in, a dispatch per socket, timers; everything else is wired up here and lives elsewhere.
 * What one turn of the loop has caused leaves at its end: batches, loads, wake-ups. */
#include "router/router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "router/health.h"
#include "router/intake.h"
#include "router/roster.h"
#include "router/sockets.h"
#include "router/wakeup.h"
#include "router/worker.h"

#define TICK_MS 50
#define BEAT_MS 250

struct router {
    struct service *service; /* borrowed */
    struct sockets sockets;
    struct worker *workers[TOPOLOGY_WORKERS_MAX];
    size_t worker_count;
    struct edge_table edges;
    struct interest *interest;
    struct stream *stream;
    struct fanout fanout;
    struct partitions *partitions;
    struct conversations *conversations;
    struct intake *intake;
    struct roster *roster;
    struct wakeup *wakeup;
    struct tap *tap;
    unsigned turn;
    uint64_t newly_lost; /* partitions: not logged yet */
    uint64_t *malformed, *fenced, *edge_gauge, *conversation_gauge, *interest_gauge;
};

static struct worker *worker_of(struct router *self, unsigned partition)
{
    return self->workers[service_topology(self->service)->worker_of[partition]];
}

/* ---- what the modules send through us ---- */

static int send_to_worker(void *arg, size_t worker, const struct buf *frame)
{
    struct router *self = arg;

    return worker_send(self->workers[worker], frame);
}

static void on_answer(void *arg, const struct post *post, const struct post_waiter *to,
                      const struct wire_answer *answer)
{
    struct router *self = arg;
    struct wire_answer full = *answer;
    struct stream_tag tag = {.type = WIRE_TYPE_ANSWER,
                             .trace = to->trace,
                             .partition = post->partition,
                             .epoch = post->epoch};
    struct edge *edge = edge_table_resolve(&self->edges, to->edge);

    full.durability = partitions_durability(self->partitions, post->partition);
    wire_answer_encode(stream_start(self->stream), &full);
    stream_send(self->stream, edge, &tag);
    if (edge && tap_wants(self->tap, post->partition))
        tap_answer(self->tap, edge, &tag, &full);
}

static void on_append(void *arg, struct post *post)
{
    batch_lane_add(worker_batches(worker_of(arg, post->partition)), post);
}

static void on_withdraw(void *arg, struct post *post)
{
    batch_lane_withdraw(worker_batches(worker_of(arg, post->partition)), post);
}

static void on_deliver(void *arg, const struct wire_event *event)
{
    struct router *self = arg;
    unsigned partition = id_partition(&event->conversation);

    fanout_event(&self->fanout, event, partitions_epoch(self->partitions, partition));
    if (tap_wants(self->tap, partition))
        tap_deliver(self->tap, partitions_epoch(self->partitions, partition), event);
    wakeup_add(self->wakeup, event->jobs);
}

static void on_load(void *arg, unsigned partition, struct load *load)
{
    struct router *self = arg;

    load->epoch = partitions_epoch(self->partitions, partition);
    load_lane_add(worker_loads(worker_of(arg, partition)), load);
}

static void on_unload(void *arg, unsigned partition, struct load *load)
{
    load_lane_remove(worker_loads(worker_of(arg, partition)), load);
}

static void on_fenced(void *arg, unsigned partition)
{
    struct router *self = arg;

    partitions_fence(self->partitions, 1ull << partition);
}

static void on_unsure(void *arg)
{
    struct router *self = arg;

    fanout_unsure(&self->fanout);
}

static int on_settle(void *arg, struct post *post, const struct wire_verdict *verdict)
{
    struct router *self = arg;

    return conversations_settle(self->conversations, post, verdict);
}

static struct wire_load on_load_request(void *arg, struct load *load, struct buf *list)
{
    (void)arg;
    return conversations_load_request(load, list);
}

static void on_loaded(void *arg, struct load *load, const struct wire_loaded *loaded)
{
    struct router *self = arg;

    conversations_loaded(self->conversations, load, loaded);
}

static void on_held(void *arg, uint64_t mask)
{
    struct router *self = arg;

    log_info("holding partitions", "mask=%016llx", (unsigned long long)mask);
    roster_tell_holdings(self->roster, clock_monotonic_ms());
    roster_review(self->roster);
    intake_open(self->intake, mask);
}

static void on_lost(void *arg, uint64_t mask)
{
    struct router *self = arg;

    *self->fenced += (uint64_t)__builtin_popcountll(mask);
    self->newly_lost |= mask;
    edge_table_leave(&self->edges, mask);
    for (uint64_t slots = self->edges.live; slots; slots &= slots - 1)
        interest_reset(self->interest, (uint8_t)__builtin_ctzll(slots), mask);
    for (; mask; mask &= mask - 1)
        conversations_drop(self->conversations, (unsigned)__builtin_ctzll(mask));
    roster_review(self->roster);
}

/* ---- replies of persist ---- */

static size_t index_of(const struct router *self, const struct worker *worker)
{
    size_t i = 0;

    while (self->workers[i] != worker)
        i++;
    return i;
}

static void on_reply(void *arg, struct worker *worker, const struct bus_frame *reply)
{
    struct router *self = arg;
    size_t which = index_of(self, worker);
    uint64_t now_ms = clock_monotonic_ms();
    struct wire_claimed claimed;
    struct wire_announced announced;

    if (reply->head.type == WIRE_TYPE_CLAIMED && wire_claimed_decode(reply->body, &claimed) == 0)
        partitions_claimed(self->partitions, which, reply->head.trace, &claimed, now_ms);
    else if (reply->head.type == WIRE_TYPE_ANNOUNCED &&
             wire_announced_decode(reply->body, &announced) == 0)
        partitions_announced(self->partitions, which, reply->head.trace, &announced, now_ms);
    else
        (*self->malformed)++;
}

static void flush(struct router *self)
{
    for (size_t i = 0; i < self->worker_count; i++)
        worker_pump(self->workers[i]);
    wakeup_flush(self->wakeup);
    tap_flush(self->tap);
}

static int on_worker_sock(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct router *self = arg;

    (void)loop;
    for (size_t i = 0; i < self->worker_count; i++)
        if (worker_sock(self->workers[i]) == sock)
            worker_recv(self->workers[i], self->turn);
    flush(self);
    return 0;
}

/* ---- edges ---- */

static void on_intake_frame(void *arg, struct bus_frame *frame)
{
    struct router *self = arg;

    intake_take(self->intake, &frame->head, frame->body, clock_monotonic_ms());
}

static int on_intake_sock(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct router *self = arg;

    (void)loop;
    *self->malformed += bus_drain(sock, self->turn, on_intake_frame, self);
    flush(self);
    return 0;
}

static void on_stream_frame(void *arg, struct bus_frame *frame)
{
    struct router *self = arg;

    roster_take(self->roster, frame, clock_monotonic_ms());
}

static int on_streams_sock(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct router *self = arg;

    (void)loop;
    *self->malformed += bus_drain(sock, self->turn, on_stream_frame, self);
    return 0;
}

/* ---- timers ---- */

static void watch_worker(struct router *self, struct worker *worker)
{
    zloop_reader(service_loop(self->service), worker_sock(worker), on_worker_sock, self);
    zloop_reader_set_tolerant(service_loop(self->service), worker_sock(worker));
}

static void reopen_silent(struct router *self)
{
    for (size_t i = 0; i < self->worker_count; i++) {
        struct worker *worker = self->workers[i];
        int rc;

        if (!worker_is_silent(worker))
            continue;
        zloop_reader_end(service_loop(self->service), worker_sock(worker));
        rc = worker_reopen(worker);
        if (rc < 0)
            log_error("cannot reach persist", "worker=%s reason=%s", worker_name(worker),
                      log_quote(strerror(-rc)));
        watch_worker(self, worker);
        partitions_ask_again(self->partitions, i, clock_monotonic_ms());
    }
}

static int on_tick(zloop_t *loop, int timer, void *arg)
{
    struct router *self = arg;

    (void)loop;
    (void)timer;
    reopen_silent(self);
    partitions_tick(self->partitions, clock_monotonic_ms());
    for (size_t i = 0; i < self->worker_count; i++)
        if (worker_tick(self->workers[i]))
            partitions_probe(self->partitions, i);
    flush(self);
    return 0;
}

/* Partitions are lost one by one, as their posts are refused; a line for all of them will do. */
static void log_lost(struct router *self)
{
    if (self->newly_lost)
        log_warn("fenced: another router holds these partitions now", "mask=%016llx",
                 (unsigned long long)self->newly_lost);
    self->newly_lost = 0;
}

static int on_beat(zloop_t *loop, int timer, void *arg)
{
    struct router *self = arg;

    (void)loop;
    (void)timer;
    roster_tick(self->roster, clock_monotonic_ms());
    *self->edge_gauge = (uint64_t)__builtin_popcountll(self->edges.live);
    *self->conversation_gauge = conversations_count(self->conversations);
    *self->interest_gauge = interest_count(self->interest);
    log_lost(self);
    health_report(self->service, self->partitions, self->workers, self->worker_count);
    return 0;
}

/* ---- putting it together ---- */

static int open_workers(struct router *self, const struct wire_head *head)
{
    const struct topology *topology = service_topology(self->service);
    struct conf *conf = service_conf(self->service);
    struct worker_out out = {self, on_settle, on_load_request, on_loaded, on_reply};
    char identity[BUS_PEER_MAX + 1];

    snprintf(identity, sizeof identity, "%s#%08x", service_name(self->service),
             (unsigned)service_boot(self->service));
    for (size_t i = 0; i < topology->worker_count; i++) {
        AUTO(base_free_text)
        char *endpoint = topology_endpoint(conf, topology->workers[i].name, TOPOLOGY_REQUESTS);
        struct worker_spec spec = {.name = topology->workers[i].name,
                                   .endpoint = endpoint,
                                   .identity = identity,
                                   .high_water = (int)conf_number(conf, "bus/high_water")};
        int rc = worker_new(&self->workers[i], &spec, head, &out, service_stats(self->service));

        if (rc < 0) {
            log_error("cannot reach persist", "endpoint=%s reason=%s", endpoint,
                      log_quote(strerror(-rc)));
            return rc;
        }
        self->worker_count++;
    }
    return 0;
}

static int make_partitions(struct router *self, const struct wire_head *head)
{
    struct partition_out out = {self, send_to_worker, on_held, on_lost};
    struct partition_spec spec = {.topology = service_topology(self->service),
                                  .name = service_name(self->service)};
    int rc = partitions_configure(&spec, service_conf(self->service));

    return rc < 0 ? rc : partitions_new(&self->partitions, &spec, head, &out);
}

static int make_conversations(struct router *self)
{
    struct conf *conf = service_conf(self->service);
    struct conversation_limits limits = {
        .conversations = (size_t)conf_number(conf, "router/conversations"),
        .waiting = (size_t)conf_number(conf, "router/waiting"),
        .held_bytes = (size_t)conf_number(conf, "router/held_megabytes") << 20};
    struct conversation_out out = {.arg = self,
                                   .answer = on_answer,
                                   .append = on_append,
                                   .withdraw = on_withdraw,
                                   .deliver = on_deliver,
                                   .load = on_load,
                                   .unload = on_unload,
                                   .fenced = on_fenced,
                                   .unsure = on_unsure};
    uint32_t jobs = 0;

    if (wakeup_read_jobs(conf, &jobs) < 0)
        return -EINVAL;
    return conversations_new(&self->conversations, &limits, &out, jobs,
                             service_stats(self->service));
}

/* Towards the edges. */
static int make_edges(struct router *self, const struct wire_head *head)
{
    struct stat_set *stats = service_stats(self->service);
    struct conf *conf = service_conf(self->service);
    struct stream_out stream_out = {&self->sockets, sockets_send_stream};
    struct wakeup_out wakeup_out = {&self->sockets, sockets_send_wake};
    int rc;

    edge_table_init(&self->edges);
    rc = interest_new(&self->interest, (size_t)conf_number(conf, "router/interests"));
    if (rc == 0)
        rc = stream_new(&self->stream, head, &stream_out, stats);
    if (rc == 0)
        rc = wakeup_new(&self->wakeup, head, &wakeup_out, stats);
    fanout_init(&self->fanout, &self->edges, self->interest, self->stream);
    return rc;
}

static int make_intake(struct router *self)
{
    struct stat_set *stats = service_stats(self->service);
    struct intake_parts intake = {.edges = &self->edges,
                                  .partitions = self->partitions,
                                  .conversations = self->conversations,
                                  .stream = self->stream,
                                  .fanout = &self->fanout,
                                  .tap = self->tap};
    struct roster_parts roster = {.edges = &self->edges,
                                  .partitions = self->partitions,
                                  .interest = self->interest,
                                  .stream = self->stream,
                                  .name = service_name(self->service)};
    int rc = intake_new(&self->intake, &intake, stats);

    return rc < 0 ? rc : roster_new(&self->roster, &roster, stats);
}

static void watch(struct router *self)
{
    zloop_t *loop = service_loop(self->service);

    zloop_reader(loop, self->sockets.streams, on_streams_sock, self);
    zloop_reader(loop, self->sockets.intake, on_intake_sock, self);
    zloop_reader_set_tolerant(loop, self->sockets.streams);
    zloop_reader_set_tolerant(loop, self->sockets.intake);
    for (size_t i = 0; i < self->worker_count; i++)
        watch_worker(self, self->workers[i]);
    zloop_timer(loop, TICK_MS, 0, on_tick, self);
    zloop_timer(loop, BEAT_MS, 0, on_beat, self);
}

static int make_all(struct router *self)
{
    struct wire_head head = service_head(self->service, WIRE_TYPE_POST);
    int rc = sockets_open(&self->sockets, service_conf(self->service), service_name(self->service));

    if (rc == 0)
        rc = open_workers(self, &head);
    if (rc == 0)
        rc = make_edges(self, &head);
    if (rc == 0)
        rc = make_partitions(self, &head);
    if (rc == 0)
        rc = make_conversations(self);
    if (rc == 0)
        rc = tap_new(&self->tap, self->service, conversations_table(self->conversations));
    return rc < 0 ? rc : make_intake(self);
}

int router_new(struct router **ret, struct service *service)
{
    AUTO(router_free) struct router *self = NEW(struct router);
    struct stat_set *stats = service_stats(service);
    int rc;

    self->service = service;
    self->turn = (unsigned)conf_number(service_conf(service), "router/turn");
    self->malformed = stat_counter(stats, "malformed");
    self->fenced = stat_counter(stats, "fenced");
    self->edge_gauge = stat_counter(stats, "edges");
    self->conversation_gauge = stat_counter(stats, "conversations");
    self->interest_gauge = stat_counter(stats, "interests");
    rc = make_all(self);
    if (rc < 0)
        return rc;
    watch(self);
    partitions_tick(self->partitions, clock_monotonic_ms());
    *ret = TAKE(self);
    return 0;
}

void router_free(struct router **self)
{
    if (!*self)
        return;
    roster_free(&(*self)->roster);
    intake_free(&(*self)->intake);
    tap_free(&(*self)->tap);
    conversations_free(&(*self)->conversations); /* withdraws from the workers */
    partitions_free(&(*self)->partitions);
    wakeup_free(&(*self)->wakeup);
    fanout_done(&(*self)->fanout);
    stream_free(&(*self)->stream);
    interest_free(&(*self)->interest);
    for (size_t i = 0; i < (*self)->worker_count; i++)
        worker_free(&(*self)->workers[i]);
    sockets_close(&(*self)->sockets);
    free(*self);
    *self = NULL;
}
