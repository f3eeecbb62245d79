/* What is written is what trees would be, to the byte: of every kind of record, with hostile text.
 */
#include "tests/lib/cmocka.h"

#include "edge/api/render.h"
#include "edge/api/write.h"
#include "tests/edge/records.h"
#include "tests/edge/trees.h"

/* What a parser makes of what was written must be what the tree was, and so must the bytes. */
static void same(const struct buf *written, json_t *tree)
{
    AUTO(render_drop) json_t *expected = tree;
    AUTO(render_drop)
    json_t *parsed = json_loadb((const char *)written->data, written->len,
                                JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    AUTO(base_free_text) char *text = json_dumps(expected, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_false(written->over);
    assert_non_null(parsed);
    assert_true(json_equal(parsed, expected));
    assert_int_equal(written->len, strlen(text));
    assert_memory_equal(written->data, text, written->len);
}

static void same_event(const struct wire_event *event)
{
    AUTO(buf_done) struct buf out, message;
    struct writer to, to_message;

    buf_init(&out, WIRE_FRAME_MAX);
    buf_init(&message, WIRE_FRAME_MAX);
    to = writer_of(&out);
    to_message = writer_of(&message);
    write_event(&to, event);
    same(&out, tree_event(event));
    write_message(&to_message, event);
    same(&message, tree_message(event));
}

static const char every_control[] =
    "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"
    "\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x7f";

/* With NUL in it. */
static const struct wire_bytes nul = {(const uint8_t *)"a\0b\0", 4};

/* Text that would break out of a string, or that parsers quarrel about. */
static const char *const hostile[] = {
    "",
    "plain",
    "\"",
    "\\",
    "\\\"\\\\\"",
    "\"}],\"admin\":true,[{\"",
    "</script><script>alert(1)</script>",
    "\xe2\x80\xa8 line \xe2\x80\xa9 paragraph",
    "\xf0\x9f\x99\x82",
    "seven..\xf0\x9f\x99\x82\"\xf4\x8f\xbf\xbf\\",
    "\\u0000 \\ud800",
    "12345678\"",
    "1234567\\",
    "123456\n7",
    "12345678901234567890\x1f",
    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"\xc3\xa9",
    every_control,
};

/* What nothing lets in: shown as "". */
static const char *const broken[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80",
                                     "\xf5\x80\x80\x80"};

static void same_texts(struct wire_bytes text)
{
    AUTO(buf_done) struct buf body, updated_body;
    struct wire_body_message content = {.text = text, .thread = 3, .reply_to = 5};
    struct wire_body_updated updated = {text};
    struct wire_event event = {.conversation = id_with(1),
                               .seq = INT64_MAX,
                               .kind = WIRE_KIND_MESSAGE_CREATED,
                               .actor = id_with(2),
                               .client_id = text,
                               .at_ms = 1800000000007};

    buf_init(&body, WIRE_FRAME_MAX);
    wire_body_message_encode(&body, &content);
    event.body = wire_buf(&body);
    same_event(&event);
    buf_init(&updated_body, WIRE_FRAME_MAX);
    wire_body_updated_encode(&updated_body, &updated);
    event.kind = WIRE_KIND_CONVERSATION_UPDATED;
    event.body = wire_buf(&updated_body);
    same_event(&event);
}

static void test_hostile_text_is_written_as_a_tree_would_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hostile); i++)
        same_texts(wire_text(hostile[i]));
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        same_texts(wire_text(broken[i]));
    same_texts(nul);
    same_texts((struct wire_bytes){0});
}

/* Each of them at each place of the eight bytes that are looked at together. */
static void test_every_character_is_escaped_wherever_it_stands(void **state)
{
    char text[24];

    (void)state;
    for (unsigned c = 0; c < 0x80; c++)
        for (size_t at = 0; at < 17; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            text[at + 1] = (char)(c + 1);
            same_texts(wire_bytes_of(text, 18));
        }
}

