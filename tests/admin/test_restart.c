/* When the supervisor starts a daemon again, by a clock of ours. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "admin/restart.h"

/* Starts, lives so long, dies: the wait before the next start. */
static uint64_t live_and_die(struct restart *restart, uint64_t *now_ms, uint64_t lived_ms)
{
    uint64_t delay_ms = UINT64_MAX;

    restart_started(restart, *now_ms);
    *now_ms += lived_ms;
    assert_int_equal(restart_died(restart, false, *now_ms, &delay_ms), 0);
    *now_ms += delay_ms;
    return delay_ms;
}

static void test_a_daemon_that_dies_is_started_again_at_once(void **state)
{
    struct restart restart = {0};
    uint64_t now_ms = 1000;

    (void)state;
    restart_ready(&restart);
    assert_int_equal(live_and_die(&restart, &now_ms, 3000), 0);
}

static void test_one_that_keeps_dying_at_once_waits_ever_longer_up_to_five_seconds(void **state)
{
    static const uint64_t waits[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct restart restart = {0};
    uint64_t now_ms = 1000;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(waits); i++)
        assert_int_equal(live_and_die(&restart, &now_ms, 10), waits[i]);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(live_and_die(&restart, &now_ms, 10), 5000);
}

static void test_one_that_lived_for_a_while_begins_anew(void **state)
{
    struct restart restart = {0};
    uint64_t now_ms = 1000;

    (void)state;
    for (int i = 0; i < 4; i++)
        live_and_die(&restart, &now_ms, 10);
    assert_int_equal(live_and_die(&restart, &now_ms, RESTART_QUICK_MS), 0);
    assert_int_equal(live_and_die(&restart, &now_ms, 10), 100);
}

static void test_one_that_was_ready_need_not_live_as_long(void **state)
{
    struct restart restart = {0};
    uint64_t now_ms = 1000, delay_ms = 0;

    (void)state;
    live_and_die(&restart, &now_ms, 10);
    live_and_die(&restart, &now_ms, 10);
    restart_started(&restart, now_ms);
    restart_ready(&restart);
    now_ms += RESTART_READY_MS;
    assert_int_equal(restart_died(&restart, false, now_ms, &delay_ms), 0);
    assert_int_equal(delay_ms, 0);
    assert_int_equal(live_and_die(&restart, &now_ms, RESTART_READY_MS), 100);
}

static void test_one_that_never_was_ready_and_fails_three_times_is_given_up(void **state)
{
    struct restart restart = {0};
    uint64_t delay_ms = 0;

    (void)state;
    assert_int_equal(restart_died(&restart, true, 10, &delay_ms), 0);
    assert_int_equal(restart_died(&restart, false, 15, &delay_ms), 0); /* killed: not its will */
    assert_int_equal(restart_died(&restart, true, 20, &delay_ms), 0);
    assert_int_equal(restart_died(&restart, true, 30, &delay_ms), -ECANCELED);
}

static void test_one_that_was_ready_once_is_never_given_up(void **state)
{
    struct restart restart = {0};
    uint64_t delay_ms = 0;

    (void)state;
    restart_ready(&restart);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(restart_died(&restart, true, i, &delay_ms), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_daemon_that_dies_is_started_again_at_once),
        cmocka_unit_test(test_one_that_keeps_dying_at_once_waits_ever_longer_up_to_five_seconds),
        cmocka_unit_test(test_one_that_lived_for_a_while_begins_anew),
        cmocka_unit_test(test_one_that_was_ready_need_not_live_as_long),
        cmocka_unit_test(test_one_that_never_was_ready_and_fails_three_times_is_given_up),
        cmocka_unit_test(test_one_that_was_ready_once_is_never_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
