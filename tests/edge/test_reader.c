/* A socket as the reader of the log, against a client, a store and a queue in memory. */
#include "tests/lib/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

#include "edge/api/reader.h"

#define ROOMS 2
#define QUEUE 64 /* places; events have fewer */
#define EVENTS 6
#define PAGE 5

enum kind { EVENT, RESYNC, ANSWER };

struct entry {
    enum kind kind;
    unsigned room;
    uint64_t seq;
    uint64_t told[ROOMS]; /* an answer tells until there … */
    bool complete;
};

/* A call of sync on its way: persist has read it or not. */
struct call {
    bool there, read, complete, fails;
    uint64_t number, from[ROOMS], to[ROOMS];
};

static struct world {
    struct readers readers;
    struct reader reader;
    struct stat_set *stats;
    struct entry queue[QUEUE];
    size_t queued, events, limit;
    uint64_t committed[ROOMS], seen[ROOMS]; /* by the store; by the edge, which hands out */
    struct call call;
    /* the client: */
    uint64_t cursor[ROOMS];
    bool behind, asking, must_ask, asked_late;
    unsigned resyncs;
    enum reader_cause cause; /* of the last one */
} world;

static struct id room_id(unsigned room)
{
    struct id id = {{0}};

    id.bytes[3] = (uint8_t)(room + 1);
    return id;
}

/* ---- the edge ---- */

static void push(const struct entry *entry)
{
    assert_true(world.queued < QUEUE);
    world.queue[world.queued++] = *entry;
    world.events += entry->kind == EVENT;
}

static void drop_events(void)
{
    size_t kept = 0;

    for (size_t i = 0; i < world.queued; i++)
        if (world.queue[i].kind != EVENT)
            world.queue[kept++] = world.queue[i];
    world.queued = kept;
    world.events = 0;
}

static void send_event(void *socket, struct payload *event)
{
    struct entry entry = {.kind = EVENT};
    size_t len;
    const uint8_t *content = payload_content(event, &len);
    char text[40] = "";
    char *end;

    assert_ptr_equal(socket, &world);
    assert_true(len < sizeof text);
    memcpy(text, content, len);
    entry.room = (unsigned)strtoul(text, &end, 10);
    entry.seq = strtoull(end, NULL, 10);
    if (world.events < world.limit) {
        push(&entry);
        return;
    }
    drop_events();
    reader_fall_behind(&world.reader, READER_SLOW);
}

static void send_resync(void *socket, enum reader_cause cause)
{
    assert_ptr_equal(socket, &world);
    world.cause = cause;
    push(&(struct entry){.kind = RESYNC});
}

static const struct reader_ops ops = {send_event, send_resync};

static void hand_out(unsigned room)
{
    struct reader_event event = {NULL, room_id(room), ++world.seen[room]};
    char text[40];

    snprintf(text, sizeof text, "%u %llu ", room, (unsigned long long)event.seq);
    event.payload = payload_text(text);
    reader_send(&world.reader, &event);
    payload_unref(&event.payload);
}

/* An event that is stored and handed out. */
static void happen(unsigned room)
{
    world.committed[room]++;
    hand_out(room);
}

/* ---- sync ---- */

static void ask(void)
{
    assert_false(world.call.there);
    world.call = (struct call){.there = true, .number = reader_on_sync(&world.reader)};
    memcpy(world.call.from, world.cursor, sizeof world.cursor);
}

static void read_store(void)
{
    world.call.read = true;
    world.call.complete = true;
    for (unsigned room = 0; room < ROOMS; room++) {
        uint64_t most = world.call.from[room] + PAGE;

        world.call.to[room] = world.committed[room] < most ? world.committed[room] : most;
        world.call.complete &= world.call.to[room] == world.committed[room];
    }
}

static void answer(void)
{
    struct entry entry = {.kind = ANSWER, .complete = world.call.complete};

    memcpy(entry.told, world.call.to, sizeof entry.told);
    for (unsigned room = 0; room < ROOMS; room++) {
        struct reader_told told = {room_id(room), world.call.to[room], world.seen[room]};

        if (world.call.to[room] > world.call.from[room])
            reader_on_told(&world.reader, &told);
    }
    world.call.there = false;
    if (world.call.fails) { /* the client calls again */
        entry.complete = false;
        memset(entry.told, 0, sizeof entry.told);
    }
    push(&entry);
    reader_on_answered(&world.reader, world.call.number,
                       world.call.fails      ? READER_FAILED
                       : world.call.complete ? READER_COMPLETE
                                             : READER_PARTIAL);
}

