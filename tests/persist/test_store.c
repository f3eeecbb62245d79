/* The contract of a store (persist/store.h), the same for every one: this suite runs over SQLite,
 * and over MongoDB where there is a server. */
#include <errno.h>

#include "base/clock.h"
#include "persist/judge.h"
#include "tests/persist/fixture.h"

static void check_verdict(struct wire_verdict verdict, uint8_t answer, uint64_t seq, uint64_t of)
{
    assert_int_equal(verdict.answer, answer);
    assert_int_equal(verdict.seq, seq);
    assert_int_equal(verdict.of, of);
}

/* ---- reading back ---- */

struct log {
    uint64_t first, count, last;
    uint8_t kinds[64];
    uint64_t messages, last_message;
};

static bool take_event(void *arg, const struct wire_event *event)
{
    struct log *log = arg;

    if (log->count == 0)
        log->first = event->seq;
    else
        assert_int_equal(event->seq, log->last + 1);
    log->last = event->seq;
    if (log->count < 64)
        log->kinds[log->count] = event->kind;
    log->count++;
    log->messages = event->messages;
    log->last_message = event->last_message;
    return true;
}

static struct log read_log(struct fixture *self, unsigned conversation)
{
    struct store_range range = {
        .conversation = fixture_id(conversation), .first = 1, .limit = 100000};
    struct log log = {0};

    assert_int_equal(self->store->ops->events(self->store, &range, take_event, &log), 0);
    return log;
}

static struct store_head read_head(struct fixture *self, unsigned conversation)
{
    struct id id = fixture_id(conversation);
    struct store_head head = {0};

    assert_int_equal(self->store->ops->head(self->store, &id, &head), 0);
    return head;
}

/* ---- append ---- */

static void numbers_are_taken_in_order(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event events[3];
    struct wire_verdict verdicts[3];
    struct store_head head;

    events[0] = fixture_created(self, 1, 1, 1);
    events[1] = fixture_message(self, 1, 2, 1, "a", "one");
    events[2] = fixture_message(self, 1, 3, 2, "a", "two");
    assert_int_equal(self->store->ops->append(self->store, events, 3, verdicts), 0);
    for (size_t i = 0; i < 3; i++)
        check_verdict(verdicts[i], WIRE_ANSWER_STORED, i + 1, 0);
    head = read_head(self, 1);
    assert_int_equal(head.seq, 3);
    assert_int_equal(head.messages, 2);
    assert_int_equal(head.last_message, 3);
    assert_int_equal(head.kind, WIRE_GROUP);
    assert_int_equal(head.at_ms, events[2].at_ms);
}

static void a_conversation_that_is_not_there_has_no_head(void **state)
{
    struct fixture *self = fixture_of(state);
    struct id id = fixture_id(77);
    struct store_head head;

    assert_int_equal(self->store->ops->head(self->store, &id, &head), -ENOENT);
    assert_int_equal(read_log(self, 77).count, 0);
}

static void an_event_is_found_by_its_client_id_however_old_it_is(void **state)
{
    struct fixture *self = fixture_of(state);
    struct id conversation = fixture_id(1), elsewhere = fixture_id(2), person = fixture_id(2);
    struct id key = id_of_client(&person, "old", 3), none = id_of_client(&person, "new", 3);
    struct wire_event old = fixture_message(self, 1, 2, 2, "old", "text");
    struct wire_recent found = {0};

    fixture_conversation(self, 1, 1);
    fixture_conversation(self, 2, 1);
    fixture_store(self, &old);
    assert_int_equal(self->store->ops->known(self->store, &conversation, &key, &found), 0);
    assert_int_equal(found.seq, 2);
    assert_int_equal(found.fingerprint, old.fingerprint);
    assert_int_equal(self->store->ops->known(self->store, &conversation, &none, &found), -ENOENT);
    assert_int_equal(self->store->ops->known(self->store, &elsewhere, &key, &found), -ENOENT);
}

static void a_batch_appended_again_is_the_same(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event events[3];
    struct wire_verdict verdicts[3];

    events[0] = fixture_created(self, 1, 1, 1);
    events[1] = fixture_message(self, 1, 2, 1, "a", "one");
    events[2] = fixture_message(self, 1, 3, 2, "b", "two");
    assert_int_equal(self->store->ops->append(self->store, events, 2, verdicts), 0);
    assert_int_equal(self->store->ops->append(self->store, events, 3, verdicts), 0);
    check_verdict(verdicts[0], WIRE_ANSWER_SAME, 1, 0);
    check_verdict(verdicts[1], WIRE_ANSWER_SAME, 2, 0);
    check_verdict(verdicts[2], WIRE_ANSWER_STORED, 3, 0);
    fixture_reopen(self);
    assert_int_equal(self->store->ops->append(self->store, events, 3, verdicts), 0);
    for (size_t i = 0; i < 3; i++)
        check_verdict(verdicts[i], WIRE_ANSWER_SAME, i + 1, 0);
    assert_int_equal(read_log(self, 1).count, 3);
}

