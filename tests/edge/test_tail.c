/* The newest events in memory: told while they are whole, and never across somebody's removal. */
#include "tests/lib/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/api/tail.h"

struct bench {
    struct stat_set *stats;
    struct tail *tail;
    struct id talk, ann, bob;
};

static int set_up(void **state)
{
    struct bench *bench = NEW(struct bench);

    assert_int_equal(stat_new(&bench->stats), 0);
    tail_new(&bench->tail, 1u << 20, bench->stats);
    bench->talk = id_random();
    bench->ann = id_random();
    bench->bob = id_random();
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    tail_free(&bench->tail);
    stat_free(&bench->stats);
    free(bench);
    return 0;
}

/* Numbers first to last; each event's JSON is its number, padded. */
static void put(struct bench *bench, const struct id *conversation, uint64_t first, uint64_t last,
                int width)
{
    size_t count = (size_t)(last - first + 1);
    struct tail_item *items = NEW_ARRAY(count, struct tail_item);
    char *json = base_alloc(count, (size_t)width + 1);

    for (size_t i = 0; i < count; i++) {
        items[i] =
            (struct tail_item){.seq = first + i, .at = i * (size_t)width, .len = (size_t)width};
        snprintf(json + items[i].at, (size_t)width + 1, "%0*d", width, (int)(first + i));
    }
    tail_put(bench->tail, conversation, items, count, json);
    free(items);
    free(json);
}

static void put_move(struct bench *bench, uint64_t seq, const struct id *user)
{
    struct tail_item item = {.seq = seq, .len = 4, .user = *user, .moves = true};

    tail_put(bench->tail, &bench->talk, &item, 1, "move");
}

static bool covers(struct bench *bench, const struct id *user, uint64_t after, uint64_t last)
{
    struct tail_span span = {bench->talk, after, last};

    return tail_covers(bench->tail, &span, user);
}

static void assert_at(struct bench *bench, uint64_t seq)
{
    struct wire_bytes json = tail_at(bench->tail, &bench->talk, seq);
    char text[32] = "";

    assert_true(json.len < sizeof text);
    memcpy(text, json.data, json.len);
    assert_int_equal(strtoull(text, NULL, 10), seq);
}

static void test_what_is_kept_is_told_and_nothing_else(void **state)
{
    struct bench *bench = *state;

    assert_false(covers(bench, &bench->ann, 0, 1));
    put(bench, &bench->talk, 5, 9, 8);
    assert_true(covers(bench, &bench->ann, 4, 9));
    assert_true(covers(bench, &bench->ann, 7, 8));
    assert_false(covers(bench, &bench->ann, 3, 9));
    assert_false(covers(bench, &bench->ann, 4, 10));
    for (uint64_t seq = 5; seq <= 9; seq++)
        assert_at(bench, seq);
}

static void test_live_events_follow_each_other(void **state)
{
    struct bench *bench = *state;

    for (uint64_t seq = 1; seq <= 100; seq++)
        put(bench, &bench->talk, seq, seq, 8);
    assert_true(covers(bench, &bench->ann, 0, 100));
    put(bench, &bench->talk, 50, 50, 8); /* once more */
    assert_true(covers(bench, &bench->ann, 0, 100));
    for (uint64_t seq = 1; seq <= 100; seq++)
        assert_at(bench, seq);
}

static void test_of_a_conversation_the_newest_are_kept(void **state)
{
    struct bench *bench = *state;

    for (uint64_t seq = 1; seq <= 3000; seq++)
        put(bench, &bench->talk, seq, seq, 8);
    assert_false(covers(bench, &bench->ann, 0, 3000));
    assert_false(covers(bench, &bench->ann, 3000 - 1025, 3000));
    assert_true(covers(bench, &bench->ann, 3000 - 1024, 3000));
    for (uint64_t seq = 3000 - 1023; seq <= 3000; seq++)
        assert_at(bench, seq);
}

static void test_an_event_behind_a_gap_begins_anew(void **state)
{
    struct bench *bench = *state;

    put(bench, &bench->talk, 1, 5, 8);
    put(bench, &bench->talk, 7, 7, 8);
    assert_false(covers(bench, &bench->ann, 4, 7));
    assert_true(covers(bench, &bench->ann, 6, 7));
    assert_false(covers(bench, &bench->ann, 0, 5));
}

static void test_a_page_completes_what_is_kept_at_both_ends(void **state)
{
    struct bench *bench = *state;

    put(bench, &bench->talk, 20, 29, 8);
    put(bench, &bench->talk, 10, 35, 8);
    put(bench, &bench->talk, 5, 9, 8);
    assert_true(covers(bench, &bench->ann, 4, 35));
    for (uint64_t seq = 5; seq <= 35; seq++)
        assert_at(bench, seq);
    put(bench, &bench->talk, 1, 3, 8); /* 4 is missing: too old */
    assert_true(covers(bench, &bench->ann, 4, 35));
    assert_false(covers(bench, &bench->ann, 0, 3));
}

