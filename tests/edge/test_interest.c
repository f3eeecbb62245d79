/* What sockets follow: everything from the join on, once, in order, whatever is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/edge/fake_bus.h"

struct bench {
    struct fake *fake;
    struct fake_router *router;
    struct id ann, bob, cat;
    struct fake_conversation *talk; /* ann, bob */
    struct fake_socket *sockets[8]; /* freed at the end */
};

static struct fake_socket *join(struct bench *bench, const struct id *user)
{
    for (size_t i = 0; i < COUNT_OF(bench->sockets); i++)
        if (!bench->sockets[i])
            return bench->sockets[i] = fake_socket_new(bench->fake, user);
    fail();
    return NULL;
}

static struct fake_socket *joined(struct bench *bench, const struct id *user)
{
    struct fake_socket *socket = join(bench, user);

    fake_run(bench->fake, 50);
    assert_int_equal(socket->told, 1);
    assert_int_equal(socket->joined, WIRE_OK);
    return socket;
}

static void say(struct bench *bench, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fake_say(bench->fake, bench->talk);
}

static int set_up(void **state)
{
    struct bench *bench = NEW(struct bench);
    struct id members[2];

    bench->fake = fake_new(&fake_limits);
    bench->router = &bench->fake->routers[0];
    bench->ann = members[0] = fake_id(1);
    bench->bob = members[1] = fake_id(2);
    bench->cat = fake_id(3);
    bench->talk = fake_converse(bench->fake, 5, members, 2);
    fake_run(bench->fake, 1000);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < COUNT_OF(bench->sockets); i++)
        fake_socket_free(&bench->sockets[i]);
    fake_free(&bench->fake);
    free(bench);
    return 0;
}

static void test_events_flow_from_the_join_on(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann;

    say(bench, 3);
    ann = joined(bench, &bench->ann);
    assert_int_equal(ann->count, 0);
    say(bench, 3);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(ann, bench->talk), 3);
    assert_int_equal(fake_first(ann, bench->talk), 5);
}

static void test_an_event_is_rendered_once_for_all_sockets(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *again = joined(bench, &bench->ann);
    struct fake_socket *bob = joined(bench, &bench->bob);

    say(bench, 1);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(ann, bench->talk), 1);
    assert_int_equal(fake_got(again, bench->talk), 1);
    assert_int_equal(fake_got(bob, bench->talk), 1);
    assert_int_equal(bench->fake->rendered, 1);
}

static void test_heads_are_asked_after_interest_is_confirmed(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann;

    bench->router->lose_confirmations = 1;
    ann = join(bench, &bench->ann);
    fake_run(bench->fake, 2900);
    assert_int_equal(bench->router->interests, 2); /* the repair at the start, and this one */
    assert_int_equal(bench->fake->asked[WIRE_TYPE_HEADS], 0);
    assert_int_equal(ann->told, 0);
    fake_run(bench->fake, 300);
    assert_int_equal(ann->told, 1);
    assert_int_equal(ann->joined, WIRE_OK);
    assert_int_equal(bench->fake->asked[WIRE_TYPE_HEADS], 1);
}

static void test_what_happens_between_confirmation_and_head_is_in_the_head(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann;

    bench->fake->hold = WIRE_TYPE_HEADS_REPLY;
    ann = join(bench, &bench->ann);
    fake_run(bench->fake, 50);
    say(bench,
        2); /* 2 and 3: delivered before the head (1) is known, so the client's sync has them */
    fake_run(bench->fake, 50);
    fake_release(bench->fake);
    assert_int_equal(ann->joined, WIRE_OK);
    say(bench, 2);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(ann, bench->talk), 2);
    assert_int_equal(fake_first(ann, bench->talk), 4);
}

static void test_events_lost_after_confirmation_and_before_the_head_are_not_missed(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann;

    bench->fake->hold = WIRE_TYPE_HEADS_REPLY;
    ann = join(bench, &bench->ann);
    fake_run(bench->fake, 50);
    bench->router->lose_stream = 2;
    say(bench, 2); /* after the head was taken: neither in it nor in the stream */
    fake_run(bench->fake, 5);
    fake_release(bench->fake);
    assert_int_equal(ann->told, 1);
    fake_run(bench->fake, 600);
    assert_int_equal(fake_got(ann, bench->talk), 2);
    assert_int_equal(fake_first(ann, bench->talk), 2);
}

