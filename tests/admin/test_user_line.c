/* People as JSON lines. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "admin/user_line.h"

static int parse(const char *line, struct user_line *ret, char **ret_why)
{
    return user_line_parse(ret, line, strlen(line), ret_why);
}

static void test_a_line_gives_all_members(void **state)
{
    AUTO(user_line_done) struct user_line user = {0};
    AUTO(base_free_text) char *why = NULL;
    struct wire_admin_user request;

    (void)state;
    assert_int_equal(parse("{\"username\":\"zoe\",\"email\":\"z@example.org\",\"displayName\":"
                           "\"Zo\\u00eb\",\"password\":\"secret\",\"more\":1}",
                           &user, &why),
                     0);
    request = user_line_request(&user);
    assert_true(wire_bytes_equal(request.username, wire_text("zoe")));
    assert_true(wire_bytes_equal(request.email, wire_text("z@example.org")));
    assert_true(wire_bytes_equal(request.display_name, wire_text("Zo\xc3\xab")));
    assert_true(wire_bytes_equal(request.password, wire_text("secret")));
}

static void test_all_but_the_name_may_be_left_out_or_null(void **state)
{
    AUTO(user_line_done) struct user_line user = {0};
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_int_equal(parse("{\"username\":\"zoe\",\"email\":null}", &user, &why), 0);
    assert_string_equal(user.email, "");
    assert_string_equal(user.password, "");
}

static void test_a_bad_line_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"nonsense", "not JSON"},
        {"", "not JSON"},
        {"{\"username\":\"a\"} more", "not JSON"},
        {"[\"zoe\"]", "not a JSON object"},
        {"{}", "username is missing"},
        {"{\"username\":\"\"}", "username is missing"},
        {"{\"username\":7}", "username must be text"},
        {"{\"username\":\"a\",\"password\":[1]}", "password must be text"},
        {"{\"username\":\"a\",\"username\":\"b\"}", "not JSON"},
        {"{\"username\":\"a\\u0000b\"}", "not JSON"},
        {"{\"username\":\"\\ud800\"}", "not JSON"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(base_free_text) char *why = NULL;
        struct user_line user = {0};

        assert_int_equal(parse(cases[i].line, &user, &why), -EPROTO);
        assert_non_null(strstr(why, cases[i].why));
        assert_null(user.username);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_gives_all_members),
        cmocka_unit_test(test_all_but_the_name_may_be_left_out_or_null),
        cmocka_unit_test(test_a_bad_line_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
