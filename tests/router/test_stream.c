/* Edges, the numbered streams to them, and who gets which event. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "router/fanout.h"
#include "tests/router/fixture.h"
#include "tests/router/parts.h"

struct world {
    struct parts parts;
    struct fanout fanout;
};

static int set_up(void **state)
{
    struct world *self = NEW(struct world);

    parts_open(&self->parts, UINT64_MAX, 1000);
    fanout_init(&self->fanout, &self->parts.edges, self->parts.interest, self->parts.stream);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;

    fanout_done(&self->fanout);
    parts_close(&self->parts);
    free(self);
    return 0;
}

static struct edge *enter(struct world *self, uint64_t sender, uint64_t boot, uint64_t now_ms)
{
    return parts_enter(&self->parts, sender, boot, now_ms);
}

static struct edge *live(struct world *self, uint64_t sender, uint64_t boot, uint64_t now_ms)
{
    return parts_live(&self->parts, sender, boot, now_ms);
}

static void gap_to(struct world *self, struct edge *edge)
{
    struct wire_gap gap = {.expected = 1};
    struct stream_tag tag = {.type = WIRE_TYPE_GAP, .trace = 5, .partition = 6, .epoch = 7};

    wire_gap_encode(stream_start(self->parts.stream), &gap);
    stream_send(self->parts.stream, edge, &tag);
}

/* ---- streams ---- */

static void test_every_frame_has_the_next_number_of_its_edge(void **state)
{
    struct world *self = *state;
    struct edge *one = live(self, 1, 1, 0), *two = live(self, 2, 1, 0);

    gap_to(self, one);
    gap_to(self, one);
    gap_to(self, two);
    assert_int_equal(self->parts.sent[0].head.number, 1);
    assert_int_equal(self->parts.sent[1].head.number, 2);
    assert_int_equal(self->parts.sent[2].head.number, 1);
    assert_int_equal(self->parts.sent[2].peer, 2);
    assert_int_equal(self->parts.sent[0].head.trace, 5);
    assert_int_equal(self->parts.sent[0].head.partition, 6);
    assert_int_equal(self->parts.sent[0].head.epoch, 7);
    assert_int_equal(self->parts.sent[0].head.boot, 8);
}

static void test_a_frame_that_could_not_be_sent_uses_up_its_number(void **state)
{
    struct world *self = *state;
    struct edge *edge = live(self, 1, 1, 0);

    gap_to(self, edge);
    self->parts.send_rc = -EAGAIN;
    gap_to(self, edge);
    self->parts.send_rc = 0;
    gap_to(self, edge);
    assert_int_equal(self->parts.sent[1].head.number, 3);
    assert_int_equal(parts_counter(&self->parts, "stream_dropped"), 1);
}

static void test_a_heartbeat_says_the_last_number_and_uses_up_none(void **state)
{
    struct world *self = *state;
    struct edge *edge = live(self, 1, 1, 0);

    stream_beat(self->parts.stream, edge);
    gap_to(self, edge);
    stream_beat(self->parts.stream, edge);
    stream_beat(self->parts.stream, edge);
    assert_int_equal(self->parts.sent[0].value, 0);
    assert_int_equal(self->parts.sent[2].value, 1);
    assert_int_equal(self->parts.sent[2].head.number, 1);
    assert_int_equal(self->parts.sent[3].value, 1);
}

static void test_an_edge_that_has_not_said_that_it_lives_gets_nothing(void **state)
{
    struct world *self = *state;
    struct edge *edge = enter(self, 1, 1, 0);

    gap_to(self, edge);
    gap_to(self, NULL);
    stream_beat(self->parts.stream, edge);
    assert_int_equal(self->parts.sent_count, 0);
    assert_int_equal(edge->sent, 0);
}

/* ---- edges ---- */