static void test_an_event_lost_in_the_middle_is_fetched(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);

    say(bench, 2);
    fake_run(bench->fake, 10);
    bench->router->lose_stream = 1;
    say(bench, 3);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(ann, bench->talk), 5);
    assert_true(bench->fake->asked[WIRE_TYPE_EVENTS] > 0);
}

static void test_the_last_event_lost_is_fetched_after_a_heartbeat(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);

    bench->router->lose_stream = 1;
    say(bench, 1);
    fake_run(bench->fake, 600);
    assert_int_equal(fake_got(ann, bench->talk), 1);
}

static void test_a_thousand_lost_events_come_in_order_page_by_page(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);

    bench->router->lose_stream = 1000;
    say(bench, 1000);
    fake_run(bench->fake, 300);
    say(bench, 10);
    fake_run(bench->fake, 600);
    assert_int_equal(fake_got(ann, bench->talk), 1010);
}

static void test_events_that_come_while_others_are_fetched_are_given_once(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);

    bench->fake->hold = WIRE_TYPE_EVENTS_REPLY;
    bench->router->lose_stream = 1;
    say(bench, 3); /* 2 lost, 3 and 4 delivered */
    fake_run(bench->fake, 20);
    assert_int_equal(ann->count, 0);
    say(bench, 3);
    fake_deliver(bench->fake, bench->talk, 2); /* late, in order after all */
    fake_deliver(bench->fake, bench->talk, 3);
    fake_run(bench->fake, 20);
    assert_int_equal(fake_got(ann, bench->talk), 2);
    fake_release(bench->fake);
    fake_run(bench->fake, 100);
    assert_int_equal(fake_got(ann, bench->talk), 6);
}

static void test_an_event_delivered_twice_is_given_once(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);

    say(bench, 2);
    fake_deliver(bench->fake, bench->talk, 2);
    fake_deliver(bench->fake, bench->talk, 3);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(ann, bench->talk), 2);
}

static void test_a_router_restart_is_repaired_by_resent_interest_and_fetched_events(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);
    unsigned resets = bench->router->resets;

    say(bench, 2);
    fake_run(bench->fake, 10);
    bench->router->up = false;
    for (unsigned i = 0; i < 5; i++) /* stored, never delivered */
        fake_store(bench->fake, bench->talk, WIRE_KIND_MESSAGE_CREATED, &bench->bob, NULL);
    fake_restart(bench->fake, bench->router);
    fake_run(bench->fake, 2000);
    assert_true(bench->router->resets > resets);
    assert_int_equal(fake_got(ann, bench->talk), 7);
    say(bench, 1);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(ann, bench->talk), 8);
}

static void test_a_conversation_that_moves_to_another_router_is_followed_there(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);

    fake_claim(bench->fake, &bench->fake->routers[1], UINT64_MAX);
    fake_store(bench->fake, bench->talk, WIRE_KIND_MESSAGE_CREATED, &bench->bob, NULL);
    fake_run(bench->fake, 1500);
    say(bench, 2);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(ann, bench->talk), 3);
}

static void test_persist_away_delays_what_is_fetched_and_loses_nothing(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);

    bench->fake->persist_up = false;
    bench->router->lose_stream = 1;
    say(bench, 4);
    fake_run(bench->fake, 8000);
    assert_int_equal(ann->count, 0);
    bench->fake->persist_up = true;
    fake_run(bench->fake, 5000);
    assert_int_equal(fake_got(ann, bench->talk), 4);
}

static void test_a_removed_member_gets_the_removal_and_nothing_after(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *bob = joined(bench, &bench->bob);

    say(bench, 1);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->bob);
    say(bench, 2);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(bob, bench->talk), 2);
    assert_int_equal(bob->seen[1].kind, WIRE_KIND_MEMBER_REMOVED);
    assert_int_equal(fake_got(ann, bench->talk), 4);
}

