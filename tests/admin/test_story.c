/* What a recording tells: which post got which number, and in which order they would come again. */
#include "tests/lib/cmocka.h"

#include <unistd.h>

#include "admin/story.h"

#define EDGE 5
#define TIME 1000

struct world {
    char dir[64], path[96];
    struct recording_writer *writer;
    struct recording_reader *reader;
    struct story *story;
    struct id conversation;
};

static int set_up(void **state)
{
    struct world *self = NEW(struct world);

    snprintf(self->dir, sizeof self->dir, "/tmp/parley-story-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    snprintf(self->path, sizeof self->path, "%s/it.rec", self->dir);
    assert_int_equal(recording_create(&self->writer, self->path, 1), 0);
    memset(&self->conversation, 7, sizeof self->conversation);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;

    story_free(&self->story);
    recording_close(&self->reader);
    recording_abandon(&self->writer);
    unlink(self->path);
    rmdir(self->dir);
    free(self);
    return 0;
}

static void add(struct world *self, enum recording_kind kind, uint64_t router,
                const struct buf *frame)
{
    struct recording_record record = {.kind = kind, .router = router, .content = wire_buf(frame)};

    assert_int_equal(recording_add(self->writer, &record), 0);
}

static void start(struct buf *frame, enum wire_type type, uint64_t trace, uint64_t at_ms)
{
    struct wire_head head = {
        .type = (uint8_t)type, .sender = EDGE, .boot = EDGE, .trace = trace, .at_ms = at_ms};

    buf_init(frame, 4096);
    wire_head_encode(frame, &head);
}

/* The client id stands for the event: the same one, the same name. */
static void came_at(struct world *self, uint64_t router, uint64_t trace, const char *client_id,
                    uint64_t at_ms)
{
    AUTO(buf_done) struct buf frame;
    struct wire_post post = {.conversation = self->conversation,
                             .kind = WIRE_KIND_MESSAGE_CREATED,
                             .client_id = wire_text(client_id)};

    start(&frame, WIRE_TYPE_POST, trace, at_ms);
    wire_post_encode(&frame, &post);
    add(self, RECORDING_IN, router, &frame);
}

static void came(struct world *self, uint64_t router, uint64_t trace, const char *client_id)
{
    came_at(self, router, trace, client_id, TIME + trace);
}

static void answered(struct world *self, uint64_t router, uint64_t trace, enum wire_result status,
                     uint64_t seq)
{
    AUTO(buf_done) struct buf frame;
    struct wire_answer answer = {.status = (uint8_t)status, .seq = seq};

    start(&frame, WIRE_TYPE_ANSWER, trace, 0);
    wire_answer_encode(&frame, &answer);
    add(self, RECORDING_OUT, router, &frame);
}

static void told_at(struct world *self, enum recording_kind kind, uint64_t router, uint64_t seq,
                    const char *client_id, uint64_t at_ms)
{
    AUTO(buf_done) struct buf frame, event;
    struct wire_event what = {.conversation = self->conversation,
                              .seq = seq,
                              .kind = client_id ? WIRE_KIND_MESSAGE_CREATED : WIRE_KIND_VOID,
                              .client_id = wire_text(client_id ? client_id : ""),
                              .at_ms = at_ms};
    struct wire_deliver deliver;

    buf_init(&event, 4096);
    wire_event_encode(&event, &what);
    deliver.event = wire_buf(&event);
    start(&frame, WIRE_TYPE_DELIVER, 0, 0);
    wire_deliver_encode(&frame, &deliver);
    add(self, kind, router, &frame);
}

static void told(struct world *self, enum recording_kind kind, uint64_t router, uint64_t seq,
                 const char *client_id)
{
    told_at(self, kind, router, seq, client_id, TIME);
}

/* A post of router 1 that was stored there and then. */
static void went_well(struct world *self, uint64_t trace, const char *client_id, uint64_t seq)
{
    came(self, 1, trace, client_id);
    answered(self, 1, trace, WIRE_OK, seq);
    told_at(self, RECORDING_OUT, 1, seq, client_id, TIME + trace);
}

static void tell(struct world *self)
{
    AUTO(base_free_text) char *why = NULL;

    assert_int_equal(recording_finish(&self->writer), 0);
    assert_int_equal(recording_open(&self->reader, self->path, &why), 0);
    assert_int_equal(story_new(&self->story, self->reader), 0);
    assert_null(recording_damage(self->reader));
    assert_int_equal(self->story->conversation_count, 1);
}

static const struct story_post *nth(const struct world *self, size_t at)
{
    assert_true(at < self->story->post_count);
    return &self->story->posts[self->story->order[at]];
}

static void assert_place(const struct world *self, size_t at, uint64_t place)
{
    assert_true(nth(self, at)->numbered);
    assert_false(nth(self, at)->skipped);
    assert_int_equal(nth(self, at)->place, place);
}

static void test_posts_keep_their_order(void **state)
{
    struct world *self = *state;

    went_well(self, 1, "a", 1);
    came(self, 1, 2, "b");
    answered(self, 1, 2, WIRE_FORBIDDEN, 0);
    went_well(self, 3, "c", 2);
    tell(self);
    assert_place(self, 0, 1);
    assert_false(nth(self, 1)->numbered);
    assert_int_equal(nth(self, 1)->place, 1); /* it was judged behind that */
    assert_place(self, 2, 2);
    assert_int_equal(self->story->conversations[0]->base, 0);
    assert_int_equal(self->story->conversations[0]->top, 2);
    assert_int_equal(self->story->conversations[0]->missing, 0);
}

static void test_what_a_dead_router_did_not_store_counts_where_the_next_one_took_it(void **state)
{
    struct world *self = *state;

    came(self, 1, 1, "a");
    came(self, 1, 2, "b");
    came(self, 2, 2, "b");
    came(self, 2, 1, "a");
    answered(self, 2, 2, WIRE_OK, 1);
    answered(self, 2, 1, WIRE_OK, 2);
    tell(self);
    assert_true(nth(self, 0)->skipped);
    assert_true(nth(self, 1)->skipped);
    assert_place(self, 2, 1);
    assert_place(self, 3, 2);
}

static void test_what_a_dead_router_stored_counts_where_it_took_it(void **state)
{
    struct world *self = *state;

    came(self, 1, 1, "a");
    came(self, 2, 2, "b");
    answered(self, 2, 2, WIRE_OK, 2);
    came(self, 2, 1, "a");
    answered(self, 2, 1, WIRE_DUPLICATE, 1);
    tell(self);
    assert_place(self, 0, 1);
    assert_true(nth(self, 0)->weak);
    assert_place(self, 1, 2);
    assert_false(nth(self, 2)->numbered);
}

static void test_a_post_whose_first_try_was_not_seen_comes_before_those_behind_it(void **state)
{
    struct world *self = *state;

    went_well(self, 1, "first", 1);
    came(self, 2, 3, "c");
    answered(self, 2, 3, WIRE_OK, 3);
    came(self, 2, 2, "b");
    answered(self, 2, 2, WIRE_DUPLICATE, 2);
    tell(self);
    assert_place(self, 1, 2);
    assert_place(self, 2, 3);
    assert_int_equal(self->story->order[1], 2);
}

static void test_a_repeat_comes_behind_the_try_that_made_the_event(void **state)
{
    struct world *self = *state;

    went_well(self, 1, "a", 1);
    came(self, 2, 2, "b"); /* by another way, with another time */
    answered(self, 2, 2, WIRE_DUPLICATE, 2);
    came_at(self, 2, 3, "b", TIME);
    answered(self, 2, 3, WIRE_DUPLICATE, 2);
    told(self, RECORDING_STORED, 0, 2, "b");
    tell(self);
    assert_int_equal(self->story->order[1], 2);
    assert_place(self, 1, 2);
    assert_false(nth(self, 1)->stored);
    assert_false(nth(self, 2)->numbered);
}

static void test_a_void_belongs_to_the_post_that_was_answered_before_it(void **state)
{
    struct world *self = *state;

    went_well(self, 1, "a", 1);
    went_well(self, 2, "b", 2);
    came(self, 1, 3, "a");
    answered(self, 1, 3, WIRE_DUPLICATE, 1);
    told(self, RECORDING_OUT, 1, 3, NULL);
    went_well(self, 4, "d", 4);
    tell(self);
    assert_place(self, 2, 3);
    assert_true(nth(self, 2)->voided);
    assert_place(self, 3, 4);
    assert_int_equal(self->story->conversations[0]->missing, 0);
}

static void test_what_left_no_mark_and_might_leave_one_is_left_out(void **state)
{
    struct world *self = *state;
    char name[32];

    for (uint64_t seq = 1; seq <= STORY_MEMORY + 1; seq++) {
        snprintf(name, sizeof name, "n%u", (unsigned)seq);
        went_well(self, seq, name, seq);
    }
    came(self, 1, 100, "n1"); /* here the router still knew it */
    answered(self, 1, 100, WIRE_DUPLICATE, 1);
    came(self, 1, 101, "n2");
    answered(self, 1, 101, WIRE_DUPLICATE, 2);
    came(self, 1, 102, "z");
    answered(self, 1, 102, WIRE_UNAVAILABLE, 0);
    came(self, 1, 103, "nobody knows");
    tell(self);
    assert_true(nth(self, STORY_MEMORY + 1)->skipped);
    assert_false(nth(self, STORY_MEMORY + 2)->skipped);
    assert_true(nth(self, STORY_MEMORY + 3)->skipped);
    assert_true(nth(self, STORY_MEMORY + 4)->skipped);
    assert_int_equal(self->story->totals.skipped, 3);
    assert_int_equal(self->story->totals.unanswered, 1);
}

static void test_it_may_begin_in_the_middle(void **state)
{
    struct world *self = *state;

    answered(self, 1, 1, WIRE_OK, 7); /* of a post that came before */
    told(self, RECORDING_OUT, 1, 7, "before");
    went_well(self, 2, "a", 8);
    went_well(self, 3, "b", 9);
    tell(self);
    assert_int_equal(self->story->conversations[0]->base, 6);
    assert_int_equal(self->story->conversations[0]->top, 9);
    assert_int_equal(self->story->conversations[0]->missing, 0);
    assert_place(self, 0, 7);
    assert_true(nth(self, 0)->stored); /* its event tells what it was */
    assert_place(self, 1, 8);
}

static void test_a_hole_is_found(void **state)
{
    struct world *self = *state;

    went_well(self, 1, "a", 1);
    answered(self, 1, 2, WIRE_OK, 2); /* its post was lost, and its event */
    went_well(self, 3, "c", 3);
    tell(self);
    assert_int_equal(self->story->conversations[0]->missing, 2);
    assert_non_null(story_find(self->story->conversations[0], 3));
    assert_null(story_find(self->story->conversations[0], 2));
    assert_null(story_find(self->story->conversations[0], 4));
}

static void test_a_hole_is_filled_by_what_the_store_has(void **state)
{
    struct world *self = *state;

    went_well(self, 1, "a", 1);
    went_well(self, 3, "c", 3);
    told(self, RECORDING_STORED, 0, 2, "lost");
    tell(self);
    assert_int_equal(self->story->conversations[0]->missing, 0);
    assert_place(self, 0, 1);
    assert_place(self, 1, 2);
    assert_true(nth(self, 1)->stored);
    assert_place(self, 2, 3);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_posts_keep_their_order),
        WITH_WORLD(test_what_a_dead_router_did_not_store_counts_where_the_next_one_took_it),
        WITH_WORLD(test_what_a_dead_router_stored_counts_where_it_took_it),
        WITH_WORLD(test_a_post_whose_first_try_was_not_seen_comes_before_those_behind_it),
        WITH_WORLD(test_a_repeat_comes_behind_the_try_that_made_the_event),
        WITH_WORLD(test_a_void_belongs_to_the_post_that_was_answered_before_it),
        WITH_WORLD(test_what_left_no_mark_and_might_leave_one_is_left_out),
        WITH_WORLD(test_it_may_begin_in_the_middle),
        WITH_WORLD(test_a_hole_is_found),
        WITH_WORLD(test_a_hole_is_filled_by_what_the_store_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
