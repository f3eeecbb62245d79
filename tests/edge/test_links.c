/* Who holds what, and every hole in what routers send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "edge/api/links.h"
#include "tests/edge/fake_bus.h"

struct bench {
    struct fake *fake;
    struct links *links;
    unsigned repairs;
    uint64_t repaired; /* the last mask */
    unsigned frames;
};

static void on_repair(void *arg, uint64_t partitions)
{
    struct bench *bench = arg;

    bench->repairs++;
    bench->repaired = partitions;
}

static void on_frame(void *arg, const struct bus_frame *frame)
{
    struct bench *bench = arg;

    (void)frame;
    bench->frames++;
}

static void on_tick(void *arg)
{
    struct bench *bench = arg;

    links_tick(bench->links);
}

/* What the poll for holders would bring. */
static void learn(struct bench *bench)
{
    AUTO(buf_done) struct buf list = {0};
    uint32_t count = 0;

    buf_init(&list, 1u << 16);
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        const struct fake_router *router = &bench->fake->routers[bench->fake->holder[p]];

        wire_holding_add(&list, &count,
                         &(struct wire_holding){(uint16_t)p, bench->fake->epoch[p], WIRE_ROUTER,
                                                wire_text(router->name)});
    }
    links_learn(bench->links, wire_list_of(&list, count));
}

static void say(struct bench *bench)
{
    AUTO(buf_done) struct buf body = {0};

    buf_init(&body, 64);
    wire_interested_encode(&body, &(struct wire_interested){WIRE_OK});
    fake_stream(bench->fake, &bench->fake->routers[0],
                &(struct wire_head){.type = WIRE_TYPE_INTERESTED}, &body);
}

static int set_up(void **state)
{
    static const struct links_ops ops = {on_repair, on_frame};
    struct bench *bench = NEW(struct bench);

    bench->fake = fake_new(NULL);
    assert_int_equal(links_new(&bench->links, &bench->fake->pipes, &ops, bench), 0);
    bench->fake->pipes.on_tick = on_tick;
    bench->fake->pipes.arg = bench;
    learn(bench);
    fake_run(bench->fake, 260);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    links_free(&bench->links);
    fake_free(&bench->fake);
    free(bench);
    return 0;
}

static void test_a_welcome_starts_with_a_repair_of_all_the_router_holds(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(bench->repairs, 1);
    assert_true(bench->repaired == UINT64_MAX);
    assert_int_equal(links_router(bench->links, 63), 0);
    assert_int_equal(links_epoch(bench->links, 63), 1);
    assert_null(links_trouble(bench->links));
}

static void test_a_stream_without_holes_needs_no_repair(void **state)
{
    struct bench *bench = *state;

    for (unsigned i = 0; i < 100; i++) {
        say(bench);
        fake_run(bench->fake, 20);
    }
    assert_int_equal(bench->frames, 100);
    assert_int_equal(bench->repairs, 1);
}

static void test_a_jump_in_the_numbers_is_repaired_once(void **state)
{
    struct bench *bench = *state;

    bench->fake->routers[0].lose_stream = 2;
    for (unsigned i = 0; i < 5; i++)
        say(bench);
    fake_run(bench->fake, 1000);
    assert_int_equal(bench->frames, 3);
    assert_int_equal(bench->repairs, 2);
}

static void test_a_last_frame_that_is_missing_shows_at_the_heartbeat(void **state)
{
    struct bench *bench = *state;

    bench->fake->routers[0].lose_stream = 1;
    say(bench);
    fake_run(bench->fake, 500);
    assert_int_equal(bench->frames, 0);
    assert_int_equal(bench->repairs, 2);
    say(bench);
    fake_run(bench->fake, 500);
    assert_int_equal(bench->frames, 1);
    assert_int_equal(bench->repairs, 2);
}

static void test_a_restarted_router_is_repaired(void **state)
{
    struct bench *bench = *state;

    fake_restart(bench->fake, &bench->fake->routers[0]);
    fake_run(bench->fake, 300); /* our next alive is answered by a welcome */
    assert_int_equal(bench->repairs, 2);
    learn(bench); /* its new epoch */
    assert_int_equal(bench->repairs, 3);
    assert_int_equal(links_epoch(bench->links, 0), 2);
    learn(bench);
    assert_int_equal(bench->repairs, 3);
}

static void test_a_router_that_knows_us_though_its_welcome_was_lost_is_repaired(void **state)
{
    struct bench *bench = *state;

    fake_restart(bench->fake, &bench->fake->routers[0]);
    bench->fake->routers[0].lose_stream = 1;
    fake_run(bench->fake, 600);
    assert_int_equal(bench->repairs, 2);
    assert_int_equal(links_router(bench->links, 0), 0);
}

static void test_a_second_welcome_of_the_same_process_is_a_new_stream(void **state)
{
    struct bench *bench = *state;

    say(bench);
    fake_run(bench->fake, 50);
    bench->fake->routers[0].knows = false; /* it forgot us: we were silent for too long */
    fake_run(bench->fake, 300);
    assert_int_equal(bench->repairs, 2);
    say(bench);
    fake_run(bench->fake, 300);
    assert_int_equal(bench->frames, 2);
    assert_int_equal(bench->repairs, 2);
}