/* ---- the client: it calls sync when it was told to, one call at a time ---- */

static void take(const struct entry *entry)
{
    if (entry->kind == EVENT) {
        assert_false(world.behind);
        assert_int_equal(entry->seq, world.cursor[entry->room] + 1);
        world.cursor[entry->room]++;
    } else if (entry->kind == RESYNC) {
        world.resyncs++;
        world.behind = world.must_ask = true;
        world.asked_late = false;
    } else {
        for (unsigned room = 0; room < ROOMS; room++)
            if (entry->told[room] > world.cursor[room])
                world.cursor[room] = entry->told[room];
        world.asking = false;
        world.must_ask = !entry->complete || !world.asked_late;
        world.behind = world.must_ask;
    }
}

static void client_reads(void)
{
    struct entry entry = world.queue[0];

    memmove(world.queue, world.queue + 1, --world.queued * sizeof entry);
    world.events -= entry.kind == EVENT;
    take(&entry);
}

static void client_asks(void)
{
    world.must_ask = false;
    world.asking = world.asked_late = true;
    ask();
}

static int begin(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.limit = EVENTS;
    world.readers.hold_events = 8;
    world.readers.hold_bytes = 1000;
    assert_int_equal(stat_new(&world.stats), 0);
    readers_init(&world.readers, &ops, world.stats);
    reader_init(&world.reader, &world.readers, &world);
    return 0;
}

static int end(void **state)
{
    (void)state;
    reader_done(&world.reader);
    stat_free(&world.stats);
    return 0;
}

static void fall_behind(void)
{
    while (!world.reader.behind)
        happen(0);
}

static void read_all(void)
{
    while (world.queued)
        client_reads();
}

/* ---- one thing at a time ---- */

static void test_events_go_out_as_they_come(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        happen(i % 2 ? 1 : 0);
        client_reads();
    }
    assert_int_equal(world.cursor[0], 10);
    assert_int_equal(world.cursor[1], 10);
}

static void test_who_is_behind_is_told_once_and_gets_nothing_more(void **state)
{
    (void)state;
    fall_behind();
    for (int i = 0; i < 100; i++)
        happen(1);
    assert_int_equal(world.queued, 1);
    assert_int_equal(world.queue[0].kind, RESYNC);
    assert_int_equal(*world.readers.resyncs, 1);
    assert_int_equal(*world.readers.withheld, 100);
    assert_int_equal(world.cause, READER_SLOW);
}

static void test_who_may_have_missed_something_is_told_that_it_was_not_slow(void **state)
{
    (void)state;
    reader_fall_behind(&world.reader, READER_UNSURE);
    assert_int_equal(world.queue[0].kind, RESYNC);
    assert_int_equal(world.cause, READER_UNSURE);
}

static void test_what_comes_between_call_and_answer_follows_the_answer(void **state)
{
    (void)state;
    fall_behind();
    read_all();
    world.cursor[0] = world.committed[0] - 2;
    client_asks();
    happen(0); /* before the store is read … */
    read_store();
    happen(0); /* … and after */
    happen(1);
    answer();
    assert_int_equal(world.queued, 3);
    read_all();
    assert_int_equal(world.cursor[0], world.committed[0]);
    assert_int_equal(world.cursor[1], 1);
    happen(0);
    read_all();
    assert_int_equal(world.cursor[0], world.committed[0]);
}

static void test_what_the_store_told_before_the_edge_had_it_is_not_sent_again(void **state)
{
    (void)state;
    fall_behind();
    read_all();
    world.cursor[0] = world.seen[0];
    world.committed[0] += 3;
    client_asks();
    read_store();
    answer();
    read_all();
    assert_int_equal(world.cursor[0], world.committed[0]);
    while (world.seen[0] < world.committed[0])
        hand_out(0);
    assert_int_equal(world.queued, 0);
    happen(0);
    assert_int_equal(world.queued, 1);
    read_all();
    assert_null(world.reader.marks);
}

static void test_a_call_from_before_the_drop_does_not_end_it(void **state)
{
    (void)state;
    client_asks();
    read_store();
    fall_behind();
    answer();
    happen(0);
    assert_non_null(world.reader.behind);
    assert_int_equal(world.queue[world.queued - 1].kind, ANSWER);
}

