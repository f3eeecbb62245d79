/* Batches to a worker, and what becomes of them. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "router/batch.h"
#include "tests/router/fixture.h"

#define MS 1000 /* microseconds */
#define SENT_MAX 64

struct sent {
    struct wire_head head;
    uint32_t count;
    size_t bytes;
    uint64_t seqs[BATCH_EVENTS_MAX];
};

struct world {
    struct batch_lane *lane;
    struct stat_set *stats;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    struct post *posts[4096]; /* by number, from 1; NULL: settled */
    uint64_t settled[4096];
    uint8_t answers[4096];
    size_t settled_count;
    uint64_t refuse;       /* a seq that settle wants sent again */
    struct post *pull_out; /* is withdrawn when the next one is settled */
    int send_rc;
    uint64_t next_seq;
    uint64_t now_us;
};

static int on_send(void *arg, const struct buf *frame)
{
    struct world *self = arg;
    struct sent *sent = &self->sent[self->sent_count];
    struct wire_bytes body, item;
    struct wire_batch batch;

    if (self->send_rc < 0)
        return self->send_rc;
    assert_int_equal(wire_head_decode(wire_buf(frame), &sent->head, &body), 0);
    assert_int_equal(wire_batch_decode(body, &batch), 0);
    sent->count = batch.events.count;
    sent->bytes = frame->len;
    for (uint32_t i = 0; wire_list_next(&batch.events, &item); i++) {
        struct wire_append append;
        struct wire_event event;

        assert_int_equal(wire_append_decode(item, &append), 0);
        assert_int_equal(append.epoch, 4);
        assert_int_equal(wire_event_decode(append.event, &event), 0);
        sent->seqs[i] = event.seq;
    }
    self->sent_count++;
    return 0;
}

static int on_settle(void *arg, struct post *post, const struct wire_verdict *verdict)
{
    struct world *self = arg;

    if (post->seq == self->refuse)
        return -EAGAIN;
    if (self->pull_out) {
        batch_lane_withdraw(self->lane, self->pull_out);
        self->posts[self->pull_out->seq - 1] = NULL;
        post_free(&self->pull_out);
    }
    self->answers[self->settled_count] = verdict->answer;
    self->settled[self->settled_count++] = post->seq;
    self->posts[post->seq - 1] = NULL;
    post_free(&post);
    return 0;
}

static int set_up(void **state)
{
    struct world *self = NEW(struct world);
    struct batch_out out = {self, on_send, on_settle};
    struct wire_head head = {.sender = 1, .boot = 2};

    assert_int_equal(stat_new(&self->stats), 0);
    assert_int_equal(batch_lane_new(&self->lane, &head, &out, self->stats), 0);
    self->now_us = 1000 * MS;
    *state = self;
    return 0;
}

static struct post *add_said(struct world *self, struct wire_bytes body, const char *client_id)
{
    struct post *post =
        said_post(&(struct said){.actor = 1, .client_id = client_id, .epoch = 4, .body = body});

    self->posts[self->next_seq] = post;
    post->seq = ++self->next_seq;
    batch_lane_add(self->lane, post);
    return post;
}

static struct post *add(struct world *self, const char *client_id)
{
    return add_said(self, wire_text(""), client_id);
}

static void pump(struct world *self)
{
    batch_lane_pump(self->lane, self->now_us);
}

/* count verdicts, all the same. */
static void answer(struct world *self, uint64_t trace, enum wire_result status, uint32_t count,
                   uint8_t verdict_kind)
{
    struct wire_batch_answer message = {.status = (uint8_t)status};
    struct wire_verdict verdict = {.answer = verdict_kind};
    struct buf list, body;
    uint32_t listed = 0;

    buf_init(&list, 1 << 20);
    buf_init(&body, 1 << 20);
    for (uint32_t i = 0; i < count; i++)
        wire_verdict_add(&list, &listed, &verdict);
    message.verdicts = wire_list_of(&list, listed);
    wire_batch_answer_encode(&body, &message);
    batch_lane_answer(self->lane, trace, wire_buf(&body), self->now_us);
    buf_done(&list);
    buf_done(&body);
}

/* Whatever a test leaves behind is withdrawn. */
static int tear_down(void **state)
{
    struct world *self = *state;

    for (size_t i = 0; i < self->next_seq; i++)
        if (self->posts[i]) {
            batch_lane_withdraw(self->lane, self->posts[i]);
            post_free(&self->posts[i]);
        }
    batch_lane_free(&self->lane);
    stat_free(&self->stats);
    free(self);
    return 0;
}

static void store(struct world *self, size_t which)
{
    answer(self, self->sent[which].head.trace, WIRE_OK, self->sent[which].count,
           WIRE_ANSWER_STORED);
}

