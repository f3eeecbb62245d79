/* Client events on their way: numbered, kept until answered, in order through every fault. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/edge/fake_bus.h"

#define MOST 300

/* What became of one post. */
struct fate {
    unsigned count;
    enum wire_result status;
    uint64_t seq;
    bool resent;
};

struct bench {
    struct fake *fake;
    struct fake_conversation *conversation;
    struct fake_router *router;
    struct id user;
    struct fate fates[MOST];
};

static void on_answer(void *arg, const struct wire_answer *answer, bool resent)
{
    struct fate *fate = arg;

    fate->count++;
    fate->status = answer->status;
    fate->seq = answer->seq;
    fate->resent = resent;
}

static int64_t post(struct bench *bench, unsigned i)
{
    char client_id[20];
    struct wire_post what = {.conversation = bench->conversation->id,
                             .kind = WIRE_KIND_MESSAGE_CREATED,
                             .actor = bench->user};

    snprintf(client_id, sizeof client_id, "c%u", i);
    what.client_id = wire_text(client_id);
    return outbox_post(backend_outbox(bench->fake->backend), &what, clock_wall_ms(), on_answer,
                       &bench->fates[i]);
}

static void post_all(struct bench *bench, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        assert_true(post(bench, i) > 0);
}

/* Posts from … to−1 stand in the log once each, in the order in which they were posted. */
static void check_log(struct bench *bench, unsigned from, unsigned to)
{
    uint64_t seq = bench->conversation->head - (to - from);
    char client_id[20];

    for (unsigned i = from; i < to; i++) {
        struct wire_event event;

        assert_int_equal(wire_event_decode(wire_buf(&bench->conversation->events[seq]), &event), 0);
        snprintf(client_id, sizeof client_id, "c%u", i);
        assert_true(wire_bytes_equal(event.client_id, wire_text(client_id)));
        seq++;
        assert_int_equal(bench->fates[i].count, 1);
        assert_int_equal(bench->fates[i].seq, seq);
    }
    assert_int_equal(outbox_unanswered(backend_outbox(bench->fake->backend)), 0);
}

static int set_up(void **state)
{
    struct bench *bench = NEW(struct bench);

    bench->fake = fake_new(&fake_limits);
    bench->router = &bench->fake->routers[0];
    bench->user = fake_id(1);
    bench->conversation = fake_converse(bench->fake, 5, &bench->user, 1);
    fake_run(bench->fake, 1000);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    fake_free(&bench->fake);
    free(bench);
    return 0;
}

static void test_a_post_is_answered_with_its_number(void **state)
{
    struct bench *bench = *state;

    post_all(bench, 0, 3);
    assert_int_equal(bench->fates[0].count, 0);
    fake_run(bench->fake, 10);
    check_log(bench, 0, 3);
    assert_int_equal(bench->fates[2].status, WIRE_OK);
    assert_false(bench->fates[2].resent);
}

static void test_nothing_leaves_before_a_router_has_welcomed_us(void **state)
{
    struct fake *fake = fake_new(&fake_limits);
    struct bench bench = {.fake = fake, .router = &fake->routers[0], .user = fake_id(1)};

    (void)state;
    bench.conversation = fake_converse(fake, 5, &bench.user, 1);
    fake->routers[0].up = false;
    post_all(&bench, 0, 2);
    fake_run(fake, 2000);
    assert_int_equal(fake->routers[0].posts, 0);
    fake->routers[0].up = true;
    fake_run(fake, 1000);
    check_log(&bench, 0, 2);
    assert_false(bench.fates[0].resent);
    fake_free(&fake);
}

static void test_a_router_that_crashes_with_frames_unanswered_gets_them_in_order_again(void **state)
{
    struct bench *bench = *state;

    post_all(bench, 0, 10);
    fake_run(bench->fake, 10);
    bench->router->silent = true; /* stores these, tells nobody … */
    post_all(bench, 10, 15);
    fake_run(bench->fake, 10);
    bench->router->up = false; /* … and dies; these are lost with it */
    post_all(bench, 15, 40);
    fake_run(bench->fake, 700);
    assert_int_equal(bench->fates[10].count, 0);
    fake_restart(bench->fake, bench->router);
    post_all(bench, 40, 50);
    fake_run(bench->fake, 2000);
    check_log(bench, 0, 50);
    assert_int_equal(bench->fates[12].status, WIRE_DUPLICATE);
    assert_true(bench->fates[12].resent);
    assert_int_equal(bench->fates[20].status, WIRE_OK);
}

