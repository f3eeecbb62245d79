/* The heart: numbers, repeats, rights, barriers, and what the store says. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "router/conversation.h"
#include "tests/router/fixture.h"

#define LOG_MAX 4096

struct answered {
    uint64_t edge, trace;
    struct wire_answer answer;
    size_t delivered_before;
};

struct world {
    struct conversations *conversations;
    struct stat_set *stats;
    struct post *appended[LOG_MAX];
    size_t appended_count;
    struct answered answers[LOG_MAX];
    size_t answer_count;
    struct wire_event events[LOG_MAX]; /* views are stale, numbers are not */
    size_t event_count;
    struct load *load; /* the last one asked for */
    size_t load_count, unload_count, withdrawn_count, unsure_count;
    int fenced;
    uint64_t trace;
    struct buf buf;
};

static void on_answer(void *arg, const struct post *post, const struct post_waiter *to,
                      const struct wire_answer *answer)
{
    struct world *self = arg;

    (void)post;
    self->answers[self->answer_count++] =
        (struct answered){to->edge, to->trace, *answer, self->event_count};
}

static void on_append(void *arg, struct post *post)
{
    struct world *self = arg;

    self->appended[self->appended_count++] = post;
}

static void on_withdraw(void *arg, struct post *post)
{
    struct world *self = arg;

    (void)post;
    self->withdrawn_count++;
}

static void on_deliver(void *arg, const struct wire_event *event)
{
    struct world *self = arg;

    self->events[self->event_count++] = *event;
}

static void on_load(void *arg, unsigned partition, struct load *load)
{
    struct world *self = arg;

    (void)partition;
    load->state = LOAD_QUEUED;
    self->load = load;
    self->load_count++;
}

static void on_unload(void *arg, unsigned partition, struct load *load)
{
    struct world *self = arg;

    (void)partition;
    load->state = LOAD_NONE;
    self->unload_count++;
}

static void on_fenced(void *arg, unsigned partition)
{
    struct world *self = arg;

    self->fenced = (int)partition;
}

static void on_unsure(void *arg)
{
    struct world *self = arg;

    self->unsure_count++;
}

static void open_world(struct world *self, struct conversation_limits limits)
{
    struct conversation_out out = {self,    on_answer, on_append, on_withdraw, on_deliver,
                                   on_load, on_unload, on_fenced, on_unsure};

    assert_int_equal(stat_new(&self->stats), 0);
    assert_int_equal(
        conversations_new(&self->conversations, &limits, &out, WIRE_JOB_WEBHOOK, self->stats), 0);
    buf_init(&self->buf, 1 << 20);
    self->fenced = -1;
}

static int set_up(void **state)
{
    struct world *self = NEW(struct world);

    open_world(self, (struct conversation_limits){
                         .conversations = 8, .waiting = 16, .held_bytes = 1 << 20});
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;

    conversations_free(&self->conversations);
    stat_free(&self->stats);
    buf_done(&self->buf);
    free(self);
    return 0;
}

static uint64_t say(struct world *self, struct said said)
{
    struct post *post;

    said.edge = said.edge ? said.edge : 1;
    said.trace = said.trace ? said.trace : ++self->trace;
    post = said_post(&said);
    conversations_take(self->conversations, &post);
    return said.trace;
}

/* The store answers the open load: a group of which 1 is the owner, 2 an admin, 3 and 4 are
 * members. */
static void load_group(struct world *self, uint64_t head, const struct wire_recent *recent)
{
    struct wire_loaded loaded = {.status = WIRE_OK,
                                 .kind = WIRE_GROUP,
                                 .head = head,
                                 .messages = head ? head - 1 : 0,
                                 .last_message = head};
    uint8_t roles[] = {WIRE_ROLE_OWNER, WIRE_ROLE_ADMIN, WIRE_ROLE_MEMBER, WIRE_ROLE_MEMBER};
    struct buf members, recents;
    uint32_t member_count = 0, recent_count = 0;
    struct load *load = TAKE(self->load);

    assert_non_null(load);
    buf_init(&members, 4096);
    buf_init(&recents, 4096);
    for (unsigned i = 0; i < COUNT_OF(roles); i++) {
        struct wire_member member = {.user = person(i + 1), .role = roles[i]};

        wire_member_add(&members, &member_count, &member);
    }
    if (recent)
        wire_recent_add(&recents, &recent_count, recent);
    loaded.members = wire_list_of(&members, member_count);
    loaded.recents = wire_list_of(&recents, recent_count);
    load->state = LOAD_NONE;
    conversations_loaded(self->conversations, load, &loaded);
    buf_done(&members);
    buf_done(&recents);
}

