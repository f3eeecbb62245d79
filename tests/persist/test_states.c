/* The bounded table of conversations that a writer remembers. */
#include "persist/states.h"
#include "tests/lib/cmocka.h"

static struct id number(uint64_t n)
{
    struct id id = {0};

    memcpy(id.bytes + 8, &n, sizeof n);
    return id;
}

static void put(struct states *states, uint64_t n)
{
    struct state state = {.conversation = number(n), .seq = n};

    states_put(states, &state);
}

static void what_is_put_is_found_and_what_is_dropped_is_not(void **arg)
{
    struct states *states;
    struct id id;

    (void)arg;
    states_new(&states, 100);
    /* Hashes that collide: every 256th slot is the same one. */
    for (uint64_t n = 0; n < 50; n++)
        put(states, n * 256);
    for (uint64_t n = 0; n < 50; n += 2) {
        id = number(n * 256);
        states_drop(states, &id);
    }
    for (uint64_t n = 0; n < 50; n++) {
        id = number(n * 256);
        if (n % 2) {
            assert_non_null(states_find(states, &id));
            assert_int_equal(states_find(states, &id)->seq, n * 256);
        } else {
            assert_null(states_find(states, &id));
        }
    }
    states_free(&states);
    states_free(&states);
}

static void a_full_table_is_emptied_and_goes_on(void **arg)
{
    struct states *states;
    struct id id = number(7);

    (void)arg;
    states_new(&states, 10);
    for (uint64_t n = 0; n < 1000; n++)
        put(states, n);
    id = number(999);
    assert_int_equal(states_find(states, &id)->seq, 999);
    put(states, 999);
    id = number(0);
    assert_null(states_find(states, &id));
    states_free(&states);
}

static void room_that_was_made_is_there_until_it_is_used(void **arg)
{
    struct states *states;
    struct id id = number(0);

    (void)arg;
    states_new(&states, 10);
    for (uint64_t n = 0; n < 7; n++)
        put(states, n);
    states_make_room(states, 3);
    assert_non_null(states_find(states, &id)); /* there was room */
    states_make_room(states, 4);
    assert_null(states_find(states, &id));
    id = number(100);
    for (uint64_t n = 100; n < 104; n++)
        put(states, n);
    assert_non_null(states_find(states, &id));
    states_free(&states);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found_and_what_is_dropped_is_not),
        cmocka_unit_test(a_full_table_is_emptied_and_goes_on),
        cmocka_unit_test(room_that_was_made_is_there_until_it_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
