/* Questions to persist: answers, deadlines, limits, a worker that is restarted, the poll. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/edge/fake_bus.h"

struct reply {
    unsigned count;
    bool lost;
};

static void on_reply(void *arg, const struct wire_bytes *reply)
{
    struct reply *to = arg;

    to->count++;
    to->lost = !reply;
}

static int64_t ask(struct fake *fake, struct reply *reply)
{
    AUTO(buf_done) struct buf body = {0};

    buf_init(&body, 256);
    wire_user_get_encode(&body, &(struct wire_user_get){0});
    return query_send(backend_query(fake->backend), 3, WIRE_TYPE_USER_GET, &body, on_reply, reply);
}

static int set_up(void **state)
{
    *state = fake_new(&fake_limits);
    return 0;
}

static int tear_down(void **state)
{
    struct fake *fake = *state;

    fake_free(&fake);
    return 0;
}

static void test_a_question_is_answered_once_and_never_at_once(void **state)
{
    struct reply reply = {0};

    assert_true(ask(*state, &reply) > 0);
    assert_int_equal(reply.count, 0);
    fake_run(*state, 50);
    assert_int_equal(reply.count, 1);
    assert_false(reply.lost);
    fake_run(*state, 20000);
    assert_int_equal(reply.count, 1);
}

static void test_a_question_that_nobody_answers_is_given_up_in_time(void **state)
{
    struct fake *fake = *state;
    struct reply reply = {0};

    fake->persist_up = false;
    assert_true(ask(fake, &reply) > 0);
    fake_run(fake, 4900);
    assert_int_equal(reply.count, 0);
    fake_run(fake, 200);
    assert_int_equal(reply.count, 1);
    assert_true(reply.lost);
}

static void test_a_late_reply_finds_nobody(void **state)
{
    struct fake *fake = *state;
    struct reply first = {0}, second = {0};

    fake->hold = WIRE_TYPE_STATUS_REPLY;
    assert_true(ask(fake, &first) > 0);
    fake_run(fake, 6000);
    assert_true(first.lost);
    assert_true(ask(fake, &second) > 0);
    fake_run(fake, 10);
    assert_int_equal(second.count, 0);
    fake_release(fake);
    assert_int_equal(first.count, 1);
    assert_int_equal(second.count, 1);
    assert_false(second.lost);
}

static void test_a_cancelled_question_is_not_answered(void **state)
{
    struct reply reply = {0};
    int64_t handle = ask(*state, &reply);

    query_cancel(backend_query(((struct fake *)*state)->backend), handle);
    fake_run(*state, 10000);
    assert_int_equal(reply.count, 0);
}

static void test_beyond_the_limit_questions_are_refused(void **state)
{
    struct fake *fake = *state;
    static struct reply reply; /* outlives the test, as the last question does */
    size_t taken = 0;

    fake->persist_up = false;
    while (ask(fake, &reply) > 0)
        taken++;
    assert_int_equal(taken, fake_limits.queries);
    assert_int_equal(ask(fake, &reply), -EAGAIN);
    fake_run(fake, 6000);
    assert_int_equal(reply.count, taken);
    assert_true(ask(fake, &reply) > 0);
}

static void test_what_was_asked_of_a_worker_that_died_is_given_up_soon(void **state)
{
    struct fake *fake = *state;
    struct reply reply = {0};

    fake_run(fake, 600);
    fake->persist_up = false;
    assert_true(ask(fake, &reply) > 0);
    fake_run(fake, 50);
    fake->persist_up = true;
    fake->persist_boot++;
    fake_run(fake, 3600); /* the poll is asked again and shows the new process */
    assert_int_equal(reply.count, 1);
    assert_true(reply.lost);
}

static void test_the_poll_says_what_is_wrong_with_persist(void **state)
{
    struct fake *fake = *state;

    assert_string_equal(query_trouble(backend_query(fake->backend)),
                        "persist has not answered yet");
    fake_run(fake, 600);
    assert_null(query_trouble(backend_query(fake->backend)));
    fake->persist_trouble = "the disk is full";
    fake_run(fake, 600);
    assert_string_equal(query_trouble(backend_query(fake->backend)), "persist: the disk is full");
    fake->persist_trouble = NULL;
    fake_run(fake, 600);
    assert_null(query_trouble(backend_query(fake->backend)));
    fake->persist_up = false;
    fake_run(fake, 4000);
    assert_string_equal(query_trouble(backend_query(fake->backend)), "persist does not answer");
}

static void test_what_is_outstanding_at_the_end_is_answered_lost(void **state)
{
    struct fake *fake = fake_new(&fake_limits);
    struct reply reply = {0};

    (void)state;
    fake->persist_up = false;
    assert_true(ask(fake, &reply) > 0);
    fake_free(&fake);
    assert_int_equal(reply.count, 1);
    assert_true(reply.lost);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_question_is_answered_once_and_never_at_once),
        CASE(test_a_question_that_nobody_answers_is_given_up_in_time),
        CASE(test_a_late_reply_finds_nobody),
        CASE(test_a_cancelled_question_is_not_answered),
        CASE(test_beyond_the_limit_questions_are_refused),
        CASE(test_what_was_asked_of_a_worker_that_died_is_given_up_soon),
        CASE(test_the_poll_says_what_is_wrong_with_persist),
        cmocka_unit_test(test_what_is_outstanding_at_the_end_is_answered_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
