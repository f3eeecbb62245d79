/* What the log means to who asks: clipped pages, lists, sync, refresh rotation, leases. Over every
 * store. */
#include <errno.h>

#include "base/clock.h"
#include "persist/leases.h"
#include "persist/query.h"
#include "tests/persist/fixture.h"

/* One answer at a time is looked at. */
static struct buf out;

static struct wire_bytes answer(int rc)
{
    assert_int_equal(rc, 0);
    assert_false(out.over);
    return wire_buf(&out);
}

#define ASK(name, reply_name, ...)                                                               \
    __extension__({                                                                              \
        struct wire_##name ask_ = {__VA_ARGS__};                                                 \
        struct wire_##reply_name reply_ = {0};                                                   \
                                                                                                 \
        buf_clear(&out);                                                                         \
        assert_int_equal(                                                                        \
            wire_##reply_name##_decode(answer(query_##name(self->store, &ask_, &out)), &reply_), \
            0);                                                                                  \
        reply_;                                                                                  \
    })

/* A conversation: 1 created by user 1 with 2; messages; user 9 is in it from 4 to 6, and again from
 * 8 on. */
static void tell_story(struct fixture *self, unsigned conversation)
{
    struct wire_event events[] = {
        fixture_created(self, conversation, 1, 1),
        fixture_message(self, conversation, 2, 1, "m2", "two"),
        fixture_message(self, conversation, 3, 2, "m3", "three"),
        fixture_member(self, conversation, 4, WIRE_KIND_MEMBER_ADDED, 9, WIRE_ROLE_MEMBER),
        fixture_message(self, conversation, 5, 9, "m5", "five"),
        fixture_member(self, conversation, 6, WIRE_KIND_MEMBER_REMOVED, 9, WIRE_ROLE_NONE),
        fixture_message(self, conversation, 7, 1, "m7", "seven"),
        fixture_member(self, conversation, 8, WIRE_KIND_MEMBER_ADDED, 9, WIRE_ROLE_ADMIN),
        fixture_message(self, conversation, 9, 2, "m9", "nine"),
    };

    for (size_t i = 0; i < COUNT_OF(events); i++)
        fixture_store(self, &events[i]);
}

/* ---- pages ---- */

static void describe_page(struct wire_bytes record, char ret[200])
{
    struct wire_page page = {0};
    struct wire_event event;
    struct wire_bytes item;

    assert_int_equal(wire_page_decode(record, &page), 0);
    ret[0] = '\0';
    while (wire_list_next(&page.events, &item)) {
        assert_int_equal(wire_event_decode(item, &event), 0);
        sprintf(ret + strlen(ret), "%llu ", (unsigned long long)event.seq);
    }
    sprintf(ret + strlen(ret), "of %llu%s", (unsigned long long)page.last_seq,
            page.more ? ", more" : "");
}

static void check_page(struct fixture *self, unsigned user, struct wire_events ask,
                       const char *wanted)
{
    struct wire_events_reply reply;
    char text[200];

    ask.conversation = fixture_id(1);
    ask.user = user ? fixture_id(user) : (struct id){0};
    reply = ASK(events, events_reply, ask.conversation, ask.user, ask.after, ask.before, ask.limit,
                ask.newest, ask.messages, ask.past);
    if (reply.status == WIRE_OK)
        describe_page(reply.page, text);
    else
        snprintf(text, sizeof text, "status %u", reply.status);
    assert_string_equal(text, wanted);
}

static void pages_are_clipped_to_the_readers_membership(void **state)
{
    struct fixture *self = fixture_of(state);

    tell_story(self, 1);
    check_page(self, 0, (struct wire_events){0}, "1 2 3 4 5 6 7 8 9 of 9");
    check_page(self, 1, (struct wire_events){0}, "1 2 3 4 5 6 7 8 9 of 9");
    check_page(self, 9, (struct wire_events){0}, "4 5 6 8 9 of 9");
    check_page(self, 9, (struct wire_events){.after = 5}, "6 8 9 of 9");
    check_page(self, 9, (struct wire_events){.before = 6}, "4 5 of 9");
    check_page(self, 9, (struct wire_events){.messages = 1}, "5 9 of 9");
    check_page(self, 9, (struct wire_events){.after = UINT64_MAX}, "of 9");
    check_page(self, 9, (struct wire_events){.after = INT64_MAX}, "of 9");
    check_page(self, 9, (struct wire_events){.after = 3, .before = 5, .messages = 1}, "of 9");
    check_page(self, 5, (struct wire_events){0}, "status 5"); /* never a member */
    check_page(self, 5, (struct wire_events){.past = 1}, "status 5");
}

