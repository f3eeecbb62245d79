/* The long-polling payload codec. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "edge/socketio/polling.h"

static const char mixed[] = "4hello\036bAQIDBA==\0362\036b\0364";

/* How many packets decode; −1 when one is malformed. */
static int count_packets(const void *payload, size_t len)
{
    AUTO(polling_done) struct polling_reader reader;
    struct polling_packet packet;
    int rc, count = 0;

    polling_init(&reader, payload, len);
    while ((rc = polling_next(&reader, &packet)) == 1)
        count++;
    return rc < 0 ? -1 : count;
}

static void test_text_and_binary_are_told_apart(void **state)
{
    AUTO(polling_done) struct polling_reader reader;
    struct polling_packet packet;

    (void)state;
    polling_init(&reader, mixed, sizeof mixed - 1);
    assert_int_equal(polling_next(&reader, &packet), 1);
    assert_int_equal(packet.type, '4');
    assert_false(packet.binary);
    assert_int_equal(packet.len, 5);
    assert_memory_equal(packet.data, "hello", 5);
    assert_int_equal(polling_next(&reader, &packet), 1);
    assert_int_equal(packet.type, '4');
    assert_true(packet.binary);
    assert_int_equal(packet.len, 4);
    assert_memory_equal(packet.data, "\1\2\3\4", 4);
    assert_int_equal(polling_next(&reader, &packet), 1);
    assert_int_equal(packet.type, '2');
    assert_int_equal(polling_next(&reader, &packet), 1);
    assert_true(packet.binary);
    assert_int_equal(packet.len, 0);
    assert_int_equal(polling_next(&reader, &packet), 1);
    assert_false(packet.binary);
    assert_int_equal(packet.len, 0);
    assert_int_equal(polling_next(&reader, &packet), 0);
}

static void test_what_is_no_payload_is_refused(void **state)
{
    static const char *const bad[] = {
        "",      "\036",  "4a\036", "4a\036\0364b", "7",     "abc",       "bA", "bAA",
        "bAA=A", "b====", "bAR==",  "bAAB=",        "b*AAA", "bAA==AA==", "B"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(count_packets(bad[i], strlen(bad[i])), -1);
}

static void test_every_truncation_is_refused_or_a_shorter_payload(void **state)
{
    int most = count_packets(mixed, sizeof mixed - 1);

    (void)state;
    assert_int_equal(most, 5);
    for (size_t len = 0; len < sizeof mixed - 1; len++) {
        char *exact = malloc(len + 1); /* so that a sanitizer sees what is read beyond it */

        memcpy(exact, mixed, len);
        assert_true(count_packets(exact, len) <= most);
        free(exact);
    }
}

static void test_binary_of_every_length_comes_back(void **state)
{
    uint8_t bytes[64];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 250);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        AUTO(buf_done) struct buf out;
        AUTO(polling_done) struct polling_reader reader;
        struct polling_packet packet;

        buf_init(&out, 1024);
        polling_put(&out, true, bytes, len);
        polling_init(&reader, out.data, out.len);
        assert_int_equal(polling_next(&reader, &packet), 1);
        assert_true(packet.binary);
        assert_int_equal(packet.len, len);
        if (len)
            assert_memory_equal(packet.data, bytes, len);
        assert_int_equal(polling_next(&reader, &packet), 0);
    }
}

static void test_packets_are_joined_by_one_byte(void **state)
{
    AUTO(buf_done) struct buf out;

    (void)state;
    buf_init(&out, 1024);
    polling_put(&out, false, "4a", 2);
    polling_put(&out, true, "hi!", 3);
    polling_put(&out, false, "2", 1);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, "4a\036baGkh\0362", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_binary_are_told_apart),
        cmocka_unit_test(test_what_is_no_payload_is_refused),
        cmocka_unit_test(test_every_truncation_is_refused_or_a_shorter_payload),
        cmocka_unit_test(test_binary_of_every_length_comes_back),
        cmocka_unit_test(test_packets_are_joined_by_one_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
