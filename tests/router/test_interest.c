/* Who wants what. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "router/interest.h"
#include "tests/router/fixture.h"

static void test_interest_is_a_mask_of_edges(void **state)
{
    struct interest *interest = NULL;
    struct id a = person(1), b = person(2);

    (void)state;
    assert_int_equal(interest_new(&interest, 100), 0);
    assert_int_equal(interest_add(interest, &a, 0), 0);
    assert_int_equal(interest_add(interest, &a, 63), 0);
    assert_int_equal(interest_add(interest, &a, 63), 0);
    assert_int_equal(interest_of(interest, &a), 1 | 1ull << 63);
    assert_int_equal(interest_of(interest, &b), 0);
    interest_remove(interest, &a, 0);
    interest_remove(interest, &b, 0);
    assert_int_equal(interest_of(interest, &a), 1ull << 63);
    assert_int_equal(interest_count(interest), 1);
    interest_remove(interest, &a, 63);
    assert_int_equal(interest_count(interest), 0);
    interest_free(&interest);
}

static void test_a_reset_forgets_one_edge_in_the_partitions_named(void **state)
{
    struct interest *interest = NULL;
    struct id a = person(1), b = person(2);

    (void)state;
    assert_int_equal(interest_new(&interest, 100), 0);
    for (unsigned slot = 0; slot < 2; slot++) {
        assert_int_equal(interest_add(interest, &a, slot), 0);
        assert_int_equal(interest_add(interest, &b, slot), 0);
    }
    interest_reset(interest, 0, 1u << 1);
    assert_int_equal(interest_of(interest, &a), 2);
    assert_int_equal(interest_of(interest, &b), 3);
    interest_free(&interest);
}

static void test_one_more_than_may_be_is_refused_and_known_ones_are_not(void **state)
{
    struct interest *interest = NULL;
    struct id id;

    (void)state;
    assert_int_equal(interest_new(&interest, 3), 0);
    for (unsigned i = 0; i < 3; i++) {
        id = person(i);
        assert_int_equal(interest_add(interest, &id, 0), 0);
    }
    assert_int_equal(interest_add(interest, &id, 1), 0);
    id = person(3);
    assert_int_equal(interest_add(interest, &id, 0), -ENOSPC);
    interest_free(&interest);
}

static void test_coming_and_going_does_not_fill_the_table(void **state)
{
    struct interest *interest = NULL;
    struct id id;

    (void)state;
    assert_int_equal(interest_new(&interest, 20000), 0);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 20000; i++) {
            id = person(i);
            id.bytes[9] = (uint8_t)round;
            assert_int_equal(interest_add(interest, &id, i % 64), 0);
        }
        assert_int_equal(interest_count(interest), 20000);
        for (unsigned i = 0; i < 20000; i++) {
            id = person(i);
            id.bytes[9] = (uint8_t)round;
            assert_int_equal(interest_of(interest, &id), 1ull << i % 64);
            interest_remove(interest, &id, i % 64);
        }
    }
    interest_free(&interest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interest_is_a_mask_of_edges),
        cmocka_unit_test(test_a_reset_forgets_one_edge_in_the_partitions_named),
        cmocka_unit_test(test_one_more_than_may_be_is_refused_and_known_ones_are_not),
        cmocka_unit_test(test_coming_and_going_does_not_fill_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