static void pages_know_whether_there_is_more(void **state)
{
    struct fixture *self = fixture_of(state);

    tell_story(self, 1);
    check_page(self, 1, (struct wire_events){.limit = 3}, "1 2 3 of 9, more");
    check_page(self, 1, (struct wire_events){.after = 6, .limit = 3}, "7 8 9 of 9");
    check_page(self, 1, (struct wire_events){.after = 9}, "of 9");
    check_page(self, 1, (struct wire_events){.after = 900}, "of 9");
    check_page(self, 1, (struct wire_events){.newest = 1, .limit = 3}, "7 8 9 of 9, more");
    check_page(self, 1, (struct wire_events){.newest = 1, .before = 4, .limit = 3}, "1 2 3 of 9");
    check_page(self, 1, (struct wire_events){.newest = 1, .after = 7, .limit = 5}, "8 9 of 9");
    check_page(self, 9, (struct wire_events){.newest = 1, .limit = 3}, "6 8 9 of 9, more");
    check_page(self, 9, (struct wire_events){.newest = 1, .limit = 5}, "4 5 6 8 9 of 9");
    check_page(self, 1, (struct wire_events){.newest = 1, .messages = 1, .limit = 2},
               "7 9 of 9, more");
    check_page(self, 1, (struct wire_events){.before = 1}, "of 9");
}

static void who_left_reads_to_the_end_of_their_time_when_they_ask_for_the_past(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event leave =
        fixture_member(self, 1, 10, WIRE_KIND_MEMBER_REMOVED, 2, WIRE_ROLE_NONE);
    struct wire_event last = fixture_message(self, 1, 11, 1, "m11", "after you left");

    tell_story(self, 1);
    fixture_store(self, &leave);
    fixture_store(self, &last);
    check_page(self, 2, (struct wire_events){0}, "status 5");
    check_page(self, 2, (struct wire_events){.after = 7, .past = 1}, "8 9 10 of 10");
    check_page(self, 2, (struct wire_events){.newest = 1, .limit = 2, .past = 1},
               "9 10 of 10, more");
}

static void a_page_of_large_texts_ends_early(void **state)
{
    struct fixture *self = fixture_of(state);
    char *text = NEW_ARRAY(900001, char);
    struct wire_events_reply reply;
    char told[200];

    memset(text, 'x', 900000);
    fixture_conversation(self, 1, 1);
    for (uint64_t seq = 2; seq <= 7; seq++) {
        char client_id[8];
        struct wire_event event;

        snprintf(client_id, sizeof client_id, "%u", (unsigned)seq);
        event = fixture_message(self, 1, seq, 1, client_id, text);
        fixture_store(self, &event);
    }
    reply = ASK(events, events_reply, .conversation = fixture_id(1), .user = fixture_id(1));
    describe_page(reply.page, told);
    assert_string_equal(told, "1 2 3 4 5 of 7, more");
    reply = ASK(events, events_reply, .conversation = fixture_id(1), .user = fixture_id(1),
                .newest = 1);
    describe_page(reply.page, told);
    assert_string_equal(told, "4 5 6 7 of 7, more");
    free(text);
}

/* ---- load, heads, members ---- */

static struct wire_list items_of(struct buf *list, const unsigned *ids, size_t count)
{
    uint32_t made = 0;

    buf_clear(list);
    for (size_t i = 0; i < count; i++) {
        struct wire_item item = {fixture_id(ids[i])};

        wire_item_add(list, &made, &item);
    }
    return wire_list_of(list, made);
}