static void a_number_whose_predecessor_is_missing_is_a_gap(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event event = fixture_message(self, 1, 2, 1, "a", "too early");

    check_verdict(fixture_append(self, &event), WIRE_ANSWER_GAP, 2, 0);
    fixture_conversation(self, 1, 1);
    event = fixture_message(self, 1, 4, 1, "a", "too early");
    check_verdict(fixture_append(self, &event), WIRE_ANSWER_GAP, 4, 1);
    event.seq = 0;
    check_verdict(fixture_append(self, &event), WIRE_ANSWER_GAP, 0, 1);
    assert_int_equal(read_log(self, 1).count, 1);
}

static void what_follows_a_gap_in_a_batch_is_not_stored_either(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event events[3];
    struct wire_verdict verdicts[3];

    fixture_conversation(self, 1, 1);
    fixture_conversation(self, 2, 1);
    events[0] = fixture_message(self, 1, 3, 1, "c", "gap");
    events[1] = fixture_message(self, 2, 2, 1, "a", "fine");
    events[2] = fixture_message(self, 1, 4, 1, "d", "gap");
    assert_int_equal(self->store->ops->append(self->store, events, 3, verdicts), 0);
    check_verdict(verdicts[0], WIRE_ANSWER_GAP, 3, 1);
    check_verdict(verdicts[1], WIRE_ANSWER_STORED, 2, 0);
    check_verdict(verdicts[2], WIRE_ANSWER_GAP, 4, 1);
}

static void a_number_that_another_event_has_is_taken_and_so_is_what_follows(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event first = fixture_message(self, 1, 2, 1, "a", "first");
    struct wire_event events[3];
    struct wire_verdict verdicts[3];

    fixture_conversation(self, 1, 1);
    fixture_conversation(self, 2, 1);
    fixture_store(self, &first);
    events[0] = fixture_message(self, 1, 2, 2, "b", "late");
    events[1] = fixture_message(self, 2, 2, 2, "b", "elsewhere");
    events[2] = fixture_message(self, 1, 3, 2, "c", "after the late one");
    assert_int_equal(self->store->ops->append(self->store, events, 3, verdicts), 0);
    check_verdict(verdicts[0], WIRE_ANSWER_TAKEN, 2, 0);
    check_verdict(verdicts[1], WIRE_ANSWER_STORED, 2, 0);
    check_verdict(verdicts[2], WIRE_ANSWER_TAKEN, 3, 0);
    assert_int_equal(read_log(self, 1).count, 2);
}

static void a_client_id_used_before_leaves_a_void_and_names_the_first(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event first = fixture_message(self, 1, 2, 1, "a", "hello");
    struct wire_event again = fixture_message(self, 1, 4, 1, "a", "hello");
    struct wire_event other = fixture_message(self, 1, 3, 2, "a", "hello"); /* another sender */
    struct wire_event last = fixture_message(self, 1, 5, 1, "z", "bye");
    struct log log;

    fixture_conversation(self, 1, 1);
    fixture_store(self, &first);
    fixture_store(self, &other);
    check_verdict(fixture_append(self, &again), WIRE_ANSWER_DUPLICATE_OF, 4, 2);
    check_verdict(fixture_append(self, &again), WIRE_ANSWER_DUPLICATE_OF, 4, 2); /* sent again */
    fixture_store(self, &last);
    log = read_log(self, 1);
    assert_int_equal(log.count, 5);
    assert_int_equal(log.kinds[3], WIRE_KIND_VOID);
    assert_int_equal(log.messages, 3); /* the void is none */
    assert_int_equal(log.last_message, 5);
}

static void a_client_id_with_another_body_is_a_conflict(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event first = fixture_message(self, 1, 2, 1, "a", "hello");
    struct wire_event other = fixture_message(self, 1, 3, 1, "a", "good bye");
    struct log log;

    fixture_conversation(self, 1, 1);
    fixture_store(self, &first);
    check_verdict(fixture_append(self, &other), WIRE_ANSWER_CONFLICT_WITH, 3, 2);
    check_verdict(fixture_append(self, &other), WIRE_ANSWER_CONFLICT_WITH, 3, 2);
    log = read_log(self, 1);
    assert_int_equal(log.count, 3);
    assert_int_equal(log.kinds[2], WIRE_KIND_VOID);
    assert_int_equal(log.last_message, 2);
}

static void repeats_within_one_batch_are_seen(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event events[5];
    struct wire_verdict verdicts[5];

    events[0] = fixture_created(self, 1, 1, 1);
    events[1] = fixture_message(self, 1, 2, 1, "a", "hello");
    events[2] = fixture_message(self, 1, 3, 1, "a", "hello");
    events[3] = fixture_message(self, 1, 4, 1, "a", "other");
    events[4] = fixture_message(self, 1, 5, 1, "b", "new");
    assert_int_equal(self->store->ops->append(self->store, events, 5, verdicts), 0);
    check_verdict(verdicts[1], WIRE_ANSWER_STORED, 2, 0);
    check_verdict(verdicts[2], WIRE_ANSWER_DUPLICATE_OF, 3, 2);
    check_verdict(verdicts[3], WIRE_ANSWER_CONFLICT_WITH, 4, 2);
    check_verdict(verdicts[4], WIRE_ANSWER_STORED, 5, 0);
    assert_int_equal(read_log(self, 1).messages, 2);
    assert_int_equal(self->store->ops->append(self->store, events, 5, verdicts), 0);
    check_verdict(verdicts[1], WIRE_ANSWER_SAME, 2, 0);
    check_verdict(verdicts[2], WIRE_ANSWER_DUPLICATE_OF, 3, 2);
    check_verdict(verdicts[3], WIRE_ANSWER_CONFLICT_WITH, 4, 2);
    check_verdict(verdicts[4], WIRE_ANSWER_SAME, 5, 0);
}

