/* Claims and announcements, and how partitions are lost. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "router/partition.h"

#define SENT_MAX 64

struct sent {
    size_t worker;
    uint8_t type;
    uint64_t trace;
    uint64_t mask; /* claimed or announced */
    uint64_t standby;
};

struct world {
    struct partitions *partitions;
    struct topology topology;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    uint64_t held, lost;
    int send_rc;
};

static int on_send(void *arg, size_t worker, const struct buf *frame)
{
    struct world *self = arg;
    struct sent *sent = &self->sent[self->sent_count];
    struct wire_head head;
    struct wire_bytes body, item;
    struct wire_claim claim;
    struct wire_announce announce;
    struct wire_holding holding;

    if (self->send_rc < 0)
        return self->send_rc;
    assert_int_equal(wire_head_decode(wire_buf(frame), &head, &body), 0);
    *sent = (struct sent){.worker = worker, .type = head.type, .trace = head.trace};
    if (head.type == WIRE_TYPE_CLAIM) {
        assert_int_equal(wire_claim_decode(body, &claim), 0);
        assert_int_equal(claim.role, WIRE_ROUTER);
        sent->mask = claim.partitions;
        sent->standby = claim.standby;
    } else {
        assert_int_equal(wire_announce_decode(body, &announce), 0);
        while (wire_list_next(&announce.holdings, &item)) {
            assert_int_equal(wire_holding_decode(item, &holding), 0);
            sent->mask |= 1ull << holding.partition;
        }
    }
    self->sent_count++;
    return 0;
}

static void on_held(void *arg, uint64_t mask)
{
    ((struct world *)arg)->held |= mask;
}

static void on_lost(void *arg, uint64_t mask)
{
    ((struct world *)arg)->lost |= mask;
}

/* Two workers: 0-31 and 32-63. A lease of 1500 ms. */
static void open_world(struct world *self, uint64_t wanted, uint64_t standby)
{
    struct partition_spec spec = {.topology = &self->topology,
                                  .name = "router",
                                  .wanted = wanted,
                                  .standby = standby,
                                  .lease_ms = 1500};
    struct partition_out out = {self, on_send, on_held, on_lost};
    struct wire_head head = {.sender = 1};

    self->topology.worker_count = 2;
    self->topology.workers[0].partitions = 0xffffffffu;
    self->topology.workers[1].partitions = ~0xffffffffull;
    for (unsigned p = 32; p < 64; p++)
        self->topology.worker_of[p] = 1;
    assert_int_equal(partitions_new(&self->partitions, &spec, &head, &out), 0);
}

static int set_up(void **state)
{
    struct world *self = NEW(struct world);

    open_world(self, UINT64_MAX, 0);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    free(self);
    return 0;
}

static void grant(struct world *self, size_t which, uint64_t mask, uint32_t epoch, uint64_t now_ms)
{
    struct wire_claimed claimed = {.status = WIRE_OK};
    struct buf list;
    uint32_t count = 0;

    buf_init(&list, 8192);
    for (unsigned p = 0; p < 64; p++) {
        struct wire_holding holding = {
            .partition = (uint16_t)p, .epoch = epoch, .role = WIRE_ROUTER};

        if (mask >> p & 1)
            wire_holding_add(&list, &count, &holding);
    }
    claimed.holdings = wire_list_of(&list, count);
    partitions_claimed(self->partitions, self->sent[which].worker, self->sent[which].trace,
                       &claimed, now_ms);
    buf_done(&list);
}

static void confirm_but(struct world *self, size_t which, enum wire_result status, uint64_t lost)
{
    struct wire_announced announced = {.status = (uint8_t)status, .durability = 2, .lost = lost};

    partitions_announced(self->partitions, self->sent[which].worker, self->sent[which].trace,
                         &announced, 1000);
}

static void confirm(struct world *self, size_t which, enum wire_result status)
{
    confirm_but(self, which, status, 0);
}

