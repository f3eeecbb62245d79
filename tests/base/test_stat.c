/* Counters and percentiles. */
#include "tests/lib/cmocka.h"

#include "base/stat.h"

static void test_a_name_is_one_counter(void **state)
{
    AUTO(stat_free) struct stat_set *set = NULL;

    (void)state;
    assert_int_equal(stat_new(&set), 0);
    *stat_counter(set, "posts") += 2;
    *stat_counter(set, "posts") += 3;
    assert_int_equal(*stat_counter(set, "posts"), 5);
}

static void test_a_percentile_is_right_to_an_eighth(void **state)
{
    AUTO(stat_free) struct stat_set *set = NULL;
    struct stat_histogram *histogram;

    (void)state;
    assert_int_equal(stat_new(&set), 0);
    histogram = stat_histogram(set, "latency");
    assert_int_equal(stat_percentile(histogram, 0.5), 0);
    for (uint64_t us = 1; us <= 100000; us++)
        stat_record(histogram, us);
    assert_in_range(stat_percentile(histogram, 0.5), 50000, 56250);
    assert_in_range(stat_percentile(histogram, 0.99), 99000, 100000);
    assert_int_equal(stat_percentile(histogram, 1), 100000);
}

static void test_the_largest_values_have_a_bucket_too(void **state)
{
    AUTO(stat_free) struct stat_set *set = NULL;
    struct stat_histogram *histogram;

    (void)state;
    assert_int_equal(stat_new(&set), 0);
    histogram = stat_histogram(set, "latency");
    stat_record(histogram, 0);
    stat_record(histogram, UINT64_MAX);
    assert_true(stat_percentile(histogram, 1) > 1ull << 38);
}

static void test_a_snapshot_lists_counters_and_percentiles(void **state)
{
    AUTO(stat_free) struct stat_set *set = NULL;
    AUTO(buf_done) struct buf list;
    uint32_t count = 0;
    struct wire_list items;
    struct wire_bytes item;
    struct wire_counter counter = {0};

    (void)state;
    buf_init(&list, 10000);
    assert_int_equal(stat_new(&set), 0);
    *stat_counter(set, "posts") = 7;
    stat_record(stat_histogram(set, "append"), 100);
    stat_snapshot(set, &list, &count);
    assert_int_equal(count, 5);
    items = wire_list_of(&list, count);
    assert_true(wire_list_next(&items, &item));
    assert_int_equal(wire_counter_decode(item, &counter), 0);
    assert_true(wire_bytes_equal(counter.name, wire_text("posts")));
    assert_int_equal(counter.value, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_one_counter),
        cmocka_unit_test(test_a_percentile_is_right_to_an_eighth),
        cmocka_unit_test(test_the_largest_values_have_a_bucket_too),
        cmocka_unit_test(test_a_snapshot_lists_counters_and_percentiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