static void what_breaks_a_rule_is_refused_and_leaves_a_void(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event second = fixture_created(self, 1, 1, 2);
    struct wire_event empty = fixture_message(self, 1, 3, 1, "", "no client id");
    struct wire_event broken = fixture_message(self, 1, 4, 1, "a", "cut short");
    struct wire_event last = fixture_message(self, 1, 5, 1, "b", "fine");
    struct log log;

    fixture_conversation(self, 1, 1);
    second.seq = 2;
    second.client_id = wire_text("made again");
    broken.body.len = 2;
    check_verdict(fixture_append(self, &second), WIRE_ANSWER_REFUSED, 2, 0);
    check_verdict(fixture_append(self, &second), WIRE_ANSWER_REFUSED, 2, 0);
    check_verdict(fixture_append(self, &empty), WIRE_ANSWER_REFUSED, 3, 0);
    check_verdict(fixture_append(self, &broken), WIRE_ANSWER_REFUSED, 4, 0);
    fixture_store(self, &last);
    log = read_log(self, 1);
    assert_int_equal(log.count, 5);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(log.kinds[i], WIRE_KIND_VOID);
}

static bool compare_text(void *arg, const struct wire_event *event)
{
    const struct wire_event *sent = arg;

    assert_true(wire_bytes_equal(event->body, sent->body));
    assert_true(wire_bytes_equal(event->client_id, sent->client_id));
    assert_true(id_equal(&event->actor, &sent->actor));
    assert_int_equal(event->fingerprint, sent->fingerprint);
    assert_int_equal(event->at_ms, sent->at_ms);
    assert_int_equal(event->jobs, sent->jobs);
    return true;
}

static void text_comes_back_unchanged(void **state)
{
    static const char *const texts[] = {
        "👩‍👩‍👧‍👦 🇩🇰 漢字かな交じり文 한국어",
        "\x01\x02\x1f\x7f\r\n\t\"\\$.{}",
        "e\xcc\x81 is not \xc3\xa9",
        "\xef\xbf\xbf\xf4\x8f\xbf\xbf",
        "'; DROP TABLE events; --",
    };
    struct fixture *self = fixture_of(state);
    struct wire_event sent;

    fixture_conversation(self, 1, 1);
    for (uint64_t i = 0; i < COUNT_OF(texts); i++) {
        struct store_range range = {fixture_id(1), i + 2, i + 2, 1, false, false};

        sent = fixture_message(self, 1, i + 2, 1, texts[i], texts[i]);
        fixture_store(self, &sent);
        assert_int_equal(self->store->ops->events(self->store, &range, compare_text, &sent), 0);
        fixture_reopen(self);
        assert_int_equal(self->store->ops->events(self->store, &range, compare_text, &sent), 0);
        check_verdict(fixture_append(self, &sent), WIRE_ANSWER_SAME, i + 2, 0);
    }
}

static void ten_thousand_events_stand_in_order(void **state)
{
    struct fixture *self = fixture_of(state);
    unsigned total =
        strcmp(self->kind, "sqlite") == 0 || getenv("PARLEY_TEST_FULL_SIZE") ? 10000 : 1000;
    struct wire_event *events = NEW_ARRAY(500, struct wire_event);
    struct wire_verdict *verdicts = NEW_ARRAY(500, struct wire_verdict);

    for (unsigned c = 1; c <= 10; c++)
        fixture_conversation(self, c, 1);
    for (unsigned done = 0; done < total; done += 500) {
        for (unsigned i = 0; i < 500; i++) {
            unsigned n = done + i;
            char client_id[20];

            snprintf(client_id, sizeof client_id, "%u", n);
            events[i] = fixture_message(self, n % 10 + 1, n / 10 + 2, 1, client_id, "text");
        }
        assert_int_equal(self->store->ops->append(self->store, events, 500, verdicts), 0);
        for (unsigned i = 0; i < 500; i++)
            assert_int_equal(verdicts[i].answer, WIRE_ANSWER_STORED);
    }
    for (unsigned c = 1; c <= 10; c++) {
        struct log log = read_log(self, c);

        assert_int_equal(log.count, total / 10 + 1);
        assert_int_equal(log.first, 1);
        assert_int_equal(log.messages, total / 10);
    }
    free(events);
    free(verdicts);
}

/* ---- ranges ---- */

struct seqs {
    uint64_t all[64];
    size_t count, stop;
};

