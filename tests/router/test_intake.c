/* What edges push: whose it is, in which order, and what is wrong with it. */
#include "tests/lib/cmocka.h"

#include "router/intake.h"
#include "tests/router/fixture.h"
#include "tests/router/parts.h"

#define EPOCH 4
#define WAITING_MAX 20

struct world {
    struct parts parts;
    struct fanout fanout;
    struct conversations *conversations;
    struct intake *intake;
    size_t loads;
    struct load *load; /* the last one */
    size_t appends, answers;
    uint8_t status; /* of the last answer to a post */
    struct buf buf;
};

static void on_load(void *arg, unsigned partition, struct load *load)
{
    struct world *self = arg;

    (void)partition;
    load->state = LOAD_QUEUED;
    self->loads++;
    self->load = load;
}

static void on_answer(void *arg, const struct post *post, const struct post_waiter *to,
                      const struct wire_answer *answer)
{
    struct world *self = arg;

    (void)post;
    (void)to;
    self->answers++;
    self->status = answer->status;
}

static void on_append(void *arg, struct post *post)
{
    (void)post;
    ((struct world *)arg)->appends++;
}

static void on_withdraw(void *arg, struct post *post)
{
    (void)arg;
    (void)post;
}

static void on_unload(void *arg, unsigned partition, struct load *load)
{
    (void)arg;
    (void)partition;
    load->state = LOAD_NONE;
}

static void open_conversations(struct world *self)
{
    struct conversation_out out = {.arg = self,
                                   .answer = on_answer,
                                   .append = on_append,
                                   .withdraw = on_withdraw,
                                   .load = on_load,
                                   .unload = on_unload};
    struct conversation_limits limits = {100, WAITING_MAX, 1 << 20};

    assert_int_equal(conversations_new(&self->conversations, &limits, &out, 0, self->parts.stats),
                     0);
}

static int set_up(void **state)
{
    struct world *self = NEW(struct world);
    struct intake_parts parts;

    parts_open(&self->parts, UINT64_MAX, 1000);
    fanout_init(&self->fanout, &self->parts.edges, self->parts.interest, self->parts.stream);
    open_conversations(self);
    buf_init(&self->buf, 1 << 20);
    parts = (struct intake_parts){.edges = &self->parts.edges,
                                  .partitions = self->parts.partitions,
                                  .conversations = self->conversations,
                                  .stream = self->parts.stream,
                                  .fanout = &self->fanout};
    assert_int_equal(intake_new(&self->intake, &parts, self->parts.stats), 0);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;

    intake_free(&self->intake);
    conversations_free(&self->conversations);
    fanout_done(&self->fanout);
    parts_close(&self->parts);
    buf_done(&self->buf);
    free(self);
    return 0;
}

static void claim_all(struct world *self)
{
    parts_claim(&self->parts, ID_PARTITIONS, EPOCH, 1);
}

static void hold_all(struct world *self)
{
    claim_all(self);
    parts_announce(&self->parts, 1);
    assert_int_equal(partitions_held(self->parts.partitions), UINT64_MAX);
}

static void live(struct world *self, uint64_t boot)
{
    parts_live(&self->parts, boot, boot, 1);
}

/* A frame of the edge with this boot. */
static void push(struct world *self, uint64_t boot, struct said said, uint64_t now_ms)
{
    struct wire_bytes body;
    struct wire_head head;

    said.actor = said.actor ? said.actor : 1;
    said.client_id = said.client_id ? said.client_id : "a";
    said.epoch = said.epoch ? said.epoch : EPOCH;
    head = said_frame(&said, &self->buf, &body);
    head.sender = boot;
    head.boot = boot;
    intake_take(self->intake, &head, body, now_ms);
}

static uint64_t counter(const struct world *self, const char *name)
{
    return parts_counter(&self->parts, name);
}

static void test_frames_in_order_become_posts(void **state)
{
    struct world *self = *state;

    hold_all(self);
    live(self, 1);
    push(self, 1, (struct said){.number = 1}, 1);
    push(self, 1, (struct said){.number = 2}, 1);
    push(self, 1, (struct said){.number = 1}, 1);
    assert_int_equal(counter(self, "posts"), 3);
    assert_int_equal(self->parts.sent_count, 0);
}

static void test_a_jump_is_dropped_and_told_with_the_number_expected(void **state)
{
    struct world *self = *state;
    struct id id = group();

    hold_all(self);
    live(self, 1);
    push(self, 1, (struct said){.number = 1}, 1);
    push(self, 1, (struct said){.number = 3}, 1000);
    push(self, 1, (struct said){.number = 4}, 1050);
    assert_int_equal(self->parts.sent_count, 1);
    assert_int_equal(self->parts.sent[0].head.type, WIRE_TYPE_GAP);
    assert_int_equal(self->parts.sent[0].head.partition, id_partition(&id));
    assert_int_equal(self->parts.sent[0].head.epoch, EPOCH);
    assert_int_equal(self->parts.sent[0].value, 2);
    push(self, 1, (struct said){.number = 5}, 1100);
    assert_int_equal(self->parts.sent_count, 2);
    assert_int_equal(counter(self, "posts"), 1);
    assert_int_equal(counter(self, "frames_after_gap"), 3);
}

