/* Ids and their text. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "base/id.h"

static void test_an_id_survives_its_text(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct id id = id_random(), back;
        char text[ID_TEXT];

        id_to_text(&id, text);
        assert_int_equal(strlen(text), ID_TEXT - 1);
        assert_int_equal(id_from_text(&back, text), 0);
        assert_true(id_equal(&id, &back));
    }
}

static void test_a_message_id_holds_conversation_and_number(void **state)
{
    struct id conversation = id_random(), back;
    char text[ID_MESSAGE_TEXT];
    uint64_t seq = 0;

    (void)state;
    id_message_to_text(&conversation, 0x0123456789abcdef, text);
    assert_int_equal(strlen(text), ID_MESSAGE_TEXT - 1);
    assert_int_equal(id_message_from_text(&back, &seq, text), 0);
    assert_true(id_equal(&conversation, &back));
    assert_true(seq == 0x0123456789abcdef);
}

static void test_one_id_has_one_text(void **state)
{
    struct id id = {{0}};
    char text[ID_TEXT], other[ID_TEXT + 1];

    (void)state;
    id_to_text(&id, text);
    memcpy(other, text, sizeof text);
    other[ID_TEXT - 2] = 'b'; /* sets a bit that no byte holds */
    assert_int_equal(id_from_text(&id, other), -EPROTO);
    memcpy(other, text, sizeof text);
    other[0] = 'A';
    assert_int_equal(id_from_text(&id, other), -EPROTO);
    snprintf(other, sizeof other, "%sa", text);
    assert_int_equal(id_from_text(&id, other), -EPROTO);
    assert_int_equal(id_from_text(&id, ""), -EPROTO);
}

static void test_two_people_have_one_direct_conversation(void **state)
{
    struct id a = id_random(), b = id_random();
    struct id ab = id_of_pair(&a, &b), ba = id_of_pair(&b, &a), aa = id_of_pair(&a, &a);

    (void)state;
    assert_true(id_equal(&ab, &ba));
    assert_false(id_equal(&ab, &aa));
}

static void test_a_session_lies_in_its_users_partition(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct id user = id_random(), session = id_of_session(&user);

        assert_int_equal(id_partition(&user), id_partition(&session));
    }
}

static void fill_with_sevens(void *data, size_t len)
{
    memset(data, 7, len);
}

static void test_a_test_can_choose_the_ids(void **state)
{
    struct id id;

    (void)state;
    id_replace_source(fill_with_sevens);
    id = id_random();
    id_replace_source(NULL);
    assert_int_equal(id.bytes[15], 7);
}

static void test_a_fingerprint_depends_on_kind_and_body(void **state)
{
    (void)state;
    assert_true(id_fingerprint(7, "text", 4) == id_fingerprint(7, "text", 4));
    assert_true(id_fingerprint(7, "text", 4) != id_fingerprint(8, "text", 4));
    assert_true(id_fingerprint(7, "text", 4) != id_fingerprint(7, "texT", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_survives_its_text),
        cmocka_unit_test(test_a_message_id_holds_conversation_and_number),
        cmocka_unit_test(test_one_id_has_one_text),
        cmocka_unit_test(test_two_people_have_one_direct_conversation),
        cmocka_unit_test(test_a_session_lies_in_its_users_partition),
        cmocka_unit_test(test_a_test_can_choose_the_ids),
        cmocka_unit_test(test_a_fingerprint_depends_on_kind_and_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
