/* The wire codec: every message type, every truncation, every flipped bit. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "tests/lib/wire_check.h"
#include "tests/lib/wire_samples.h"

static void test_every_message_decodes_to_what_was_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_samples_count(); i++) {
        AUTO(buf_done) struct buf frame;

        buf_init(&frame, 65536);
        wire_samples_frame(i, &frame);
        assert_false(frame.over);
        assert_int_equal(wire_check_frame(wire_buf(&frame)), 1);
    }
}

static void test_every_truncation_is_refused_or_stable(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_samples_count(); i++) {
        AUTO(buf_done) struct buf frame;

        buf_init(&frame, 65536);
        wire_samples_frame(i, &frame);
        for (size_t len = 0; len < frame.len; len++) {
            uint8_t *copy = NEW_ARRAY(len, uint8_t); /* so that asan sees one byte too many */

            memcpy(copy, frame.data, len);
            assert_true(wire_check_frame(wire_bytes_of(copy, len)) >= 0);
            free(copy);
        }
    }
}

static void test_every_flipped_bit_is_refused_or_stable(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_samples_count(); i++) {
        AUTO(buf_done) struct buf frame;

        buf_init(&frame, 65536);
        wire_samples_frame(i, &frame);
        for (size_t bit = 0; bit < frame.len * 8; bit++) {
            frame.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_true(wire_check_frame(wire_buf(&frame)) >= 0);
            frame.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void test_fields_missing_at_the_end_are_zero(void **state)
{
    AUTO(buf_done) struct buf body;
    struct wire_answer answer = {.status = 3, .seq = 77, .at_ms = 5}, got;

    (void)state;
    buf_init(&body, 100);
    wire_answer_encode(&body, &answer);
    assert_int_equal(wire_answer_decode(wire_bytes_of(body.data, 9), &got), 0);
    assert_int_equal(got.seq, 77);
    assert_int_equal(got.at_ms, 0);
    assert_int_equal(wire_answer_decode(wire_bytes_of(body.data, 8), &got), -EPROTO);
}

static void test_bytes_behind_the_last_field_are_ignored(void **state)
{
    AUTO(buf_done) struct buf body;
    struct wire_gap gap = {.expected = 5}, got;

    (void)state;
    buf_init(&body, 100);
    wire_gap_encode(&body, &gap);
    buf_put_text(&body, "from a newer version");
    assert_int_equal(wire_gap_decode(wire_buf(&body), &got), 0);
    assert_int_equal(got.expected, 5);
}

static void test_a_list_whose_count_does_not_fit_is_refused(void **state)
{
    AUTO(buf_done) struct buf body;
    struct wire_heads_reply got;
    uint8_t huge[] = {0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};

    (void)state;
    buf_init(&body, 100);
    assert_int_equal(wire_heads_reply_decode(wire_bytes_of(huge, sizeof huge), &got), -EPROTO);
}

static void test_a_frame_of_another_version_is_refused(void **state)
{
    AUTO(buf_done) struct buf frame;
    struct wire_head head;
    struct wire_bytes body;

    (void)state;
    buf_init(&frame, 65536);
    wire_samples_frame(0, &frame);
    assert_int_equal(wire_head_decode(wire_buf(&frame), &head, &body), 0);
    frame.data[0] = WIRE_VERSION + 1;
    assert_int_equal(wire_head_decode(wire_buf(&frame), &head, &body), -EPROTO);
}

static void test_a_message_that_does_not_fit_says_so(void **state)
{
    AUTO(buf_done) struct buf list;
    uint32_t count = 0;
    struct wire_position position = {.seq = 1};

    (void)state;
    buf_init(&list, 60);
    wire_position_add(&list, &count, &position);
    wire_position_add(&list, &count, &position);
    wire_position_add(&list, &count, &position);
    assert_true(list.over);
    assert_int_equal(count, 2);
    assert_int_equal(list.len, 56);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message_decodes_to_what_was_encoded),
        cmocka_unit_test(test_every_truncation_is_refused_or_stable),
        cmocka_unit_test(test_every_flipped_bit_is_refused_or_stable),
        cmocka_unit_test(test_fields_missing_at_the_end_are_zero),
        cmocka_unit_test(test_bytes_behind_the_last_field_are_ignored),
        cmocka_unit_test(test_a_list_whose_count_does_not_fit_is_refused),
        cmocka_unit_test(test_a_frame_of_another_version_is_refused),
        cmocka_unit_test(test_a_message_that_does_not_fit_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
