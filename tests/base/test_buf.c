/* Growing bytes and their maximum. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "base/buf.h"

static void test_it_grows_up_to_its_maximum_and_no_further(void **state)
{
    AUTO(buf_done) struct buf buf;
    char kilobyte[1024] = {0};

    (void)state;
    buf_init(&buf, 10 * sizeof kilobyte);
    for (int i = 0; i < 10; i++)
        assert_int_equal(buf_put(&buf, kilobyte, sizeof kilobyte), 0);
    assert_false(buf.over);
    assert_int_equal(buf_put(&buf, kilobyte, 1), -EMSGSIZE);
    assert_true(buf.over);
    assert_int_equal(buf.len, 10 * sizeof kilobyte);
}

static void test_clearing_keeps_the_memory_and_forgets_the_refusal(void **state)
{
    AUTO(buf_done) struct buf buf;
    uint8_t *data;

    (void)state;
    buf_init(&buf, 4);
    assert_int_equal(buf_put_text(&buf, "four"), 0);
    assert_int_equal(buf_put_text(&buf, "!"), -EMSGSIZE);
    data = buf.data;
    buf_clear(&buf);
    assert_false(buf.over);
    assert_int_equal(buf_put_text(&buf, "4444"), 0);
    assert_ptr_equal(buf.data, data);
}

static void test_printing_needs_room_for_the_end_of_text_too(void **state)
{
    AUTO(buf_done) struct buf buf;

    (void)state;
    buf_init(&buf, 6);
    assert_int_equal(buf_printf(&buf, "%d", 12345), 0);
    assert_int_equal(buf.len, 5);
    assert_int_equal(buf_printf(&buf, "%d", 6), -EMSGSIZE);
}

static void test_dropping_from_the_front_keeps_the_rest(void **state)
{
    AUTO(buf_done) struct buf buf;

    (void)state;
    buf_init(&buf, 100);
    assert_int_equal(buf_put_text(&buf, "hello world"), 0);
    buf_drop(&buf, 6);
    assert_memory_equal(buf.data, "world", 5);
    buf_drop(&buf, 100);
    assert_int_equal(buf.len, 0);
}

static void test_taken_bytes_belong_to_the_caller(void **state)
{
    AUTO(buf_done) struct buf buf;
    size_t len = 0;
    uint8_t *bytes;

    (void)state;
    buf_init(&buf, 100);
    assert_int_equal(buf_put_text(&buf, "mine"), 0);
    bytes = buf_take(&buf, &len);
    assert_int_equal(len, 4);
    assert_null(buf.data);
    assert_int_equal(buf_put_text(&buf, "next"), 0);
    assert_memory_equal(bytes, "mine", 4);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_grows_up_to_its_maximum_and_no_further),
        cmocka_unit_test(test_clearing_keeps_the_memory_and_forgets_the_refusal),
        cmocka_unit_test(test_printing_needs_room_for_the_end_of_text_too),
        cmocka_unit_test(test_dropping_from_the_front_keeps_the_rest),
        cmocka_unit_test(test_taken_bytes_belong_to_the_caller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
