/* Declared inputs: what fits, what does not, and which member is named. */
#include "tests/lib/cmocka.h"

#include "edge/api/render.h"
#include "edge/api/shape.h"

#define ID "bbbbbbbbbbbbbbbbbbbbbbbbba"

static const char *const kinds[] = {"direct", "group", NULL};

static const struct shape_member shape[] = {
    {"text", SHAPE_TEXT, true, 1, 8, NULL, NULL, NULL},
    {"name", SHAPE_TEXT, false, 3, 32, shape_is_username, "of a-z", NULL},
    {.name = "kind", .type = SHAPE_CHOICE, .choices = kinds},
    {.name = "limit", .type = SHAPE_NUMBER, .least = 1, .most = 200},
    {.name = "flag", .type = SHAPE_FLAG},
    {.name = "id", .type = SHAPE_ID},
    {.name = "message", .type = SHAPE_MESSAGE},
    {.name = "ids", .type = SHAPE_IDS, .least = 1, .most = 2},
    {.name = "map", .type = SHAPE_OBJECT, .most = 2},
    SHAPE_DONE,
};

static void fits(const char *text)
{
    AUTO(render_drop) json_t *input = json_loads(text, JSON_ALLOW_NUL, NULL);
    struct shape_error error = {0};

    assert_non_null(input);
    if (!shape_check(shape, input, &error))
        fail_msg("%s: %s", text, error.message);
}

static void refuses(const char *text, enum wire_result code, const char *member)
{
    AUTO(render_drop) json_t *input = json_loads(text, JSON_ALLOW_NUL, NULL);
    struct shape_error error = {0};

    assert_non_null(input);
    assert_false(shape_check(shape, input, &error));
    assert_int_equal(error.code, code);
    assert_string_equal(error.member, member);
    assert_non_null(strstr(error.message, member));
}

static void test_what_fits_is_let_through(void **state)
{
    (void)state;
    fits("{\"text\":\"a\"}");
    fits("{\"text\":\"12345678\",\"name\":\"a.b-c_9\",\"kind\":\"group\",\"limit\":200,"
         "\"flag\":false,\"id\":\"" ID "\",\"ids\":[\"" ID "\"],\"map\":{\"a\":1}}");
}

static void test_unknown_members_and_null_are_as_good_as_absent(void **state)
{
    (void)state;
    fits("{\"text\":\"a\",\"colour\":{\"deep\":[1]},\"name\":null,\"limit\":null}");
    refuses("{\"text\":null}", WIRE_INVALID, "text");
}

static void test_a_missing_member_is_named(void **state)
{
    (void)state;
    refuses("{\"name\":\"abc\"}", WIRE_INVALID, "text");
}

static void test_a_wrong_type_is_named(void **state)
{
    (void)state;
    refuses("{\"text\":5}", WIRE_INVALID, "text");
    refuses("{\"text\":[\"a\"]}", WIRE_INVALID, "text");
    refuses("{\"text\":\"a\",\"kind\":\"channel\"}", WIRE_INVALID, "kind");
    refuses("{\"text\":\"a\",\"kind\":1}", WIRE_INVALID, "kind");
    refuses("{\"text\":\"a\",\"limit\":\"5\"}", WIRE_INVALID, "limit");
    refuses("{\"text\":\"a\",\"limit\":1.5}", WIRE_INVALID, "limit");
    refuses("{\"text\":\"a\",\"flag\":1}", WIRE_INVALID, "flag");
    refuses("{\"text\":\"a\",\"id\":7}", WIRE_INVALID, "id");
    refuses("{\"text\":\"a\",\"message\":7}", WIRE_INVALID, "message");
    refuses("{\"text\":\"a\",\"ids\":\"" ID "\"}", WIRE_INVALID, "ids");
    refuses("{\"text\":\"a\",\"map\":[]}", WIRE_INVALID, "map");
}

