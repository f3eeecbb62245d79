/* What is remembered of a conversation, and what is forgotten first. */
#include "tests/lib/cmocka.h"

#include "router/memory.h"
#include "tests/router/fixture.h"

static void add(struct memory_recents *recents, unsigned n)
{
    struct memory_recent recent = {.key = person(n), .fingerprint = n * 2, .seq = n};

    memory_recents_add(recents, &recent);
}

static void test_the_newest_client_ids_are_remembered(void **state)
{
    struct memory_recents recents = {0};
    struct id key;

    (void)state;
    for (unsigned n = 1; n <= 1000; n++) {
        add(&recents, n);
        for (unsigned back = 0; back < MEMORY_RECENTS_MAX && back < n; back++) {
            key = person(n - back);
            assert_non_null(memory_recents_find(&recents, &key));
            assert_int_equal(memory_recents_find(&recents, &key)->seq, n - back);
        }
        if (n > MEMORY_RECENTS_MAX) {
            key = person(n - MEMORY_RECENTS_MAX);
            assert_null(memory_recents_find(&recents, &key));
        }
    }
    memory_recents_clear(&recents);
    assert_null(memory_recents_find(&recents, &key));
}

static void put(struct memory_members *members, unsigned n, uint8_t role)
{
    struct memory_member member = {.user = person(n), .role = role};

    memory_members_put(members, &member);
}

static void test_a_member_is_replaced_not_doubled(void **state)
{
    struct memory_members members = {0};
    struct id user = person(3);

    (void)state;
    put(&members, 3, 1);
    put(&members, 3, 2);
    assert_int_equal(members.count, 1);
    assert_int_equal(memory_members_find(&members, &user)->role, 2);
    memory_members_clear(&members);
}

static void test_members_asked_for_often_stay_and_so_do_the_last_ones_put(void **state)
{
    struct memory_members members = {0};
    struct id often = person(1), user;

    (void)state;
    put(&members, 1, 1);
    for (unsigned n = 2; n < 5000; n++) {
        put(&members, n, 1);
        assert_non_null(memory_members_find(&members, &often));
        for (unsigned back = 0; back < 64 && back < n - 1; back++) {
            bool there = false;

            user = person(n - back);
            for (unsigned i = 0; i < members.count; i++)
                there |= id_equal(&members.list[i].user, &user);
            assert_true(there);
        }
    }
    assert_int_equal(members.count, MEMORY_MEMBERS_MAX);
    memory_members_clear(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_client_ids_are_remembered),
        cmocka_unit_test(test_a_member_is_replaced_not_doubled),
        cmocka_unit_test(test_members_asked_for_often_stay_and_so_do_the_last_ones_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
