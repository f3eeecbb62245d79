/* Passwords: hashed beside the loop, checked with the same work whoever it is. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "edge/api/password.h"

struct outcome {
    int calls;
    enum password_result result;
    char hash[256];
};

struct world {
    uv_loop_t loop;
    struct password *password;
    struct outcome outcome;
};

static int setup(void **state)
{
    struct world *world = NEW(struct world);
    struct password_options options = {.passes = 1, .memory_kib = 64, .queue = 4};

    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(password_new(&world->password, &world->loop, &options), 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    password_free(&world->password);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
    return 0;
}

static void on_done(void *arg, const char *hash, enum password_result result)
{
    struct outcome *outcome = arg;

    outcome->calls++;
    outcome->result = result;
    snprintf(outcome->hash, sizeof outcome->hash, "%s", hash ? hash : "");
}

static void on_outcome(void *arg, const char *hash, enum password_result result)
{
    int *undone = arg;

    assert_null(hash);
    assert_int_not_equal(result, PASSWORD_WRONG);
    *undone += result == PASSWORD_UNDONE;
}

static void wait(struct world *world)
{
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(password_waiting(world->password), 0);
}

static bool check(struct world *world, const char *text, const char *hash)
{
    world->outcome.calls = 0;
    assert_int_equal(password_check(world->password, text, hash, on_done, &world->outcome), 0);
    assert_int_equal(world->outcome.calls, 0);
    wait(world);
    assert_int_equal(world->outcome.calls, 1);
    assert_int_not_equal(world->outcome.result, PASSWORD_UNDONE);
    return world->outcome.result == PASSWORD_GOOD;
}

static void test_a_password_fits_its_own_hash_only(void **state)
{
    struct world *world = *state;
    char hash[256];

    assert_int_equal(password_hash(world->password, "correct", on_done, &world->outcome), 0);
    wait(world);
    snprintf(hash, sizeof hash, "%s", world->outcome.hash);
    assert_non_null(strstr(hash, "$argon2id$v=19$m=64,t=1,p=1$"));
    assert_true(check(world, "correct", hash));
    assert_false(check(world, "wrong", hash));
    assert_false(check(world, "", hash));
}

static void test_nobody_is_never_good(void **state)
{
    struct world *world = *state;

    assert_false(check(world, "anything", ""));
    assert_false(check(world, "", ""));
    assert_false(check(world, "anything", "rubbish"));
}

static void test_two_hashes_of_one_password_differ(void **state)
{
    struct world *world = *state;
    struct outcome a = {0}, b = {0};

    assert_int_equal(password_hash(world->password, "same", on_done, &a), 0);
    assert_int_equal(password_hash(world->password, "same", on_done, &b), 0);
    wait(world);
    assert_string_not_equal(a.hash, b.hash);
}

static void test_a_full_queue_refuses(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    for (int i = 0; i < 4; i++)
        assert_int_equal(password_hash(world->password, "x", on_done, &outcome), 0);
    assert_int_equal(password_hash(world->password, "x", on_done, &outcome), -EAGAIN);
    wait(world);
    assert_int_equal(outcome.calls, 4);
}

static void test_what_waits_at_the_end_is_answered(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {0};

    for (int i = 0; i < 4; i++)
        assert_int_equal(password_hash(world->password, "x", on_done, &outcome), 0);
    password_free(&world->password);
    assert_int_equal(outcome.calls, 4);
}

/* libuv has at most 1,024 threads: most of these are waiting. */
static void test_what_was_not_checked_is_not_called_wrong(void **state)
{
    struct world *world = *state;
    struct password_options options = {.passes = 1, .memory_kib = 64, .queue = 3000};
    struct outcome outcome = {0};

    assert_int_equal(password_hash(world->password, "x", on_done, &outcome), 0);
    wait(world);
    password_free(&world->password);
    assert_int_equal(password_new(&world->password, &world->loop, &options), 0);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(
            password_check(world->password, "x", outcome.hash, on_outcome, &outcome.calls), 0);
    outcome.calls = 0;
    password_free(&world->password);
    assert_true(outcome.calls > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_password_fits_its_own_hash_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_is_never_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_hashes_of_one_password_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_queue_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_waits_at_the_end_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_not_checked_is_not_called_wrong, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
