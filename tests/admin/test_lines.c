/* Bytes become lines, however they come. */
#include "tests/lib/cmocka.h"

#include "admin/lines.h"

struct seen {
    char text[20000];
    size_t cut;
};

static void on_line(void *arg, const char *line, size_t len, bool cut)
{
    struct seen *seen = arg;
    size_t have = strlen(seen->text);

    seen->cut += cut;
    snprintf(seen->text + have, sizeof seen->text - have, "[%.*s]", (int)len, line);
}

static void test_lines_are_the_same_whatever_the_pieces(void **state)
{
    static const char text[] = "one\n\ntwo\r\nlast";

    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct lines lines = {0};
        struct seen seen = {0};

        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            size_t left = sizeof text - 1 - at;

            lines_feed(&lines, text + at, left < piece ? left : piece, on_line, &seen);
        }
        lines_end(&lines, on_line, &seen);
        assert_string_equal(seen.text, "[one][][two\r][last]");
    }
}

static void test_a_long_line_is_cut_and_the_next_one_is_whole(void **state)
{
    struct lines lines = {0};
    struct seen seen = {0};
    char letters[LINES_MAX + 500];

    (void)state;
    memset(letters, 'a', sizeof letters);
    lines_feed(&lines, letters, sizeof letters, on_line, &seen);
    lines_feed(&lines, "b\nnext\n", 7, on_line, &seen);
    lines_end(&lines, on_line, &seen);
    assert_int_equal(seen.cut, 1);
    assert_int_equal(strlen(seen.text), LINES_MAX + 2 + strlen("[next]"));
    assert_string_equal(seen.text + LINES_MAX + 2, "[next]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_the_same_whatever_the_pieces),
        cmocka_unit_test(test_a_long_line_is_cut_and_the_next_one_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