static void test_a_partition_that_moves_takes_its_unanswered_frames_along(void **state)
{
    struct bench *bench = *state;

    post_all(bench, 0, 5);
    fake_run(bench->fake, 10);
    bench->router->up = false; /* stopped */
    post_all(bench, 5, 20);
    fake_run(bench->fake, 500);
    fake_claim(bench->fake, &bench->fake->routers[1], UINT64_MAX);
    fake_run(bench->fake, 2000);
    check_log(bench, 0, 20);
    assert_int_equal(bench->fake->routers[1].posts, 15);
    assert_int_equal(bench->fake->routers[1].gaps, 0); /* numbered from 1 in the new epoch */
}

static void test_frames_lost_on_the_way_are_sent_again_from_the_gap_on(void **state)
{
    struct bench *bench = *state;

    bench->router->lose_posts = 3;
    post_all(bench, 0, 20);
    fake_run(bench->fake, 200);
    check_log(bench, 0, 20);
    assert_true(bench->router->gaps > 0);
}

static void test_the_last_frame_lost_is_sent_again_after_five_seconds(void **state)
{
    struct bench *bench = *state;

    bench->router->lose_posts = 1;
    post_all(bench, 0, 1);
    fake_run(bench->fake, 4900);
    assert_int_equal(bench->fates[0].count, 0);
    fake_run(bench->fake, 200);
    check_log(bench, 0, 1);
    assert_true(bench->fates[0].resent);
}

static void test_a_router_that_has_forgotten_us_starts_at_number_one_again(void **state)
{
    struct bench *bench = *state;

    post_all(bench, 0, 5);
    fake_run(bench->fake, 10);
    bench->router->expected[5] = 1;
    post_all(bench, 5, 9);
    fake_run(bench->fake, 200);
    check_log(bench, 0, 9);
}

static void test_answers_out_of_a_repaired_stream_are_asked_for_again(void **state)
{
    struct bench *bench = *state;

    bench->router->lose_stream = 4;
    post_all(bench, 0, 4);
    fake_run(bench->fake, 20);
    assert_int_equal(bench->fates[0].count, 0);
    fake_run(bench->fake, 600); /* a heartbeat shows the hole */
    check_log(bench, 0, 4);
    assert_int_equal(bench->fates[3].status, WIRE_DUPLICATE);
    assert_true(bench->fates[3].resent);
}

static void test_a_client_hears_unavailable_in_time_and_the_frame_is_kept(void **state)
{
    struct bench *bench = *state;

    bench->router->up = false;
    post_all(bench, 0, 2);
    fake_run(bench->fake, 9900);
    assert_int_equal(bench->fates[1].count, 0);
    fake_run(bench->fake, 200);
    assert_int_equal(bench->fates[1].count, 1);
    assert_int_equal(bench->fates[1].status, WIRE_UNAVAILABLE);
    assert_int_equal(outbox_unanswered(backend_outbox(bench->fake->backend)), 2);
    fake_restart(bench->fake, bench->router);
    fake_run(bench->fake, 2000);
    assert_int_equal(bench->fates[1].count, 1);
    assert_int_equal(bench->conversation->head, 3); /* both were stored all the same */
    assert_int_equal(outbox_unanswered(backend_outbox(bench->fake->backend)), 0);
}

static void test_a_partition_at_its_limit_takes_no_more_until_something_is_answered(void **state)
{
    struct bench *bench = *state;

    bench->router->up = false;
    post_all(bench, 0, 256);
    assert_int_equal(post(bench, 256), -EAGAIN);
    fake_restart(bench->fake, bench->router);
    fake_run(bench->fake, 2000);
    assert_true(post(bench, 256) > 0);
    fake_run(bench->fake, 10);
    check_log(bench, 0, 257);
}

static void test_the_table_at_its_limit_takes_no_more_of_any_partition(void **state)
{
    struct backend_limits limits = fake_limits;
    struct fake *fake;
    struct fate fate = {0};
    struct wire_revoke revoke = {0};

    (void)state;
    limits.outbox.most = 8;
    fake = fake_new(&limits);
    for (unsigned i = 0; i < 8; i++) {
        revoke.user = fake_id(i);
        assert_true(outbox_revoke(backend_outbox(fake->backend), &revoke, on_answer, &fate) > 0);
    }
    revoke.user = fake_id(20);
    assert_int_equal(outbox_revoke(backend_outbox(fake->backend), &revoke, on_answer, &fate),
                     -EAGAIN);
    fake_run(fake, 1000);
    assert_int_equal(fate.count, 8);
    fake_free(&fake);
}

static void test_what_is_answered_while_it_is_to_be_sent_again_is_not_sent_again(void **state)
{
    struct bench *bench = *state;
    AUTO(buf_done) struct buf body = {0};
    struct wire_head head = {.type = WIRE_TYPE_ANSWER, .partition = 5, .epoch = 1};

    buf_init(&body, 256);
    wire_answer_encode(&body, &(struct wire_answer){.status = WIRE_OK, .seq = 2});
    bench->router->silent = true;
    head.trace = (uint64_t)post(bench, 0);
    post_all(bench, 1, 3);
    fake_run(bench->fake, 10);
    bench->fake->full = true;
    outbox_restart(backend_outbox(bench->fake->backend), UINT64_MAX);
    fake_stream(bench->fake, bench->router, &head, &body);
    fake_run(bench->fake, 10);
    bench->fake->full = false;
    fake_run(bench->fake, 100);
    check_log(bench, 0, 3);
    assert_int_equal(bench->router->posts, 3 + 2);
}