static void test_a_removal_that_was_lost_takes_effect_at_its_place(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *bob = joined(bench, &bench->bob);

    bench->router->lose_stream = 2;
    say(bench, 1);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->bob);
    say(bench, 2);
    fake_run(bench->fake, 600);
    assert_int_equal(fake_got(bob, bench->talk), 2);
    assert_int_equal(bob->seen[1].kind, WIRE_KIND_MEMBER_REMOVED);
    assert_int_equal(fake_got(ann, bench->talk), 4);
}

static void test_an_added_member_gets_everything_from_the_add_on(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *cat = joined(bench, &bench->cat);

    say(bench, 2);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat);
    say(bench, 2);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(cat, bench->talk), 3);
    assert_int_equal(cat->seen[0].kind, WIRE_KIND_MEMBER_ADDED);
    assert_int_equal(fake_got(ann, bench->talk), 5);
}

static void
test_a_member_added_to_what_nobody_here_followed_gets_everything_from_the_add_on(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *cat = joined(bench, &bench->cat);

    say(bench, 2);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat);
    say(bench, 2); /* before the router knows that we want them */
    fake_run(bench->fake, 50);
    say(bench, 2);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(cat, bench->talk), 5);
    assert_int_equal(cat->seen[0].kind, WIRE_KIND_MEMBER_ADDED);
}

static void test_a_new_conversation_reaches_all_its_members(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *cat = joined(bench, &bench->cat);
    struct id members[] = {bench->ann, bench->cat, bench->bob};
    struct fake_conversation *other = fake_converse(bench->fake, 70, members, 3);

    fake_deliver(bench->fake, other, 1);
    fake_say(bench->fake, other);
    fake_run(bench->fake, 100);
    assert_int_equal(fake_got(ann, other), 2);
    assert_int_equal(fake_got(cat, other), 2);
    assert_int_equal(fake_first(cat, other), 1);
}

static void test_a_lost_addition_is_found_in_the_repair_and_given_from_the_add_on(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *cat = joined(bench, &bench->cat);

    say(bench, 3);
    bench->router->lose_stream = 1;
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat);
    say(bench, 2);
    fake_run(bench->fake, 800);
    assert_int_equal(fake_got(cat, bench->talk), 3);
    assert_int_equal(cat->seen[0].kind, WIRE_KIND_MEMBER_ADDED);
}

/* Nothing shows it any more, so the device must ask when it is added once more. */
static void test_who_was_added_and_removed_unseen_is_told_to_sync_when_added_again(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *cat = joined(bench, &bench->cat);

    bench->router->lose_stream = 5;
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat); /* 2 */
    say(bench, 3);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->cat); /* 6 */
    fake_run(bench->fake, 800);
    assert_int_equal(cat->count, 0);
    assert_int_equal(cat->behind, 0);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat); /* 7 */
    fake_run(bench->fake, 50);
    assert_int_equal(cat->behind, 1);
    assert_int_equal(fake_got(cat, bench->talk), 1);
}

static void test_who_is_added_without_any_fault_need_not_sync(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *cat = joined(bench, &bench->cat);

    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(cat, bench->talk), 1);
    assert_int_equal(cat->behind, 0);
}

static void test_removed_and_added_again_while_the_router_was_away(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *bob = joined(bench, &bench->bob);

    bench->router->lose_stream = 5;
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->bob); /* 2 */
    say(bench, 3);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->bob); /* 6 */
    fake_run(bench->fake, 800);
    assert_int_equal(fake_got(ann, bench->talk), 5);
    assert_int_equal(bob->count, 2);
    assert_int_equal(bob->seen[0].seq, 2);
    assert_int_equal(bob->seen[1].seq, 6);
}

static void test_a_removal_while_the_memberships_are_read_is_not_undone_by_them(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *bob;

    bench->fake->hold = WIRE_TYPE_MEMBERSHIPS_REPLY;
    bob = join(bench, &bench->bob);
    fake_run(bench->fake, 20); /* the reply, held back, still has him */
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->bob);
    fake_run(bench->fake, 20);
    fake_release(bench->fake);
    fake_run(bench->fake, 50);
    assert_int_equal(bob->joined, WIRE_OK);
    say(bench, 2);
    fake_run(bench->fake, 50);
    assert_int_equal(fake_got(bob, bench->talk), 0);
    assert_int_equal(fake_got(ann, bench->talk), 3);
}