static void test_partitions_that_move_are_repaired_when_their_new_holder_welcomes_us(void **state)
{
    struct bench *bench = *state;

    bench->fake->routers[1].up = false;
    fake_claim(bench->fake, &bench->fake->routers[1], 0xff);
    learn(bench);
    fake_run(bench->fake, 300);
    assert_int_equal(bench->repairs, 1);
    assert_int_equal(links_router(bench->links, 0), -1);
    assert_int_equal(links_router(bench->links, 8), 0);
    bench->fake->routers[1].up = true;
    fake_run(bench->fake, 300);
    assert_int_equal(bench->repairs, 2);
    assert_true(bench->repaired == 0xff);
    assert_int_equal(links_router(bench->links, 0), 1);
}

static void test_a_partition_that_moves_between_routers_we_know_is_repaired_at_once(void **state)
{
    struct bench *bench = *state;

    fake_claim(bench->fake, &bench->fake->routers[1], 0xff);
    learn(bench);
    fake_run(bench->fake, 300);
    fake_claim(bench->fake, &bench->fake->routers[1], 0x100);
    learn(bench);
    assert_int_equal(bench->repairs, 3);
    assert_true(bench->repaired == 0x100);
}

static void test_a_router_that_holds_nothing_any_more_is_left(void **state)
{
    struct bench *bench = *state;
    struct fake_pipe *first = LIST_FIRST(&bench->fake->pipes_open, struct fake_pipe, all);

    fake_claim(bench->fake, &bench->fake->routers[1], UINT64_MAX);
    learn(bench);
    assert_true(first->closed);
    fake_run(bench->fake, 300);
    assert_null(links_trouble(bench->links));
}

static void test_a_lower_epoch_changes_nothing(void **state)
{
    struct bench *bench = *state;

    fake_claim(bench->fake, &bench->fake->routers[1], UINT64_MAX);
    learn(bench);
    fake_run(bench->fake, 300);
    memset(bench->fake->holder, 0, sizeof bench->fake->holder);
    bench->fake->epoch[0] = 1;
    learn(bench);
    assert_int_equal(links_epoch(bench->links, 0), 2);
    assert_int_equal(bench->repairs, 2);
}

static void test_a_router_that_is_not_heard_gets_nothing_until_it_is(void **state)
{
    struct bench *bench = *state;

    bench->fake->routers[0].up = false;
    fake_run(bench->fake, 3000);
    assert_int_equal(links_router(bench->links, 0), -1);
    bench->fake->routers[0].up = true;
    fake_run(bench->fake, 500);
    assert_int_equal(links_router(bench->links, 0), 0);
    assert_int_equal(bench->repairs, 1); /* the same process, and nothing was missed */
}

static void
test_partitions_that_move_to_a_router_that_is_not_heard_are_repaired_when_it_is(void **state)
{
    struct bench *bench = *state;

    fake_claim(bench->fake, &bench->fake->routers[1], 0xff);
    learn(bench);
    fake_run(bench->fake, 300);
    assert_int_equal(bench->repairs, 2);
    bench->fake->routers[1].up = false;
    fake_run(bench->fake, 3000);
    fake_claim(bench->fake, &bench->fake->routers[1], 0x100);
    learn(bench);
    assert_int_equal(bench->repairs, 2);
    bench->fake->routers[1].up = true;
    fake_run(bench->fake, 500);
    assert_int_equal(bench->repairs, 3);
    assert_true(bench->repaired == 0x100);
}

static void test_trouble_is_said_in_a_sentence(void **state)
{
    struct bench *bench = *state;

    bench->fake->routers[0].up = false;
    fake_run(bench->fake, 4000);
    assert_string_equal(links_trouble(bench->links), "router does not answer");
    bench->fake->routers[0].up = true;
    fake_run(bench->fake, 500);
    assert_null(links_trouble(bench->links));
    assert_int_equal(bench->repairs, 1); /* the same process, and nothing was missed */
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_welcome_starts_with_a_repair_of_all_the_router_holds),
        CASE(test_a_stream_without_holes_needs_no_repair),
        CASE(test_a_jump_in_the_numbers_is_repaired_once),
        CASE(test_a_last_frame_that_is_missing_shows_at_the_heartbeat),
        CASE(test_a_restarted_router_is_repaired),
        CASE(test_a_router_that_knows_us_though_its_welcome_was_lost_is_repaired),
        CASE(test_a_second_welcome_of_the_same_process_is_a_new_stream),
        CASE(test_partitions_that_move_are_repaired_when_their_new_holder_welcomes_us),
        CASE(test_a_partition_that_moves_between_routers_we_know_is_repaired_at_once),
        CASE(test_a_router_that_holds_nothing_any_more_is_left),
        CASE(test_a_lower_epoch_changes_nothing),
        CASE(test_a_router_that_is_not_heard_gets_nothing_until_it_is),
        CASE(test_partitions_that_move_to_a_router_that_is_not_heard_are_repaired_when_it_is),
        CASE(test_trouble_is_said_in_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