static void test_a_batch_leaves_at_once_and_the_next_fills_while_two_are_away(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    add(self, "b");
    pump(self);
    add(self, "c");
    add(self, "d");
    pump(self);
    assert_int_equal(self->sent_count, 2);
    assert_int_equal(self->sent[0].head.number, 1);
    assert_int_equal(self->sent[1].head.number, 2);
    store(self, 0);
    pump(self);
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(self->sent[2].count, 2);
    assert_int_equal(self->sent[2].seqs[1], 4);
}

static void test_a_batch_holds_so_many_events_and_no_more(void **state)
{
    struct world *self = *state;

    for (unsigned i = 0; i < 1300; i++)
        add(self, "a");
    pump(self);
    assert_int_equal(self->sent[0].count, BATCH_EVENTS_MAX);
    assert_int_equal(self->sent[1].count, BATCH_EVENTS_MAX);
    assert_int_equal(self->sent[1].seqs[0], 513);
    store(self, 0);
    pump(self);
    assert_int_equal(self->sent[2].count, 1300 - 2 * BATCH_EVENTS_MAX);
}

static void test_a_batch_holds_so_many_bytes_and_no_more(void **state)
{
    struct world *self = *state;
    char *text = NEW_ARRAY(200001, char);
    struct buf buf;

    memset(text, 'x', 200000);
    buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < 12; i++)
        add_said(self, body_text(&buf, text), "a");
    pump(self);
    assert_int_equal(self->sent[0].count, 5);
    assert_in_range(self->sent[0].bytes, 1000000, BATCH_BYTES_MAX + 200);
    store(self, 0);
    store(self, 1);
    pump(self);
    assert_int_equal(self->sent[2].count, 2);
    buf_done(&buf);
    free(text);
}

static void test_unavailable_waits_longer_each_time_and_goes_back(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    add(self, "b");
    pump(self);
    answer(self, 1, WIRE_UNAVAILABLE, 0, 0);
    answer(self, 2, WIRE_UNAVAILABLE, 0, 0); /* late now */
    assert_true(batch_lane_is_waiting(self->lane));
    pump(self);
    assert_int_equal(self->sent_count, 2);
    self->now_us += 100 * MS;
    pump(self);
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(self->sent[2].head.number, 3);
    assert_int_equal(self->sent[2].count, 2);
    assert_int_equal(self->sent[2].seqs[0], 1);
    answer(self, 3, WIRE_UNAVAILABLE, 0, 0);
    self->now_us += 150 * MS;
    pump(self);
    assert_int_equal(self->sent_count, 3);
    self->now_us += 50 * MS;
    pump(self);
    assert_int_equal(self->sent_count, 4);
    store(self, 3);
    assert_false(batch_lane_is_waiting(self->lane));
    assert_int_equal(self->settled_count, 2);
}

static void test_a_batch_without_an_answer_is_sent_again_in_order_with_a_new_number(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    add(self, "b");
    pump(self);
    add(self, "c");
    self->now_us += 2999 * MS;
    assert_false(batch_lane_tick(self->lane, self->now_us));
    self->now_us += MS;
    assert_true(batch_lane_tick(self->lane, self->now_us));
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(self->sent[2].count, 3);
    assert_int_equal(self->sent[2].head.number, 3);
    answer(self, 1, WIRE_OK, 1, WIRE_ANSWER_STORED); /* late: counts for nothing */
    assert_int_equal(self->settled_count, 0);
    answer(self, 3, WIRE_OK, 3, WIRE_ANSWER_SAME);
    assert_int_equal(self->settled_count, 3);
    assert_int_equal(self->settled[0], 1);
    assert_int_equal(self->settled[2], 3);
    assert_int_equal(*stat_counter(self->stats, "batches_resent"), 2);
}

static void test_time_outs_grow_until_something_is_answered(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    self->now_us += 3000 * MS;
    assert_true(batch_lane_tick(self->lane, self->now_us));
    self->now_us += 3000 * MS;
    assert_false(batch_lane_tick(self->lane, self->now_us));
    self->now_us += 3000 * MS;
    assert_true(batch_lane_tick(self->lane, self->now_us));
    store(self, 2);
    add(self, "b");
    pump(self);
    self->now_us += 3000 * MS;
    assert_true(batch_lane_tick(self->lane, self->now_us));
}

static void test_another_process_gets_all_that_its_predecessor_did_not_answer(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    add(self, "b");
    pump(self);
    batch_lane_restart(self->lane);
    pump(self);
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(self->sent[2].count, 2);
}

static void test_an_answer_that_is_lost_shows_by_the_next_one(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    add(self, "b");
    pump(self);
    answer(self, 2, WIRE_OK, 1, WIRE_ANSWER_STORED);
    assert_int_equal(self->settled_count, 0);
    pump(self);
    assert_int_equal(self->sent[2].count, 2);
}