static bool take_seq(void *arg, const struct wire_event *event)
{
    struct seqs *self = arg;

    self->all[self->count++] = event->seq;
    return self->count != self->stop;
}

static void check_range(struct fixture *self, struct store_range range, const char *wanted)
{
    struct seqs seqs = {0};
    char text[200] = "";

    range.conversation = fixture_id(1);
    assert_int_equal(self->store->ops->events(self->store, &range, take_seq, &seqs), 0);
    for (size_t i = 0; i < seqs.count; i++)
        sprintf(text + strlen(text), "%s%llu", i ? " " : "", (unsigned long long)seqs.all[i]);
    assert_string_equal(text, wanted);
}

static void ranges_are_read_up_and_down(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store_range one = {.conversation = fixture_id(1), .first = 1, .limit = 100};
    struct seqs seqs = {.stop = 2};

    fixture_conversation(self, 1, 1);
    for (uint64_t seq = 2; seq <= 9; seq++) {
        struct wire_event event =
            seq % 3 ? fixture_message(self, 1, seq, 1, "", "text")
                    : fixture_member(self, 1, seq, WIRE_KIND_MEMBER_UPDATED, 2, WIRE_ROLE_ADMIN);
        char client_id[8];

        snprintf(client_id, sizeof client_id, "%u", (unsigned)seq);
        event.client_id = wire_text(client_id);
        fixture_store(self, &event);
    }
    check_range(self, (struct store_range){.first = 1, .limit = 100}, "1 2 3 4 5 6 7 8 9");
    check_range(self, (struct store_range){.first = 3, .last = 5, .limit = 100}, "3 4 5");
    check_range(self, (struct store_range){.first = 3, .limit = 2}, "3 4");
    check_range(self, (struct store_range){.first = 1, .limit = 3, .descending = true}, "9 8 7");
    check_range(self, (struct store_range){.first = 6, .last = 7, .limit = 9, .descending = true},
                "7 6");
    check_range(self, (struct store_range){.first = 1, .limit = 100, .messages = true},
                "2 4 5 7 8");
    check_range(self,
                (struct store_range){.first = 1, .limit = 2, .messages = true, .descending = true},
                "8 7");
    check_range(self, (struct store_range){.first = 10, .limit = 2}, "");
    assert_int_equal(self->store->ops->events(self->store, &one, take_seq, &seqs), 0);
    assert_int_equal(seqs.count, 2); /* the reader had enough */
}

/* ---- members ---- */

struct members {
    struct wire_member all[64];
    size_t count;
};

static bool take_member(void *arg, const struct wire_member *member)
{
    struct members *self = arg;

    self->all[self->count++] = *member;
    return true;
}

static struct members read_intervals(struct fixture *self, unsigned conversation, unsigned user)
{
    struct id c = fixture_id(conversation), u = fixture_id(user);
    struct members members = {0};

    assert_int_equal(self->store->ops->intervals(self->store, &c, &u, take_member, &members), 0);
    return members;
}

static void memberships_are_intervals_for_ever(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event events[] = {
        fixture_member(self, 1, 2, WIRE_KIND_MEMBER_ADDED, 9, WIRE_ROLE_MEMBER),
        fixture_member(self, 1, 3, WIRE_KIND_MEMBER_UPDATED, 9, WIRE_ROLE_ADMIN),
        fixture_member(self, 1, 4, WIRE_KIND_MEMBER_REMOVED, 9, WIRE_ROLE_NONE),
        fixture_member(self, 1, 5, WIRE_KIND_MEMBER_ADDED, 9, WIRE_ROLE_MEMBER),
    };
    struct store_conversation row;
    struct id id = fixture_id(1);
    struct members members;

    fixture_conversation(self, 1, 2);
    for (int round = 0; round < 2; round++) { /* a second time changes nothing */
        for (size_t i = 0; i < COUNT_OF(events); i++)
            assert_int_equal(fixture_append(self, &events[i]).answer,
                             round ? WIRE_ANSWER_SAME : WIRE_ANSWER_STORED);
        members = read_intervals(self, 1, 9);
        assert_int_equal(members.count, 2);
        assert_int_equal(members.all[0].from, 2);
        assert_int_equal(members.all[0].to, 4);
        assert_int_equal(members.all[0].role, WIRE_ROLE_ADMIN);
        assert_int_equal(members.all[1].from, 5);
        assert_int_equal(members.all[1].to, 0);
        assert_int_equal(members.all[1].role, WIRE_ROLE_MEMBER);
        assert_int_equal(self->store->ops->conversation(self->store, &id, &row), 0);
        assert_int_equal(row.member_count, 4);
        fixture_reopen(self);
    }
    assert_int_equal(read_intervals(self, 1, 10).count, 0);
    assert_int_equal(read_intervals(self, 2, 9).count, 0);
}

static bool take_id(void *arg, const struct id *id)
{
    struct members *self = arg;

    self->all[self->count++].user = *id;
    return true;
}

