/* The quick parser: never another result than the library's. */
#include "tests/lib/cmocka.h"

#include "base/base.h"
#include "edge/socketio/parse.h"

/* The same value, and members in the same order. */
static void same(const char *text, size_t len)
{
    json_t *quick = parse_json(text, len);
    json_t *slow = json_loadb(text, len, 0, NULL);
    AUTO(base_free_text) char *quick_text = quick ? json_dumps(quick, JSON_COMPACT) : NULL;
    AUTO(base_free_text) char *slow_text = slow ? json_dumps(slow, JSON_COMPACT) : NULL;

    if (slow) {
        assert_non_null(quick);
        assert_true(json_equal(quick, slow));
        assert_string_equal(quick_text, slow_text);
    } else {
        assert_null(quick);
    }
    json_decref(quick);
    json_decref(slow);
}

static const char *const texts[] = {
    "",
    "[",
    "]",
    "{}",
    "[]",
    " [ ] ",
    "[1]x",
    "[\"message:send\",{\"conversationId\":\"aeaqeayaaaaaaaaaaaaaaaaaaa\",\"clientId\":\"c-1\","
    "\"text\":\"seventeen letters\",\"attachmentIds\":[]}]",
    "[\"sync\",{\"cursors\":{\"aeaqeayaaaaaaaaaaaaaaaaaaa\":12,\"b\":0},\"limit\":100}]",
    "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
    "{\"a\":\"12345678\\n12345678\\\"\"}",
    "{\"a\":\"\\u0041\",\"b\":\"\\ud83d\\ude42\",\"c\":\"\\u2028\"}",
    "{\"a\":\"\\ud83d\"}",
    "{\"a\":\"\\u0000\"}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\",
    "{\"a\":\"\\\"}",
    "{\"\":1}",
    "{\"a\\n\":1}",
    "{\"a\":1,\"a\":2,\"b\":3,\"a\":[4]}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{a:1}",
    "[1,]",
    "[,1]",
    "[0,-0,1,-1,10,-10,01,1.5]",
    "[0]",
    "[-0]",
    "[-1]",
    "[01]",
    "[-]",
    "[+1]",
    "[1.5,1e3,1E-3,-2.5e+10]",
    "[999999999999999]",
    "[1234567890123456]",
    "[9223372036854775807]",
    "[9223372036854775808]",
    "[-9223372036854775808]",
    "[1e999]",
    "[true,false,null]",
    "[tru]",
    "[nul",
    "[truex]",
    "[1 2]",
    "[\"a\" \"b\"]",
    "\"text\"",
    "7",
    "[\"\xf0\x9f\x99\x82\xe2\x80\xa8\x7f\"]",
    "[\"\xff\"]",
    "[\"\xed\xa0\x80\"]",
    "[\"a\nb\"]",
    "[\"a\tb\"]",
    "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
    "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]",
    "{\"a\":{\"_placeholder\":true,\"num\":0}}",
    "\xef\xbb\xbf[]",
};

static void test_every_text_is_read_as_the_library_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        same(texts[i], strlen(texts[i]));
    same("[\"a\0b\"]", 7);
    same("[]\0", 3);
}

static void test_every_truncation_is_read_as_the_library_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        for (size_t len = 0; len < strlen(texts[i]); len++) {
            AUTO(base_free_text) char *exact = base_alloc(len + 1, 1);

            memcpy(exact, texts[i], len);
            exact = base_realloc(exact, len ? len : 1, 1); /* a sanitizer sees one byte more */
            same(exact, len);
        }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void test_a_million_changed_characters_are_read_as_the_library_reads_them(void **state)
{
    static const char pieces[] =
        "{}[],:\"\\ \n0123456789-+.eEtruefalsnlu/bx\x01\x7f\xc3\xa9\xf0\x9f\x99";
    uint32_t seed = 5;
    char text[256];

    (void)state;
    for (unsigned round = 0; round < 250000; round++) {
        const char *from = texts[next_random(&seed) % COUNT_OF(texts)];
        size_t len = strlen(from);

        memcpy(text, from, len);
        for (unsigned change = 0; len > 0 && change < 4; change++)
            text[next_random(&seed) % len] = pieces[next_random(&seed) % (sizeof pieces - 1)];
        same(text, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_text_is_read_as_the_library_reads_it),
        cmocka_unit_test(test_every_truncation_is_read_as_the_library_reads_it),
        cmocka_unit_test(test_a_million_changed_characters_are_read_as_the_library_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