static void test_a_removal_before_the_conversation_is_known_stops_it_too(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *bob;

    bench->fake->hold = WIRE_TYPE_HEADS_REPLY;
    bob = join(bench, &bench->bob);
    fake_run(bench->fake, 20);
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->bob);
    fake_run(bench->fake, 20);
    fake_release(bench->fake);
    fake_run(bench->fake, 20);
    say(bench, 2);
    fake_run(bench->fake, 50);
    assert_int_equal(bob->joined, WIRE_OK);
    assert_int_equal(bob->count, 0);
}

static void test_who_joins_while_events_are_missing_gets_none_from_before_their_time(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *cat;

    bench->fake->hold = WIRE_TYPE_EVENTS_REPLY;
    bench->router->lose_stream = 1;
    say(bench, 3); /* not for cat */
    fake_store(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat, NULL);
    fake_run(bench->fake, 20);
    cat = join(bench, &bench->cat);
    fake_run(bench->fake, 20);
    fake_release(bench->fake);
    fake_run(bench->fake, 100);
    say(bench, 1);
    fake_run(bench->fake, 100);
    assert_int_equal(fake_got(ann, bench->talk), 5);
    assert_int_equal(cat->joined, WIRE_OK);
    assert_true(fake_first(cat, bench->talk) >= 5);
    assert_int_equal(cat->seen[cat->count - 1].seq, 6);
}

static void test_who_was_removed_while_all_was_lost_is_not_served_for_ever(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *bob;

    /* He is read as a member; the removal is lost, and in the head when that is asked. */
    bench->fake->hold = WIRE_TYPE_MEMBERSHIPS_REPLY;
    interest_leave(backend_interest(bench->fake->backend), &ann->member);
    fake_run(bench->fake, 7000);
    bob = join(bench, &bench->bob);
    fake_run(bench->fake, 50);
    bench->router->lose_stream = 1;
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_REMOVED, &bench->bob);
    fake_release(bench->fake);
    fake_run(bench->fake, 800);
    say(bench, 2);
    fake_run(bench->fake, 100);
    assert_int_equal(bob->joined, WIRE_OK);
    assert_int_equal(bob->count, 0);
}

static void test_the_last_socket_gone_the_conversation_is_followed_no_more(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *again = joined(bench, &bench->ann);

    interest_leave(backend_interest(bench->fake->backend), &ann->member);
    fake_run(bench->fake, 7000);
    assert_int_equal(bench->router->offs, 0);
    interest_leave(backend_interest(bench->fake->backend), &again->member);
    assert_int_equal(interest_users(backend_interest(bench->fake->backend)), 0);
    fake_run(bench->fake, 7000);
    assert_int_equal(bench->router->offs, 1);
    assert_false(bench->router->wants[0]);
    assert_int_equal(interest_conversations(backend_interest(bench->fake->backend)), 0);
}

static void test_who_comes_back_soon_needs_no_new_interest(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann);
    unsigned interests = bench->router->interests;

    interest_leave(backend_interest(bench->fake->backend), &ann->member);
    fake_run(bench->fake, 1000);
    say(bench, 2);
    ann = joined(bench, &bench->ann);
    say(bench, 1);
    fake_run(bench->fake, 6000);
    assert_int_equal(bench->router->interests, interests);
    assert_int_equal(fake_got(ann, bench->talk), 1);
    assert_int_equal(fake_first(ann, bench->talk), 4);
}

static void test_a_socket_may_leave_while_it_is_handed_an_event(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann = joined(bench, &bench->ann), *bob = joined(bench, &bench->bob);

    ann->leave_at_next = true;
    say(bench, 3);
    fake_run(bench->fake, 50);
    assert_int_equal(ann->count, 1);
    assert_int_equal(fake_got(bob, bench->talk), 3);
    assert_int_equal(interest_users(backend_interest(bench->fake->backend)), 1);
}

