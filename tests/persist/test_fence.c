/* Who may claim a partition, and when a holder's lease is over: with a clock of the test's own. */
#include "base/clock.h"
#include "persist/fence.h"
#include "tests/persist/fixture.h"

#include <errno.h>

#define LEASE_MS 1500
#define STEP_MS 500 /* a turn: less than what is taken for having been away */

static uint64_t now_ms;

static uint64_t fake_us(void)
{
    return now_ms * 1000;
}

static uint64_t fake_wall_ms(void)
{
    return now_ms;
}

static struct fence open_fence(struct fixture *fixture)
{
    static const struct clock_source clock = {fake_us, fake_wall_ms};
    struct fence fence = {.partitions = UINT64_MAX, .lease_ms = LEASE_MS};

    now_ms = 1000000;
    clock_replace(&clock);
    assert_int_equal(fence_open(&fence, fixture->store), 0);
    return fence;
}

/* The process lives on, and hears nobody. */
static void pass_time(struct fence *fence, uint64_t ms)
{
    for (; ms >= STEP_MS; ms -= STEP_MS) {
        now_ms += STEP_MS;
        fence_turn(fence);
    }
    now_ms += ms;
    fence_turn(fence);
}

static uint64_t boot; /* of who claims; 0: not known */

/* What was given to the claim, and (epoch > 0) that it all has this epoch. */
static uint64_t claim(struct fence *fence, const char *holder, uint64_t wanted, uint64_t standby,
                      uint32_t epoch)
{
    struct wire_claim claim = {
        .role = WIRE_ROUTER, .partitions = wanted, .holder = wire_text(holder), .standby = standby};
    struct wire_holding holding;
    struct wire_list holdings;
    struct wire_bytes item;
    struct buf list;
    uint64_t mask = 0;
    uint32_t count = 0;

    buf_init(&list, 1 << 16);
    assert_int_equal(fence_claim(fence, &claim, boot, &list, &count), 0);
    holdings = wire_list_of(&list, count);
    while (wire_list_next(&holdings, &item)) {
        assert_int_equal(wire_holding_decode(item, &holding), 0);
        assert_true(wire_bytes_equal(holding.holder, wire_text(holder)));
        if (epoch)
            assert_int_equal(holding.epoch, epoch);
        mask |= 1ull << holding.partition;
    }
    buf_done(&list);
    return mask;
}

static int done(void **state)
{
    clock_replace(NULL);
    return fixture_done(state);
}

static void what_nobody_ever_had_is_given_to_who_wants_it(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    assert_int_equal(claim(&fence, "a", 0x3, 0xc, 1), 0x3);
    assert_int_equal(claim(&fence, "b", 0x7, 0x8, 1), 0x4);
}

static void a_standby_gets_what_nobody_had_when_nobody_came_for_it(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    pass_time(&fence, LEASE_MS - 1);
    assert_int_equal(claim(&fence, "a", 0, 0x3, 0), 0);
    pass_time(&fence, 1);
    assert_int_equal(claim(&fence, "a", 0, 0x3, 1), 0x3);
}

static void the_same_name_gets_its_own_back_at_once(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    assert_int_equal(claim(&fence, "a", 0x3, 0, 1), 0x3);
    assert_int_equal(claim(&fence, "a", 0x1, 0x2, 2), 0x3);
}

static void a_process_that_asks_twice_gets_what_it_got(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    boot = 7;
    assert_int_equal(claim(&fence, "a", 0x3, 0, 1), 0x3);
    assert_int_equal(claim(&fence, "a", 0x7, 0, 1), 0x7);
    assert_int_equal(claim(&fence, "b", 0x8, 0, 1), 0x8);
    boot = 8;
    assert_int_equal(claim(&fence, "a", 0x8, 0x3, 2), 0x3);
    assert_int_equal(fence_open(&fence, fence.store), 0); /* the same thread, the store again */
    assert_int_equal(claim(&fence, "a", 0x3, 0, 2), 0x3);
    boot = 0;
}

static void a_lease_ends_when_its_holder_is_silent(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    assert_int_equal(claim(&fence, "a", 0x7, 0, 1), 0x7);
    assert_int_equal(fence_pass(&fence, 0, 1), 0);
    pass_time(&fence, 1000);
    assert_int_equal(fence_pass(&fence, 0, 1), 0); /* is heard of all that it holds */
    pass_time(&fence, LEASE_MS - 1);
    assert_int_equal(claim(&fence, "b", 0x1, 0x2, 0), 0);
    pass_time(&fence, 1);
    assert_int_equal(claim(&fence, "b", 0x1, 0x2, 2), 0x3);
    assert_int_equal(claim(&fence, "c", UINT64_MAX, 0, 0) & 0x3, 0);
}

