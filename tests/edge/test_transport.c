/* The transport's parts that need no socket: frames, UTF-8, deadlines, the end of a turn. */
#include "tests/lib/cmocka.h"

#include "edge/transport/payload.h"
#include "edge/transport/timers.h"
#include "edge/transport/turn.h"
#include "edge/transport/utf8.h"

static void test_a_frame_has_the_shortest_header(void **state)
{
    static const struct {
        size_t len, header;
        uint8_t second;
    } cases[] = {{0, 2, 0}, {125, 2, 125}, {126, 4, 126}, {65535, 4, 126}, {65536, 10, 127}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *content = calloc(1, cases[i].len + 1);
        struct payload_piece piece = {content, cases[i].len};
        AUTO(payload_unref) struct payload *payload = payload_new(i % 2, &piece, 1);
        size_t frame_len, len;
        const uint8_t *frame = payload_frame(payload, &frame_len);

        assert_ptr_equal(payload_content(payload, &len), frame + cases[i].header);
        assert_int_equal(len, cases[i].len);
        assert_int_equal(frame_len, cases[i].len + cases[i].header);
        assert_int_equal(frame[0], i % 2 ? 0x82 : 0x81);
        assert_int_equal(frame[1], cases[i].second);
        free(content);
    }
}

static void test_a_payload_is_its_pieces_and_lives_as_long_as_its_references(void **state)
{
    struct payload_piece pieces[] = {{"ab", 2}, {NULL, 0}, {"c", 1}};
    struct payload *first = payload_new(false, pieces, COUNT_OF(pieces));
    struct payload *second = payload_ref(first);
    size_t len;

    (void)state;
    payload_unref(&first);
    assert_null(first);
    assert_memory_equal(payload_content(second, &len), "abc", 3);
    assert_int_equal(len, 3);
    payload_unref(&second);
    payload_unref(&second);
}

static void test_utf8_is_told_from_what_is_not(void **state)
{
    static const char *const good[] = {"",
                                       "plain ascii of more than eight bytes",
                                       "é",
                                       "漢字",
                                       "😀",
                                       "12345678é",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\xff",
                                      "\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe6\xbc",
                                      "12345678\xc3",
                                      "\xc3(",
                                      "\xf0\x9f\x98"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(utf8_is_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
}

/* ---- on a loop ---- */

#define TIMERS 200

struct entry {
    struct timer timer;
    uint64_t due;
};

static uint64_t last_due;
static unsigned rung;
static bool too_early, out_of_order;

static void on_timer(struct timer *timer)
{
    struct entry *entry = CONTAINER_OF(timer, struct entry, timer);

    too_early |= timers_now() < entry->due;
    out_of_order |= entry->due < last_due;
    last_due = entry->due;
    rung++;
}

static void on_keep(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void test_deadlines_come_in_order_and_never_early(void **state)
{
    struct entry entries[TIMERS];
    struct timers *timers;
    uv_timer_t keep;
    uv_loop_t loop;
    unsigned cancelled = 0;

    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(timers_new(&timers, &loop), 0);
    uv_timer_init(&loop, &keep); /* deadlines alone do not keep a loop */
    uv_timer_start(&keep, on_keep, 10000, 0);
    for (unsigned i = 0; i < TIMERS; i++) {
        entries[i].due = timers_now() + (i * 7919) % 50;
        entries[i].timer = (struct timer){.run = on_timer};
        timers_set(timers, &entries[i].timer, timers_now() + 5000);
        timers_set(timers, &entries[i].timer, entries[i].due);
    }
    for (unsigned i = 0; i < TIMERS; i += 3, cancelled++)
        timers_cancel(timers, &entries[i].timer);
    timers_cancel(timers, &entries[0].timer);
    while (rung < TIMERS - cancelled)
        uv_run(&loop, UV_RUN_ONCE);
    assert_false(too_early);
    assert_false(out_of_order);
    timers_free(&timers);
    uv_close((uv_handle_t *)&keep, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

struct job {
    struct turn_item item;
    struct turn *turn;
    struct job *adds, *cancels;
    unsigned runs;
};

static void on_job(struct turn_item *item)
{
    struct job *self = CONTAINER_OF(item, struct job, item);

    self->runs++;
    if (self->cancels)
        turn_cancel(self->turn, &self->cancels->item);
    if (self->adds)
        turn_add(self->turn, &self->adds->item);
    self->adds = NULL;
}

static void test_what_is_put_off_runs_once_before_the_loop_sleeps(void **state)
{
    struct turn *turn;
    uv_loop_t loop;
    struct job jobs[3] = {{.item.run = on_job}, {.item.run = on_job}, {.item.run = on_job}};

    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(turn_new(&turn, &loop), 0);
    for (size_t i = 0; i < COUNT_OF(jobs); i++)
        jobs[i].turn = turn;
    jobs[0].adds = &jobs[0];
    jobs[0].cancels = &jobs[1];
    jobs[2].adds = &jobs[2];
    for (size_t i = 0; i < COUNT_OF(jobs); i++)
        turn_add(turn, &jobs[i].item);
    turn_add(turn, &jobs[0].item);
    uv_run(&loop, UV_RUN_DEFAULT); /* ends when nothing waits any more */
    assert_int_equal(jobs[0].runs, 2);
    assert_int_equal(jobs[1].runs, 0);
    assert_int_equal(jobs[2].runs, 2);
    turn_free(&turn);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_has_the_shortest_header),
        cmocka_unit_test(test_a_payload_is_its_pieces_and_lives_as_long_as_its_references),
        cmocka_unit_test(test_utf8_is_told_from_what_is_not),
        cmocka_unit_test(test_deadlines_come_in_order_and_never_early),
        cmocka_unit_test(test_what_is_put_off_runs_once_before_the_loop_sleeps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
