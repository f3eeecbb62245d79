/* Edges that come, want something, and go. */
#include "tests/lib/cmocka.h"

#include "router/roster.h"
#include "tests/router/fixture.h"
#include "tests/router/parts.h"

struct world {
    struct parts parts;
    struct roster *roster;
    struct buf buf;
};

static int set_up(void **state)
{
    struct world *self = NEW(struct world);
    struct roster_parts parts;

    parts_open(&self->parts, 0xffffffffu, 100);
    parts = (struct roster_parts){.edges = &self->parts.edges,
                                  .partitions = self->parts.partitions,
                                  .interest = self->parts.interest,
                                  .stream = self->parts.stream,
                                  .name = "router"};
    assert_int_equal(roster_new(&self->roster, &parts, self->parts.stats), 0);
    buf_init(&self->buf, 1 << 20);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;

    roster_free(&self->roster);
    parts_close(&self->parts);
    buf_done(&self->buf);
    free(self);
    return 0;
}

/* Partitions 0-31; the others are another router's. */
static void hold(struct world *self)
{
    parts_claim(&self->parts, 32, 4, 1);
    parts_announce(&self->parts, 1);
    roster_review(self->roster);
}

static void take(struct world *self, enum wire_type type, uint64_t boot, uint64_t trace,
                 uint64_t now_ms)
{
    struct bus_frame frame = {
        .head = {.type = (uint8_t)type, .sender = boot, .boot = boot, .trace = trace},
        .body = wire_buf(&self->buf),
        .peer = {.len = 1, .bytes = {(uint8_t)boot}}};

    roster_take(self->roster, &frame, now_ms);
}

static void alive(struct world *self, uint64_t boot, uint64_t received, uint64_t now_ms)
{
    struct wire_alive message = {.name = wire_text("edge"), .received = received};

    buf_clear(&self->buf);
    wire_alive_encode(&self->buf, &message);
    take(self, WIRE_TYPE_ALIVE, boot, 0, now_ms);
}

/* In one conversation, of partition `which`. */
static void want(struct world *self, uint64_t boot, unsigned which, bool on, uint64_t reset)
{
    struct wire_interest interest = {.on = on, .reset = reset};
    struct wire_item item = {.id = person(which)};
    struct buf list;
    uint32_t count = 0;

    buf_init(&list, 4096);
    wire_item_add(&list, &count, &item);
    interest.conversations = wire_list_of(&list, count);
    buf_clear(&self->buf);
    wire_interest_encode(&self->buf, &interest);
    buf_done(&list);
    take(self, WIRE_TYPE_INTEREST, boot, 1000 + which, 1);
}

static uint64_t mask_of(struct world *self, unsigned which)
{
    struct id id = person(which);

    return interest_of(self->parts.interest, &id);
}

static void test_a_new_edge_is_welcomed_by_number_one(void **state)
{
    struct world *self = *state;

    hold(self);
    alive(self, 1, 0, 1);
    assert_int_equal(self->parts.sent_count, 1);
    assert_int_equal(self->parts.sent[0].head.type, WIRE_TYPE_WELCOME);
    assert_int_equal(self->parts.sent[0].head.number, 1);
    assert_int_equal(self->parts.sent[0].value, 32);
    alive(self, 1, 1, 250);
    assert_int_equal(self->parts.sent_count, 1);
    assert_string_equal(self->parts.edges.edges[0].name, "edge");
}

static void test_an_edge_that_got_no_welcome_is_welcomed_again(void **state)
{
    struct world *self = *state;

    alive(self, 1, 0, 1);
    alive(self, 1, 0, 251);
    assert_int_equal(self->parts.sent_count, 1);
    alive(self, 1, 0, 1001);
    assert_int_equal(self->parts.sent_count, 2);
    assert_int_equal(self->parts.sent[1].head.number, 2);
}

static void test_heartbeats_go_to_live_edges(void **state)
{
    struct world *self = *state;

    alive(self, 1, 0, 1);
    alive(self, 2, 0, 1);
    roster_tick(self->roster, 250);
    assert_int_equal(self->parts.sent_count, 4);
    assert_int_equal(self->parts.sent[3].head.type, WIRE_TYPE_HEARTBEAT);
    roster_tick(self->roster, 1 + EDGE_SILENCE_MS);
    assert_int_equal(self->parts.sent_count, 4);
}

static void test_interest_in_what_is_held_is_confirmed_at_once(void **state)
{
    struct world *self = *state;

    hold(self);
    alive(self, 1, 0, 1);
    want(self, 1, 5, true, 0);
    assert_int_equal(self->parts.sent[1].head.type, WIRE_TYPE_INTERESTED);
    assert_int_equal(self->parts.sent[1].head.trace, 1005);
    assert_int_equal(self->parts.sent[1].value, WIRE_OK);
    assert_int_equal(mask_of(self, 5), 1);
    want(self, 1, 5, false, 0);
    assert_int_equal(self->parts.sent[2].value, WIRE_OK);
    assert_int_equal(mask_of(self, 5), 0);
}

