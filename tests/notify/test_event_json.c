/* What a webhook reads. */
#include "tests/lib/cmocka.h"

#include <jansson.h>

#include "notify/event_json.h"

static const struct id conversation = {{1, 2, 3}};
static const struct id actor = {{9, 8, 7}};

static char *render(const struct wire_body_message *body, uint8_t kind)
{
    AUTO(buf_done) struct buf bytes;
    struct wire_event event = {.conversation = conversation,
                               .seq = 12,
                               .kind = kind,
                               .actor = actor,
                               .client_id = wire_text("c1"),
                               .at_ms = 1700000000123};

    buf_init(&bytes, 65536);
    wire_body_message_encode(&bytes, body);
    event.body = wire_buf(&bytes);
    return event_json_of_message(&event);
}

static const char *text_at(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    assert_non_null(text);
    return text;
}

static void test_a_message_has_every_member_that_clients_see(void **state)
{
    struct wire_body_message body = {.text = wire_text("say \"\xc3\xa4\"\n"), .reply_to = 3};
    AUTO(base_free_text) char *json = render(&body, WIRE_KIND_MESSAGE_CREATED);
    json_t *root = json_loads(json, 0, NULL), *event, *message;
    char id[ID_TEXT], message_id[ID_MESSAGE_TEXT];

    (void)state;
    event = json_object_get(root, "event");
    message = json_object_get(event, "message");
    id_to_text(&conversation, id);
    assert_string_equal(text_at(event, "conversationId"), id);
    assert_string_equal(text_at(message, "conversationId"), id);
    id_to_text(&actor, id);
    assert_string_equal(text_at(event, "actorId"), id);
    assert_string_equal(text_at(message, "senderId"), id);
    assert_string_equal(text_at(event, "kind"), "message.created");
    assert_string_equal(text_at(event, "at"), "2023-11-14T22:13:20.123Z");
    assert_string_equal(text_at(message, "createdAt"), "2023-11-14T22:13:20.123Z");
    assert_int_equal(json_integer_value(json_object_get(event, "seq")), 12);
    id_message_to_text(&conversation, 12, message_id);
    assert_string_equal(text_at(message, "id"), message_id);
    id_message_to_text(&conversation, 3, message_id);
    assert_string_equal(text_at(message, "replyToId"), message_id);
    assert_string_equal(text_at(message, "clientId"), "c1");
    assert_string_equal(text_at(message, "text"), "say \"\xc3\xa4\"\n");
    assert_true(json_is_null(json_object_get(message, "threadId")));
    assert_true(json_is_null(json_object_get(message, "editedAt")));
    assert_true(json_is_null(json_object_get(message, "deletedAt")));
    assert_true(json_is_array(json_object_get(message, "attachments")));
    assert_true(json_is_array(json_object_get(message, "reactions")));
    json_decref(root);
}

static void test_text_that_is_no_utf8_does_not_break_it(void **state)
{
    struct wire_body_message body = {.text = wire_text("\xff\xfe")};
    AUTO(base_free_text) char *json = render(&body, WIRE_KIND_MESSAGE_CREATED);

    (void)state;
    assert_non_null(json);
    assert_non_null(strstr(json, "\"text\":\"\""));
}

static void test_another_event_and_a_broken_body_are_refused(void **state)
{
    struct wire_body_message body = {0};
    struct wire_event event = {.kind = WIRE_KIND_MESSAGE_CREATED, .body = wire_text("\xff")};

    (void)state;
    assert_null(render(&body, WIRE_KIND_MEMBER_ADDED));
    assert_null(event_json_of_message(&event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_has_every_member_that_clients_see),
        cmocka_unit_test(test_text_that_is_no_utf8_does_not_break_it),
        cmocka_unit_test(test_another_event_and_a_broken_body_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
