/* Waits between tries. */
#include "tests/lib/cmocka.h"

#include "notify/retry.h"

static const struct retry retry = {.first_ms = 1000, .most_ms = 60000, .tries = 5};

static void test_waits_double_up_to_the_longest(void **state)
{
    (void)state;
    assert_int_equal(retry_wait_ms(&retry, 1, 0), 1000);
    assert_int_equal(retry_wait_ms(&retry, 2, 0), 2000);
    assert_int_equal(retry_wait_ms(&retry, 6, 0), 32000);
    assert_int_equal(retry_wait_ms(&retry, 7, 0), 60000);
    assert_int_equal(retry_wait_ms(&retry, UINT32_MAX, 0), 60000);
}

static void test_chance_takes_away_at_most_half(void **state)
{
    (void)state;
    for (uint64_t chance = 0; chance < 5000; chance++) {
        uint64_t wait_ms = retry_wait_ms(&retry, 2, chance);

        assert_in_range(wait_ms, 1000, 2000);
    }
    assert_int_equal(retry_wait_ms(&retry, 2, 1000), 1000);
}

static void test_a_wait_of_a_millisecond_stays_one(void **state)
{
    struct retry least = {.first_ms = 1, .most_ms = 1, .tries = 1};

    (void)state;
    assert_int_equal(retry_wait_ms(&least, 9, UINT64_MAX), 1);
}

static void test_a_job_is_dead_after_its_last_try(void **state)
{
    (void)state;
    assert_false(retry_is_dead(&retry, 4));
    assert_true(retry_is_dead(&retry, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_double_up_to_the_longest),
        cmocka_unit_test(test_chance_takes_away_at_most_half),
        cmocka_unit_test(test_a_wait_of_a_millisecond_stays_one),
        cmocka_unit_test(test_a_job_is_dead_after_its_last_try),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
