/* Token buckets, and the list of ended sessions: the two tables at the door that never grow. */
#include "tests/lib/cmocka.h"

#include "edge/api/rate.h"
#include "edge/api/revoked.h"

#define SECOND 1000000ULL

static struct rate *make(uint32_t per_second, uint32_t burst, uint32_t keys)
{
    struct rate_options options = {per_second, burst, keys};
    struct rate *rate;

    rate_new(&rate, &options);
    return rate;
}

static void test_a_burst_is_let_through_and_then_it_is_refused(void **state)
{
    AUTO(rate_free) struct rate *rate = make(50, 200, 64);
    struct id key = id_random();
    uint32_t wait_ms;

    (void)state;
    for (int i = 0; i < 200; i++)
        assert_int_equal(rate_take(rate, &key, SECOND), 0);
    wait_ms = rate_take(rate, &key, SECOND);
    assert_in_range(wait_ms, 20, 21);
    assert_int_equal(rate_take(rate, &key, SECOND + wait_ms * 1000), 0);
    assert_true(rate_take(rate, &key, SECOND + wait_ms * 1000) > 0);
}

static void test_it_fills_at_its_rate_and_never_above_the_burst(void **state)
{
    AUTO(rate_free) struct rate *rate = make(10, 20, 64);
    struct id key = id_random();
    int taken = 0;

    (void)state;
    for (uint64_t now = 0; now < 100 * SECOND; now += SECOND / 100)
        taken += rate_take(rate, &key, now) == 0;
    assert_in_range(taken, 20 + 998, 20 + 1000);
    taken = 0;
    while (rate_take(rate, &key, 1000 * SECOND) == 0)
        taken++;
    assert_int_equal(taken, 20);
}

static void test_what_is_charged_is_waited_for(void **state)
{
    AUTO(rate_free) struct rate *rate = make(50, 200, 64);
    struct id key = id_random();

    (void)state;
    assert_int_equal(rate_take(rate, &key, SECOND), 0);
    rate_charge(rate, &key, 100, SECOND);
    for (int i = 0; i < 99; i++)
        assert_int_equal(rate_take(rate, &key, SECOND), 0);
    rate_charge(rate, &key, 50, SECOND);
    assert_in_range(rate_take(rate, &key, SECOND), 51 * 20, 51 * 20 + 1);
    assert_int_equal(rate_take(rate, &key, SECOND + 51 * 20 * 1000), 0);
    for (int i = 0; i < 9; i++)
        rate_charge(rate, &key, UINT64_MAX, 3 * SECOND);
    assert_in_range(rate_take(rate, &key, 3 * SECOND), 201 * 20, 201 * 20 + 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(rate_take(rate, &key, 11 * SECOND), 0);
    assert_true(rate_take(rate, &key, 11 * SECOND) > 0);
}

static void test_one_key_does_not_touch_another(void **state)
{
    AUTO(rate_free) struct rate *rate = make(1, 1, 1024);
    struct id a = id_random(), b = id_random();

    (void)state;
    assert_int_equal(rate_take(rate, &a, SECOND), 0);
    assert_in_range(rate_take(rate, &a, SECOND), 1000, 1001);
    assert_int_equal(rate_take(rate, &b, SECOND), 0);
}

static void test_when_more_keys_come_the_fullest_bucket_goes(void **state)
{
    AUTO(rate_free) struct rate *rate = make(1, 100, 4); /* one set of four */
    struct id busy = id_random();

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(rate_take(rate, &busy, SECOND), 0);
    for (int i = 0; i < 1000; i++) {
        struct id other = id_random();

        assert_int_equal(rate_take(rate, &other, SECOND), 0);
    }
    assert_true(rate_take(rate, &busy, SECOND) > 0);
}

static void test_addresses_of_one_ipv6_network_are_one_key(void **state)
{
    struct id a = rate_key_of_address("2001:db8:1:2::1"),
              b = rate_key_of_address("2001:db8:1:2::9");
    struct id c = rate_key_of_address("2001:db8:1:3::1"), d = rate_key_of_address("192.0.2.1");
    struct id e = rate_key_of_address("192.0.2.2");

    (void)state;
    assert_true(id_equal(&a, &b));
    assert_false(id_equal(&a, &c));
    assert_false(id_equal(&d, &e));
}

static void test_a_revoked_session_is_known_and_no_other(void **state)
{
    AUTO(revoked_free) struct revoked *revoked = NULL;
    struct id user = id_random(), session = id_random(), other = id_random();

    (void)state;
    revoked_new(&revoked, 900, 100);
    assert_true(revoked_add(revoked, &user, &session, 1000));
    assert_true(revoked_add(revoked, &user, &session, 1001));
    assert_true(revoked_has(revoked, &user, &session, 999));
    assert_false(revoked_has(revoked, &user, &other, 999));
}

static void test_all_of_a_user_are_those_that_began_before(void **state)
{
    AUTO(revoked_free) struct revoked *revoked = NULL;
    struct id user = id_random(), session = id_random(), none = {0};

    (void)state;
    revoked_new(&revoked, 900, 100);
    assert_true(revoked_add(revoked, &user, &none, 1000));
    assert_true(revoked_has(revoked, &user, &session, 1000));
    assert_false(revoked_has(revoked, &user, &session, 1001));
    assert_true(revoked_add(revoked, &user, &none, 1100));
    assert_true(revoked_has(revoked, &user, &session, 1001));
}

static void test_revocations_are_forgotten_in_order(void **state)
{
    AUTO(revoked_free) struct revoked *revoked = NULL;
    struct id user = id_random(), sessions[300];

    (void)state;
    revoked_new(&revoked, 900, 100);
    for (size_t i = 0; i < 300; i++) {
        sessions[i] = id_random();
        assert_int_equal(revoked_add(revoked, &user, &sessions[i], 1000), i != 100);
    }
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(revoked_has(revoked, &user, &sessions[i], 1), i >= 200);
    sessions[0] = id_random();
    assert_true(revoked_add(revoked, &user, &sessions[0], 2000)); /* the others are too old now */
    assert_true(revoked_has(revoked, &user, &sessions[0], 1));
    assert_false(revoked_has(revoked, &user, &sessions[299], 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_is_let_through_and_then_it_is_refused),
        cmocka_unit_test(test_it_fills_at_its_rate_and_never_above_the_burst),
        cmocka_unit_test(test_what_is_charged_is_waited_for),
        cmocka_unit_test(test_one_key_does_not_touch_another),
        cmocka_unit_test(test_when_more_keys_come_the_fullest_bucket_goes),
        cmocka_unit_test(test_addresses_of_one_ipv6_network_are_one_key),
        cmocka_unit_test(test_a_revoked_session_is_known_and_no_other),
        cmocka_unit_test(test_all_of_a_user_are_those_that_began_before),
        cmocka_unit_test(test_revocations_are_forgotten_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