static void a_load_tells_a_router_what_it_must_know(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event again = fixture_message(self, 1, 10, 2, "m3", "three");
    struct wire_event last = fixture_message(self, 1, 9, 2, "m9", "nine");
    struct wire_loaded loaded;
    struct wire_recent recent;
    struct wire_member member;
    struct wire_bytes item;
    struct id key = id_of_client(&last.actor, last.client_id.data, last.client_id.len);
    struct buf users;

    buf_init(&users, 1000);
    tell_story(self, 1);
    assert_int_equal(fixture_append(self, &again).answer, WIRE_ANSWER_DUPLICATE_OF);
    loaded = ASK(load, loaded, .conversation = fixture_id(1),
                 .users = items_of(&users, (unsigned[]){9, 5, 1}, 3));
    assert_int_equal(loaded.kind, WIRE_GROUP);
    assert_int_equal(loaded.head, 10);
    assert_int_equal(loaded.messages, 5);
    assert_int_equal(loaded.last_message, 9);
    assert_int_equal(loaded.recents.count, 9); /* the void is nobody's */
    assert_true(wire_list_next(&loaded.recents, &item));
    assert_int_equal(wire_recent_decode(item, &recent), 0);
    assert_true(id_equal(&recent.key, &key));
    assert_int_equal(recent.seq, 9);
    assert_int_equal(recent.fingerprint, last.fingerprint);
    assert_int_equal(loaded.members.count, 3);
    assert_true(wire_list_next(&loaded.members, &item));
    assert_int_equal(wire_member_decode(item, &member), 0);
    assert_int_equal(member.from, 8);
    assert_int_equal(member.role, WIRE_ROLE_ADMIN);
    assert_true(wire_list_next(&loaded.members, &item));
    assert_int_equal(wire_member_decode(item, &member), 0);
    assert_int_equal(member.role, WIRE_ROLE_NONE);
    loaded = ASK(load, loaded, .conversation = fixture_id(2));
    assert_int_equal(loaded.kind, 0);
    assert_int_equal(loaded.head, 0);
    buf_done(&users);
}

static void a_load_tells_that_somebody_was_a_member_once(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event leave =
        fixture_member(self, 1, 10, WIRE_KIND_MEMBER_REMOVED, 9, WIRE_ROLE_NONE);
    struct id gone = fixture_id(9);
    struct wire_loaded loaded;
    struct wire_member member;
    struct wire_bytes item;
    struct buf users;

    buf_init(&users, 1000);
    tell_story(self, 1);
    fixture_store(self, &leave);
    loaded = ASK(load, loaded, .conversation = fixture_id(1),
                 .users = items_of(&users, (unsigned[]){9, 5}, 2));
    assert_true(wire_list_next(&loaded.members, &item));
    assert_int_equal(wire_member_decode(item, &member), 0);
    assert_true(id_equal(&member.user, &gone));
    assert_int_equal(member.role, WIRE_ROLE_NONE);
    assert_int_equal(member.to, 10);
    assert_true(wire_list_next(&loaded.members, &item));
    assert_int_equal(wire_member_decode(item, &member), 0);
    assert_int_equal(member.role, WIRE_ROLE_NONE);
    assert_int_equal(member.to, 0); /* never was */
    buf_done(&users);
}

static void heads_come_in_the_order_asked_for(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_heads_reply reply;
    struct wire_position position;
    struct wire_bytes item;
    struct buf list;
    uint64_t wanted[] = {9, 0, 1};

    buf_init(&list, 1000);
    tell_story(self, 1);
    fixture_conversation(self, 2, 1);
    reply = ASK(heads, heads_reply, items_of(&list, (unsigned[]){1, 77, 2}, 3));
    assert_int_equal(reply.positions.count, 3);
    for (size_t i = 0; i < COUNT_OF(wanted) && wire_list_next(&reply.positions, &item); i++) {
        assert_int_equal(wire_position_decode(item, &position), 0);
        assert_int_equal(position.seq, wanted[i]);
    }
    buf_done(&list);
}

static void members_are_shown_to_members_alone(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_members_reply reply;

    tell_story(self, 1);
    reply = ASK(members, members_reply, fixture_id(1), fixture_id(9), {{0}}, 2);
    assert_int_equal(reply.status, WIRE_OK);
    assert_int_equal(reply.members.count, 2);
    assert_int_equal(reply.more, 1);
    reply = ASK(members, members_reply, fixture_id(1), fixture_id(9), fixture_id(2), 2);
    assert_int_equal(reply.members.count, 1);
    assert_int_equal(reply.more, 0);
    reply = ASK(members, members_reply, fixture_id(1), fixture_id(5), {{0}}, 2);
    assert_int_equal(reply.status, WIRE_NOT_FOUND);
    assert_int_equal(reply.members.count, 0);
}

