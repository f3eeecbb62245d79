/* What clients see of records. */
#include "tests/lib/cmocka.h"

#include "edge/api/render.h"
#include "edge/api/write.h"
#include "tests/edge/records.h"

/* As a parser sees it. */
static json_t *parsed(struct buf *written)
{
    json_t *json = json_loadb((const char *)written->data, written->len, JSON_DECODE_ANY, NULL);

    assert_non_null(json);
    buf_done(written);
    return json;
}

/* What write_<name>(…) writes. */
#define WRITTEN(name, ...)               \
    __extension__({                      \
        struct buf out_;                 \
        struct writer to_;               \
                                         \
        buf_init(&out_, WIRE_FRAME_MAX); \
        to_ = writer_of(&out_);          \
        write_##name(&to_, __VA_ARGS__); \
        parsed(&out_);                   \
    })

static void is(json_t *json, const char *expected)
{
    AUTO(render_drop) json_t *mine = json;
    AUTO(base_free_text) char *text = json_dumps(mine, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_string_equal(text, expected);
}

#define A "aeaqeayaaaaaaaaaaaaaaaaaaa"
#define B "aiaqeayaaaaaaaaaaaaaaaaaaa"

static void test_times_are_utc_with_milliseconds(void **state)
{
    (void)state;
    is(WRITTEN(time, 1800000000007), "\"2027-01-15T08:00:00.007Z\"");
    is(WRITTEN(time, 0), "null");
}

static void test_the_zero_id_is_null(void **state)
{
    struct id zero = {0}, one = id_with(1);

    (void)state;
    is(WRITTEN(id, &zero), "null");
    is(WRITTEN(id, &one), "\"" A "\"");
    is(WRITTEN(message_id, &one, 0), "null");
}

static const char *message_text(void)
{
    static char text[1000];
    AUTO(buf_done) struct buf body;
    struct wire_event event = message(&body, "hi \x01 \"you\" 🙂");
    AUTO(render_drop) json_t *json = WRITTEN(message, &event);
    AUTO(base_free_text) char *dump = json_dumps(json, JSON_COMPACT);

    snprintf(text, sizeof text, "%s", dump);
    return text;
}

static void test_a_message_has_every_member_of_the_protocol(void **state)
{
    AUTO(buf_done) struct buf body;
    struct wire_event event = message(&body, "hi");
    AUTO(render_drop) json_t *json = WRITTEN(message, &event);
    static const char *const names[] = {"id",        "conversationId", "seq",         "senderId",
                                        "clientId",  "text",           "attachments", "threadId",
                                        "replyToId", "reactions",      "editedAt",    "deletedAt",
                                        "createdAt"};

    (void)state;
    assert_int_equal(json_object_size(json), COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_non_null(json_object_get(json, names[i]));
    assert_non_null(strstr(message_text(), "\"text\":\"hi \\u0001 \\\"you\\\" 🙂\""));
}

static void test_an_event_carries_its_message(void **state)
{
    AUTO(buf_done) struct buf body;
    struct wire_event event = message(&body, "hi");
    AUTO(render_drop) json_t *json = WRITTEN(event, &event);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "message.created");
    assert_string_equal(json_string_value(json_object_get(json, "actorId")), B);
    assert_int_equal(json_integer_value(json_object_get(json, "seq")), 7);
    assert_non_null(json_object_get(json_object_get(json, "message"), "text"));
}

static void test_a_void_has_no_actor(void **state)
{
    struct wire_event event = {
        .conversation = id_with(1), .seq = 3, .kind = WIRE_KIND_VOID, .at_ms = 1800000000007};

    (void)state;
    is(WRITTEN(event, &event), "{\"conversationId\":\"" A "\",\"seq\":3,\"kind\":\"void\","
                               "\"actorId\":null,\"at\":\"2027-01-15T08:00:00.007Z\"}");
}

static void test_a_member_event_names_user_and_role(void **state)
{
    struct wire_body_member change = {id_with(3), WIRE_ROLE_ADMIN};
    AUTO(buf_done) struct buf body;
    struct wire_event event = {
        .conversation = id_with(1), .seq = 3, .kind = WIRE_KIND_MEMBER_ADDED, .actor = id_with(2)};
    AUTO(render_drop) json_t *json = NULL;

    (void)state;
    buf_init(&body, 100);
    wire_body_member_encode(&body, &change);
    event.body = wire_buf(&body);
    json = WRITTEN(event, &event);
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "member.added");
    assert_string_equal(json_string_value(json_object_get(json, "role")), "admin");
    assert_non_null(json_string_value(json_object_get(json, "userId")));
}