static void test_a_silent_edge_is_told_nothing_and_sees_a_jump_when_it_is_back(void **state)
{
    struct world *self = *state;
    struct edge *edge = live(self, 1, 1, 1000);

    gap_to(self, edge);
    assert_int_equal(edge_table_tick(&self->parts.edges, 1000 + EDGE_SILENCE_MS - 1), 0);
    assert_int_equal(edge_table_tick(&self->parts.edges, 1000 + EDGE_SILENCE_MS), 1);
    gap_to(self, edge);
    assert_int_equal(self->parts.sent_count, 1);
    assert_int_equal(self->parts.edges.live, 0);
    assert_ptr_equal(live(self, 1, 1, 20000), edge);
    gap_to(self, edge);
    assert_int_equal(self->parts.sent[1].head.number, 3);
}

static void test_the_numbers_of_a_silent_edge_are_kept(void **state)
{
    struct world *self = *state;
    struct edge *edge = live(self, 1, 1, 1000);

    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 1), EDGE_TAKE);
    edge_table_tick(&self->parts.edges, 50000);
    edge = enter(self, 1, 1, 50000);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 3), EDGE_JUMP);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 2), EDGE_TAKE);
}

static void test_a_new_boot_of_an_edge_ends_the_stream_of_the_old_one(void **state)
{
    struct world *self = *state;
    struct bus_peer peer = {.len = 1};
    struct edge *old = live(self, 1, 1, 0), *new = enter(self, 1, 2, 0);
    uint64_t silenced = 0;

    assert_true(old->is_live); /* a late frame alone shows nothing */
    assert_true(edge_table_hear(&self->parts.edges, new, &peer, 0, &silenced));
    assert_int_equal(silenced, 1ull << old->slot);
    assert_false(old->is_live);
}

static void test_what_was_kept_for_an_edge_does_not_reach_its_successor(void **state)
{
    struct world *self = *state;
    struct edge *edge = live(self, 1, 1, 0);
    uint64_t handle = edge_handle(edge);

    assert_ptr_equal(edge_table_resolve(&self->parts.edges, handle), edge);
    for (unsigned i = 2; i <= EDGE_MAX; i++)
        live(self, i, 1, 60000);
    edge_table_tick(&self->parts.edges, 60000);
    assert_ptr_equal(live(self, 100, 1, 60000), edge); /* the same place */
    assert_null(edge_table_resolve(&self->parts.edges, handle));
}

static void test_there_are_at_most_64_live_edges(void **state)
{
    struct world *self = *state;

    for (unsigned i = 1; i <= EDGE_MAX; i++)
        live(self, i, 1, 0);
    assert_null(enter(self, 100, 1, 0));
    assert_non_null(enter(self, 7, 1, 0));
    assert_null(enter(self, 0, 0, 0)); /* no boot, no edge */
}

static void test_frames_are_taken_in_order_and_repeats_are_seen(void **state)
{
    struct world *self = *state;
    struct edge *edge = enter(self, 1, 1, 0);

    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 2), EDGE_JUMP);
    assert_int_equal(edge->intake[3].expected, 1);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 1), EDGE_TAKE);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 2), EDGE_TAKE);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 1), EDGE_AGAIN);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 4), EDGE_JUMP);
    assert_int_equal(edge->intake[3].expected, 3);
    assert_int_equal(edge_take(&self->parts.edges, edge, 4, 1),
                     EDGE_TAKE); /* each partition its own */
}

static void test_when_numbers_were_forgotten_any_first_frame_is_a_start(void **state)
{
    struct world *self = *state;
    struct edge *edge;

    for (unsigned i = 1; i <= EDGE_MAX + 1; i++)
        enter(self, i, 1, i);
    edge = enter(self, 200, 1, 1000);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 77), EDGE_TAKE);
    assert_int_equal(edge_take(&self->parts.edges, edge, 3, 79), EDGE_JUMP);
}

static void test_a_gap_is_told_at_most_every_100_ms_and_partition(void **state)
{
    struct world *self = *state;
    struct edge *edge = enter(self, 1, 1, 0);

    assert_true(edge_may_tell_gap(edge, 3, 1000));
    assert_false(edge_may_tell_gap(edge, 3, 1099));
    assert_true(edge_may_tell_gap(edge, 4, 1099));
    assert_true(edge_may_tell_gap(edge, 3, 1100));
}

/* ---- fan-out ---- */