static void test_a_full_queue_is_tried_again_without_losing_order(void **state)
{
    struct bench *bench = *state;

    bench->fake->full = true;
    post_all(bench, 0, 30);
    fake_run(bench->fake, 100);
    bench->fake->full = false;
    fake_run(bench->fake, 100);
    check_log(bench, 0, 30);
    assert_int_equal(bench->router->gaps, 0);
    assert_false(bench->fates[29].resent);
}

static void test_an_answer_of_an_epoch_that_is_over_counts_for_nothing(void **state)
{
    struct bench *bench = *state;
    AUTO(buf_done) struct buf body = {0};
    struct wire_head head = {.type = WIRE_TYPE_ANSWER, .partition = 5, .epoch = 1};

    buf_init(&body, 256);
    wire_answer_encode(&body, &(struct wire_answer){.status = WIRE_NOT_FOUND});
    bench->router->lose_posts = 1;
    head.trace = (uint64_t)post(bench, 0);
    fake_run(bench->fake, 10);
    fake_claim(bench->fake, &bench->fake->routers[0], 1ull << 5); /* epoch 2 */
    bench->router->early = true;
    fake_run(bench->fake, 600);
    fake_stream(bench->fake, bench->router, &head, &body);
    fake_run(bench->fake, 10);
    assert_int_equal(bench->fates[0].count, 0);
    bench->router->early = false;
    fake_run(bench->fake, 6000);
    check_log(bench, 0, 1);
}

static void test_a_repeat_by_the_client_is_a_duplicate_and_not_of_our_making(void **state)
{
    struct bench *bench = *state;

    post_all(bench, 0, 1);
    fake_run(bench->fake, 10);
    bench->fates[0].count = 0;
    post_all(bench, 0, 1);
    fake_run(bench->fake, 10);
    assert_int_equal(bench->fates[0].count, 1);
    assert_int_equal(bench->fates[0].status, WIRE_DUPLICATE);
    assert_false(bench->fates[0].resent);
}

static void test_who_asked_to_be_forgotten_is_not_called(void **state)
{
    struct bench *bench = *state;

    outbox_forget(backend_outbox(bench->fake->backend), post(bench, 0));
    fake_run(bench->fake, 12000);
    assert_int_equal(bench->fates[0].count, 0);
    assert_int_equal(bench->conversation->head, 2);
}

static void test_what_is_outstanding_at_the_end_is_answered_unavailable(void **state)
{
    struct fake *fake = fake_new(&fake_limits);
    struct bench bench = {.fake = fake, .user = fake_id(1)};

    (void)state;
    bench.conversation = fake_converse(fake, 5, &bench.user, 1);
    post_all(&bench, 0, 2);
    fake_free(&fake);
    assert_int_equal(bench.fates[1].count, 1);
    assert_int_equal(bench.fates[1].status, WIRE_UNAVAILABLE);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_post_is_answered_with_its_number),
        cmocka_unit_test(test_nothing_leaves_before_a_router_has_welcomed_us),
        CASE(test_a_router_that_crashes_with_frames_unanswered_gets_them_in_order_again),
        CASE(test_a_partition_that_moves_takes_its_unanswered_frames_along),
        CASE(test_frames_lost_on_the_way_are_sent_again_from_the_gap_on),
        CASE(test_the_last_frame_lost_is_sent_again_after_five_seconds),
        CASE(test_a_router_that_has_forgotten_us_starts_at_number_one_again),
        CASE(test_answers_out_of_a_repaired_stream_are_asked_for_again),
        CASE(test_a_client_hears_unavailable_in_time_and_the_frame_is_kept),
        CASE(test_a_partition_at_its_limit_takes_no_more_until_something_is_answered),
        cmocka_unit_test(test_the_table_at_its_limit_takes_no_more_of_any_partition),
        CASE(test_what_is_answered_while_it_is_to_be_sent_again_is_not_sent_again),
        CASE(test_a_full_queue_is_tried_again_without_losing_order),
        CASE(test_an_answer_of_an_epoch_that_is_over_counts_for_nothing),
        CASE(test_a_repeat_by_the_client_is_a_duplicate_and_not_of_our_making),
        CASE(test_who_asked_to_be_forgotten_is_not_called),
        cmocka_unit_test(test_what_is_outstanding_at_the_end_is_answered_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