static void test_each_worker_is_asked_for_its_own_and_announced_to(void **state)
{
    struct world *self = *state;

    partitions_tick(self->partitions, 1000);
    assert_int_equal(self->sent_count, 2);
    assert_int_equal(self->sent[0].mask, 0xffffffffu);
    assert_int_equal(self->sent[1].mask, ~0xffffffffull);
    grant(self, 1, self->sent[1].mask, 7, 1000);
    assert_int_equal(self->sent[2].type, WIRE_TYPE_ANNOUNCE);
    assert_int_equal(self->sent[2].mask, ~0xffffffffull);
    assert_int_equal(partitions_state(self->partitions, 40, 7), PARTITION_EARLY);
    confirm(self, 2, WIRE_OK);
    assert_int_equal(self->held, ~0xffffffffull);
    assert_int_equal(partitions_state(self->partitions, 40, 7), PARTITION_HELD);
    assert_int_equal(partitions_state(self->partitions, 40, 6), PARTITION_FOREIGN);
    assert_int_equal(partitions_state(self->partitions, 4, 7), PARTITION_EARLY);
    assert_int_equal(partitions_durability(self->partitions, 40), 2);
    assert_int_equal(partitions_epoch(self->partitions, 40), 7);
}

static void test_what_was_not_asked_for_is_not_taken(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 0xf0, 0);
    partitions_tick(self->partitions, 1000);
    grant(self, 0, UINT64_MAX, 5, 1000);
    assert_int_equal(self->sent[1].mask, 0xf0);
}

static void test_only_what_the_configuration_names_is_claimed(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 0xf0, 0);
    partitions_tick(self->partitions, 1000);
    assert_int_equal(self->sent_count, 1);
    assert_int_equal(self->sent[0].mask, 0xf0);
    assert_int_equal(self->sent[0].standby, 0);
    assert_int_equal(partitions_reach(self->partitions), 0xf0);
}

static void test_frames_come_too_early_as_long_as_a_claim_is_not_confirmed(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 3, 0);
    assert_int_equal(partitions_state(self->partitions, 0, 5), PARTITION_EARLY);
    assert_int_equal(partitions_state(self->partitions, 2, 5), PARTITION_FOREIGN); /* not wanted */
    partitions_tick(self->partitions, 1000);
    grant(self, 0, 3, 6, 1000);
    assert_int_equal(partitions_state(self->partitions, 0, 6), PARTITION_EARLY);
    assert_int_equal(partitions_state(self->partitions, 0, 7), PARTITION_EARLY);
    assert_int_equal(partitions_state(self->partitions, 0, 5), PARTITION_FOREIGN);
    confirm(self, 1, WIRE_OK);
    assert_int_equal(partitions_state(self->partitions, 0, 6), PARTITION_HELD);
    assert_int_equal(partitions_state(self->partitions, 0, 7), PARTITION_FOREIGN);
}

static void test_a_claim_is_repeated_for_ever_and_only_the_last_answer_counts(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 1, 0);
    partitions_tick(self->partitions, 1000);
    partitions_tick(self->partitions, 1999);
    assert_int_equal(self->sent_count, 1);
    partitions_tick(self->partitions, 2000);
    assert_int_equal(self->sent_count, 2);
    grant(self, 0, 1, 5, 2001); /* the store has made epoch 6 since */
    assert_int_equal(self->sent_count, 2);
    grant(self, 1, 1, 6, 2001);
    assert_int_equal(partitions_epoch(self->partitions, 0), 6);
    assert_int_equal(self->sent_count, 3);
    partitions_tick(self->partitions, 2002);
    assert_int_equal(self->sent_count, 3);
}

static void test_a_claim_that_is_refused_is_repeated_soon(void **state)
{
    struct world *self = *state;
    struct wire_claimed unavailable = {.status = WIRE_UNAVAILABLE};

    partitions_free(&self->partitions);
    open_world(self, 3, 0);
    partitions_tick(self->partitions, 1000);
    partitions_claimed(self->partitions, 0, self->sent[0].trace, &unavailable, 1000);
    assert_int_equal(partitions_unsure(self->partitions), 3);
    partitions_tick(self->partitions, 1250);
    assert_int_equal(self->sent_count, 2);
}