static void test_an_event_goes_once_to_each_edge_that_wants_its_conversation(void **state)
{
    struct world *self = *state;
    struct wire_event event = {
        .conversation = group(), .seq = 12, .kind = WIRE_KIND_MESSAGE_CREATED};
    struct edge *one = live(self, 1, 1, 0), *two = live(self, 2, 1, 0);

    live(self, 3, 1, 0);
    assert_int_equal(interest_add(self->parts.interest, &event.conversation, one->slot), 0);
    assert_int_equal(interest_add(self->parts.interest, &event.conversation, two->slot), 0);
    fanout_event(&self->fanout, &event, 5);
    assert_int_equal(self->parts.sent_count, 2);
    assert_int_equal(self->parts.sent[0].value, 12);
    assert_int_equal(self->parts.sent[1].value, 12);
    assert_int_equal(self->parts.sent[1].peer, 2);
    assert_int_equal(self->parts.sent[1].head.epoch, 5);
    assert_int_equal(self->parts.sent[1].head.partition, id_partition(&event.conversation));
}

static void test_an_event_that_changes_rights_goes_to_every_edge(void **state)
{
    static const uint8_t kinds[] = {WIRE_KIND_CONVERSATION_CREATED, WIRE_KIND_MEMBER_ADDED,
                                    WIRE_KIND_MEMBER_REMOVED, WIRE_KIND_MEMBER_UPDATED};
    struct world *self = *state;

    live(self, 1, 1, 0);
    live(self, 2, 1, 0);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct wire_event event = {.conversation = group(), .seq = 1, .kind = kinds[i]};

        fanout_event(&self->fanout, &event, 1);
    }
    assert_int_equal(self->parts.sent_count, 2 * COUNT_OF(kinds));
}

static void test_a_revocation_goes_to_every_edge(void **state)
{
    struct world *self = *state;
    struct wire_revoked revoked = {.user = person(5)};

    live(self, 1, 1, 0);
    live(self, 2, 1, 0);
    fanout_revoked(&self->fanout, &revoked);
    assert_int_equal(self->parts.sent_count, 2);
    assert_int_equal(self->parts.sent[0].head.type, WIRE_TYPE_REVOKED);
}

static void test_edges_that_may_have_missed_something_see_a_jump(void **state)
{
    struct world *self = *state;
    struct id conversation = group();
    struct edge *one = live(self, 1, 1, 0), *two = live(self, 2, 1, 0),
                *gone = enter(self, 3, 1, 0);

    assert_int_equal(interest_add(self->parts.interest, &conversation, one->slot), 0);
    fanout_unsure(&self->fanout);
    assert_int_equal(one->sent, 1);
    assert_int_equal(two->sent, 1); /* it may be where a new member is */
    assert_int_equal(gone->sent, 0);
    assert_int_equal(self->parts.sent_count, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_every_frame_has_the_next_number_of_its_edge),
        CASE(test_a_frame_that_could_not_be_sent_uses_up_its_number),
        CASE(test_a_heartbeat_says_the_last_number_and_uses_up_none),
        CASE(test_an_edge_that_has_not_said_that_it_lives_gets_nothing),
        CASE(test_a_silent_edge_is_told_nothing_and_sees_a_jump_when_it_is_back),
        CASE(test_the_numbers_of_a_silent_edge_are_kept),
        CASE(test_a_new_boot_of_an_edge_ends_the_stream_of_the_old_one),
        CASE(test_what_was_kept_for_an_edge_does_not_reach_its_successor),
        CASE(test_there_are_at_most_64_live_edges),
        CASE(test_frames_are_taken_in_order_and_repeats_are_seen),
        CASE(test_when_numbers_were_forgotten_any_first_frame_is_a_start),
        CASE(test_a_gap_is_told_at_most_every_100_ms_and_partition),
        CASE(test_an_event_goes_once_to_each_edge_that_wants_its_conversation),
        CASE(test_an_event_that_changes_rights_goes_to_every_edge),
        CASE(test_a_revocation_goes_to_every_edge),
        CASE(test_edges_that_may_have_missed_something_see_a_jump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
