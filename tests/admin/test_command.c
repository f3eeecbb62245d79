/* The command line against a table. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "admin/command.h"

static const struct command add = {
    .name = "user add",
    .arguments = "NAME",
    .least = 1,
    .most = 1,
    .options = {{"--email", "ADDRESS", ""}, {"--quiet", NULL, ""}},
};
static const struct command list = {.name = "user list", .arguments = "", .most = -1};
static const struct command up = {.name = "up", .arguments = ""};
static const struct command *const table[] = {&add, &list, &up, NULL};

/* A command line with single spaces between its words; what line borrows from lives until the next
 * call. */
static int parse(struct command_line *line, char **why, const char *text)
{
    static char copy[256];
    static char *words[32];
    int count = 0;
    char *rest = NULL;

    snprintf(copy, sizeof copy, "parley %s", text);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    return command_parse(table, count, words, line, why);
}

static void test_options_stand_before_between_and_behind(void **state)
{
    struct command_line line;
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_int_equal(parse(&line, &why, "-c x.cfg user add --email a@b zoe --quiet"), 0);
    assert_ptr_equal(line.command, &add);
    assert_string_equal(line.config, "x.cfg");
    assert_string_equal(line.values[0], "a@b");
    assert_string_equal(line.values[1], "");
    assert_int_equal(line.arg_count, 1);
    assert_string_equal(line.args[0], "zoe");
    assert_int_equal(parse(&line, &why, "user add --email=a@b -c y.cfg zoe"), 0);
    assert_string_equal(line.values[0], "a@b");
    assert_null(line.values[1]);
    assert_string_equal(line.config, "y.cfg");
}

static void test_a_dash_and_what_follows_two_dashes_are_arguments(void **state)
{
    struct command_line line;
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_int_equal(parse(&line, &why, "user list - -- --email -c"), 0);
    assert_int_equal(line.arg_count, 3);
    assert_string_equal(line.args[0], "-");
    assert_string_equal(line.args[1], "--email");
    assert_string_equal(line.args[2], "-c");
}

static void test_help_is_asked_for_anywhere(void **state)
{
    struct command_line line;
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_int_equal(parse(&line, &why, "--help"), 0);
    assert_true(line.help && !line.command);
    assert_int_equal(parse(&line, &why, "user add -h"), 0);
    assert_true(line.help && line.command == &add);
}

static void expect_refusal(int rc, char **why, const char *part)
{
    assert_int_equal(rc, -EINVAL);
    assert_non_null(strstr(*why, part));
    free(TAKE(*why));
}

static void test_what_is_wrong_is_named(void **state)
{
    struct command_line line;
    char *why = NULL;

    (void)state;
    expect_refusal(parse(&line, &why, "user drop"), &why, "user drop");
    expect_refusal(parse(&line, &why, "user"), &why, "\"user\"");
    expect_refusal(parse(&line, &why, "upp"), &why, "upp");
    expect_refusal(parse(&line, &why, "user add"), &why, "user add NAME");
    expect_refusal(parse(&line, &why, "user add a b"), &why, "user add NAME");
    expect_refusal(parse(&line, &why, "up --email x"), &why, "--email");
    expect_refusal(parse(&line, &why, "user add a --email"), &why, "wants a value");
    expect_refusal(parse(&line, &why, "user add a --quiet=1"), &why, "takes no value");
    expect_refusal(parse(&line, &why, "up -c"), &why, "wants a value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_stand_before_between_and_behind),
        cmocka_unit_test(test_a_dash_and_what_follows_two_dashes_are_arguments),
        cmocka_unit_test(test_help_is_asked_for_anywhere),
        cmocka_unit_test(test_what_is_wrong_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