static void test_a_join_that_cannot_be_done_in_time_is_unavailable(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *ann;

    bench->fake->persist_up = false;
    ann = join(bench, &bench->ann);
    fake_run(bench->fake, 9900);
    assert_int_equal(ann->told, 0);
    fake_run(bench->fake, 200);
    assert_int_equal(ann->told, 1);
    assert_int_equal(ann->joined, WIRE_UNAVAILABLE);
    bench->fake->persist_up = true;
    fake_run(bench->fake, 5000);
    assert_int_equal(ann->told, 1);
    say(bench, 1); /* asserts that nothing is sent to it */
    fake_run(bench->fake, 50);
}

static void test_who_joins_while_a_router_is_not_heard_waits_for_it(void **state)
{
    struct bench *bench = *state;
    struct fake_socket *again;

    joined(bench, &bench->ann);
    bench->router->up = false;
    fake_run(bench->fake, 3000);
    again = join(bench, &bench->ann);
    fake_run(bench->fake, 3000);
    assert_int_equal(again->told, 0);
    fake_restart(bench->fake, bench->router);
    fake_run(bench->fake, 1500);
    assert_int_equal(again->told, 1);
    assert_int_equal(again->joined, WIRE_OK);
    bench->router->up = false;
    fake_run(bench->fake, 3000);
    again = join(bench, &bench->ann);
    fake_run(bench->fake, 10100);
    assert_int_equal(again->joined, WIRE_UNAVAILABLE);
}

static void test_a_full_table_refuses_who_joins_and_loses_who_would_miss_something(void **state)
{
    struct backend_limits limits = fake_limits;
    struct bench bench = {.ann = fake_id(1), .bob = fake_id(2), .cat = fake_id(3)};
    struct fake_socket *ann, *bob;

    (void)state;
    limits.interest.follows = 3;
    bench.fake = fake_new(&limits);
    for (unsigned i = 0; i < 3; i++)
        bench.talk = fake_converse(bench.fake, i, &bench.ann, 1);
    fake_converse(bench.fake, 10, &bench.bob, 1);
    fake_run(bench.fake, 1000);
    ann = joined(&bench, &bench.ann);
    bob = join(&bench, &bench.bob);
    fake_run(bench.fake, 50);
    assert_int_equal(bob->joined, WIRE_UNAVAILABLE);
    assert_int_equal(bob->told, 1);
    fake_deliver(bench.fake, fake_converse(bench.fake, 11, &bench.ann, 1), 1);
    fake_run(bench.fake, 50);
    assert_true(ann->lost);
    fake_socket_free(&bench.sockets[0]);
    fake_socket_free(&bench.sockets[1]);
    fake_free(&bench.fake);
}

static void test_revocations_are_read_at_the_start_and_in_every_repair(void **state)
{
    struct bench *bench = *state;
    unsigned asked = bench->fake->asked[WIRE_TYPE_SESSION_LIST];

    assert_true(asked > 0);
    bench->fake->revoked_user = bench->ann;
    bench->router->lose_stream = 1;
    fake_change(bench->fake, bench->talk, WIRE_KIND_MEMBER_ADDED, &bench->cat);
    fake_run(bench->fake, 600);
    assert_true(bench->fake->asked[WIRE_TYPE_SESSION_LIST] > asked);
    assert_int_equal(bench->fake->revocations, 1);
}

static void test_no_token_is_good_before_all_revocations_are_known(void **state)
{
    struct fake *fake = fake_new(&fake_limits);
    struct id last = fake_id(1000);

    (void)state;
    fake->ended = 250;
    fake->ended_ms = clock_wall_ms();
    fake->hold = WIRE_TYPE_SESSIONS_REPLY;
    fake_run(fake, 1000);
    assert_non_null(backend_tokens_trouble(fake->backend));
    assert_string_equal(backend_trouble(fake->backend), backend_tokens_trouble(fake->backend));
    fake->hold = 0;
    fake_release(fake);
    fake_run(fake, 1000);
    assert_null(backend_tokens_trouble(fake->backend));
    assert_true(fake->revocations >= 250);
    assert_true(id_equal(&fake->last_revoked, &last));
    fake_free(&fake);
}

