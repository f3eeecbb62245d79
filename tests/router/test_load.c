/* Questions for the state of conversations, and their answers. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "router/load.h"
#include "tests/router/fixture.h"

#define LOADS 300
#define SENT_MAX 2000

struct world {
    struct load_lane *lane;
    struct stat_set *stats;
    struct load loads[LOADS];
    uint64_t traces[SENT_MAX];
    unsigned asked[SENT_MAX]; /* which load */
    size_t sent_count;
    unsigned requested; /* the last one */
    struct load *loaded[SENT_MAX];
    uint8_t status;
    size_t loaded_count;
    int send_rc;
};

static struct wire_load on_request(void *arg, struct load *load, struct buf *list)
{
    struct world *self = arg;

    (void)list;
    self->requested = (unsigned)(load - self->loads);
    return (struct wire_load){.conversation = person(self->requested)};
}

static int on_send(void *arg, const struct buf *frame)
{
    struct world *self = arg;
    struct wire_head head;
    struct wire_bytes body;
    struct wire_load load;

    if (self->send_rc < 0)
        return self->send_rc;
    assert_int_equal(wire_head_decode(wire_buf(frame), &head, &body), 0);
    assert_int_equal(wire_load_decode(body, &load), 0);
    assert_int_equal(head.partition, id_partition(&load.conversation));
    assert_int_equal(head.epoch, self->loads[self->requested].epoch);
    self->traces[self->sent_count] = head.trace;
    self->asked[self->sent_count++] = self->requested;
    return 0;
}

static void on_loaded(void *arg, struct load *load, const struct wire_loaded *loaded)
{
    struct world *self = arg;

    assert_int_equal(load->state, LOAD_NONE);
    self->status = loaded->status;
    self->loaded[self->loaded_count++] = load;
}

static int set_up(void **state)
{
    struct world *self = NEW(struct world);
    struct load_out out = {self, on_request, on_send, on_loaded};
    struct wire_head head = {.sender = 1};

    assert_int_equal(stat_new(&self->stats), 0);
    assert_int_equal(load_lane_new(&self->lane, &head, &out, self->stats), 0);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;

    load_lane_free(&self->lane);
    stat_free(&self->stats);
    free(self);
    return 0;
}

static void answer(struct world *self, uint64_t trace, enum wire_result status, uint64_t now_ms)
{
    struct wire_loaded loaded = {.status = (uint8_t)status, .head = 5};
    struct buf body;

    buf_init(&body, 4096);
    wire_loaded_encode(&body, &loaded);
    load_lane_answer(self->lane, trace, wire_buf(&body), now_ms);
    buf_done(&body);
}

static void test_an_answer_finds_its_load_by_its_trace(void **state)
{
    struct world *self = *state;

    self->loads[0].epoch = 3;
    self->loads[1].epoch = 4;
    load_lane_add(self->lane, &self->loads[0]);
    load_lane_add(self->lane, &self->loads[1]);
    load_lane_pump(self->lane, 1000);
    assert_int_equal(self->sent_count, 2);
    answer(self, self->traces[1], WIRE_OK, 1001);
    assert_ptr_equal(self->loaded[0], &self->loads[1]);
    answer(self, self->traces[1], WIRE_OK, 1001); /* a second time: counts for nothing */
    answer(self, 12345, WIRE_OK, 1001);
    assert_int_equal(self->loaded_count, 1);
    assert_int_equal(*stat_counter(self->stats, "replies_unexpected"), 2);
    answer(self, self->traces[0], WIRE_FENCED, 1001);
    assert_int_equal(self->status, WIRE_FENCED);
}

static void test_so_many_are_asked_at_a_time_and_the_others_in_their_turn(void **state)
{
    struct world *self = *state;

    for (unsigned i = 0; i < LOADS; i++)
        load_lane_add(self->lane, &self->loads[i]);
    load_lane_pump(self->lane, 1000);
    assert_int_equal(self->sent_count, LOAD_FLIGHT_MAX);
    answer(self, self->traces[100], WIRE_OK, 1000);
    load_lane_pump(self->lane, 1000);
    assert_int_equal(self->sent_count, LOAD_FLIGHT_MAX + 1);
    assert_int_equal(self->asked[LOAD_FLIGHT_MAX], LOAD_FLIGHT_MAX);
    for (size_t i = 0; i < self->sent_count; i++) {
        answer(self, self->traces[i], WIRE_OK, 1000);
        load_lane_pump(self->lane, 1000);
    }
    assert_int_equal(self->loaded_count, LOADS);
}