/* The store answers the look-up of a client id; NULL: nothing stands under it. */
static void load_known(struct world *self, const struct wire_recent *known)
{
    struct wire_loaded loaded = {.status = WIRE_OK, .kind = WIRE_GROUP};
    struct load *load = TAKE(self->load);
    struct buf record;

    assert_non_null(load);
    buf_init(&record, 4096);
    if (known)
        wire_recent_encode(&record, known);
    loaded.known = wire_bytes_of(record.data, record.len);
    load->state = LOAD_NONE;
    conversations_loaded(self->conversations, load, &loaded);
    buf_done(&record);
}

static void load_nothing(struct world *self)
{
    struct wire_loaded loaded = {.status = WIRE_OK};
    struct load *load = TAKE(self->load);

    assert_non_null(load);
    load->state = LOAD_NONE;
    conversations_loaded(self->conversations, load, &loaded);
}

static int judge(struct world *self, size_t which, uint8_t answer, uint64_t of)
{
    struct post *post = self->appended[which];
    struct wire_verdict verdict = {.answer = answer, .seq = post->seq, .of = of};

    return conversations_settle(self->conversations, post, &verdict);
}

static void store(struct world *self, size_t which)
{
    assert_int_equal(judge(self, which, WIRE_ANSWER_STORED, 0), 0);
}

static void assert_answer(const struct world *self, size_t which, uint64_t trace,
                          enum wire_result status, uint64_t seq)
{
    assert_true(which < self->answer_count);
    assert_int_equal(self->answers[which].trace, trace);
    assert_int_equal(self->answers[which].answer.status, status);
    assert_int_equal(self->answers[which].answer.seq, seq);
}

static uint64_t counter(struct world *self, const char *name)
{
    return *stat_counter(self->stats, name);
}

/* ---- numbers ---- */

static void test_the_first_post_waits_until_its_conversation_is_loaded(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    say(self, (struct said){.actor = 3, .client_id = "b"});
    assert_int_equal(self->load_count, 1);
    assert_int_equal(self->appended_count, 0);
    assert_int_equal(counter(self, "parked"), 2);
    load_group(self, 10, NULL);
    assert_int_equal(self->appended_count, 2);
    assert_int_equal(self->appended[0]->seq, 11);
    assert_int_equal(self->appended[1]->seq, 12);
    assert_int_equal(self->load_count, 1);
}

static void test_events_carry_how_many_messages_there_are(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    say(self, (struct said){.actor = 1,
                            .client_id = "b",
                            .kind = WIRE_KIND_CONVERSATION_UPDATED,
                            .body = body_text(&self->buf, "title")});
    load_group(self, 10, NULL);
    assert_int_equal(self->appended[0]->messages, 10);
    assert_int_equal(self->appended[0]->last_message, 11);
    assert_int_equal(self->appended[0]->jobs, WIRE_JOB_WEBHOOK);
    assert_int_equal(self->appended[1]->messages, 10);
    assert_int_equal(self->appended[1]->last_message, 11);
    assert_int_equal(self->appended[1]->jobs, 0);
}

static void test_a_stored_event_is_answered_and_then_delivered(void **state)
{
    struct world *self = *state;
    uint64_t trace = say(self, (struct said){.actor = 1, .client_id = "a", .at_ms = 77});

    load_group(self, 0, NULL);
    assert_int_equal(self->answer_count, 0);
    store(self, 0);
    assert_answer(self, 0, trace, WIRE_OK, 1);
    assert_int_equal(self->answers[0].answer.at_ms, 77);
    assert_int_equal(self->answers[0].answer.messages, 1);
    assert_int_equal(self->answers[0].delivered_before, 0);
    assert_int_equal(self->event_count, 1);
    assert_int_equal(self->events[0].seq, 1);
    assert_int_equal(self->events[0].kind, WIRE_KIND_MESSAGE_CREATED);
}

static void test_an_event_that_stood_there_already_is_as_good_as_stored(void **state)
{
    struct world *self = *state;
    uint64_t trace = say(self, (struct said){.actor = 1, .client_id = "a"});

    load_group(self, 4, NULL);
    assert_int_equal(judge(self, 0, WIRE_ANSWER_SAME, 0), 0);
    assert_answer(self, 0, trace, WIRE_OK, 5);
    assert_int_equal(self->event_count, 1);
}

/* ---- repeats ---- */

static void test_a_client_id_that_the_store_remembers_gets_its_number_again(void **state)
{
    struct world *self = *state;
    struct id actor = person(3);
    struct wire_recent recent = {.key = id_of_client(&actor, "a", 1), .fingerprint = 5, .seq = 9};
    uint64_t first = say(self, (struct said){.actor = 3, .client_id = "a", .fingerprint = 5});
    uint64_t other = say(self, (struct said){.actor = 3, .client_id = "a", .fingerprint = 6});

    load_group(self, 10, &recent);
    assert_answer(self, 0, first, WIRE_DUPLICATE, 9);
    assert_answer(self, 1, other, WIRE_CONFLICT, 9);
    assert_int_equal(self->appended_count, 0);
    assert_int_equal(counter(self, "duplicates"), 1);
    assert_int_equal(counter(self, "conflicts"), 1);
}