static void members_and_memberships_come_in_pages(void **state)
{
    struct fixture *self = fixture_of(state);
    struct id zero = {0}, conversation = fixture_id(3), user = fixture_id(2);
    struct wire_event leave =
        fixture_member(self, 3, 2, WIRE_KIND_MEMBER_REMOVED, 4, WIRE_ROLE_NONE);
    struct members page = {0};

    for (unsigned c = 5; c >= 1; c--)
        fixture_conversation(self, c, 6);
    fixture_store(self, &leave);
    assert_int_equal(
        self->store->ops->members(self->store, &conversation, &zero, 4, take_member, &page), 0);
    assert_int_equal(page.count, 4);
    assert_true(id_equal(&page.all[3].user, &(struct id[]){fixture_id(5)}[0]));
    assert_int_equal(self->store->ops->members(self->store, &conversation, &page.all[3].user, 4,
                                               take_member, &page),
                     0);
    assert_int_equal(page.count, 6);
    page.count = 0;
    assert_int_equal(self->store->ops->memberships(self->store, &user, &zero, 3, take_id, &page),
                     0);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.all[2].user.bytes[1], 3);
    assert_int_equal(
        self->store->ops->memberships(self->store, &user, &page.all[2].user, 9, take_id, &page), 0);
    assert_int_equal(page.count, 5);
    page.count = 0;
    user = fixture_id(4);
    assert_int_equal(self->store->ops->memberships(self->store, &user, &zero, 9, take_id, &page),
                     0);
    assert_int_equal(page.count, 4); /* not the one left */
}

static void a_title_is_the_last_one_given(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event event = fixture_message(self, 1, 2, 1, "title", "");
    struct wire_body_updated updated = {wire_text("漢字 🙂 \x01")};
    struct store_conversation row;
    struct id id = fixture_id(1);
    struct buf body;

    buf_init(&body, 1000);
    wire_body_updated_encode(&body, &updated);
    event.kind = WIRE_KIND_CONVERSATION_UPDATED;
    event.body = wire_buf(&body);
    fixture_conversation(self, 1, 2);
    assert_int_equal(self->store->ops->conversation(self->store, &id, &row), 0);
    assert_true(wire_bytes_equal(row.title, wire_text("Ærøskøbing 🙂")));
    fixture_store(self, &event);
    fixture_reopen(self);
    assert_int_equal(self->store->ops->conversation(self->store, &id, &row), 0);
    assert_true(wire_bytes_equal(row.title, updated.title));
    assert_int_equal(row.kind, WIRE_GROUP);
    buf_done(&body);
}

/* ---- claims ---- */

struct holdings {
    uint32_t epochs[ID_PARTITIONS];
    char holders[ID_PARTITIONS][40];
    size_t count;
};

static bool take_holding(void *arg, const struct wire_holding *holding)
{
    struct holdings *self = arg;

    self->epochs[holding->partition] = holding->epoch;
    snprintf(self->holders[holding->partition], 40, "%.*s", (int)holding->holder.len,
             (const char *)holding->holder.data);
    self->count++;
    return true;
}

static void an_epoch_is_claimed_once(void **state)
{
    struct fixture *self = fixture_of(state);
    unsigned won[2] = {0};
    struct store *other;

    self->place.writer = false; /* a second writer is none of SQLite's */
    other = fixture_open(self);
    for (uint32_t epoch = 1; epoch <= 20; epoch++)
        for (size_t i = 0; i < 2; i++) {
            struct store *store = (epoch + i) % 2 ? self->store : other;
            struct wire_holding holding = {7, epoch, WIRE_ROUTER, wire_text(i ? "late" : "first")};
            int rc = store_claim(store, &holding);

            assert_int_equal(rc, i ? -EEXIST : 0);
            won[store == other] += rc == 0;
        }
    assert_int_equal(won[0], 10);
    assert_int_equal(won[1], 10);
    other->ops->close(&other);
}

static void what_others_have_of_many_claims_is_told(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_holding theirs[] = {{1, 1, WIRE_ROUTER, wire_text("first")},
                                    {5, 1, WIRE_ROUTER, wire_text("first")}};
    struct wire_holding ours[64];
    struct holdings holdings = {0};
    uint64_t taken = 1;

    for (uint16_t p = 0; p < 64; p++)
        ours[p] = (struct wire_holding){p, 1, WIRE_ROUTER, wire_text("late")};
    assert_int_equal(self->store->ops->claim(self->store, theirs, 2, &taken), 0);
    assert_int_equal(taken, 0);
    assert_int_equal(self->store->ops->claim(self->store, ours, 64, &taken), 0);
    assert_int_equal(taken, 1 << 1 | 1 << 5);
    fixture_reopen(self);
    assert_int_equal(self->store->ops->holdings(self->store, WIRE_ROUTER, take_holding, &holdings),
                     0);
    assert_int_equal(holdings.count, 64);
    assert_string_equal(holdings.holders[5], "first");
    assert_string_equal(holdings.holders[6], "late");
    assert_int_equal(self->store->ops->claim(self->store, ours, 64, &taken), 0);
    assert_int_equal(taken, UINT64_MAX);
}