static void test_members_and_voids_are_written_as_a_tree_would_be(void **state)
{
    static const uint8_t kinds[] = {WIRE_KIND_MEMBER_ADDED, WIRE_KIND_MEMBER_REMOVED,
                                    WIRE_KIND_MEMBER_UPDATED, WIRE_KIND_VOID, 200};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        for (uint8_t role = 0; role < 5; role++) {
            struct wire_body_member change = {id_with(3), role};
            AUTO(buf_done) struct buf body;
            struct wire_event event = {
                .conversation = id_with(1), .seq = 1, .kind = kinds[i], .actor = id_with(2)};

            buf_init(&body, 100);
            wire_body_member_encode(&body, &change);
            event.body = wire_buf(&body);
            same_event(&event);
        }
}

/* A body that was cut short, of every kind. */
static void test_a_broken_body_is_written_as_a_tree_would_be(void **state)
{
    (void)state;
    for (uint8_t kind = 0; kind < 32; kind++)
        for (size_t len = 0; len < 6; len++) {
            struct wire_event event = {.conversation = id_with(1),
                                       .seq = 2,
                                       .kind = kind,
                                       .actor = id_with(2),
                                       .at_ms = 1,
                                       .body = {(const uint8_t *)"\xff\xff\xff\xff\xff", len}};

            same_event(&event);
        }
}

static void same_created(uint32_t members, const char *title)
{
    AUTO(buf_done) struct buf list, body;
    uint32_t count = 0;
    struct wire_body_created created = {.kind = members == 2 ? WIRE_DIRECT : WIRE_GROUP,
                                        .title = wire_text(title)};
    struct wire_event event = {.conversation = id_with(1),
                               .seq = 1,
                               .kind = WIRE_KIND_CONVERSATION_CREATED,
                               .actor = id_with(2),
                               .at_ms = 1800000000007};

    buf_init(&list, 100000);
    buf_init(&body, 100000);
    for (uint8_t i = 1; i <= members; i++) {
        struct wire_member member = {.user = id_with(i), .role = (uint8_t)(i % 4)};

        wire_member_add(&list, &count, &member);
    }
    created.members = wire_list_of(&list, count);
    wire_body_created_encode(&body, &created);
    event.body = wire_buf(&body);
    same_event(&event);
}

static void test_a_created_conversation_is_written_as_a_tree_would_be(void **state)
{
    (void)state;
    for (uint32_t members = 0; members < 60; members += 2)
        for (size_t i = 0; i < COUNT_OF(hostile); i++)
            same_created(members, hostile[i]);
}

static void same_conversation(const struct wire_event *last, const struct wire_event *message)
{
    AUTO(buf_done) struct buf out, last_record, message_record;
    struct writer to;
    struct wire_conversation conversation = {
        .id = id_with(1), .kind = WIRE_GROUP, .title = wire_text("\"\n"), .member_count = 77};

    buf_init(&out, WIRE_FRAME_MAX);
    buf_init(&last_record, WIRE_FRAME_MAX);
    buf_init(&message_record, WIRE_FRAME_MAX);
    if (last)
        wire_event_encode(&last_record, last);
    if (message)
        wire_event_encode(&message_record, message);
    conversation.last = wire_buf(&last_record);
    conversation.last_message = wire_buf(&message_record);
    to = writer_of(&out);
    write_conversation(&to, &conversation);
    same(&out, tree_conversation(&conversation));
    conversation.last.len /= 2; /* cut short */
    conversation.last_message.len /= 2;
    buf_clear(&out);
    to = writer_of(&out);
    write_conversation(&to, &conversation);
    same(&out, tree_conversation(&conversation));
}

static void test_a_conversation_is_written_as_a_tree_would_be(void **state)
{
    AUTO(buf_done) struct buf body;
    struct wire_event event = message(&body, "last \"words\"");

    (void)state;
    same_conversation(NULL, NULL);
    same_conversation(&event, NULL);
    same_conversation(&event, &event);
}

static void same_user(struct wire_bytes text, bool self)
{
    AUTO(buf_done) struct buf out;
    struct writer to;
    struct wire_user user = {.id = id_with(1),
                             .username = text,
                             .email = text,
                             .display_name = text,
                             .created_ms = 1800000000007};
    struct wire_session session = {
        .id = id_with(4), .device = text, .created_ms = 1, .used_ms = 1800000000007};

    buf_init(&out, WIRE_FRAME_MAX);
    to = writer_of(&out);
    write_user(&to, &user, self);
    same(&out, tree_user(&user, self));
    buf_clear(&out);
    to = writer_of(&out);
    write_session(&to, &session, self);
    same(&out, tree_session(&session, self));
}