static void test_a_repeat_of_a_stored_event_gets_its_number_again(void **state)
{
    struct world *self = *state;
    uint64_t trace;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 0, NULL);
    store(self, 0);
    trace = say(self, (struct said){.actor = 1, .client_id = "a"});
    assert_answer(self, 1, trace, WIRE_DUPLICATE, 1);
    say(self, (struct said){.actor = 2, .client_id = "a"});
    assert_int_equal(self->appended_count, 2); /* another sender's client id is another one */
}

static void test_a_repeat_of_a_pending_post_gets_the_same_answer(void **state)
{
    struct world *self = *state;
    uint64_t first = say(self, (struct said){.actor = 1, .client_id = "a", .edge = 1});
    uint64_t again = say(self, (struct said){.actor = 1, .client_id = "a", .edge = 2});

    load_group(self, 0, NULL);
    say(self, (struct said){.actor = 1, .client_id = "a", .edge = 1, .trace = first});
    assert_int_equal(self->appended_count, 1);
    store(self, 0);
    assert_int_equal(self->answer_count, 2); /* who asks twice is answered once */
    assert_answer(self, 0, first, WIRE_OK, 1);
    assert_answer(self, 1, again, WIRE_OK, 1);
    assert_int_equal(self->answers[1].edge, 2);
}

static void test_another_body_under_a_pending_client_id_is_a_conflict(void **state)
{
    struct world *self = *state;
    uint64_t trace;

    say(self, (struct said){.actor = 1, .client_id = "a", .fingerprint = 1});
    load_group(self, 6, NULL);
    trace = say(self, (struct said){.actor = 1, .client_id = "a", .fingerprint = 2});
    assert_answer(self, 0, trace, WIRE_CONFLICT, 7);
}

static void test_at_most_eight_wait_for_one_answer(void **state)
{
    struct world *self = *state;
    uint64_t last = 0;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 0, NULL);
    for (unsigned i = 0; i < POST_WAITERS_MAX; i++)
        last = say(self, (struct said){.actor = 1, .client_id = "a"});
    assert_int_equal(self->answer_count, 1);
    assert_answer(self, 0, last, WIRE_UNAVAILABLE, 0);
    store(self, 0);
    assert_int_equal(self->answer_count, 1 + POST_WAITERS_MAX);
}

static void test_the_same_client_id_in_two_conversations_names_two_events(void **state)
{
    struct world *self = *state;
    struct id other = group();

    other.bytes[5] ^= 1;
    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 0, NULL);
    say(self, (struct said){.actor = 1, .client_id = "a", .conversation = other});
    load_group(self, 0, NULL);
    assert_int_equal(self->appended_count, 2);
    assert_int_equal(self->answer_count, 0);
}

static void test_who_has_left_still_gets_the_answer_to_what_was_stored(void **state)
{
    struct world *self = *state;
    uint64_t trace;

    say(self, (struct said){.actor = 3,
                            .client_id = "bye",
                            .kind = WIRE_KIND_MEMBER_REMOVED,
                            .body = body_member(&self->buf, 3, 0)});
    load_group(self, 5, NULL);
    store(self, 0);
    trace = say(self, (struct said){.actor = 3,
                                    .client_id = "bye",
                                    .kind = WIRE_KIND_MEMBER_REMOVED,
                                    .body = body_member(&self->buf, 3, 0)});
    assert_answer(self, 1, trace, WIRE_DUPLICATE, 6);
    trace = say(self, (struct said){.actor = 3,
                                    .client_id = "bye again",
                                    .kind = WIRE_KIND_MEMBER_REMOVED,
                                    .body = body_member(&self->buf, 3, 0)});
    load_known(self, NULL);
    assert_answer(self, 2, trace, WIRE_DUPLICATE, 0);
}

static void test_who_had_left_before_it_was_loaded_is_told_so_and_may_not_speak(void **state)
{
    struct world *self = *state;
    struct wire_member former = {.user = person(3), .role = WIRE_ROLE_MEMBER, .from = 2, .to = 5};
    struct wire_loaded loaded = {.status = WIRE_OK, .kind = WIRE_GROUP, .head = 200};
    uint32_t count = 0;
    uint64_t leave, message;
    struct buf members;

    buf_init(&members, 4096);
    wire_member_add(&members, &count, &former);
    loaded.members = wire_list_of(&members, count);
    leave = say(self, (struct said){.actor = 3,
                                    .client_id = "bye",
                                    .kind = WIRE_KIND_MEMBER_REMOVED,
                                    .body = body_member(&self->buf, 3, 0)});
    message = say(self, (struct said){.actor = 3, .client_id = "hello"});
    self->load->state = LOAD_NONE;
    conversations_loaded(self->conversations, self->load, &loaded);
    load_known(self, NULL); /* nothing under "bye", */
    load_known(self, NULL); /* nor under "hello" */
    assert_answer(self, 0, leave, WIRE_DUPLICATE, 0);
    assert_answer(self, 1, message, WIRE_NOT_FOUND, 0);
    assert_int_equal(self->appended_count, 0);
    buf_done(&members);
}