static void holdings_are_the_highest_epochs_of_a_role(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_holding all[] = {
        {3, 1, WIRE_ROUTER, wire_text("router")},    {3, 2, WIRE_ROUTER, wire_text("router.2")},
        {9, 12, WIRE_ROUTER, wire_text("router")},   {9, 3, WIRE_PERSIST, wire_text("persist")},
        {63, 1, WIRE_ROUTER, wire_text("router.9")},
    };
    struct holdings holdings = {0};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_int_equal(store_claim(self->store, &all[i]), 0);
    fixture_reopen(self);
    assert_int_equal(self->store->ops->holdings(self->store, WIRE_ROUTER, take_holding, &holdings),
                     0);
    assert_int_equal(holdings.count, 3);
    assert_int_equal(holdings.epochs[3], 2);
    assert_string_equal(holdings.holders[3], "router.2");
    assert_int_equal(holdings.epochs[9], 12);
    assert_int_equal(holdings.epochs[63], 1);
}

/* ---- users ---- */

static struct wire_user user_of(unsigned n, const char *username, const char *email)
{
    return (struct wire_user){.id = fixture_id(n),
                              .username = wire_text(username),
                              .email = wire_text(email),
                              .display_name = wire_text("Zoë 🙂\x01"),
                              .password = wire_text("$argon2id$…"),
                              .created_ms = 1700000000123};
}

struct users {
    unsigned count;
    char names[16][40];
    bool good;
};

static bool take_user(void *arg, const struct wire_user *user)
{
    struct users *self = arg;

    snprintf(self->names[self->count++], 40, "%.*s", (int)user->username.len,
             (const char *)user->username.data);
    self->good = wire_bytes_equal(user->display_name, wire_text("Zoë 🙂\x01")) &&
                 user->created_ms == 1700000000123;
    return true;
}

static void a_username_and_an_address_are_one_users(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store *store = self->store;
    const struct store_ops *ops = store->ops;
    struct wire_user zoe = user_of(1, "zoe", "zoe@example.org");
    struct wire_user other = user_of(2, "zoe", "other@example.org");
    struct wire_user same_mail = user_of(3, "zoe2", "zoe@example.org");
    struct wire_user no_mail = user_of(4, "nomail", ""), no_mail2 = user_of(5, "nomail2", "");
    struct users users = {0};
    const char *taken = "";

    assert_int_equal(ops->user_add(store, &zoe, &taken), 0);
    assert_int_equal(ops->user_add(store, &zoe, &taken), 0); /* told again */
    assert_int_equal(ops->user_add(store, &other, &taken), -EEXIST);
    assert_string_equal(taken, "username");
    assert_int_equal(ops->user_add(store, &same_mail, &taken), -EEXIST);
    assert_string_equal(taken, "email");
    assert_int_equal(ops->user_add(store, &no_mail, &taken), 0);
    assert_int_equal(ops->user_add(store, &no_mail2, &taken), 0); /* two without one */
    assert_int_equal(ops->user_get(store, &zoe.id, take_user, &users), 0);
    assert_int_equal(
        ops->user_login(store, STORE_BY_EMAIL, wire_text("zoe@example.org"), take_user, &users), 0);
    assert_int_equal(ops->user_login(store, STORE_BY_USERNAME, wire_text("zoe"), take_user, &users),
                     0);
    assert_int_equal(users.count, 3);
    assert_true(users.good);
    assert_int_equal(ops->user_get(store, &other.id, take_user, &users), -ENOENT);
    assert_int_equal(ops->user_login(store, STORE_BY_EMAIL, wire_text("zoe"), take_user, &users),
                     -ENOENT);
}

static bool take_email(void *arg, const struct wire_user *user)
{
    *(size_t *)arg = user->email.len;
    return true;
}

static void users_are_found_by_prefix_and_change_their_name(void **state)
{
    static const char *const names[] = {"anna", "ann", "bo", "an.na", "ann-a", "ANNA", "anz"};
    struct fixture *self = fixture_of(state);
    struct store *store = self->store;
    struct users users = {0};
    struct id id = fixture_id(1);
    const char *taken = "";
    size_t email = 99;

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        struct wire_user user = user_of(i, names[i], "");

        assert_int_equal(store->ops->user_add(store, &user, &taken), 0);
    }
    assert_int_equal(store->ops->user_find(store, wire_text("ann"), 10, take_user, &users), 0);
    assert_int_equal(users.count, 3);
    assert_string_equal(users.names[0], "ann");
    assert_string_equal(users.names[1], "ann-a");
    assert_string_equal(users.names[2], "anna");
    users.count = 0;
    assert_int_equal(store->ops->user_find(store, wire_text("an"), 2, take_user, &users), 0);
    assert_int_equal(users.count, 2);
    users.count = 0;
    assert_int_equal(store->ops->user_find(store, wire_text("a.n"), 9, take_user, &users), 0);
    assert_int_equal(users.count, 0);
    assert_int_equal(store->ops->user_update(store, &id, wire_text("New 名")), 0);
    assert_int_equal(store->ops->user_update(store, &id, wire_text("New 名")), 0);
    assert_int_equal(store->ops->user_get(store, &id, take_user, &users), 0);
    assert_false(users.good);
    assert_int_equal(store->ops->user_get(store, &id, take_email, &email), 0);
    assert_int_equal(email, 0); /* whatever stands for "none" is not shown */
    id = fixture_id(900);
    assert_int_equal(store->ops->user_update(store, &id, wire_text("Nobody")), -ENOENT);
}