static void only_the_highest_epoch_renews(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    assert_int_equal(claim(&fence, "a", 0x1, 0, 1), 0x1);
    assert_int_equal(fence_pass(&fence, 0, 1), 0);
    assert_int_equal(claim(&fence, "a", 0x1, 0, 2), 0x1); /* and dies before it announces that */
    pass_time(&fence, LEASE_MS);
    assert_int_equal(fence_pass(&fence, 0, 1), 0);
    assert_int_equal(claim(&fence, "b", 0x1, 0, 3), 0x1);
    assert_int_equal(fence_pass(&fence, 0, 3), 0);
    assert_int_equal(fence_pass(&fence, 0, 1), -ESTALE);
    assert_int_equal(fence_pass(&fence, 0, 2), -ESTALE);
    assert_int_equal(fence_pass(&fence, 0, 4), -ESTALE);
}

static void who_was_away_itself_gives_everybody_a_new_lease(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    assert_int_equal(claim(&fence, "a", 0x1, 0, 1), 0x1);
    now_ms += 60000; /* without a turn */
    assert_int_equal(claim(&fence, "b", 0x1, 0, 0), 0);
    pass_time(&fence, LEASE_MS - 1);
    assert_int_equal(claim(&fence, "b", 0x1, 0, 0), 0);
    pass_time(&fence, 1);
    assert_int_equal(claim(&fence, "b", 0x1, 0, 2), 0x1);
}

static void a_process_that_starts_knows_the_holders_and_gives_them_a_lease(void **state)
{
    struct fixture *fixture = fixture_of(state);
    struct fence fence = open_fence(fixture);

    assert_int_equal(claim(&fence, "a", 0x1, 0, 1), 0x1);
    fence = open_fence(fixture);
    assert_int_equal(claim(&fence, "b", 0x1, 0, 0), 0);
    assert_int_equal(claim(&fence, "a", 0x1, 0, 2), 0x1);
    pass_time(&fence, LEASE_MS);
    assert_int_equal(claim(&fence, "b", 0x1, 0, 3), 0x1);
}

static void a_claim_that_was_made_elsewhere_is_seen(void **state)
{
    struct fixture *fixture = fixture_of(state);
    struct fence fence = open_fence(fixture), other = open_fence(fixture);

    assert_int_equal(claim(&other, "a", 0x1, 0, 1), 0x1);
    assert_int_equal(claim(&fence, "b", 0x1, 0, 0), 0); /* its insert came too late */
    assert_int_equal(fence_pass(&fence, 0, 1), 0);
    pass_time(&fence, LEASE_MS);
    assert_int_equal(claim(&fence, "b", 0x1, 0, 2), 0x1);
}

static void many_holders_come_and_go(void **state)
{
    struct fence fence = open_fence(fixture_of(state));
    char name[16];

    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "router.%u", i);
        assert_int_equal(claim(&fence, name, 1ull << i % 64, 0, 0), 1ull << i % 64);
        if (i % 64 == 63)
            pass_time(&fence, LEASE_MS);
    }
    assert_int_equal(claim(&fence, "router.299", 1ull << 299 % 64, 0, 0), 1ull << 299 % 64);
    assert_int_equal(claim(&fence, "router.298", 1ull << 299 % 64, 0, 0), 0);
}

static void only_the_workers_own_partitions_are_given(void **state)
{
    struct fence fence = open_fence(fixture_of(state));

    fence.partitions = 0xf0;
    assert_int_equal(claim(&fence, "a", UINT64_MAX, 0, 1), 0xf0);
    assert_int_equal(fence_pass(&fence, 4, 1), 0);
    assert_int_equal(fence_pass(&fence, 0, 1), -ESTALE);
    assert_int_equal(fence_pass(&fence, 64, 1), -ESTALE);
}

int main(void)
{
#define CASE(test)                                         \
    {                                                      \
        "sqlite: " #test, test, fixture_sqlite, done, NULL \
    }
    static const struct CMUnitTest tests[] = {
        CASE(what_nobody_ever_had_is_given_to_who_wants_it),
        CASE(a_standby_gets_what_nobody_had_when_nobody_came_for_it),
        CASE(the_same_name_gets_its_own_back_at_once),
        CASE(a_process_that_asks_twice_gets_what_it_got),
        CASE(a_lease_ends_when_its_holder_is_silent),
        CASE(only_the_highest_epoch_renews),
        CASE(who_was_away_itself_gives_everybody_a_new_lease),
        CASE(a_process_that_starts_knows_the_holders_and_gives_them_a_lease),
        CASE(a_claim_that_was_made_elsewhere_is_seen),
        CASE(many_holders_come_and_go),
        CASE(only_the_workers_own_partitions_are_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