/* ---- rights ---- */

static void test_a_stranger_is_asked_for_and_told_that_there_is_nothing(void **state)
{
    struct world *self = *state;
    uint64_t trace;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 0, NULL);
    trace = say(self, (struct said){.actor = 9, .client_id = "b"});
    assert_int_equal(self->load_count, 2);
    load_group(self, 0, NULL); /* does not name 9 */
    assert_answer(self, 0, trace, WIRE_NOT_FOUND, 0);
    trace = say(self, (struct said){.actor = 9, .client_id = "c"});
    assert_answer(self, 1, trace, WIRE_NOT_FOUND, 0);
    assert_int_equal(self->load_count, 2); /* remembered */
    assert_int_equal(counter(self, "refused"), 2);
}

static void test_a_load_of_people_leaves_the_numbers_alone(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 5, NULL);
    say(self, (struct said){.actor = 9, .client_id = "b"});
    say(self, (struct said){.actor = 1, .client_id = "c"});
    load_group(self, 5, NULL);
    assert_int_equal(self->appended_count, 2);
    assert_int_equal(self->appended[1]->seq, 7);
}

static void test_a_load_asks_for_everybody_who_waits(void **state)
{
    struct world *self = *state;
    struct wire_load request;
    struct buf list;

    buf_init(&list, 65536);
    for (unsigned i = 1; i <= 10; i++)
        say(self, (struct said){.actor = i, .client_id = "a"});
    request = conversations_load_request(self->load, &list);
    assert_int_equal(request.users.count, 10);
    buf_done(&list);
}

static void test_a_conversation_that_does_not_exist_is_not_found(void **state)
{
    struct world *self = *state;
    uint64_t trace = say(self, (struct said){.actor = 1, .client_id = "a"});

    load_nothing(self);
    assert_answer(self, 0, trace, WIRE_NOT_FOUND, 0);
}

/* ---- barriers ---- */

static void test_nothing_is_taken_behind_a_change_of_rights_until_it_stands(void **state)
{
    struct world *self = *state;
    uint64_t trace;

    say(self, (struct said){.actor = 1,
                            .client_id = "out",
                            .kind = WIRE_KIND_MEMBER_REMOVED,
                            .body = body_member(&self->buf, 3, 0)});
    load_group(self, 5, NULL);
    trace = say(self, (struct said){.actor = 3, .client_id = "a"});
    say(self, (struct said){.actor = 1, .client_id = "b"});
    assert_int_equal(self->appended_count, 1);
    store(self, 0);
    load_known(self, NULL);
    assert_answer(self, 1, trace, WIRE_NOT_FOUND, 0);
    assert_int_equal(self->appended_count, 2);
    assert_int_equal(self->appended[1]->seq, 7);
}

static void test_rights_stay_as_they_were_when_the_change_was_refused(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1,
                            .client_id = "out",
                            .kind = WIRE_KIND_MEMBER_REMOVED,
                            .body = body_member(&self->buf, 3, 0)});
    load_group(self, 5, NULL);
    say(self, (struct said){.actor = 3, .client_id = "a"});
    assert_int_equal(judge(self, 0, WIRE_ANSWER_REFUSED, 0), 0);
    assert_int_equal(self->appended_count, 2);
}

static void test_a_new_member_may_speak_once_the_event_stands(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 2,
                            .client_id = "in",
                            .kind = WIRE_KIND_MEMBER_ADDED,
                            .body = body_member(&self->buf, 9, WIRE_ROLE_MEMBER)});
    load_group(self, 5, NULL);
    say(self, (struct said){.actor = 9, .client_id = "a"});
    assert_int_equal(self->appended_count, 1);
    store(self, 0);
    assert_int_equal(self->appended_count, 2);
    assert_int_equal(self->load_count, 1);
}

static void test_a_change_that_changes_nothing_gets_no_number(void **state)
{
    struct world *self = *state;
    uint64_t trace = say(self, (struct said){.actor = 2,
                                             .client_id = "in",
                                             .kind = WIRE_KIND_MEMBER_ADDED,
                                             .body = body_member(&self->buf, 3, WIRE_ROLE_MEMBER)});

    load_group(self, 5, NULL);
    load_known(self, NULL);
    assert_answer(self, 0, trace, WIRE_DUPLICATE, 0);
    assert_int_equal(self->appended_count, 0);
}