/* ---- sessions ---- */

static void add_session(struct fixture *self, unsigned n, unsigned user)
{
    struct wire_session session = {.id = fixture_id(n),
                                   .user = fixture_id(user),
                                   .device = wire_text("Wählscheibe"),
                                   .created_ms = 1000,
                                   .used_ms = 1000};
    uint8_t hash[32] = {(uint8_t)n};

    assert_int_equal(self->store->ops->session_add(self->store, &session, wire_bytes_of(hash, 32)),
                     0);
}

struct sessions {
    size_t count;
    struct wire_session last;
};

static bool take_session(void *arg, const struct wire_session *session)
{
    struct sessions *self = arg;

    assert_true(wire_bytes_equal(session->device, wire_text("Wählscheibe")));
    self->count++;
    self->last = *session;
    return true;
}

static size_t count_sessions(struct fixture *self, unsigned user, uint64_t since_ms)
{
    struct id id = user ? fixture_id(user) : (struct id){0};
    struct sessions sessions = {0};

    assert_int_equal(
        self->store->ops->session_list(self->store, &id, since_ms, take_session, &sessions), 0);
    return sessions.count;
}

static void sessions_are_listed_and_revoked(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store *store = self->store;
    struct id user = fixture_id(1), other = fixture_id(2), zero = {0}, session = fixture_id(11);
    struct sessions sessions = {0};

    for (unsigned i = 0; i < 3; i++)
        add_session(self, 11 + i, 1);
    add_session(self, 21, 2);
    assert_int_equal(count_sessions(self, 1, 0), 3);
    assert_int_equal(store->ops->session_revoke(store, &other, &session, 5000), -ENOENT);
    assert_int_equal(store->ops->session_revoke(store, &user, &session, 5000), 0);
    assert_int_equal(store->ops->session_revoke(store, &user, &session, 6000), 0); /* told again */
    assert_int_equal(store->ops->session_get(store, &session, take_session, &sessions), 0);
    assert_int_equal(sessions.last.revoked_ms, 5000);
    assert_int_equal(count_sessions(self, 1, 0), 2);
    assert_int_equal(store->ops->session_revoke(store, &user, &zero, 7000), 0);
    assert_int_equal(count_sessions(self, 1, 0), 0);
    assert_int_equal(count_sessions(self, 1, 6000), 2);
    assert_int_equal(count_sessions(self, 0, 5000), 3);
    assert_int_equal(count_sessions(self, 2, 0), 1);
    assert_int_equal(store->ops->session_revoke(store, &other, &zero, 4000), 0);
    assert_int_equal(
        store->ops->session_list(store, &(struct id){0}, 4000, take_session, &sessions), 0);
    assert_int_equal(sessions.last.revoked_ms, 7000); /* in order of time */
    session = fixture_id(99);
    assert_int_equal(store->ops->session_revoke(store, &user, &session, 5000), -ENOENT);
}

static void take_spent(void *arg, const struct store_spent *found)
{
    *(uint64_t *)arg = found->at_ms;
    assert_int_equal(found->new_hash.len, 32);
    assert_int_equal(found->new_hash.data[0], 200);
    assert_true(wire_bytes_equal(found->idempotency, wire_text("key")));
}

static void a_refresh_hash_is_spent_once(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store *store = self->store;
    uint8_t first[32] = {11}, second[32] = {200}, third[32] = {201};
    struct store_spent spent = {fixture_id(11), wire_bytes_of(first, 32), wire_bytes_of(second, 32),
                                wire_text("key"), 3000};
    struct sessions sessions = {0};
    uint64_t at_ms = 0;

    add_session(self, 11, 1);
    assert_int_equal(
        store->ops->hash_issued(store, &spent.session, wire_bytes_of(first, 32), &at_ms), 0);
    assert_int_equal(at_ms, 1000);
    assert_int_equal(
        store->ops->hash_issued(store, &spent.session, wire_bytes_of(second, 32), &at_ms), -ENOENT);
    assert_int_equal(store->ops->hash_spend(store, &spent, take_spent, &at_ms), 0);
    assert_int_equal(
        store->ops->hash_issued(store, &spent.session, wire_bytes_of(second, 32), &at_ms), 0);
    assert_int_equal(at_ms, 3000);
    spent.new_hash = wire_bytes_of(third, 32);
    spent.at_ms = 9000;
    at_ms = 0;
    assert_int_equal(store->ops->hash_spend(store, &spent, take_spent, &at_ms), -EEXIST);
    assert_int_equal(at_ms, 3000);
    assert_int_equal(store->ops->session_get(store, &spent.session, take_session, &sessions), 0);
    assert_int_equal(sessions.last.used_ms, 3000);
}

/* ---- jobs ---- */

struct dues {
    struct store_due all[16];
    size_t count;
};