static void test_a_load_without_an_answer_is_asked_again(void **state)
{
    struct world *self = *state;

    load_lane_add(self->lane, &self->loads[0]);
    load_lane_pump(self->lane, 1000);
    assert_int_equal(load_lane_tick(self->lane, 1000 + LOAD_TIMEOUT_MS - 1), 0);
    assert_int_equal(load_lane_tick(self->lane, 1000 + LOAD_TIMEOUT_MS), 1);
    assert_int_equal(self->sent_count, 2);
    answer(self, self->traces[0], WIRE_OK, 5000); /* late */
    assert_int_equal(self->loaded_count, 0);
    answer(self, self->traces[1], WIRE_OK, 5000);
    assert_int_equal(self->loaded_count, 1);
}

static void test_unavailable_is_asked_again_after_a_while(void **state)
{
    struct world *self = *state;

    load_lane_add(self->lane, &self->loads[0]);
    load_lane_pump(self->lane, 1000);
    answer(self, self->traces[0], WIRE_UNAVAILABLE, 1000);
    assert_true(load_lane_is_waiting(self->lane));
    load_lane_pump(self->lane, 1099);
    assert_int_equal(self->sent_count, 1);
    load_lane_pump(self->lane, 1100);
    assert_int_equal(self->sent_count, 2);
    answer(self, self->traces[1], WIRE_OK, 1101);
    assert_false(load_lane_is_waiting(self->lane));
}

static void test_a_malformed_answer_is_asked_again(void **state)
{
    struct world *self = *state;

    load_lane_add(self->lane, &self->loads[0]);
    load_lane_pump(self->lane, 1000);
    load_lane_answer(self->lane, self->traces[0], wire_bytes_of("\0\1\2", 3), 1000);
    assert_int_equal(self->loaded_count, 0);
    load_lane_pump(self->lane, 2000);
    assert_int_equal(self->sent_count, 2);
}

static void test_another_process_is_asked_all_again_in_order(void **state)
{
    struct world *self = *state;

    for (unsigned i = 0; i < 3; i++)
        load_lane_add(self->lane, &self->loads[i]);
    load_lane_pump(self->lane, 1000);
    load_lane_restart(self->lane);
    load_lane_pump(self->lane, 1000);
    assert_int_equal(self->sent_count, 6);
    assert_int_equal(self->asked[3], 0);
    assert_int_equal(self->asked[5], 2);
}

static void test_a_load_that_is_removed_is_not_answered(void **state)
{
    struct world *self = *state;

    load_lane_add(self->lane, &self->loads[0]);
    load_lane_add(self->lane, &self->loads[1]);
    load_lane_remove(self->lane, &self->loads[1]);
    load_lane_pump(self->lane, 1000);
    assert_int_equal(self->sent_count, 1);
    load_lane_remove(self->lane, &self->loads[0]);
    load_lane_remove(self->lane, &self->loads[0]); /* nothing any more */
    answer(self, self->traces[0], WIRE_OK, 1000);
    assert_int_equal(self->loaded_count, 0);
}

static void test_what_the_socket_refuses_stays_in_the_queue(void **state)
{
    struct world *self = *state;

    self->send_rc = -EAGAIN;
    load_lane_add(self->lane, &self->loads[0]);
    load_lane_pump(self->lane, 1000);
    self->send_rc = 0;
    load_lane_pump(self->lane, 1000);
    assert_int_equal(self->sent_count, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_an_answer_finds_its_load_by_its_trace),
        CASE(test_so_many_are_asked_at_a_time_and_the_others_in_their_turn),
        CASE(test_a_load_without_an_answer_is_asked_again),
        CASE(test_unavailable_is_asked_again_after_a_while),
        CASE(test_a_malformed_answer_is_asked_again),
        CASE(test_another_process_is_asked_all_again_in_order),
        CASE(test_a_load_that_is_removed_is_not_answered),
        CASE(test_what_the_socket_refuses_stays_in_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