static void test_frames_of_another_epoch_are_dropped_silently(void **state)
{
    struct world *self = *state;

    hold_all(self);
    live(self, 1);
    push(self, 1, (struct said){.number = 1, .epoch = EPOCH - 1}, 1);
    push(self, 1, (struct said){.number = 1, .epoch = EPOCH + 1}, 1);
    partitions_fence(self->parts.partitions, UINT64_MAX);
    push(self, 1, (struct said){.number = 1}, 1);
    assert_int_equal(counter(self, "frames_other_epoch"), 3);
    assert_int_equal(counter(self, "posts"), 0);
    assert_int_equal(self->parts.sent_count, 0);
}

static void test_frames_of_a_partition_that_comes_back_start_anew(void **state)
{
    struct world *self = *state;

    hold_all(self);
    live(self, 1);
    push(self, 1, (struct said){.number = 1}, 1);
    push(self, 1, (struct said){.number = 2}, 1);
    partitions_fence(self->parts.partitions, UINT64_MAX);
    edge_table_leave(&self->parts.edges, UINT64_MAX);
    parts_claim(&self->parts, ID_PARTITIONS, EPOCH + 2, 1000);
    parts_announce(&self->parts, 1000);
    push(self, 1, (struct said){.number = 2, .epoch = EPOCH + 2}, 1000);
    assert_int_equal(counter(self, "frames_after_gap"), 1);
    push(self, 1, (struct said){.number = 1, .epoch = EPOCH + 2}, 1000);
    push(self, 1, (struct said){.number = 2, .epoch = EPOCH + 2}, 1000);
    assert_int_equal(counter(self, "posts"), 4);
}

static void test_frames_that_come_before_the_partition_is_held_are_asked_for_then(void **state)
{
    struct world *self = *state;
    struct id id = group();

    claim_all(self);
    live(self, 1);
    live(self, 2);
    push(self, 1, (struct said){.number = 1}, 1);
    assert_int_equal(counter(self, "posts"), 0);
    parts_announce(&self->parts, 1);
    intake_open(self->intake, UINT64_MAX);
    assert_int_equal(self->parts.sent_count, 1);
    assert_int_equal(self->parts.sent[0].head.type, WIRE_TYPE_GAP);
    assert_int_equal(self->parts.sent[0].head.partition, id_partition(&id));
    assert_int_equal(self->parts.sent[0].value, 1);
    push(self, 1, (struct said){.number = 2}, 1);
    assert_int_equal(counter(self, "posts"), 0);
    push(self, 1, (struct said){.number = 1}, 1);
    assert_int_equal(counter(self, "posts"), 1);
    intake_open(self->intake, UINT64_MAX);
    assert_int_equal(self->parts.sent_count,
                     2); /* a gap for number 2, and nothing the second time */
}

static void test_a_post_that_breaks_a_rule_is_answered_and_uses_up_its_number(void **state)
{
    struct world *self = *state;

    hold_all(self);
    live(self, 1);
    push(self, 1, (struct said){.kind = WIRE_KIND_CONVERSATION_CREATED, .number = 1, .trace = 77},
         1);
    assert_int_equal(self->parts.sent_count, 1);
    assert_int_equal(self->parts.sent[0].head.trace, 77);
    assert_int_equal(self->parts.sent[0].value, WIRE_INVALID);
    push(self, 1, (struct said){.number = 2}, 1);
    assert_int_equal(counter(self, "posts"), 1);
}

static void test_a_post_that_is_too_long_is_answered_so(void **state)
{
    struct world *self = *state;
    char *text = NEW_ARRAY(POST_BYTES_MAX + 1, char);
    struct buf body;

    memset(text, 'x', POST_BYTES_MAX);
    buf_init(&body, 1 << 20);
    hold_all(self);
    live(self, 1);
    push(self, 1, (struct said){.number = 1, .body = body_text(&body, text)}, 1);
    assert_int_equal(self->parts.sent[0].value, WIRE_TOO_LARGE);
    buf_done(&body);
    free(text);
}

static void test_a_post_under_the_wrong_partition_is_invalid(void **state)
{
    struct world *self = *state;
    struct said said = {.actor = 1, .client_id = "a", .epoch = EPOCH, .number = 1};
    struct wire_bytes body;
    struct wire_head head;

    hold_all(self);
    live(self, 1);
    head = said_frame(&said, &self->buf, &body);
    head.sender = head.boot = 1;
    head.partition = (uint16_t)((head.partition + 1) % ID_PARTITIONS);
    intake_take(self->intake, &head, body, 1);
    assert_int_equal(self->parts.sent[0].value, WIRE_INVALID);
}