/* The first try is older than what is remembered, and today it would be refused. */
static void test_a_late_retry_of_what_is_forbidden_now_gets_its_first_answer(void **state)
{
    struct world *self = *state;
    struct id actor = person(3);
    struct wire_recent known = {.key = id_of_client(&actor, "old", 3), .fingerprint = 0, .seq = 4};
    struct wire_load asked;
    struct buf list;
    uint64_t trace;

    buf_init(&list, 4096);
    say(self, (struct said){.actor = 1,
                            .client_id = "out",
                            .kind = WIRE_KIND_MEMBER_REMOVED,
                            .body = body_member(&self->buf, 3, 0)});
    load_group(self, 900, NULL);
    store(self, 0);
    trace = say(self, (struct said){.actor = 3, .client_id = "old"});
    asked = conversations_load_request(self->load, &list);
    assert_true(id_equal(&asked.key, &known.key));
    load_known(self, &known);
    assert_answer(self, 1, trace, WIRE_DUPLICATE, 4);
    trace = say(self, (struct said){.actor = 3, .client_id = "old", .fingerprint = 1});
    assert_answer(self, 2, trace, WIRE_CONFLICT, 4);
    buf_done(&list);
}

/* ---- frames that come again ---- */

/* It was refused, the one behind it was not, and the edge got neither answer. */
static void test_what_was_refused_does_not_get_behind_what_was_sent_after_it(void **state)
{
    struct world *self = *state;
    struct said said = {.actor = 1, .client_id = "16"};
    char name[12];

    for (int i = 0; i < 17; i++) {
        snprintf(name, sizeof name, "%d", i);
        said.trace = say(self, (struct said){.actor = 1, .client_id = name});
    }
    assert_answer(self, 0, said.trace, WIRE_UNAVAILABLE, 0);
    load_group(self, 0, NULL);
    say(self, (struct said){.actor = 1, .client_id = "behind it"});
    assert_int_equal(self->appended_count, 17);
    said.came_before = true;
    say(self, said);
    load_known(self, NULL);
    assert_answer(self, 1, said.trace, WIRE_UNAVAILABLE, 0);
    assert_int_equal(self->appended_count, 17);
    say(self, (struct said){.actor = 1, .client_id = "16"}); /* the client asks anew */
    assert_int_equal(self->appended_count, 18);
}

static void test_a_frame_that_comes_again_long_after_it_was_stored_is_looked_up(void **state)
{
    struct world *self = *state;
    struct id actor = person(3);
    struct wire_recent known = {.key = id_of_client(&actor, "old", 3), .fingerprint = 0, .seq = 4};
    uint64_t trace = say(self, (struct said){.actor = 3, .client_id = "old", .came_before = true});

    load_group(self, 900, NULL);
    load_known(self, &known);
    assert_answer(self, 0, trace, WIRE_DUPLICATE, 4);
    assert_int_equal(self->appended_count, 0);
}

/* ---- conversations are made ---- */

static uint64_t create_group(struct world *self, uint64_t fingerprint)
{
    static const unsigned people[] = {1, 2, 3};

    return say(self, (struct said){.actor = 1,
                                   .client_id = "made",
                                   .kind = WIRE_KIND_CONVERSATION_CREATED,
                                   .fingerprint = fingerprint,
                                   .body = body_created(&self->buf, WIRE_GROUP, people, 3)});
}

static void test_a_conversation_begins_with_number_one_and_knows_its_members(void **state)
{
    struct world *self = *state;
    uint64_t trace = create_group(self, 1), stranger;

    load_nothing(self);
    say(self, (struct said){.actor = 3, .client_id = "a"});
    stranger = say(self, (struct said){.actor = 9, .client_id = "b"});
    assert_int_equal(self->appended_count, 1); /* a barrier */
    store(self, 0);
    assert_answer(self, 0, trace, WIRE_OK, 1);
    assert_int_equal(self->appended_count, 2);
    assert_int_equal(self->appended[1]->seq, 2);
    assert_int_equal(self->appended[1]->messages, 1);
    load_group(self, 1, NULL);
    assert_answer(self, 1, stranger, WIRE_NOT_FOUND, 0);
}

static void test_who_is_named_twice_has_the_role_named_first_as_in_the_store(void **state)
{
    static const unsigned people[] = {1, 2, 1};
    struct world *self = *state;

    say(self, (struct said){.actor = 1,
                            .client_id = "made",
                            .kind = WIRE_KIND_CONVERSATION_CREATED,
                            .body = body_created(&self->buf, WIRE_GROUP, people, 3)});
    load_nothing(self);
    store(self, 0);
    say(self, (struct said){.actor = 1,
                            .client_id = "promote",
                            .kind = WIRE_KIND_MEMBER_UPDATED,
                            .body = body_member(&self->buf, 2, WIRE_ROLE_ADMIN)});
    assert_int_equal(self->appended_count, 2); /* as an owner may */
}

static void test_who_was_a_stranger_before_it_was_made_is_not_one_after(void **state)
{
    struct world *self = *state;
    uint64_t trace = say(self, (struct said){.actor = 3, .client_id = "early"});

    load_nothing(self);
    assert_answer(self, 0, trace, WIRE_NOT_FOUND, 0);
    create_group(self, 1);
    store(self, 0);
    say(self, (struct said){.actor = 3, .client_id = "now"});
    assert_int_equal(self->appended_count, 2);
}