static void test_interest_is_confirmed_only_when_the_partition_is_held(void **state)
{
    struct world *self = *state;

    alive(self, 1, 0, 1);
    want(self, 1, 5, true, 0);
    want(self, 1, 6, true, 0);
    assert_int_equal(self->parts.sent_count, 1);
    hold(self);
    assert_int_equal(self->parts.sent_count, 3);
    assert_int_equal(self->parts.sent[1].head.trace, 1005);
    assert_int_equal(self->parts.sent[2].value, WIRE_OK);
    roster_review(self->roster);
    assert_int_equal(self->parts.sent_count, 3);
}

static void test_interest_in_another_routers_partition_is_refused(void **state)
{
    struct world *self = *state;

    alive(self, 1, 0, 1);
    want(self, 1, 40, true, 0);
    assert_int_equal(self->parts.sent[1].value, WIRE_FENCED);
    want(self, 1, 5, true, 0);
    hold(self);
    assert_int_equal(self->parts.sent[2].value, WIRE_OK);
    partitions_fence(self->parts.partitions, 1 << 5);
    want(self, 1, 5, true, 0);
    assert_int_equal(self->parts.sent[3].value, WIRE_FENCED);
}

static void test_what_is_held_is_told_to_every_edge(void **state)
{
    struct world *self = *state;

    alive(self, 1, 0, 1);
    alive(self, 2, 0, 1);
    assert_int_equal(self->parts.sent_count, 2);
    hold(self);
    roster_tell_holdings(self->roster, 2);
    assert_int_equal(self->parts.sent_count, 4);
    assert_int_equal(self->parts.sent[3].value, 32);
}

static void test_confirmations_that_wait_have_a_limit(void **state)
{
    struct world *self = *state;

    alive(self, 1, 0, 1);
    for (unsigned i = 0; i < ROSTER_WAITING_MAX; i++)
        want(self, 1, 5, true, 0);
    assert_int_equal(self->parts.sent_count, 1);
    want(self, 1, 5, true, 0);
    assert_int_equal(self->parts.sent[1].value, WIRE_UNAVAILABLE);
    hold(self);
    assert_int_equal(self->parts.sent_count, 2 + ROSTER_WAITING_MAX);
}

static void test_more_conversations_than_may_be_are_refused(void **state)
{
    struct world *self = *state;

    hold(self);
    alive(self, 1, 0, 1);
    for (unsigned i = 0; i < 100; i++)
        want(self, 1, 1 + 256 * i, true, 0);
    assert_int_equal(self->parts.sent[100].value, WIRE_OK);
    want(self, 1, 1 + 256 * 100, true, 0);
    assert_int_equal(self->parts.sent[101].value, WIRE_UNAVAILABLE);
}

static void test_a_reset_begins_anew_in_its_partitions(void **state)
{
    struct world *self = *state;

    hold(self);
    alive(self, 1, 0, 1);
    want(self, 1, 5, true, 0);
    want(self, 1, 6, true, 0);
    want(self, 1, 5 + 256, true, 1 << 5);
    assert_int_equal(mask_of(self, 5), 0);
    assert_int_equal(mask_of(self, 6), 1);
    assert_int_equal(mask_of(self, 5 + 256), 1);
}

static void test_what_a_silent_edge_wanted_is_forgotten(void **state)
{
    struct world *self = *state;

    hold(self);
    alive(self, 1, 0, 1);
    want(self, 1, 5, true, 0);
    roster_tick(self->roster, 1 + EDGE_SILENCE_MS);
    assert_int_equal(mask_of(self, 5), 0);
}

static void test_nonsense_costs_a_counter(void **state)
{
    struct world *self = *state;

    hold(self);
    buf_clear(&self->buf);
    buf_put_text(&self->buf, "nonsense");
    take(self, WIRE_TYPE_ALIVE, 1, 0, 1);
    take(self, WIRE_TYPE_INTEREST, 1, 0, 1);
    take(self, WIRE_TYPE_POST, 1, 0, 1);
    assert_int_equal(parts_counter(&self->parts, "malformed"), 3);
    for (unsigned i = 2; i <= EDGE_MAX + 1; i++)
        alive(self, i, 1, 1);
    assert_int_equal(parts_counter(&self->parts, "edges_refused"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_new_edge_is_welcomed_by_number_one),
        CASE(test_an_edge_that_got_no_welcome_is_welcomed_again),
        CASE(test_heartbeats_go_to_live_edges),
        CASE(test_interest_in_what_is_held_is_confirmed_at_once),
        CASE(test_interest_is_confirmed_only_when_the_partition_is_held),
        CASE(test_interest_in_another_routers_partition_is_refused),
        CASE(test_what_is_held_is_told_to_every_edge),
        CASE(test_confirmations_that_wait_have_a_limit),
        CASE(test_more_conversations_than_may_be_are_refused),
        CASE(test_a_reset_begins_anew_in_its_partitions),
        CASE(test_what_a_silent_edge_wanted_is_forgotten),
        CASE(test_nonsense_costs_a_counter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
