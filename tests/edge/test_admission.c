/* The pace at the door: handshakes beyond it are refused, CONNECTs wait for their turn. */
#include "tests/lib/cmocka.h"

#include <stdlib.h>

#include "base/clock.h"
#include "edge/api/admission.h"

#define ENTRIES 200

struct bench {
    uv_loop_t loop;
    uv_idle_t awake; /* the timers alone do not keep the loop going */
    struct stat_set *stats;
    struct timers *timers;
    struct admission *admission;
    struct visitor {
        struct admission_entry entry;
        struct bench *bench;
        unsigned turn; /* 0: not begun; 1: the first to begin, … */
    } visitors[ENTRIES];
    unsigned begun;
};

static uint64_t now_us;

static uint64_t fake_us(void)
{
    return now_us;
}

static const struct clock_source clock_source = {fake_us, fake_us};

static void begin(struct admission_entry *entry)
{
    struct visitor *visitor = CONTAINER_OF(entry, struct visitor, entry);

    visitor->turn = ++visitor->bench->begun;
}

static struct bench *make(void **state, const struct admission_limits *limits)
{
    struct bench *bench = *state;

    admission_new(&bench->admission, limits, bench->timers, bench->stats);
    return bench;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static int set_up(void **state)
{
    struct bench *bench = NEW(struct bench);

    now_us = 1000000;
    clock_replace(&clock_source);
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    uv_idle_init(&bench->loop, &bench->awake);
    uv_idle_start(&bench->awake, on_idle);
    assert_int_equal(timers_new(&bench->timers, &bench->loop), 0);
    assert_int_equal(stat_new(&bench->stats), 0);
    for (size_t i = 0; i < ENTRIES; i++) {
        bench->visitors[i].bench = bench;
        bench->visitors[i].entry.begin = begin;
    }
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    admission_free(&bench->admission);
    timers_free(&bench->timers);
    uv_close((uv_handle_t *)&bench->awake, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    stat_free(&bench->stats);
    clock_replace(NULL);
    free(bench);
    return 0;
}

static bool enter(struct bench *bench, unsigned i)
{
    return admission_enter(bench->admission, &bench->visitors[i].entry);
}

static void leave(struct bench *bench, unsigned i)
{
    admission_leave(bench->admission, &bench->visitors[i].entry);
}

static uint64_t waiting(struct bench *bench)
{
    return *stat_counter(bench->stats, "connects_waiting");
}

static void test_handshakes_beyond_the_burst_are_refused_until_there_is_time(void **state)
{
    struct bench *bench = make(state, &(struct admission_limits){100, 10, 100, 10, 10});

    for (int i = 0; i < 10; i++)
        assert_int_equal(admission_handshake(bench->admission), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(admission_handshake(bench->admission), 1);
    now_us += 20000;
    assert_int_equal(admission_handshake(bench->admission), 0);
    assert_int_equal(admission_handshake(bench->admission), 0);
    assert_int_equal(admission_handshake(bench->admission), 1);
    assert_int_equal(*stat_counter(bench->stats, "handshakes_over_rate"), 6);
}

static void test_so_many_connect_at_a_time_and_the_others_in_their_order(void **state)
{
    struct bench *bench = make(state, &(struct admission_limits){1, 1, 1000000, 3, 100});

    for (unsigned i = 0; i < 10; i++)
        assert_true(enter(bench, i));
    assert_int_equal(bench->begun, 3);
    assert_int_equal(waiting(bench), 7);
    leave(bench, 1);
    assert_int_equal(bench->visitors[3].turn, 4);
    leave(bench, 5); /* before its turn */
    leave(bench, 0);
    leave(bench, 2);
    assert_int_equal(bench->visitors[4].turn, 5);
    assert_int_equal(bench->visitors[5].turn, 0);
    assert_int_equal(bench->visitors[6].turn, 6);
    leave(bench, 0); /* once more changes nothing */
    assert_int_equal(bench->begun, 6);
    for (unsigned i = 0; i < 10; i++)
        leave(bench, i);
    assert_int_equal(waiting(bench), 0);
}

static void test_connects_beyond_the_rate_wait_for_the_timer(void **state)
{
    struct bench *bench = make(state, &(struct admission_limits){1, 1, 100, 1000, 1000});

    for (unsigned i = 0; i < 50; i++)
        assert_true(enter(bench, i));
    assert_int_equal(bench->begun, 6); /* a twentieth of a second's, and one */
    for (unsigned i = 7; i <= 50; i++) {
        now_us += 10000;
        while (bench->begun < i)
            uv_run(&bench->loop, UV_RUN_NOWAIT);
        assert_int_equal(bench->begun, i);
    }
    assert_int_equal(waiting(bench), 0);
    assert_int_equal(*stat_counter(bench->stats, "connects_delayed"), 44);
}

static void test_a_full_queue_refuses_handshakes_and_sends_connects_away(void **state)
{
    struct bench *bench = make(state, &(struct admission_limits){1000000, 1000, 10, 1, 40});

    for (unsigned i = 0; i < 41; i++)
        assert_true(enter(bench, i));
    assert_int_equal(waiting(bench), 40);
    assert_false(enter(bench, 41));
    leave(bench, 41); /* as its end does */
    assert_int_equal(*stat_counter(bench->stats, "connects_turned_away"), 1);
    assert_int_equal(admission_handshake(bench->admission), 1 + 40 / 10);
    leave(bench, 30);
    assert_int_equal(admission_handshake(bench->admission), 0);
}

static void test_stopped_nobody_begins_any_more(void **state)
{
    struct bench *bench = make(state, &(struct admission_limits){1, 1, 1000000, 1, 100});

    assert_true(enter(bench, 0));
    assert_true(enter(bench, 1));
    admission_stop(bench->admission);
    leave(bench, 0);
    assert_int_equal(bench->begun, 1);
    leave(bench, 1);
    assert_int_equal(waiting(bench), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_handshakes_beyond_the_burst_are_refused_until_there_is_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_so_many_connect_at_a_time_and_the_others_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_connects_beyond_the_rate_wait_for_the_timer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_full_queue_refuses_handshakes_and_sends_connects_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped_nobody_begins_any_more, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