static void test_nonsense_costs_a_counter(void **state)
{
    struct world *self = *state;
    struct wire_head head = {.type = WIRE_TYPE_POST,
                             .sender = 1,
                             .boot = 1,
                             .partition = 64,
                             .epoch = EPOCH,
                             .number = 1};

    hold_all(self);
    intake_take(self->intake, &head, wire_text("x"), 1);
    head.partition = 65535;
    intake_take(self->intake, &head, wire_text("x"), 1);
    head.partition = 1;
    head.number = 0;
    intake_take(self->intake, &head, wire_text("x"), 1);
    head.number = 1;
    head.type = WIRE_TYPE_BATCH;
    intake_take(self->intake, &head, wire_text("x"), 1);
    assert_int_equal(counter(self, "malformed"), 4);
    head.type = WIRE_TYPE_POST;
    head.boot = 0;
    intake_take(self->intake, &head, wire_text("x"), 1);
    assert_int_equal(counter(self, "edges_refused"), 1);
    head.boot = 1;
    intake_take(self->intake, &head, wire_text("x"), 1);
    assert_int_equal(counter(self, "malformed"), 5);
    assert_int_equal(self->parts.sent_count, 0); /* it has no stream yet */
}

/* Person 1 is a member, and nothing is known under the client id that was asked for. */
static void loaded(struct world *self)
{
    struct wire_loaded loaded = {.status = WIRE_OK, .kind = WIRE_GROUP, .head = 900};
    struct wire_member member = {.user = person(1), .role = WIRE_ROLE_MEMBER};
    struct load *load = TAKE(self->load);
    struct buf list;
    uint32_t count = 0;

    assert_non_null(load);
    buf_init(&list, 4096);
    wire_member_add(&list, &count, &member);
    loaded.members = wire_list_of(&list, count);
    load->state = LOAD_NONE;
    conversations_loaded(self->conversations, load, &loaded);
    buf_done(&list);
}

static void test_a_post_that_was_refused_is_refused_when_its_frame_comes_again(void **state)
{
    struct world *self = *state;
    struct said refused = {.client_id = "one too many", .number = WAITING_MAX + 1};
    char name[12];

    hold_all(self);
    live(self, 1);
    for (unsigned i = 1; i <= WAITING_MAX; i++) {
        snprintf(name, sizeof name, "%u", i);
        push(self, 1, (struct said){.client_id = name, .number = i}, 1);
    }
    push(self, 1, refused, 1);
    assert_int_equal(self->status, WIRE_UNAVAILABLE);
    loaded(self);
    push(self, 1, (struct said){.client_id = "next", .number = WAITING_MAX + 2}, 1);
    assert_int_equal(self->appends, WAITING_MAX + 1);
    push(self, 1, refused, 1);
    loaded(self);
    assert_int_equal(self->answers, 2);
    assert_int_equal(self->status, WIRE_UNAVAILABLE);
    refused.number = WAITING_MAX + 3;
    push(self, 1, refused, 1);
    assert_int_equal(self->appends, WAITING_MAX + 2);
}

static void test_a_revocation_is_told_to_every_edge_and_answered(void **state)
{
    struct world *self = *state;
    struct wire_revoke revoke = {.user = person(5), .session = person(6)};
    struct wire_head head = {.type = WIRE_TYPE_REVOKE,
                             .sender = 1,
                             .boot = 1,
                             .partition = 5,
                             .epoch = EPOCH,
                             .number = 1,
                             .trace = 33};

    hold_all(self);
    live(self, 1);
    live(self, 2);
    buf_clear(&self->buf);
    wire_revoke_encode(&self->buf, &revoke);
    intake_take(self->intake, &head, wire_buf(&self->buf), 1);
    assert_int_equal(self->parts.sent_count, 3);
    assert_int_equal(self->parts.sent[0].head.type, WIRE_TYPE_REVOKED);
    assert_int_equal(self->parts.sent[1].head.type, WIRE_TYPE_REVOKED);
    assert_int_equal(self->parts.sent[2].head.type, WIRE_TYPE_ANSWER);
    assert_int_equal(self->parts.sent[2].head.trace, 33);
    assert_int_equal(self->parts.sent[2].value, WIRE_OK);
    head.number = 3;
    intake_take(self->intake, &head, wire_buf(&self->buf), 1000);
    assert_int_equal(self->parts.sent[3].head.type, WIRE_TYPE_GAP);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_frames_in_order_become_posts),
        CASE(test_a_jump_is_dropped_and_told_with_the_number_expected),
        CASE(test_frames_of_another_epoch_are_dropped_silently),
        CASE(test_frames_of_a_partition_that_comes_back_start_anew),
        CASE(test_frames_that_come_before_the_partition_is_held_are_asked_for_then),
        CASE(test_a_post_that_breaks_a_rule_is_answered_and_uses_up_its_number),
        CASE(test_a_post_that_is_too_long_is_answered_so),
        CASE(test_a_post_under_the_wrong_partition_is_invalid),
        CASE(test_nonsense_costs_a_counter),
        CASE(test_a_post_that_was_refused_is_refused_when_its_frame_comes_again),
        CASE(test_a_revocation_is_told_to_every_edge_and_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