/* ---- conversations ---- */

static struct wire_conversation first_of(struct wire_list list)
{
    struct wire_conversation record = {0};
    struct wire_bytes item;

    assert_true(wire_list_next(&list, &item));
    assert_int_equal(wire_conversation_decode(item, &record), 0);
    return record;
}

static void a_conversation_is_shown_as_its_member_sees_it(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_conversations_reply reply;
    struct wire_conversation seen;
    struct wire_member me;
    struct wire_event event;

    tell_story(self, 1);
    reply = ASK(conversations, conversations_reply, .user = fixture_id(9), .id = fixture_id(1));
    assert_int_equal(reply.status, WIRE_OK);
    seen = first_of(reply.conversations);
    assert_int_equal(seen.kind, WIRE_GROUP);
    assert_true(wire_bytes_equal(seen.title, wire_text("Ærøskøbing 🙂")));
    assert_int_equal(seen.member_count, 3);
    assert_int_equal(seen.members.count, 3);
    assert_int_equal(wire_member_decode(seen.self, &me), 0);
    assert_int_equal(me.role, WIRE_ROLE_ADMIN);
    assert_int_equal(wire_event_decode(seen.last, &event), 0);
    assert_int_equal(event.seq, 9);
    assert_int_equal(wire_event_decode(seen.last_message, &event), 0);
    assert_int_equal(event.seq, 9);
    reply = ASK(conversations, conversations_reply, .user = fixture_id(5), .id = fixture_id(1));
    assert_int_equal(reply.status, WIRE_NOT_FOUND);
}

static void the_last_message_is_not_one_from_before_the_membership(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event message = fixture_message(self, 1, 2, 1, "m", "secret");
    struct wire_event join = fixture_member(self, 1, 3, WIRE_KIND_MEMBER_ADDED, 9, 1);
    struct wire_conversations_reply reply;

    fixture_conversation(self, 1, 1);
    fixture_store(self, &message);
    fixture_store(self, &join);
    reply = ASK(conversations, conversations_reply, .user = fixture_id(9), .id = fixture_id(1));
    assert_int_equal(first_of(reply.conversations).last_message.len, 0);
    reply = ASK(conversations, conversations_reply, .user = fixture_id(1), .id = fixture_id(1));
    assert_int_not_equal(first_of(reply.conversations).last_message.len, 0);
}

static void the_list_goes_from_the_newest_activity_on(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_conversations_reply reply;
    struct buf cursor;
    char order[64] = "";

    buf_init(&cursor, 100);
    for (unsigned c = 1; c <= 7; c++) {
        struct wire_event created = fixture_created(self, c, 1, 1);

        created.at_ms = 1700000000000 + (c * 5 % 7) * 1000; /* 5 3 1 6 4 2 0 */
        fixture_store(self, &created);
    }
    do {
        struct wire_bytes item;
        struct wire_conversation record;

        reply = ASK(conversations, conversations_reply, .user = fixture_id(2), .limit = 3,
                    .cursor = wire_buf(&cursor));
        while (wire_list_next(&reply.conversations, &item)) {
            assert_int_equal(wire_conversation_decode(item, &record), 0);
            sprintf(order + strlen(order), "%u", record.id.bytes[1]);
        }
        strcat(order, " ");
        buf_clear(&cursor);
        buf_put(&cursor, reply.next.data, reply.next.len);
    } while (cursor.len);
    assert_string_equal(order, "415 263 7 ");
    assert_int_equal(query_conversations(self->store,
                                         &(struct wire_conversations){.user = fixture_id(2),
                                                                      .cursor = wire_text("bad")},
                                         &out),
                     -EPROTO);
    buf_done(&cursor);
}

/* ---- sync ---- */

/* "1: 4 5 of 9, more | 2: … joined 2 left 3 more" */
static void describe_sync(struct wire_sync_reply reply, char ret[400])
{
    struct wire_conversation joined;
    struct wire_page page;
    struct wire_item left;
    struct wire_bytes item;

    ret[0] = '\0';
    while (wire_list_next(&reply.pages, &item)) {
        assert_int_equal(wire_page_decode(item, &page), 0);
        sprintf(ret + strlen(ret), "%u: ", page.conversation.bytes[1]);
        describe_page(item, ret + strlen(ret));
        strcat(ret, " | ");
    }
    while (wire_list_next(&reply.joined, &item)) {
        assert_int_equal(wire_conversation_decode(item, &joined), 0);
        sprintf(ret + strlen(ret), "joined %u ", joined.id.bytes[1]);
    }
    while (wire_list_next(&reply.left, &item)) {
        assert_int_equal(wire_item_decode(item, &left), 0);
        sprintf(ret + strlen(ret), "left %u ", left.id.bytes[1]);
    }
    strcat(ret, reply.more ? "more" : "");
}