static void test_people_and_devices_are_written_as_a_tree_would_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hostile); i++) {
        same_user(wire_text(hostile[i]), false);
        same_user(wire_text(hostile[i]), true);
    }
}

static void same_time(uint64_t ms)
{
    AUTO(buf_done) struct buf out;
    struct writer to;

    buf_init(&out, 100);
    to = writer_of(&out);
    write_time(&to, ms);
    same(&out, tree_time(ms));
}

static void test_every_day_of_the_calendar_is_written_as_the_library_does(void **state)
{
    (void)state;
    same_time(0);
    same_time(1);
    for (uint64_t day = 0; day < 366 * 600; day++) { /* to the year 2569: with 2000, 2100, 2400 */
        same_time(day * 86400000 + 86399999);
        same_time(day * 86400000 + 86400000);
    }
    for (uint64_t second = 0; second < 86400; second += 7)
        same_time(1800000000000 / 86400000 * 86400000 + second * 1000 + second % 1000);
    same_time(253402300799999); /* the end of the year 9999 */
}

static void same_sentence(const char *text)
{
    AUTO(buf_done) struct buf out;
    struct writer to;

    buf_init(&out, 1000);
    to = writer_of(&out);
    write_sentence(&to, text);
    same(&out, text ? render_sentence(text) : json_null());
}

static void test_a_sentence_is_written_whatever_bytes_it_quotes(void **state)
{
    (void)state;
    same_sentence(NULL);
    same_sentence("no \"\xc3\xa9\"");
    same_sentence("no \"a\xc3\" \xf0\x9f\x99\x82");
}

static void test_a_list_of_events_is_written_as_a_tree_would_be(void **state)
{
    AUTO(buf_done) struct buf body, list, out;
    struct wire_event event = message(&body, "\"");
    struct writer to;
    uint32_t count = 0;

    (void)state;
    buf_init(&list, WIRE_FRAME_MAX);
    buf_init(&out, WIRE_FRAME_MAX);
    for (uint32_t i = 0; i < 4; i++) {
        buf_clear(&out);
        to = writer_of(&out);
        write_events(&to, wire_list_of(&list, count));
        same(&out, tree_events(wire_list_of(&list, count)));
        buf_clear(&out);
        to = writer_of(&out);
        write_messages(&to, wire_list_of(&list, count));
        same(&out, tree_messages(wire_list_of(&list, count)));
        wire_event_add(&list, &count, &event);
    }
}

static void test_what_does_not_fit_is_said(void **state)
{
    AUTO(buf_done) struct buf body;
    struct wire_event event = message(&body, "twelve \"\x01\" bytes");

    (void)state;
    for (size_t room = 0; room < 600; room++) {
        AUTO(buf_done) struct buf out;
        struct writer to;

        buf_init(&out, room);
        to = writer_of(&out);
        write_event(&to, &event);
        assert_true(out.len <= room);
        if (!out.over)
            same(&out, tree_event(&event));
        else
            assert_true(room < 560);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_text_is_written_as_a_tree_would_be),
        cmocka_unit_test(test_every_character_is_escaped_wherever_it_stands),
        cmocka_unit_test(test_members_and_voids_are_written_as_a_tree_would_be),
        cmocka_unit_test(test_a_broken_body_is_written_as_a_tree_would_be),
        cmocka_unit_test(test_a_created_conversation_is_written_as_a_tree_would_be),
        cmocka_unit_test(test_a_conversation_is_written_as_a_tree_would_be),
        cmocka_unit_test(test_people_and_devices_are_written_as_a_tree_would_be),
        cmocka_unit_test(test_every_day_of_the_calendar_is_written_as_the_library_does),
        cmocka_unit_test(test_a_sentence_is_written_whatever_bytes_it_quotes),
        cmocka_unit_test(test_a_list_of_events_is_written_as_a_tree_would_be),
        cmocka_unit_test(test_what_does_not_fit_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