static bool take_due(void *arg, const struct store_due *due)
{
    struct dues *self = arg;

    self->all[self->count++] = *due;
    return true;
}

static struct dues read_jobs(struct fixture *self, uint64_t now_ms)
{
    struct dues dues = {0};

    assert_int_equal(
        self->store->ops->jobs(self->store, WIRE_JOB_WEBHOOK, now_ms, 16, take_due, &dues), 0);
    return dues;
}

static void settle(struct fixture *self, uint64_t seq, uint8_t state, uint64_t retry_ms,
                   uint32_t tries)
{
    struct wire_job_settle settle = {fixture_id(1), seq, WIRE_JOB_WEBHOOK, state, retry_ms};

    for (int i = 0; i < 2; i++) /* a second time changes nothing */
        assert_int_equal(self->store->ops->job_settle(self->store, &settle, tries), 0);
}

static void jobs_are_undone_until_they_are_settled(void **state)
{
    struct fixture *self = fixture_of(state);
    uint64_t now_ms = clock_wall_ms();
    struct dues dues;

    fixture_conversation(self, 1, 1);
    for (uint64_t seq = 2; seq <= 6; seq++) {
        char client_id[8];
        struct wire_event event;

        snprintf(client_id, sizeof client_id, "%u", (unsigned)seq);
        event = fixture_message(self, 1, seq, 1, client_id, "text");
        event.jobs = seq < 6 ? WIRE_JOB_WEBHOOK : 0;
        fixture_store(self, &event);
        assert_int_equal(fixture_append(self, &event).answer, WIRE_ANSWER_SAME);
    }
    dues = read_jobs(self, now_ms);
    assert_int_equal(dues.count, 4);
    assert_int_equal(dues.all[0].seq, 2);
    settle(self, 2, WIRE_JOB_DONE, 0, 0);
    settle(self, 3, WIRE_JOB_RETRY, now_ms + 5000, 1);
    settle(self, 4, WIRE_JOB_DEAD, 0, 0);
    fixture_reopen(self);
    dues = read_jobs(self, now_ms);
    assert_int_equal(dues.count, 1);
    assert_int_equal(dues.all[0].seq, 5);
    assert_int_equal(dues.all[0].tries, 0);
    assert_true(id_equal(&dues.all[0].conversation, &(struct id[]){fixture_id(1)}[0]));
    dues = read_jobs(self, now_ms + 5000);
    assert_int_equal(dues.count, 2);
    assert_int_equal(dues.all[1].seq, 3);
    assert_int_equal(dues.all[1].tries, 1);
    dues.count = 0;
    assert_int_equal(self->store->ops->jobs(self->store, 2, now_ms, 16, take_due, &dues), 0);
    assert_int_equal(dues.count, 0);
}

static void a_void_causes_no_job(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event first = fixture_message(self, 1, 2, 1, "a", "text");
    struct wire_event again = fixture_message(self, 1, 3, 1, "a", "text");

    fixture_conversation(self, 1, 1);
    first.jobs = again.jobs = WIRE_JOB_WEBHOOK;
    fixture_store(self, &first);
    check_verdict(fixture_append(self, &again), WIRE_ANSWER_DUPLICATE_OF, 3, 2);
    assert_int_equal(read_jobs(self, clock_wall_ms()).count, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ON_BOTH(numbers_are_taken_in_order),
        ON_BOTH(a_conversation_that_is_not_there_has_no_head),
        ON_BOTH(an_event_is_found_by_its_client_id_however_old_it_is),
        ON_BOTH(a_batch_appended_again_is_the_same),
        ON_BOTH(a_number_whose_predecessor_is_missing_is_a_gap),
        ON_BOTH(what_follows_a_gap_in_a_batch_is_not_stored_either),
        ON_BOTH(a_number_that_another_event_has_is_taken_and_so_is_what_follows),
        ON_BOTH(a_client_id_used_before_leaves_a_void_and_names_the_first),
        ON_BOTH(a_client_id_with_another_body_is_a_conflict),
        ON_BOTH(repeats_within_one_batch_are_seen),
        ON_BOTH(what_breaks_a_rule_is_refused_and_leaves_a_void),
        ON_BOTH(text_comes_back_unchanged),
        ON_BOTH(ten_thousand_events_stand_in_order),
        ON_BOTH(ranges_are_read_up_and_down),
        ON_BOTH(memberships_are_intervals_for_ever),
        ON_BOTH(members_and_memberships_come_in_pages),
        ON_BOTH(a_title_is_the_last_one_given),
        ON_BOTH(an_epoch_is_claimed_once),
        ON_BOTH(what_others_have_of_many_claims_is_told),
        ON_BOTH(holdings_are_the_highest_epochs_of_a_role),
        ON_BOTH(a_username_and_an_address_are_one_users),
        ON_BOTH(users_are_found_by_prefix_and_change_their_name),
        ON_BOTH(sessions_are_listed_and_revoked),
        ON_BOTH(a_refresh_hash_is_spent_once),
        ON_BOTH(jobs_are_undone_until_they_are_settled),
        ON_BOTH(a_void_causes_no_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