static void test_a_group_made_again_is_its_first_event_or_a_conflict(void **state)
{
    struct world *self = *state;
    uint64_t trace;

    create_group(self, 1);
    load_nothing(self);
    store(self, 0);
    trace = create_group(self, 1);
    assert_answer(self, 1, trace, WIRE_DUPLICATE, 1);
    trace = create_group(self, 2);
    assert_answer(self, 2, trace, WIRE_CONFLICT, 1);
}

static void test_a_direct_conversation_made_again_is_always_its_first_event(void **state)
{
    static const unsigned people[] = {1, 2};
    struct world *self = *state;
    struct said said = {.conversation = pair(),
                        .actor = 2,
                        .client_id = "mine",
                        .fingerprint = 3,
                        .kind = WIRE_KIND_CONVERSATION_CREATED};
    struct wire_loaded loaded = {.status = WIRE_OK, .kind = WIRE_DIRECT, .head = 100};
    struct load *load;
    uint64_t trace;

    said.body = body_created(&self->buf, WIRE_DIRECT, people, 2);
    trace = say(self, said);
    load = TAKE(self->load);
    load->state = LOAD_NONE;
    conversations_loaded(self->conversations, load, &loaded);
    assert_answer(self, 0, trace, WIRE_DUPLICATE, 1);
    said.came_before = true;
    trace = say(self, said);
    assert_answer(self, 1, trace, WIRE_DUPLICATE, 1);
    assert_int_equal(self->appended_count, 0);
}

/* ---- the store says no ---- */

static void test_a_client_id_older_than_memory_leaves_a_void(void **state)
{
    struct world *self = *state;
    uint64_t trace = say(self, (struct said){.actor = 1, .client_id = "old", .at_ms = 5}), again;

    load_group(self, 100, NULL);
    assert_int_equal(judge(self, 0, WIRE_ANSWER_DUPLICATE_OF, 3), 0);
    assert_answer(self, 0, trace, WIRE_DUPLICATE, 3);
    assert_int_equal(self->event_count, 1);
    assert_int_equal(self->events[0].kind, WIRE_KIND_VOID);
    assert_int_equal(self->events[0].seq, 101);
    assert_int_equal(self->events[0].at_ms, 5);
    assert_true(id_is_zero(&self->events[0].actor));
    assert_int_equal(self->events[0].jobs, 0);
    again = say(self, (struct said){.actor = 1, .client_id = "old"});
    assert_answer(self, 1, again, WIRE_DUPLICATE, 3); /* remembered now */
    assert_int_equal(counter(self, "voids"), 1);
}

static void test_a_conflict_or_a_refusal_by_the_store_leaves_a_void(void **state)
{
    struct world *self = *state;
    uint64_t one = say(self, (struct said){.actor = 1, .client_id = "a"});
    uint64_t two = say(self, (struct said){.actor = 1, .client_id = "b"});

    load_group(self, 100, NULL);
    assert_int_equal(judge(self, 0, WIRE_ANSWER_CONFLICT_WITH, 3), 0);
    assert_int_equal(judge(self, 1, WIRE_ANSWER_REFUSED, 0), 0);
    assert_answer(self, 0, one, WIRE_CONFLICT, 3);
    assert_answer(self, 1, two, WIRE_INVALID, 0);
    assert_int_equal(self->events[0].kind, WIRE_KIND_VOID);
    assert_int_equal(self->events[1].seq, 102);
}

static void test_a_void_counts_as_no_message_for_those_behind_it(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    say(self, (struct said){.actor = 1, .client_id = "b"});
    load_group(self, 100, NULL); /* 99 messages, the last of them number 100 */
    assert_int_equal(judge(self, 0, WIRE_ANSWER_DUPLICATE_OF, 3), 0);
    assert_int_equal(self->events[0].messages, 99);
    assert_int_equal(self->events[0].last_message, 100);
    store(self, 1);
    assert_int_equal(self->answers[1].answer.messages, 100);
    assert_int_equal(self->events[1].messages, 100);
    assert_int_equal(self->events[1].last_message, 102);
    say(self, (struct said){.actor = 1, .client_id = "c"});
    assert_int_equal(self->appended[2]->messages, 101);
}

static void test_a_gap_that_held_posts_fill_is_sent_again(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    say(self, (struct said){.actor = 1, .client_id = "b"});
    load_group(self, 10, NULL);
    assert_int_equal(judge(self, 1, WIRE_ANSWER_GAP, 10), -EAGAIN);
    assert_int_equal(self->withdrawn_count, 0);
    store(self, 0);
    store(self, 1);
    assert_int_equal(self->answer_count, 2);
    assert_int_equal(counter(self, "gaps"), 1);
}