static void test_what_another_router_holds_is_claimed_until_it_is_ours(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 0x3, 0xf);
    partitions_tick(self->partitions, 1000);
    assert_int_equal(self->sent[0].mask, 0x3);
    assert_int_equal(self->sent[0].standby, 0xc);
    assert_int_equal(partitions_unsure(self->partitions), 0xf);
    grant(self, 0, 1, 5, 1000);
    assert_int_equal(self->sent[1].type, WIRE_TYPE_ANNOUNCE);
    assert_int_equal(self->sent[1].mask, 1);
    confirm(self, 1, WIRE_OK);
    assert_int_equal(self->held, 1);
    assert_int_equal(partitions_unsure(self->partitions), 0);
    partitions_tick(self->partitions, 1249);
    assert_int_equal(self->sent_count, 2);
    partitions_tick(self->partitions, 1250);
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(self->sent[2].mask, 0x2);
    assert_int_equal(self->sent[2].standby, 0xc);
    grant(self, 2, 0xe, 7, 1260);
    assert_int_equal(self->sent[3].mask, 0xf);
    confirm(self, 1, WIRE_OK); /* of less than what is claimed now */
    assert_int_equal(self->held, 1);
    confirm(self, 3, WIRE_OK);
    assert_int_equal(self->held, 0xf);
    assert_int_equal(partitions_epoch(self->partitions, 0), 5);
    assert_int_equal(partitions_epoch(self->partitions, 3), 7);
}

static void test_a_standby_of_a_worker_that_does_not_answer_is_unsure(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 0, 3);
    partitions_tick(self->partitions, 1000);
    grant(self, 0, 0, 0, 1000);
    assert_int_equal(partitions_unsure(self->partitions), 0);
    partitions_tick(self->partitions, 1250);
    assert_int_equal(partitions_unsure(self->partitions), 0);
    partitions_tick(self->partitions, 2250);
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(partitions_unsure(self->partitions), 3);
    grant(self, 2, 0, 0, 2260);
    assert_int_equal(partitions_unsure(self->partitions), 0);
}

static void test_what_the_socket_refuses_is_tried_again(void **state)
{
    struct world *self = *state;

    self->send_rc = -EAGAIN;
    partitions_tick(self->partitions, 1000);
    self->send_rc = 0;
    partitions_tick(self->partitions, 1250);
    assert_int_equal(self->sent_count, 2);
}

static void hold_all(struct world *self)
{
    partitions_tick(self->partitions, 1000);
    grant(self, 0, self->sent[0].mask, 3, 1000);
    confirm(self, 2, WIRE_OK);
    grant(self, 1, self->sent[1].mask, 3, 1000);
    confirm(self, 3, WIRE_OK);
    assert_int_equal(partitions_held(self->partitions), UINT64_MAX);
}

static void test_what_is_held_is_announced_three_times_per_lease(void **state)
{
    struct world *self = *state;

    hold_all(self);
    partitions_tick(self->partitions, 1499);
    assert_int_equal(self->sent_count, 4);
    partitions_tick(self->partitions, 1500);
    assert_int_equal(self->sent_count, 6);
    assert_int_equal(self->sent[4].type, WIRE_TYPE_ANNOUNCE);
    assert_int_equal(self->sent[4].mask, 0xffffffffu);
    assert_int_equal(self->sent[5].mask, ~0xffffffffull);
    self->held = 0;
    confirm(self, 4, WIRE_OK);
    assert_int_equal(self->held, 0); /* nothing new */
    partitions_tick(self->partitions, 1999);
    assert_int_equal(self->sent_count, 6);
    partitions_tick(self->partitions, 2000); /* whether there was an answer or not */
    assert_int_equal(self->sent_count, 8);
}

static void test_an_answer_that_is_slower_than_announcements_counts(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 3, 0);
    partitions_tick(self->partitions, 1000);
    grant(self, 0, 3, 3, 1000);
    partitions_tick(self->partitions, 1500);
    partitions_tick(self->partitions, 2000);
    assert_int_equal(self->sent_count, 4);
    confirm(self, 1, WIRE_OK);
    assert_int_equal(self->held, 3);
}

static void test_a_fenced_partition_is_told_once_and_claimed_again(void **state)
{
    struct world *self = *state;

    hold_all(self);
    partitions_fence(self->partitions, 1 << 4);
    assert_int_equal(self->lost, 1 << 4);
    assert_int_equal(partitions_state(self->partitions, 4, 3), PARTITION_FOREIGN);
    assert_int_equal(partitions_state(self->partitions, 4, 5), PARTITION_EARLY);
    assert_int_equal(partitions_epoch(self->partitions, 4), 0);
    self->lost = 0;
    partitions_fence(self->partitions, 1 << 4);
    assert_int_equal(self->lost, 0);
    partitions_tick(self->partitions, 1499);
    assert_int_equal(self->sent_count, 5);
    assert_int_equal(self->sent[4].type, WIRE_TYPE_CLAIM);
    assert_int_equal(self->sent[4].mask, 1 << 4);
    grant(self, 4, 1 << 4, 5, 1499);
    assert_int_equal(partitions_lost(self->partitions), 0);
    confirm(self, 5, WIRE_OK);
    assert_int_equal(partitions_state(self->partitions, 4, 5), PARTITION_HELD);
}