static void check_sync(struct fixture *self, unsigned user, const uint64_t (*cursors)[2],
                       size_t count, uint32_t limit, const char *wanted)
{
    struct wire_sync_reply reply;
    struct buf list;
    uint32_t made = 0;
    char text[400];

    buf_init(&list, 10000);
    for (size_t i = 0; i < count; i++) {
        struct wire_position position = {fixture_id((unsigned)cursors[i][0]), cursors[i][1]};

        wire_position_add(&list, &made, &position);
    }
    reply = ASK(sync, sync_reply, .user = fixture_id(user), .cursors = wire_list_of(&list, made),
                .limit = limit);
    assert_int_equal(reply.status, WIRE_OK);
    describe_sync(reply, text);
    assert_string_equal(text, wanted);
    buf_done(&list);
}

static void sync_tells_what_was_missed(void **state)
{
    struct fixture *self = fixture_of(state);

    tell_story(self, 1);
    fixture_conversation(self, 2, 1);
    fixture_conversation(self, 3, 1);
    check_sync(self, 1, (const uint64_t[][2]){{1, 7}, {2, 1}, {3, 0}}, 3, 0,
               "1: 8 9 of 9 | 3: 1 of 1 | ");
    check_sync(self, 1, (const uint64_t[][2]){{1, 9}, {2, 1}, {3, 1}}, 3, 0, "");
    check_sync(self, 9, (const uint64_t[][2]){{1, 0}}, 1, 0, "1: 4 5 6 8 9 of 9 | ");
    check_sync(self, 9, (const uint64_t[][2]){{1, 5}, {1, 6}}, 2, 0, "1: 8 9 of 9 | ");
}

static void sync_names_what_was_joined_and_left(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event leave =
        fixture_member(self, 2, 2, WIRE_KIND_MEMBER_REMOVED, 2, WIRE_ROLE_NONE);
    struct wire_event after = fixture_message(self, 2, 3, 1, "m", "not for you");

    tell_story(self, 1);
    fixture_conversation(self, 2, 1);
    fixture_store(self, &leave);
    fixture_store(self, &after);
    fixture_conversation(self, 3, 0);
    check_sync(self, 2, NULL, 0, 0, "1: 1 2 3 4 5 6 7 8 9 of 9 | joined 1 ");
    check_sync(self, 2, (const uint64_t[][2]){{1, 9}, {2, 1}}, 2, 0, "2: 2 of 2 | left 2 ");
    check_sync(self, 2, (const uint64_t[][2]){{1, 9}, {2, 2}}, 2, 0, "left 2 ");
    check_sync(self, 2, (const uint64_t[][2]){{1, 9}, {3, 0}, {99, 4}}, 3, 0, "left 3 left 99 ");
}

static struct {
    struct fixture *fixture;
    const struct store_ops *ops;
} race;

/* Somebody lets user 2 into conversation 2 again when the memberships have just been read. */
static int memberships_and_back(struct store *store, const struct id *user, const struct id *after,
                                uint32_t limit, store_id_fn *fn, void *arg)
{
    struct wire_event back =
        fixture_member(race.fixture, 2, 3, WIRE_KIND_MEMBER_ADDED, 2, WIRE_ROLE_MEMBER);
    int rc = race.ops->memberships(store, user, after, limit, fn, arg);

    fixture_store(race.fixture, &back);
    return rc;
}

static void who_comes_back_while_they_sync_misses_nothing(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event removed = fixture_member(self, 2, 2, WIRE_KIND_MEMBER_REMOVED, 2, 0);
    struct store_ops ops = *self->store->ops;

    fixture_conversation(self, 2, 1);
    fixture_store(self, &removed);
    race.fixture = self;
    race.ops = self->store->ops;
    ops.memberships = memberships_and_back;
    self->store->ops = &ops;
    check_sync(self, 2, (const uint64_t[][2]){{2, 1}}, 1, 0, "2: 2 3 of 3 | ");
    self->store->ops = race.ops;
}