static void test_a_gap_that_nothing_held_fills_makes_it_start_over(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 10, NULL);
    assert_int_equal(judge(self, 0, WIRE_ANSWER_GAP, 7), 0);
    assert_int_equal(self->load_count, 2);
    load_group(self, 7, NULL);
    assert_int_equal(self->appended[1]->seq, 8);
}

static void test_a_number_that_is_taken_makes_it_load_and_judge_all_again_in_order(void **state)
{
    struct world *self = *state;
    struct id actor = person(3);
    struct wire_recent recent = {.key = id_of_client(&actor, "b", 1), .fingerprint = 0, .seq = 12};
    uint64_t b;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 10, NULL);
    b = say(self, (struct said){.actor = 3, .client_id = "b"});
    say(self, (struct said){.actor = 4, .client_id = "c"});
    say(self, (struct said){.actor = 1,
                            .client_id = "out",
                            .kind = WIRE_KIND_MEMBER_REMOVED,
                            .body = body_member(&self->buf, 4, 0)});
    say(self, (struct said){.actor = 4, .client_id = "d"});
    assert_int_equal(self->appended_count, 4);
    assert_int_equal(judge(self, 0, WIRE_ANSWER_TAKEN, 0), 0);
    assert_int_equal(self->withdrawn_count, 4);
    assert_int_equal(self->load_count, 2);
    assert_int_equal(self->unsure_count, 0);
    load_group(self, 20, &recent);
    assert_int_equal(self->unsure_count, 1);
    assert_answer(self, 0, b, WIRE_DUPLICATE, 12); /* it stood there after all */
    assert_int_equal(self->appended_count, 7);
    assert_int_equal(self->appended[4]->seq, 21);
    assert_int_equal(self->appended[5]->seq, 22);
    assert_int_equal(self->appended[6]->seq, 23);
    assert_int_equal(self->appended[6]->request.kind, WIRE_KIND_MEMBER_REMOVED);
    store(self, 4);
    store(self, 5);
    store(self, 6);
    load_known(self, NULL);
    assert_int_equal(self->answers[self->answer_count - 1].answer.status, WIRE_NOT_FOUND); /* d */
    assert_int_equal(counter(self, "taken"), 1);
}

static void test_a_load_that_was_under_way_when_all_starts_over_is_asked_anew(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 10, NULL);
    say(self, (struct said){.actor = 9, .client_id = "b"});
    assert_int_equal(self->load_count, 2);
    assert_int_equal(judge(self, 0, WIRE_ANSWER_TAKEN, 0), 0);
    assert_int_equal(self->unload_count, 1);
    assert_int_equal(self->load_count, 3);
}

static void test_an_unknown_verdict_settles_nothing(void **state)
{
    struct world *self = *state;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 10, NULL);
    assert_int_equal(judge(self, 0, 99, 0), -EAGAIN);
    store(self, 0);
}

static void test_a_fenced_partition_is_dropped_with_all_its_posts(void **state)
{
    struct world *self = *state;
    struct id id = group();

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load_group(self, 10, NULL);
    say(self, (struct said){.actor = 1, .client_id = "b"});
    say(self, (struct said){.actor = 9, .client_id = "c"});
    assert_int_equal(judge(self, 0, WIRE_ANSWER_FENCED, 0), 0);
    assert_int_equal(self->fenced, id_partition(&id));
    assert_int_equal(self->withdrawn_count, 2);
    assert_int_equal(conversations_count(self->conversations), 0);
    assert_int_equal(self->answer_count, 0); /* the next holder answers */
}

static void test_a_fenced_load_drops_the_partition(void **state)
{
    struct world *self = *state;
    struct wire_loaded fenced = {.status = WIRE_FENCED};
    struct load *load;

    say(self, (struct said){.actor = 1, .client_id = "a"});
    load = TAKE(self->load);
    load->state = LOAD_NONE;
    conversations_loaded(self->conversations, load, &fenced);
    assert_int_equal(conversations_count(self->conversations), 0);
    assert_true(self->fenced >= 0);
}

/* ---- limits ---- */

static void test_at_most_so_many_posts_wait_per_conversation(void **state)
{
    struct world *self = *state;
    char name[12];
    uint64_t last = 0;

    for (int i = 0; i < 17; i++) {
        snprintf(name, sizeof name, "%d", i);
        last = say(self, (struct said){.actor = 1, .client_id = name});
    }
    assert_int_equal(self->answer_count, 1);
    assert_answer(self, 0, last, WIRE_UNAVAILABLE, 0);
    load_group(self, 0, NULL);
    assert_int_equal(self->appended_count, 16);
    assert_int_equal(counter(self, "overflows"), 1);
}

