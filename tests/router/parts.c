#include "tests/router/parts.h"

#include "tests/lib/cmocka.h"

static uint64_t value_of(uint8_t type, struct wire_bytes body)
{
    union {
        struct wire_gap gap;
        struct wire_answer answer;
        struct wire_interested interested;
        struct wire_welcome welcome;
        struct wire_heartbeat heartbeat;
        struct wire_deliver deliver;
    } it;
    struct wire_event event;

    switch (type) {
    case WIRE_TYPE_GAP:
        assert_int_equal(wire_gap_decode(body, &it.gap), 0);
        return it.gap.expected;
    case WIRE_TYPE_ANSWER:
        assert_int_equal(wire_answer_decode(body, &it.answer), 0);
        return it.answer.status;
    case WIRE_TYPE_INTERESTED:
        assert_int_equal(wire_interested_decode(body, &it.interested), 0);
        return it.interested.status;
    case WIRE_TYPE_WELCOME:
        assert_int_equal(wire_welcome_decode(body, &it.welcome), 0);
        return it.welcome.holdings.count;
    case WIRE_TYPE_HEARTBEAT:
        assert_int_equal(wire_heartbeat_decode(body, &it.heartbeat), 0);
        return it.heartbeat.sent;
    case WIRE_TYPE_DELIVER:
        assert_int_equal(wire_deliver_decode(body, &it.deliver), 0);
        assert_int_equal(wire_event_decode(it.deliver.event, &event), 0);
        return event.seq;
    default:
        return 0;
    }
}

static int on_send(void *arg, const struct bus_peer *peer, const struct buf *frame)
{
    struct parts *self = arg;
    struct sent *sent = &self->sent[self->sent_count];
    struct wire_bytes body;

    if (self->send_rc < 0)
        return self->send_rc;
    assert_true(self->sent_count < SENT_MAX);
    sent->peer = peer->bytes[0];
    assert_int_equal(wire_head_decode(wire_buf(frame), &sent->head, &body), 0);
    sent->value = value_of(sent->head.type, body);
    self->sent_count++;
    return 0;
}

static int on_ask(void *arg, size_t worker, const struct buf *frame)
{
    struct parts *self = arg;
    struct wire_head head;
    struct wire_bytes body;

    (void)worker;
    assert_int_equal(wire_head_decode(wire_buf(frame), &head, &body), 0);
    self->trace = head.trace;
    return 0;
}

static void on_mask(void *arg, uint64_t mask)
{
    (void)arg;
    (void)mask;
}

void parts_open(struct parts *self, uint64_t wanted, size_t interests)
{
    struct stream_out stream_out = {self, on_send};
    struct partition_out partition_out = {self, on_ask, on_mask, on_mask};
    struct partition_spec spec = {
        .topology = &self->topology, .name = "router", .wanted = wanted, .lease_ms = 1500};
    struct wire_head head = {.sender = 9, .boot = 8};

    edge_table_init(&self->edges);
    assert_int_equal(stat_new(&self->stats), 0);
    assert_int_equal(stream_new(&self->stream, &head, &stream_out, self->stats), 0);
    assert_int_equal(interest_new(&self->interest, interests), 0);
    self->topology.worker_count = 1;
    self->topology.workers[0].partitions = UINT64_MAX;
    assert_int_equal(partitions_new(&self->partitions, &spec, &head, &partition_out), 0);
}

void parts_close(struct parts *self)
{
    partitions_free(&self->partitions);
    interest_free(&self->interest);
    stream_free(&self->stream);
    stat_free(&self->stats);
}

void parts_claim(struct parts *self, unsigned count, uint32_t epoch, uint64_t now_ms)
{
    struct wire_claimed claimed = {.status = WIRE_OK};
    struct buf list;
    uint32_t holdings = 0;

    buf_init(&list, 8192);
    for (unsigned p = 0; p < count; p++) {
        struct wire_holding holding = {.partition = (uint16_t)p, .epoch = epoch};

        wire_holding_add(&list, &holdings, &holding);
    }
    claimed.holdings = wire_list_of(&list, holdings);
    partitions_tick(self->partitions, now_ms);
    partitions_claimed(self->partitions, 0, self->trace, &claimed, now_ms);
    buf_done(&list);
}

void parts_announce(struct parts *self, uint64_t now_ms)
{
    struct wire_announced announced = {.status = WIRE_OK};

    partitions_announced(self->partitions, 0, self->trace, &announced, now_ms);
}

struct edge *parts_enter(struct parts *self, uint64_t sender, uint64_t boot, uint64_t now_ms)
{
    struct wire_head head = {.sender = sender, .boot = boot};

    return edge_table_enter(&self->edges, &head, now_ms);
}

struct edge *parts_live(struct parts *self, uint64_t sender, uint64_t boot, uint64_t now_ms)
{
    struct bus_peer peer = {.len = 1, .bytes = {(uint8_t)sender}};
    struct edge *edge = parts_enter(self, sender, boot, now_ms);
    uint64_t silenced;

    assert_non_null(edge);
    edge_table_hear(&self->edges, edge, &peer, now_ms, &silenced);
    return edge;
}

uint64_t parts_counter(const struct parts *self, const char *name)
{
    return *stat_counter(self->stats, name);
}