static void test_a_renewal_tells_what_was_lost_and_keeps_the_rest(void **state)
{
    struct world *self = *state;

    hold_all(self);
    partitions_tick(self->partitions, 1500);
    confirm_but(self, 4, WIRE_FENCED, 6);
    assert_int_equal(self->lost, 6);
    assert_int_equal(partitions_held(self->partitions), ~6ull);
}

static void test_an_announcement_before_a_claim_says_nothing_of_what_it_brought(void **state)
{
    struct world *self = *state;

    hold_all(self);
    partitions_tick(self->partitions, 1500);
    partitions_fence(self->partitions, 6);
    partitions_tick(self->partitions, 1501);
    assert_int_equal(self->sent[6].type, WIRE_TYPE_CLAIM);
    grant(self, 6, 6, 9, 1502);
    self->lost = 0;
    confirm_but(self, 4, WIRE_FENCED, 6);
    assert_int_equal(self->lost, 0);
    confirm(self, 7, WIRE_OK);
    assert_int_equal(partitions_held(self->partitions), UINT64_MAX);
}

static void test_who_is_fenced_while_announcing_holds_nothing(void **state)
{
    struct world *self = *state;

    partitions_free(&self->partitions);
    open_world(self, 3, 0);
    partitions_tick(self->partitions, 1000);
    grant(self, 0, 3, 3, 1000);
    confirm(self, 1, WIRE_FENCED);
    assert_int_equal(self->lost, 3);
    assert_int_equal(self->held, 0);
    assert_int_equal(partitions_unsure(self->partitions), 0);
}

static void test_a_probe_announces_what_is_held_at_once(void **state)
{
    struct world *self = *state;

    partitions_probe(self->partitions, 0);
    assert_int_equal(self->sent_count, 0); /* nothing to announce yet */
    hold_all(self);
    partitions_fence(self->partitions, 1);
    partitions_probe(self->partitions, 0);
    assert_int_equal(self->sent_count, 5);
    assert_int_equal(self->sent[4].mask, 0xfffffffeu);
    confirm_but(self, 4, WIRE_FENCED, 2);
    assert_int_equal(self->lost, 3);
}

static void test_holdings_name_what_is_held(void **state)
{
    struct world *self = *state;
    struct wire_holding holding;
    struct wire_list list;
    struct wire_bytes item;
    struct buf buf;

    hold_all(self);
    partitions_fence(self->partitions, ~1ull);
    buf_init(&buf, 8192);
    list = partitions_holdings(self->partitions, &buf);
    assert_int_equal(list.count, 1);
    assert_true(wire_list_next(&list, &item));
    assert_int_equal(wire_holding_decode(item, &holding), 0);
    assert_int_equal(holding.epoch, 3);
    assert_true(wire_bytes_equal(holding.holder, wire_text("router")));
    buf_done(&buf);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_each_worker_is_asked_for_its_own_and_announced_to),
        CASE(test_only_what_the_configuration_names_is_claimed),
        CASE(test_what_was_not_asked_for_is_not_taken),
        CASE(test_frames_come_too_early_as_long_as_a_claim_is_not_confirmed),
        CASE(test_a_claim_is_repeated_for_ever_and_only_the_last_answer_counts),
        CASE(test_a_claim_that_is_refused_is_repeated_soon),
        CASE(test_what_another_router_holds_is_claimed_until_it_is_ours),
        CASE(test_a_standby_of_a_worker_that_does_not_answer_is_unsure),
        CASE(test_what_the_socket_refuses_is_tried_again),
        CASE(test_what_is_held_is_announced_three_times_per_lease),
        CASE(test_an_answer_that_is_slower_than_announcements_counts),
        CASE(test_a_fenced_partition_is_told_once_and_claimed_again),
        CASE(test_a_renewal_tells_what_was_lost_and_keeps_the_rest),
        CASE(test_an_announcement_before_a_claim_says_nothing_of_what_it_brought),
        CASE(test_who_is_fenced_while_announcing_holds_nothing),
        CASE(test_a_probe_announces_what_is_held_at_once),
        CASE(test_holdings_name_what_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
