/* What is known of a user's conversations: only as long as nothing can be missing is it called
 * whole. */
#include "tests/lib/cmocka.h"

#include "base/clock.h"
#include "tests/edge/fake_bus.h"

struct bench {
    struct fake *fake;
    struct id ann, bob;
    struct fake_conversation *talk; /* ann, bob */
    struct fake_socket *socket;     /* ann's */
    /* What was told at last. */
    unsigned told;
    struct interest_standing standing;
};

static int set_up(void **state)
{
    struct bench *bench = NEW(struct bench);
    struct id members[2];

    bench->fake = fake_new(&fake_limits);
    bench->ann = members[0] = fake_id(1);
    bench->bob = members[1] = fake_id(2);
    bench->talk = fake_converse(bench->fake, 5, members, 2);
    fake_run(bench->fake, 1000);
    bench->socket = fake_socket_new(bench->fake, &bench->ann);
    fake_run(bench->fake, 50);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    fake_socket_free(&bench->socket);
    fake_free(&bench->fake);
    free(bench);
    return 0;
}

static void on_standing(void *arg, const struct interest_standing *standing)
{
    struct bench *bench = arg;

    bench->told++;
    bench->standing = *standing;
}

static bool ask(struct bench *bench, const struct id *user)
{
    bench->told = 0;
    return interest_standings(backend_interest(bench->fake->backend), user, on_standing, bench);
}

/* Of her one conversation all is known. */
static bool is_whole(struct bench *bench)
{
    return ask(bench, &bench->ann) && bench->told == 1 && bench->standing.whole;
}

static void test_what_is_followed_is_whole_up_to_what_was_handed_out(void **state)
{
    struct bench *bench = *state;

    assert_true(is_whole(bench));
    assert_true(id_equal(&bench->standing.conversation, &bench->talk->id));
    assert_int_equal(bench->standing.seen, bench->talk->head);
    for (int i = 0; i < 5; i++)
        fake_say(bench->fake, bench->talk);
    fake_run(bench->fake, 50);
    assert_true(is_whole(bench));
    assert_int_equal(bench->standing.seen, bench->talk->head);
    fake_store(bench->fake, bench->talk, WIRE_KIND_MESSAGE_CREATED, &bench->bob, "untold");
    assert_true(is_whole(bench));
    assert_int_equal(bench->standing.seen, bench->talk->head - 1);
}

static void test_of_who_is_not_here_nothing_is_known(void **state)
{
    struct bench *bench = *state;

    assert_false(ask(bench, &bench->bob));
    fake_socket_free(&bench->socket);
    fake_run(bench->fake, 50);
    assert_false(ask(bench, &bench->ann));
    assert_int_equal(bench->told, 0);
}

static void test_of_who_has_been_removed_it_is_not_told(void **state)
{
    struct bench *bench = *state;

    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->ann);
    fake_run(bench->fake, 50);
    assert_true(ask(bench, &bench->ann));
    assert_int_equal(bench->told, 0);
}

static void test_who_is_added_stands_from_there_on(void **state)
{
    struct bench *bench = *state;
    struct fake_conversation *other = fake_converse(bench->fake, 6, &bench->bob, 1);

    fake_change(bench->fake, other, WIRE_KIND_MEMBER_ADDED, &bench->ann);
    fake_run(bench->fake, 200);
    assert_true(ask(bench, &bench->ann));
    assert_int_equal(bench->told, 2);
    assert_true(bench->standing.whole);
}

static void test_behind_a_hole_nothing_is_whole_until_the_head_is_known(void **state)
{
    struct bench *bench = *state;

    bench->fake->hold = WIRE_TYPE_HEADS_REPLY;
    bench->fake->routers[0].lose_stream = 1;
    fake_say(bench->fake, bench->talk);
    fake_say(bench->fake, bench->talk);
    fake_run(bench->fake, 500);
    assert_false(is_whole(bench));
    fake_release(bench->fake);
    fake_run(bench->fake, 500);
    assert_true(is_whole(bench));
    assert_int_equal(bench->standing.seen, bench->talk->head);
}

static void test_a_router_that_begins_anew_is_asked_first(void **state)
{
    struct bench *bench = *state;

    bench->fake->routers[0].lose_confirmations = 1000;
    fake_restart(bench->fake, &bench->fake->routers[0]);
    fake_run(bench->fake, 1500);
    assert_false(is_whole(bench));
    bench->fake->routers[0].lose_confirmations = 0;
    fake_run(bench->fake, 5000);
    assert_true(is_whole(bench));
}

/* Whoever may have been removed is no member until that is known. */
static void test_while_memberships_are_read_again_nothing_is_known(void **state)
{
    struct bench *bench = *state;

    bench->fake->hold = WIRE_TYPE_MEMBERSHIPS_REPLY;
    fake_restart(bench->fake, &bench->fake->routers[0]);
    fake_run(bench->fake, 1500);
    assert_false(ask(bench, &bench->ann));
    fake_release(bench->fake);
    fake_run(bench->fake, 1500);
    assert_true(is_whole(bench));
}

static void test_of_a_router_that_is_not_heard_nothing_is_known(void **state)
{
    struct bench *bench = *state;

    bench->fake->routers[0].up = false;
    fake_run(bench->fake, 10000);
    assert_false(ask(bench, &bench->ann));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_followed_is_whole_up_to_what_was_handed_out),
        CASE(test_of_who_is_not_here_nothing_is_known),
        CASE(test_of_who_has_been_removed_it_is_not_told),
        CASE(test_who_is_added_stands_from_there_on),
        CASE(test_behind_a_hole_nothing_is_whole_until_the_head_is_known),
        CASE(test_a_router_that_begins_anew_is_asked_first),
        CASE(test_while_memberships_are_read_again_nothing_is_known),
        CASE(test_of_a_router_that_is_not_heard_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