static void test_a_created_conversation_is_shown_as_it_is_at_number_1(void **state)
{
    AUTO(buf_done) struct buf members, body;
    uint32_t count = 0;
    struct wire_body_created created = {.kind = WIRE_GROUP, .title = wire_text("Us")};
    struct wire_event event = {.conversation = id_with(1),
                               .seq = 1,
                               .kind = WIRE_KIND_CONVERSATION_CREATED,
                               .actor = id_with(2),
                               .at_ms = 1800000000007};
    AUTO(render_drop) json_t *whole = NULL;
    json_t *json;

    (void)state;
    buf_init(&members, 10000);
    buf_init(&body, 10000);
    for (uint8_t i = 1; i <= 60; i++) {
        struct wire_member member = {.user = id_with(i), .role = WIRE_ROLE_MEMBER};

        wire_member_add(&members, &count, &member);
    }
    created.members = wire_list_of(&members, count);
    wire_body_created_encode(&body, &created);
    event.body = wire_buf(&body);
    whole = WRITTEN(event, &event);
    json = json_object_get(whole, "conversation");
    assert_int_equal(json_array_size(json_object_get(json, "members")), 50);
    assert_int_equal(json_integer_value(json_object_get(json, "memberCount")), 60);
    assert_int_equal(json_integer_value(json_object_get(json, "lastSeq")), 1);
    assert_true(json_is_null(json_object_get(json, "lastMessage")));
    assert_string_equal(json_string_value(json_object_get(json, "title")), "Us");
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "group");
}

static void test_only_oneself_sees_the_address(void **state)
{
    struct wire_user user = {.id = id_with(1),
                             .username = wire_text("ann"),
                             .email = wire_text("ann@example.org"),
                             .display_name = wire_text("Ann"),
                             .password = wire_text("$argon2id$secret"),
                             .created_ms = 1800000000007};

    (void)state;
    is(WRITTEN(user, &user, false),
       "{\"id\":\"" A "\",\"username\":\"ann\",\"displayName\":\"Ann\","
       "\"createdAt\":\"2027-01-15T08:00:00.007Z\"}");
    is(WRITTEN(user, &user, true),
       "{\"id\":\"" A "\",\"username\":\"ann\",\"displayName\":\"Ann\","
       "\"createdAt\":\"2027-01-15T08:00:00.007Z\",\"email\":\"ann@example.org\"}");
}

static void test_roles_have_names(void **state)
{
    (void)state;
    assert_int_equal(render_role_of("owner"), WIRE_ROLE_OWNER);
    assert_int_equal(render_role_of("admin"), WIRE_ROLE_ADMIN);
    assert_int_equal(render_role_of("member"), WIRE_ROLE_MEMBER);
    assert_int_equal(render_role_of("king"), WIRE_ROLE_NONE);
}

static void test_a_sentence_is_told_whatever_bytes_it_quotes(void **state)
{
    AUTO(render_drop) json_t *good = render_sentence("no \"\xc3\xa9\"");
    AUTO(render_drop) json_t *cut = render_sentence("no \"a\xc3\"");

    (void)state;
    assert_string_equal(json_string_value(good), "no \"\xc3\xa9\"");
    assert_string_equal(json_string_value(cut), "no \"a?\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_are_utc_with_milliseconds),
        cmocka_unit_test(test_the_zero_id_is_null),
        cmocka_unit_test(test_a_message_has_every_member_of_the_protocol),
        cmocka_unit_test(test_an_event_carries_its_message),
        cmocka_unit_test(test_a_void_has_no_actor),
        cmocka_unit_test(test_a_member_event_names_user_and_role),
        cmocka_unit_test(test_a_created_conversation_is_shown_as_it_is_at_number_1),
        cmocka_unit_test(test_only_oneself_sees_the_address),
        cmocka_unit_test(test_roles_have_names),
        cmocka_unit_test(test_a_sentence_is_told_whatever_bytes_it_quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