static void test_a_partial_or_failed_answer_does_not_end_it(void **state)
{
    (void)state;
    fall_behind();
    read_all();
    client_asks();
    read_store(); /* there is more than a page */
    happen(0);
    answer();
    assert_non_null(world.reader.behind);
    read_all();
    client_asks();
    read_store();
    world.call.fails = true;
    answer();
    happen(1);
    assert_non_null(world.reader.behind);
    read_all();
    for (int i = 0; world.must_ask; i++) {
        assert_true(i < 10);
        client_asks();
        read_store();
        answer();
        read_all();
    }
    assert_null(world.reader.behind);
    assert_int_equal(world.cursor[0], world.committed[0]);
    assert_int_equal(world.cursor[1], 1);
}

static void test_more_than_may_be_held_back_makes_it_ask_anew(void **state)
{
    (void)state;
    fall_behind();
    read_all();
    client_asks();
    read_store();
    for (size_t i = 0; i <= world.readers.hold_events; i++)
        happen(1);
    assert_int_equal(*world.readers.resyncs, 2);
    answer();
    assert_non_null(world.reader.behind);
}

static void test_nothing_is_held_back_while_memory_is_scarce(void **state)
{
    (void)state;
    fall_behind();
    read_all();
    client_asks();
    read_store();
    happen(1);
    assert_int_equal(*world.readers.resyncs, 1);
    payload_limit_memory(payload_memory());
    happen(1);
    payload_limit_memory(SIZE_MAX);
    assert_int_equal(*world.readers.resyncs, 2);
    assert_int_equal(world.cause, READER_SLOW);
    assert_int_equal(payload_memory(), 0); /* what was held is gone */
}

static void test_it_may_fall_behind_while_it_gets_what_was_held_back(void **state)
{
    (void)state;
    fall_behind();
    read_all();
    world.cursor[0] = world.committed[0] - 1;
    client_asks();
    read_store();
    for (size_t i = 0; i < world.readers.hold_events; i++)
        happen(1);
    world.limit = 2;
    answer();
    assert_non_null(world.reader.behind);
    assert_int_equal(*world.readers.resyncs, 2);
    assert_int_equal(world.queued, 2);
    assert_int_equal(world.queue[0].kind, ANSWER);
    assert_int_equal(world.queue[1].kind, RESYNC);
}

/* ---- everything in any order ---- */

static void step(void)
{
    unsigned room = (unsigned)rand() % ROOMS;

    switch (rand() % 8) {
    case 0:
    case 1:
        world.committed[room]++;
        break;
    case 2:
    case 3:
        if (world.seen[room] < world.committed[room])
            hand_out(room);
        break;
    case 4:
        if (world.queued && rand() % 3)
            client_reads();
        break;
    case 5:
        if (world.must_ask && !world.asking)
            client_asks();
        break;
    case 6:
        if (world.call.there && !world.call.read)
            read_store();
        break;
    default:
        if (world.call.there && world.call.read) {
            world.call.fails = rand() % 10 == 0;
            answer();
        }
    }
}

static void settle(void)
{
    for (int i = 0; i < 10000; i++) {
        for (unsigned room = 0; room < ROOMS; room++)
            if (world.seen[room] < world.committed[room])
                hand_out(room);
        if (world.queued)
            client_reads();
        else if (world.must_ask && !world.asking)
            client_asks();
        else if (world.call.there && !world.call.read)
            read_store();
        else if (world.call.there)
            answer();
    }
}

static void test_no_number_is_skipped_or_repeated_whatever_the_order(void **state)
{
    unsigned resyncs = 0;

    for (unsigned seed = 0; seed < 3000; seed++) {
        srand(seed);
        begin(state);
        for (int i = 0; i < 400; i++)
            step();
        settle();
        for (unsigned room = 0; room < ROOMS; room++)
            assert_int_equal(world.cursor[room], world.committed[room]);
        assert_null(world.reader.behind);
        resyncs += world.resyncs;
        end(state);
    }
    assert_true(resyncs > 3000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_go_out_as_they_come),
        TEST(who_is_behind_is_told_once_and_gets_nothing_more),
        TEST(who_may_have_missed_something_is_told_that_it_was_not_slow),
        TEST(what_comes_between_call_and_answer_follows_the_answer),
        TEST(what_the_store_told_before_the_edge_had_it_is_not_sent_again),
        TEST(a_call_from_before_the_drop_does_not_end_it),
        TEST(a_partial_or_failed_answer_does_not_end_it),
        TEST(more_than_may_be_held_back_makes_it_ask_anew),
        TEST(nothing_is_held_back_while_memory_is_scarce),
        TEST(it_may_fall_behind_while_it_gets_what_was_held_back),
        cmocka_unit_test(test_no_number_is_skipped_or_repeated_whatever_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