static void test_a_revocation_that_nobody_told_is_found_within_seconds(void **state)
{
    struct bench *bench = *state;

    bench->fake->revoked_user = bench->ann;
    fake_run(bench->fake, 11000);
    assert_true(bench->fake->revocations > 0);
}

static void test_a_revocation_in_the_stream_is_passed_on(void **state)
{
    struct bench *bench = *state;
    AUTO(buf_done) struct buf body = {0};

    buf_init(&body, 64);
    wire_revoked_encode(&body, &(struct wire_revoked){bench->ann, {{0}}});
    fake_stream(bench->fake, bench->router, &(struct wire_head){.type = WIRE_TYPE_REVOKED}, &body);
    fake_run(bench->fake, 10);
    assert_int_equal(bench->fake->revocations, 1);
}

static void test_the_backend_says_what_is_wrong_and_when_all_is_well(void **state)
{
    struct fake *fake = fake_new(&fake_limits);

    (void)state;
    fake->routers[0].up = false;
    assert_non_null(backend_trouble(fake->backend));
    fake_run(fake, 1000);
    assert_string_equal(backend_trouble(fake->backend), "router does not answer");
    fake->routers[0].up = true;
    fake_run(fake, 1000);
    assert_null(backend_trouble(fake->backend));
    fake_free(&fake);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_events_flow_from_the_join_on),
        CASE(test_an_event_is_rendered_once_for_all_sockets),
        CASE(test_heads_are_asked_after_interest_is_confirmed),
        CASE(test_what_happens_between_confirmation_and_head_is_in_the_head),
        CASE(test_events_lost_after_confirmation_and_before_the_head_are_not_missed),
        CASE(test_an_event_lost_in_the_middle_is_fetched),
        CASE(test_the_last_event_lost_is_fetched_after_a_heartbeat),
        CASE(test_a_thousand_lost_events_come_in_order_page_by_page),
        CASE(test_events_that_come_while_others_are_fetched_are_given_once),
        CASE(test_an_event_delivered_twice_is_given_once),
        CASE(test_a_router_restart_is_repaired_by_resent_interest_and_fetched_events),
        CASE(test_a_conversation_that_moves_to_another_router_is_followed_there),
        CASE(test_persist_away_delays_what_is_fetched_and_loses_nothing),
        CASE(test_a_removed_member_gets_the_removal_and_nothing_after),
        CASE(test_a_removal_that_was_lost_takes_effect_at_its_place),
        CASE(test_an_added_member_gets_everything_from_the_add_on),
        CASE(test_a_member_added_to_what_nobody_here_followed_gets_everything_from_the_add_on),
        CASE(test_a_new_conversation_reaches_all_its_members),
        CASE(test_a_lost_addition_is_found_in_the_repair_and_given_from_the_add_on),
        CASE(test_who_was_added_and_removed_unseen_is_told_to_sync_when_added_again),
        CASE(test_who_is_added_without_any_fault_need_not_sync),
        CASE(test_removed_and_added_again_while_the_router_was_away),
        CASE(test_a_removal_while_the_memberships_are_read_is_not_undone_by_them),
        CASE(test_a_removal_before_the_conversation_is_known_stops_it_too),
        CASE(test_who_joins_while_events_are_missing_gets_none_from_before_their_time),
        CASE(test_who_was_removed_while_all_was_lost_is_not_served_for_ever),
        CASE(test_the_last_socket_gone_the_conversation_is_followed_no_more),
        CASE(test_who_comes_back_soon_needs_no_new_interest),
        CASE(test_a_socket_may_leave_while_it_is_handed_an_event),
        CASE(test_a_join_that_cannot_be_done_in_time_is_unavailable),
        CASE(test_who_joins_while_a_router_is_not_heard_waits_for_it),
        cmocka_unit_test(test_a_full_table_refuses_who_joins_and_loses_who_would_miss_something),
        CASE(test_revocations_are_read_at_the_start_and_in_every_repair),
        CASE(test_a_revocation_that_nobody_told_is_found_within_seconds),
        cmocka_unit_test(test_no_token_is_good_before_all_revocations_are_known),
        CASE(test_a_revocation_in_the_stream_is_passed_on),
        cmocka_unit_test(test_the_backend_says_what_is_wrong_and_when_all_is_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