static void sync_stops_at_its_limit_and_says_so(void **state)
{
    struct fixture *self = fixture_of(state);

    tell_story(self, 1);
    fixture_conversation(self, 2, 1);
    check_sync(self, 1, (const uint64_t[][2]){{1, 0}, {2, 0}}, 2, 5,
               "1: 1 2 3 4 5 of 9, more | more");
    check_sync(self, 1, (const uint64_t[][2]){{1, 5}, {2, 0}}, 2, 4, "1: 6 7 8 9 of 9 | more");
    check_sync(self, 1, (const uint64_t[][2]){{1, 5}, {2, 0}}, 2, 5,
               "1: 6 7 8 9 of 9 | 2: 1 of 1 | ");
    check_sync(self, 1, (const uint64_t[][2]){{1, 0}}, 1, 9, "1: 1 2 3 4 5 6 7 8 9 of 9 | more");
}

/* ---- rotation ---- */

static struct wire_bytes hash_of(uint8_t n)
{
    static uint8_t hashes[256][32];

    memset(hashes[n], n, 32);
    return wire_bytes_of(hashes[n], 32);
}

static void check_rotation(struct fixture *self, uint8_t old, uint8_t new, const char *idempotency,
                           uint64_t now_ms, uint8_t status, uint64_t at_ms, const char *detail)
{
    struct wire_session_rotate_reply reply =
        ASK(session_rotate, session_rotate_reply, fixture_id(11), hash_of(old), hash_of(new),
            wire_text(idempotency), now_ms, 100000);
    struct id user = fixture_id(3);

    assert_int_equal(reply.status, status);
    assert_int_equal(reply.at_ms, at_ms);
    assert_true(wire_bytes_equal(reply.detail, wire_text(detail)));
    if (status != WIRE_UNAUTHORIZED || detail[0])
        assert_true(id_equal(&reply.user, &user));
}

static void start_session(struct fixture *self)
{
    struct wire_session session = {
        .id = fixture_id(11), .user = fixture_id(3), .created_ms = 1000, .used_ms = 1000};
    struct buf record;
    struct wire_status_reply reply;

    buf_init(&record, 1000);
    wire_session_encode(&record, &session);
    for (int i = 0; i < 2; i++) { /* told again after an answer that was lost */
        reply = ASK(session_add, status_reply, wire_buf(&record), hash_of(1));
        assert_int_equal(reply.status, WIRE_OK);
    }
    buf_done(&record);
}

static size_t sessions_of(struct fixture *self)
{
    return ASK(session_list, sessions_reply, fixture_id(3), 0).sessions.count;
}

static void a_refresh_secret_works_once(void **state)
{
    struct fixture *self = fixture_of(state);

    start_session(self);
    check_rotation(self, 1, 2, "", 2000, WIRE_OK, 2000, "");
    fixture_reopen(self);
    check_rotation(self, 2, 3, "", 3000, WIRE_OK, 3000, "");
    assert_int_equal(sessions_of(self), 1);
}

static void a_second_use_revokes_the_family(void **state)
{
    struct fixture *self = fixture_of(state);

    start_session(self);
    check_rotation(self, 1, 2, "", 2000, WIRE_OK, 2000, "");
    check_rotation(self, 2, 3, "", 3000, WIRE_OK, 3000, "");
    check_rotation(self, 1, 4, "", 3500, WIRE_UNAUTHORIZED, 2000, "reused");
    check_rotation(self, 3, 5, "", 4000, WIRE_UNAUTHORIZED, 0, ""); /* the good one too */
    assert_int_equal(sessions_of(self), 0);
}

static void a_repeat_under_the_same_key_gets_the_same_answer_for_thirty_seconds(void **state)
{
    struct fixture *self = fixture_of(state);

    start_session(self);
    check_rotation(self, 1, 2, "key", 2000, WIRE_OK, 2000, "");
    check_rotation(self, 1, 2, "key", 32000, WIRE_DUPLICATE, 2000, "");
    check_rotation(self, 2, 3, "other", 33000, WIRE_OK, 33000, "");
    check_rotation(self, 1, 2, "key", 32001, WIRE_UNAUTHORIZED, 2000, "reused");
    assert_int_equal(sessions_of(self), 0);
}

