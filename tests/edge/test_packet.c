/* The Socket.IO packet codec. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "edge/socketio/packet.h"

/* Every form, in its shortest text. */
static const char *const shortest[] = {
    "0",
    "0{\"token\":\"123\"}",
    "0/custom,",
    "0/custom,{\"sid\":\"x\"}",
    "1",
    "1/custom,",
    "2[\"message\",1,\"2\"]",
    "20[\"e\"]",
    "2/admin,456[\"e\"]",
    "29007199254740991[\"e\"]",
    "3456[1]",
    "4/random,{\"message\":\"Invalid namespace\"}",
    "51-[\"e\",{\"_placeholder\":true,\"num\":0}]",
    "510-/custom,7[\"e\"]",
    "62-789[1]",
    "0/,/looks like a namespace",
};

static struct packet decode(const char *text)
{
    struct packet packet;

    assert_int_equal(packet_decode(&packet, text, strlen(text)), 0);
    return packet;
}

static void assert_view(struct packet_view view, const char *text)
{
    assert_int_equal(view.len, strlen(text));
    assert_memory_equal(view.data, text, view.len);
}

static void test_every_form_encodes_to_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shortest); i++) {
        struct packet packet = decode(shortest[i]);
        AUTO(buf_done) struct buf out;

        buf_init(&out, 1024);
        packet_encode(&out, &packet);
        assert_int_equal(out.len, strlen(shortest[i]));
        assert_memory_equal(out.data, shortest[i], out.len);
    }
}

static void test_every_truncation_is_refused_or_another_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shortest); i++) {
        for (size_t len = 0; len < strlen(shortest[i]); len++) {
            char *exact = malloc(len + 1); /* so that a sanitizer sees what is read beyond it */
            struct packet packet;
            AUTO(buf_done) struct buf out;

            buf_init(&out, 1024);
            memcpy(exact, shortest[i], len);
            if (packet_decode(&packet, exact, len) == 0)
                packet_encode(&out, &packet);
            free(exact);
        }
    }
}

static void test_parts_are_found(void **state)
{
    struct packet packet = decode("52-/custom,12[\"e\"]");

    (void)state;
    assert_int_equal(packet.type, PACKET_BINARY_EVENT);
    assert_int_equal(packet.attachments, 2);
    assert_view(packet.namespace, "/custom");
    assert_true(packet.has_id);
    assert_int_equal(packet.id, 12);
    assert_view(packet.json, "[\"e\"]");
}

static void test_what_may_be_left_out_has_its_default(void **state)
{
    struct packet packet = decode("2[\"e\"]");

    (void)state;
    assert_view(packet.namespace, "/");
    assert_false(packet.has_id);
    packet = decode("0/,");
    assert_view(packet.namespace, "/");
    packet = decode("0/custom");
    assert_view(packet.namespace, "/custom");
    assert_int_equal(packet.json.len, 0);
    packet = decode("20[]");
    assert_true(packet.has_id);
    assert_int_equal(packet.id, 0);
}

static void test_what_is_no_packet_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "7",
        "a",
        "5",
        "5[]",
        "5-[]",
        "50-[]",
        "511-[]",
        "5x-[]",
        "51[]",
        "6",
        "60-1[]",
        "51",
        "5999999999999999999999-[]",
        "29007199254740992[]",
        "299999999999999999999999[]",
        " 2[]",
        "-1",
    };
    char long_namespace[PACKET_NAMESPACE + 8] = "0/";
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(packet_decode(&packet, bad[i], strlen(bad[i])), -EPROTO);
    assert_int_equal(packet_decode(&packet, "2[]\0", 4), -EPROTO);
    memset(long_namespace + 2, 'n', PACKET_NAMESPACE);
    assert_int_equal(packet_decode(&packet, long_namespace, PACKET_NAMESPACE + 2), -EPROTO);
}

static void test_json_is_what_browsers_write(void **state)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.5e+3",
        "-12E-2",
        "1e999",
        "\"\"",
        "\"\\ud83d\"",
        "\"\\u0000\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "[]",
        "{}",
        " [ 1 , { \"a\" : [ ] } ] ",
        "{\"a\":1,\"a\":2}",
        "99999999999999999999999999",
        "\"\x7f\"",
    };
    static const char *const bad[] = {
        "",      " ",          "nul",  "truex", "01",      "-",           "1.",      ".5",
        "1e",    "+1",         "NaN",  "\"",    "\"\\x\"", "\"\\u12g4\"", "\"\n\"",  "'a'",
        "[",     "[1",         "[1,]", "[,1]",  "[1 2]",   "{",           "{\"a\"}", "{\"a\":}",
        "{a:1}", "{\"a\":1,}", "[}",   "1 1",   "[]]",     "// c",        "\"\\",    "\"\\u1",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(packet_json_is_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(packet_json_is_valid(bad[i], strlen(bad[i])));
}

static void test_json_nested_too_deep_is_refused(void **state)
{
    char deep[4096];

    (void)state;
    memset(deep, '[', 500);
    memset(deep + 500, ']', 500);
    assert_true(packet_json_is_valid(deep, 1000));
    memset(deep, '[', 2000);
    memset(deep + 2000, ']', 2000);
    assert_false(packet_json_is_valid(deep, 4000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_encodes_to_itself),
        cmocka_unit_test(test_every_truncation_is_refused_or_another_packet),
        cmocka_unit_test(test_parts_are_found),
        cmocka_unit_test(test_what_may_be_left_out_has_its_default),
        cmocka_unit_test(test_what_is_no_packet_is_refused),
        cmocka_unit_test(test_json_is_what_browsers_write),
        cmocka_unit_test(test_json_nested_too_deep_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