static void test_a_page_with_a_hole_is_not_kept(void **state)
{
    struct bench *bench = *state;
    struct tail_item items[] = {{.seq = 3, .len = 1}, {.seq = 5, .len = 1}};

    tail_put(bench->tail, &bench->talk, items, 2, "xx");
    assert_false(covers(bench, &bench->ann, 2, 3));
    assert_false(covers(bench, &bench->ann, 4, 5));
}

static void test_who_came_or_went_meanwhile_is_not_told_from_here(void **state)
{
    struct bench *bench = *state;

    put(bench, &bench->talk, 1, 3, 8);
    put_move(bench, 4, &bench->bob); /* removed */
    put(bench, &bench->talk, 5, 6, 8);
    put_move(bench, 7, &bench->bob); /* and added again */
    put(bench, &bench->talk, 8, 9, 8);
    assert_true(covers(bench, &bench->ann, 0, 9));
    assert_false(covers(bench, &bench->bob, 0, 9));
    assert_false(covers(bench, &bench->bob, 5, 9));
    assert_false(covers(bench, &bench->bob, 6, 7));
    assert_true(covers(bench, &bench->bob, 7, 9));
    put_move(bench, 10, &(struct id){0}); /* it concerns many */
    assert_false(covers(bench, &bench->ann, 8, 10));
}

static void test_the_events_say_who_comes_and_goes(void **state)
{
    struct bench *bench = *state;
    AUTO(buf_done) struct buf body;
    struct wire_event event = {.seq = 7, .kind = WIRE_KIND_MESSAGE_CREATED};

    buf_init(&body, 1000);
    assert_false(tail_item_of(&event).moves);
    event.kind = WIRE_KIND_CONVERSATION_CREATED;
    assert_true(tail_item_of(&event).moves);
    wire_body_member_encode(&body, &(struct wire_body_member){.user = bench->bob});
    event.body = wire_buf(&body);
    event.kind = WIRE_KIND_MEMBER_UPDATED;
    assert_false(tail_item_of(&event).moves);
    for (event.kind = WIRE_KIND_MEMBER_ADDED; event.kind <= WIRE_KIND_MEMBER_REMOVED;
         event.kind++) {
        struct tail_item item = tail_item_of(&event);

        assert_true(item.moves && id_equal(&item.user, &bench->bob));
        assert_int_equal(item.seq, 7);
    }
}

static void test_the_conversation_unused_for_longest_makes_room(void **state)
{
    struct bench *bench = *state;
    struct id others[100];

    put(bench, &bench->talk, 1, 200, 100);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        others[i] = id_random();
        put(bench, &others[i], 1, 200, 100);
        assert_true(*stat_counter(bench->stats, "tail_bytes") <= 1u << 20);
        assert_true(covers(bench, &bench->ann, 0, 200)); /* in use */
    }
    assert_true(*stat_counter(bench->stats, "tail_evicted") > 50);
    assert_false(tail_covers(bench->tail, &(struct tail_span){others[0], 0, 1}, &bench->ann));
    assert_true(tail_covers(bench->tail, &(struct tail_span){others[99], 0, 200}, &bench->ann));
}

static void test_one_that_is_too_large_alone_is_not_kept(void **state)
{
    struct bench *bench = *state;

    put(bench, &bench->talk, 1, 100, 20000);
    assert_false(covers(bench, &bench->ann, 99, 100));
    assert_int_equal(*stat_counter(bench->stats, "tail_bytes"), 0);
}

static void test_emptied_it_knows_nothing_and_begins_anew(void **state)
{
    struct bench *bench = *state;

    put(bench, &bench->talk, 1, 9, 8);
    tail_empty(bench->tail);
    assert_false(covers(bench, &bench->ann, 8, 9));
    assert_int_equal(*stat_counter(bench->stats, "tail_bytes"), 0);
    put(bench, &bench->talk, 10, 10, 8);
    assert_true(covers(bench, &bench->ann, 9, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_kept_is_told_and_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_live_events_follow_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_a_conversation_the_newest_are_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_event_behind_a_gap_begins_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_page_completes_what_is_kept_at_both_ends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_page_with_a_hole_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_came_or_went_meanwhile_is_not_told_from_here,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_events_say_who_comes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_conversation_unused_for_longest_makes_room, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_is_too_large_alone_is_not_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_emptied_it_knows_nothing_and_begins_anew, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