static void a_repeat_under_another_key_is_a_second_use(void **state)
{
    struct fixture *self = fixture_of(state);

    start_session(self);
    check_rotation(self, 1, 2, "key", 2000, WIRE_OK, 2000, "");
    check_rotation(self, 1, 2, "yek", 2001, WIRE_UNAUTHORIZED, 2000, "reused");
    assert_int_equal(sessions_of(self), 0);
}

static void a_secret_that_was_never_given_out_harms_nobody(void **state)
{
    struct fixture *self = fixture_of(state);

    start_session(self);
    check_rotation(self, 99, 2, "", 2000, WIRE_UNAUTHORIZED, 0, "");
    check_rotation(self, 1, 2, "", 2000, WIRE_OK, 2000, "");
    assert_int_equal(sessions_of(self), 1);
}

static void a_secret_grows_old(void **state)
{
    struct fixture *self = fixture_of(state);

    start_session(self);
    check_rotation(self, 1, 2, "", 101001, WIRE_UNAUTHORIZED, 0, "");
    check_rotation(self, 1, 2, "", 101000, WIRE_OK, 101000, "");
    check_rotation(self, 2, 3, "", 201001, WIRE_UNAUTHORIZED, 0, "");
}

/* ---- users ---- */

static uint8_t add_user(struct fixture *self, unsigned id, const char *username, const char *email)
{
    struct wire_user user = {
        .id = fixture_id(id), .username = wire_text(username), .email = wire_text(email)};
    struct wire_user_add ask;
    struct wire_user_add_reply reply = {.status = WIRE_INVALID};
    struct buf record;

    buf_init(&record, 2000);
    wire_user_encode(&record, &user);
    ask.user = wire_buf(&record);
    buf_clear(&out);
    if (query_user_add(self->store, &ask, &out) == 0)
        assert_int_equal(wire_user_add_reply_decode(wire_buf(&out), &reply), 0);
    buf_done(&record);
    return reply.status;
}

static void names_that_cannot_be_kept_are_refused(void **state)
{
    struct fixture *self = fixture_of(state);

    assert_int_equal(add_user(self, 1, "zoë", "zoë@example.org"), WIRE_OK);
    assert_int_equal(add_user(self, 2, "", ""), WIRE_INVALID);
    assert_int_equal(add_user(self, 2, "bad\xff", ""), WIRE_INVALID);
    assert_int_equal(add_user(self, 2, "surrogate\xed\xa0\x80", ""), WIRE_INVALID);
    assert_int_equal(add_user(self, 2, "control\x01", ""), WIRE_INVALID);
    assert_int_equal(add_user(self, 2, "cut\xe2\x82", ""), WIRE_INVALID);
    assert_int_equal(add_user(self, 2, "overlong\xc0\xaf", ""), WIRE_INVALID);
    assert_int_equal(add_user(self, 2, "two", "no address"), WIRE_INVALID);
    assert_int_equal(add_user(self, 2, "two", "zoë@example.org"), WIRE_CONFLICT);
    assert_int_equal(ASK(user_get, user_reply, .login = wire_text("zoë@example.org")).status,
                     WIRE_OK);
    assert_int_equal(ASK(user_get, user_reply, .login = wire_text("zoë")).status, WIRE_OK);
    assert_int_equal(ASK(user_get, user_reply, .login = wire_text("bad\xff")).status,
                     WIRE_NOT_FOUND);
    assert_int_equal(ASK(user_find, users_reply, .prefix = wire_text("zo")).users.count, 1);
    assert_int_equal(ASK(user_find, users_reply, .prefix = wire_text("bad\xff")).users.count, 0);
}

/* ---- jobs ---- */

static uint64_t now_us;

static uint64_t fake_monotonic_us(void)
{
    return now_us;
}

static uint64_t fake_wall_ms(void)
{
    return 1700000100000 + now_us / 1000;
}

static const struct clock_source fake_clock = {fake_monotonic_us, fake_wall_ms};