static void test_what_all_posts_take_has_a_limit(void **state)
{
    struct world *self = *state;
    char name[16];

    conversations_free(&self->conversations);
    stat_free(&self->stats);
    open_world(self, (struct conversation_limits){
                         .conversations = 8, .waiting = 1000, .held_bytes = 20000});
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%d", i);
        say(self, (struct said){.actor = 1, .client_id = name});
    }
    assert_in_range(self->answer_count, 50, 90);
    assert_int_equal(self->answers[0].answer.status, WIRE_UNAVAILABLE);
    load_group(self, 0, NULL);
    while (self->appended_count > 0)
        store(self, --self->appended_count);
    say(self, (struct said){.actor = 1, .client_id = "room again"});
    assert_int_equal(self->appended_count, 1);
}

static struct id nth(unsigned n)
{
    struct id id = group();

    id.bytes[10] = (uint8_t)n;
    return id;
}

static void test_the_conversation_unused_for_longest_makes_room(void **state)
{
    struct world *self = *state;
    char name[8];

    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%u", i);
        say(self, (struct said){.actor = 1, .client_id = name, .conversation = nth(i)});
        load_group(self, 0, NULL);
        store(self, self->appended_count - 1);
    }
    assert_int_equal(conversations_count(self->conversations), 8);
    say(self, (struct said){.actor = 1, .client_id = "x", .conversation = nth(12)});
    assert_int_equal(self->load_count, 20); /* still known */
    say(self, (struct said){.actor = 1, .client_id = "x", .conversation = nth(11)});
    assert_int_equal(self->load_count, 21);
}

static void test_conversations_with_something_in_flight_stay(void **state)
{
    struct world *self = *state;
    uint64_t trace = 0;

    for (unsigned i = 0; i < 9; i++)
        trace = say(self, (struct said){.actor = 1, .client_id = "a", .conversation = nth(i)});
    assert_int_equal(conversations_count(self->conversations), 8);
    assert_answer(self, 0, trace, WIRE_UNAVAILABLE, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_the_first_post_waits_until_its_conversation_is_loaded),
        CASE(test_events_carry_how_many_messages_there_are),
        CASE(test_a_stored_event_is_answered_and_then_delivered),
        CASE(test_an_event_that_stood_there_already_is_as_good_as_stored),
        CASE(test_a_client_id_that_the_store_remembers_gets_its_number_again),
        CASE(test_a_repeat_of_a_stored_event_gets_its_number_again),
        CASE(test_a_repeat_of_a_pending_post_gets_the_same_answer),
        CASE(test_another_body_under_a_pending_client_id_is_a_conflict),
        CASE(test_at_most_eight_wait_for_one_answer),
        CASE(test_the_same_client_id_in_two_conversations_names_two_events),
        CASE(test_who_has_left_still_gets_the_answer_to_what_was_stored),
        CASE(test_who_had_left_before_it_was_loaded_is_told_so_and_may_not_speak),
        CASE(test_a_stranger_is_asked_for_and_told_that_there_is_nothing),
        CASE(test_a_load_of_people_leaves_the_numbers_alone),
        CASE(test_a_load_asks_for_everybody_who_waits),
        CASE(test_a_conversation_that_does_not_exist_is_not_found),
        CASE(test_nothing_is_taken_behind_a_change_of_rights_until_it_stands),
        CASE(test_rights_stay_as_they_were_when_the_change_was_refused),
        CASE(test_a_new_member_may_speak_once_the_event_stands),
        CASE(test_a_change_that_changes_nothing_gets_no_number),
        CASE(test_a_late_retry_of_what_is_forbidden_now_gets_its_first_answer),
        CASE(test_what_was_refused_does_not_get_behind_what_was_sent_after_it),
        CASE(test_a_frame_that_comes_again_long_after_it_was_stored_is_looked_up),
        CASE(test_a_conversation_begins_with_number_one_and_knows_its_members),
        CASE(test_who_is_named_twice_has_the_role_named_first_as_in_the_store),
        CASE(test_who_was_a_stranger_before_it_was_made_is_not_one_after),
        CASE(test_a_group_made_again_is_its_first_event_or_a_conflict),
        CASE(test_a_direct_conversation_made_again_is_always_its_first_event),
        CASE(test_a_client_id_older_than_memory_leaves_a_void),
        CASE(test_a_conflict_or_a_refusal_by_the_store_leaves_a_void),
        CASE(test_a_void_counts_as_no_message_for_those_behind_it),
        CASE(test_a_gap_that_held_posts_fill_is_sent_again),
        CASE(test_a_gap_that_nothing_held_fills_makes_it_start_over),
        CASE(test_a_number_that_is_taken_makes_it_load_and_judge_all_again_in_order),
        CASE(test_a_load_that_was_under_way_when_all_starts_over_is_asked_anew),
        CASE(test_an_unknown_verdict_settles_nothing),
        CASE(test_a_fenced_partition_is_dropped_with_all_its_posts),
        CASE(test_a_fenced_load_drops_the_partition),
        CASE(test_at_most_so_many_posts_wait_per_conversation),
        CASE(test_what_all_posts_take_has_a_limit),
        CASE(test_the_conversation_unused_for_longest_makes_room),
        CASE(test_conversations_with_something_in_flight_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