static void test_a_worker_too_busy_for_the_second_batch_is_not_asked_again_at_once(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    add(self, "b");
    pump(self);
    answer(self, 2, WIRE_UNAVAILABLE, 0, 0); /* while the first one waits to be written */
    pump(self);
    assert_int_equal(self->sent_count, 2);
    store(self, 0); /* late now */
    assert_int_equal(self->settled_count, 0);
    self->now_us += 100 * MS;
    pump(self);
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(self->sent[2].count, 2);
    store(self, 2);
    assert_int_equal(self->settled_count, 2);
    assert_false(batch_lane_is_waiting(self->lane));
}

static void test_what_cannot_be_settled_goes_back_with_all_that_follows(void **state)
{
    struct world *self = *state;

    add(self, "a");
    add(self, "b");
    add(self, "c");
    pump(self);
    add(self, "d");
    pump(self);
    self->refuse = 2;
    answer(self, 1, WIRE_OK, 3, WIRE_ANSWER_STORED);
    assert_int_equal(self->settled_count, 2);
    self->refuse = 0;
    pump(self);
    assert_int_equal(self->sent_count, 3);
    assert_int_equal(self->sent[2].count, 2);
    assert_int_equal(self->sent[2].seqs[0], 2);
    assert_int_equal(self->sent[2].seqs[1], 4);
}

static void test_when_nothing_is_settled_it_waits_before_going_back(void **state)
{
    struct world *self = *state;

    add(self, "a");
    pump(self);
    self->refuse = 1;
    store(self, 0);
    pump(self);
    assert_int_equal(self->sent_count, 1);
    self->now_us += 100 * MS;
    pump(self);
    assert_int_equal(self->sent_count, 2);
}

static void test_an_answer_of_the_wrong_length_settles_nothing(void **state)
{
    struct world *self = *state;

    add(self, "a");
    add(self, "b");
    pump(self);
    answer(self, 1, WIRE_OK, 1, WIRE_ANSWER_STORED);
    answer(self, 1, WIRE_OK, 3, WIRE_ANSWER_STORED);
    batch_lane_answer(self->lane, 1, wire_text("\x01\x02\x03"), self->now_us);
    batch_lane_answer(self->lane, 77, wire_text(""), self->now_us);
    assert_int_equal(self->settled_count, 0);
    assert_int_equal(*stat_counter(self->stats, "replies_unexpected"), 3);
}

static void test_a_fenced_batch_is_fenced_event_by_event(void **state)
{
    struct world *self = *state;

    add(self, "a");
    add(self, "b");
    pump(self);
    answer(self, 1, WIRE_FENCED, 0, 0);
    assert_int_equal(self->settled_count, 2);
    assert_int_equal(self->answers[0], WIRE_ANSWER_FENCED);
}

static void test_withdrawn_posts_are_not_asked_about(void **state)
{
    struct world *self = *state;
    struct post *away, *queued;

    add(self, "a");
    away = add(self, "b");
    add(self, "c");
    pump(self);
    queued = add(self, "d");
    batch_lane_withdraw(self->lane, queued);
    batch_lane_withdraw(self->lane, queued); /* nothing any more */
    self->pull_out = away;                   /* by the verdict on a */
    store(self, 0);
    assert_int_equal(self->settled_count, 2);
    assert_int_equal(self->settled[1], 3);
    pump(self);
    assert_int_equal(self->sent_count, 1);
}

static void test_what_the_socket_refuses_stays_in_the_queue(void **state)
{
    struct world *self = *state;

    self->send_rc = -EAGAIN;
    add(self, "a");
    pump(self);
    assert_int_equal(batch_lane_age_ms(self->lane, self->now_us + MS), 0);
    self->send_rc = 0;
    add(self, "b");
    pump(self);
    assert_int_equal(self->sent[0].count, 2);
    assert_int_equal(self->sent[0].head.number, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_batch_leaves_at_once_and_the_next_fills_while_two_are_away),
        CASE(test_a_batch_holds_so_many_events_and_no_more),
        CASE(test_a_batch_holds_so_many_bytes_and_no_more),
        CASE(test_unavailable_waits_longer_each_time_and_goes_back),
        CASE(test_a_batch_without_an_answer_is_sent_again_in_order_with_a_new_number),
        CASE(test_time_outs_grow_until_something_is_answered),
        CASE(test_another_process_gets_all_that_its_predecessor_did_not_answer),
        CASE(test_an_answer_that_is_lost_shows_by_the_next_one),
        CASE(test_a_worker_too_busy_for_the_second_batch_is_not_asked_again_at_once),
        CASE(test_what_cannot_be_settled_goes_back_with_all_that_follows),
        CASE(test_when_nothing_is_settled_it_waits_before_going_back),
        CASE(test_an_answer_of_the_wrong_length_settles_nothing),
        CASE(test_a_fenced_batch_is_fenced_event_by_event),
        CASE(test_withdrawn_posts_are_not_asked_about),
        CASE(test_what_the_socket_refuses_stays_in_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