static struct wire_job claim(struct fixture *self, struct leases *leases, uint64_t partitions,
                             uint32_t *ret_count)
{
    struct fence fence = {.partitions = partitions};
    struct wire_jobs_claim ask = {WIRE_JOB_WEBHOOK, 10, 5000};
    static struct buf list;
    struct wire_job job = {0};
    struct wire_list jobs;
    struct wire_bytes item;
    uint32_t count = 0;

    buf_done(&list);
    buf_init(&list, 1 << 20);
    assert_int_equal(leases_claim(leases, self->store, &fence, &ask, &list, &count), 0);
    jobs = wire_list_of(&list, count);
    if (wire_list_next(&jobs, &item))
        assert_int_equal(wire_job_decode(item, &job), 0);
    *ret_count = count;
    return job;
}

static void a_leased_job_is_handed_out_again_when_the_lease_is_over(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event message = fixture_message(self, 1, 2, 1, "m", "text");
    struct wire_job_settle settle = {fixture_id(1), 2, WIRE_JOB_WEBHOOK, WIRE_JOB_RETRY, 0};
    struct leases *leases;
    struct wire_event event;
    struct wire_job job;
    uint32_t count;

    now_us = 1000000;
    clock_replace(&fake_clock);
    leases_new(&leases);
    fixture_conversation(self, 1, 1);
    message.jobs = WIRE_JOB_WEBHOOK;
    fixture_store(self, &message);
    claim(self, leases, 2, &count); /* another worker's partitions */
    assert_int_equal(count, 0);
    job = claim(self, leases, 1, &count);
    assert_int_equal(count, 1);
    assert_int_equal(job.seq, 2);
    assert_int_equal(job.tries, 0);
    assert_int_equal(wire_event_decode(job.event, &event), 0);
    assert_true(wire_bytes_equal(event.body, message.body));
    claim(self, leases, UINT64_MAX, &count);
    assert_int_equal(count, 0);
    now_us += 5001000;
    claim(self, leases, UINT64_MAX, &count);
    assert_int_equal(count, 1);
    settle.retry_ms = fake_wall_ms() + 60000;
    assert_int_equal(leases_settle(leases, self->store, &settle), 0);
    now_us += 59000000;
    claim(self, leases, UINT64_MAX, &count);
    assert_int_equal(count, 0);
    now_us += 2000000;
    job = claim(self, leases, UINT64_MAX, &count);
    assert_int_equal(count, 1);
    assert_int_equal(job.tries, 1);
    settle.state = WIRE_JOB_DONE;
    assert_int_equal(leases_settle(leases, self->store, &settle), 0);
    now_us += 600000000;
    claim(self, leases, UINT64_MAX, &count);
    assert_int_equal(count, 0);
    leases_free(&leases);
    clock_replace(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ON_BOTH(pages_are_clipped_to_the_readers_membership),
        ON_BOTH(pages_know_whether_there_is_more),
        ON_BOTH(who_left_reads_to_the_end_of_their_time_when_they_ask_for_the_past),
        ON_BOTH(a_page_of_large_texts_ends_early),
        ON_BOTH(a_load_tells_a_router_what_it_must_know),
        ON_BOTH(a_load_tells_that_somebody_was_a_member_once),
        ON_BOTH(heads_come_in_the_order_asked_for),
        ON_BOTH(members_are_shown_to_members_alone),
        ON_BOTH(a_conversation_is_shown_as_its_member_sees_it),
        ON_BOTH(the_last_message_is_not_one_from_before_the_membership),
        ON_BOTH(the_list_goes_from_the_newest_activity_on),
        ON_BOTH(sync_tells_what_was_missed),
        ON_BOTH(sync_names_what_was_joined_and_left),
        ON_BOTH(who_comes_back_while_they_sync_misses_nothing),
        ON_BOTH(sync_stops_at_its_limit_and_says_so),
        ON_BOTH(a_refresh_secret_works_once),
        ON_BOTH(a_second_use_revokes_the_family),
        ON_BOTH(a_repeat_under_the_same_key_gets_the_same_answer_for_thirty_seconds),
        ON_BOTH(a_repeat_under_another_key_is_a_second_use),
        ON_BOTH(a_secret_that_was_never_given_out_harms_nobody),
        ON_BOTH(a_secret_grows_old),
        ON_BOTH(names_that_cannot_be_kept_are_refused),
        ON_BOTH(a_leased_job_is_handed_out_again_when_the_lease_is_over),
    };
    int rc;

    buf_init(&out, WIRE_FRAME_MAX);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    buf_done(&out);
    return rc;
}
