/* Which worker's partitions a process may serve, and when it may no more: with a clock of the
 * test's own. */
#include "base/clock.h"
#include "persist/slot.h"
#include "tests/persist/fixture.h"

#include <errno.h>

static uint64_t now_ms;

static uint64_t fake_us(void)
{
    return now_ms * 1000;
}

static uint64_t fake_wall_ms(void)
{
    return now_ms;
}

static const struct topology *two_workers(void)
{
    static struct topology topology = {
        .workers = {{"persist.1", 0xffffffffu}, {"persist.2", ~0xffffffffull}}, .worker_count = 2};
    static const struct clock_source clock = {fake_us, fake_wall_ms};

    now_ms = 1000000;
    clock_replace(&clock);
    return &topology;
}

static struct slot slot(const char *name, int index, uint32_t expected)
{
    return (struct slot){
        .topology = two_workers(), .name = name, .wish = {index, expected}, .index = SLOT_NONE};
}

static struct slot mine(const char *name)
{
    return slot(name, SLOT_NONE, 0);
}

static int done(void **state)
{
    clock_replace(NULL);
    return fixture_done(state);
}

static void each_worker_serves_its_own(void **state)
{
    struct store *store = fixture_of(state)->store;
    struct slot first = mine("persist.1"), second = mine("persist.2"), third = mine("persist.3");

    assert_int_equal(slot_claim(&second, store), 0);
    assert_int_equal(second.index, 1);
    assert_int_equal(second.epoch, 1);
    assert_int_equal(slot_claim(&first, store), 0);
    assert_int_equal(first.index, 0);
    assert_int_equal(slot_claim(&third, store), -EPERM);
    assert_int_equal(slot_partition(second.topology, 1), 32);
}

static void one_that_starts_again_serves_what_it_served(void **state)
{
    struct store *store = fixture_of(state)->store;
    struct slot first = mine("persist.1"), third = slot("persist.3", 0, 1), again;

    assert_int_equal(slot_claim(&first, store), 0);
    assert_int_equal(slot_claim(&third, store), 0);
    again = mine("persist.3");
    assert_int_equal(slot_claim(&again, store), 0);
    assert_int_equal(again.index, 0);
    assert_int_equal(again.epoch, 3);
    again = mine("persist.1");
    assert_int_equal(slot_claim(&again, store), -EPERM);
}

static void a_standby_takes_only_the_epoch_that_it_saw_silent(void **state)
{
    struct store *store = fixture_of(state)->store;
    struct slot first = mine("persist.1");
    struct slot unsure = slot("persist.3", 0, 0), late = slot("persist.4", 0, 1),
                third = slot("persist.3", 0, 1);

    assert_int_equal(slot_claim(&first, store), 0);
    assert_int_equal(slot_claim(&unsure, store), -EPERM);
    assert_int_equal(unsure.epoch, 1); /* what to watch now */
    assert_int_equal(slot_claim(&third, store), 0);
    assert_int_equal(slot_claim(&late, store), -EPERM);
    assert_int_equal(late.epoch, 2);
}

static void a_standby_takes_what_nobody_ever_served(void **state)
{
    struct store *store = fixture_of(state)->store;
    struct slot third = slot("persist.3", 1, 0);

    assert_int_equal(slot_claim(&third, store), 0);
    assert_int_equal(third.index, 1);
}

static void who_was_replaced_learns_it_within_half_a_second(void **state)
{
    struct store *store = fixture_of(state)->store;
    struct slot first = mine("persist.1"), third = slot("persist.3", 0, 1);

    assert_int_equal(slot_claim(&first, store), 0);
    assert_int_equal(slot_claim(&third, store), 0);
    assert_int_equal(slot_check(&first, store), 0); /* looked at a moment ago */
    now_ms += SLOT_CHECK_MS;
    assert_int_equal(slot_check(&first, store), -ESTALE);
    assert_int_equal(slot_check(&third, store), 0);
}

int main(void)
{
#define ON_EACH(test)                                        \
    {"sqlite: " #test, test, fixture_sqlite, done, NULL},    \
    {                                                        \
        "mongodb: " #test, test, fixture_mongodb, done, NULL \
    }
    static const struct CMUnitTest tests[] = {
        ON_EACH(each_worker_serves_its_own),
        ON_EACH(one_that_starts_again_serves_what_it_served),
        ON_EACH(a_standby_takes_only_the_epoch_that_it_saw_silent),
        ON_EACH(a_standby_takes_what_nobody_ever_served),
        ON_EACH(who_was_replaced_learns_it_within_half_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