static void test_sizes_are_bytes_and_held_against_their_limits(void **state)
{
    (void)state;
    refuses("{\"text\":\"\"}", WIRE_INVALID, "text");
    refuses("{\"text\":\"123456789\"}", WIRE_INVALID, "text");
    fits("{\"text\":\"äöüß\"}");
    refuses("{\"text\":\"äöüßx\"}", WIRE_INVALID, "text");
    refuses("{\"text\":\"a\",\"limit\":0}", WIRE_INVALID, "limit");
    refuses("{\"text\":\"a\",\"limit\":201}", WIRE_INVALID, "limit");
    refuses("{\"text\":\"a\",\"limit\":-1}", WIRE_INVALID, "limit");
    refuses("{\"text\":\"a\",\"ids\":[]}", WIRE_INVALID, "ids");
    refuses("{\"text\":\"a\",\"ids\":[\"" ID "\",\"" ID "\",\"" ID "\"]}", WIRE_INVALID, "ids");
    refuses("{\"text\":\"a\",\"map\":{\"a\":1,\"b\":2,\"c\":3}}", WIRE_INVALID, "map");
}

static void test_nul_and_foreign_characters_are_refused(void **state)
{
    (void)state;
    refuses("{\"text\":\"a\\u0000b\"}", WIRE_INVALID, "text");
    refuses("{\"text\":\"a\",\"name\":\"Abc\"}", WIRE_INVALID, "name");
    refuses("{\"text\":\"a\",\"name\":\"a b\"}", WIRE_INVALID, "name");
}

static void test_what_cannot_be_an_id_is_not_found(void **state)
{
    (void)state;
    refuses("{\"text\":\"a\",\"id\":\"nonsense\"}", WIRE_NOT_FOUND, "id");
    refuses("{\"text\":\"a\",\"id\":\"\"}", WIRE_NOT_FOUND, "id");
    refuses("{\"text\":\"a\",\"id\":\"" ID "\\u0000\"}", WIRE_NOT_FOUND, "id");
    refuses("{\"text\":\"a\",\"message\":\"" ID "\"}", WIRE_NOT_FOUND, "message");
    refuses("{\"text\":\"a\",\"ids\":[\"x\"]}", WIRE_NOT_FOUND, "ids");
    refuses("{\"text\":\"a\",\"ids\":[1]}", WIRE_INVALID, "ids");
}

static void test_values_come_out_as_they_went_in(void **state)
{
    AUTO(render_drop)
    json_t *input = json_loads(
        "{\"text\":\" \\u0001\\u001e x\",\"limit\":7,\"id\":\"" ID "\",\"none\":null}", 0, NULL);
    struct wire_bytes text = shape_text(input, "text");
    struct id id = shape_id(input, "id"), zero = {0}, none = shape_id(input, "none");
    char back[ID_TEXT];

    (void)state;
    assert_int_equal(text.len, 5);
    assert_memory_equal(text.data, " \x01\x1e x", 5);
    assert_int_equal(shape_number(input, "limit", 5), 7);
    assert_int_equal(shape_number(input, "absent", 5), 5);
    assert_false(shape_has(input, "none"));
    id_to_text(&id, back);
    assert_string_equal(back, ID);
    assert_true(id_equal(&none, &zero));
}

static void test_characters_are_told_apart(void **state)
{
    (void)state;
    assert_true(shape_is_printable_ascii("a ~", 3));
    assert_false(shape_is_printable_ascii("a\x7f", 2));
    assert_false(shape_is_printable_ascii("é", 2));
    assert_true(shape_is_email("a@b", 3));
    assert_false(shape_is_email("@b", 2));
    assert_false(shape_is_email("a@", 2));
    assert_false(shape_is_email("a@b@c", 5));
    assert_false(shape_is_email("a b@c", 5));
    assert_true(shape_is_line("Zoë X", 6));
    assert_false(shape_is_line("   ", 3));
    assert_false(shape_is_line("a\nb", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_is_let_through),
        cmocka_unit_test(test_unknown_members_and_null_are_as_good_as_absent),
        cmocka_unit_test(test_a_missing_member_is_named),
        cmocka_unit_test(test_a_wrong_type_is_named),
        cmocka_unit_test(test_sizes_are_bytes_and_held_against_their_limits),
        cmocka_unit_test(test_nul_and_foreign_characters_are_refused),
        cmocka_unit_test(test_what_cannot_be_an_id_is_not_found),
        cmocka_unit_test(test_values_come_out_as_they_went_in),
        cmocka_unit_test(test_characters_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
