/* Recordings: what was written is read again, and whatever happens to the file is said. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/recording.h"

#define RECORDS 6

struct place {
    char dir[64], path[96];
    uint8_t *file; /* a recording of RECORDS records */
    size_t len;
    size_t offsets[RECORDS + 2]; /* of the records, the end record, and the file's end */
};

static const struct {
    enum recording_kind kind;
    const char *content;
} written[RECORDS] = {
    {RECORDING_BEGIN, "router"}, {RECORDING_SNAPSHOT, "a conversation"},
    {RECORDING_IN, "a post"},    {RECORDING_OUT, "an answer"},
    {RECORDING_IN, ""},          {RECORDING_LOST, NULL},
};

static void write_file(struct place *place)
{
    struct recording_writer *writer = NULL;

    assert_int_equal(recording_create(&writer, place->path, 1234), 0);
    for (size_t i = 0; i < RECORDS; i++) {
        struct recording_record record = {.kind = written[i].kind, .router = 7, .at_us = 1000 * i};

        place->offsets[i] = recording_size(writer);
        if (record.kind == RECORDING_LOST) {
            assert_int_equal(recording_add_lost(writer, 7, 1000 * i, 42), 0);
            continue;
        }
        record.content = wire_text(written[i].content);
        assert_int_equal(recording_add(writer, &record), 0);
    }
    place->offsets[RECORDS] = recording_size(writer);
    assert_int_equal(recording_counts(writer)[RECORDING_IN], 2);
    assert_int_equal(recording_counts(writer)[RECORDING_LOST], 42);
    assert_int_equal(recording_finish(&writer), 0);
    assert_null(writer);
}

static int set_up(void **state)
{
    struct place *place = NEW(struct place);
    struct stat stat;
    FILE *file;

    snprintf(place->dir, sizeof place->dir, "/tmp/parley-recording-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof place->path, "%s/it.rec", place->dir);
    write_file(place);
    assert_int_equal(lstat(place->path, &stat), 0);
    place->len = (size_t)stat.st_size;
    place->offsets[RECORDS + 1] = place->len;
    place->file = base_alloc(1, place->len);
    file = fopen(place->path, "re");
    assert_non_null(file);
    assert_int_equal(fread(place->file, 1, place->len, file), place->len);
    fclose(file);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    rmdir(place->dir);
    free(place->file);
    free(place);
    return 0;
}

/* Reads all there is: how many records, *ret_damage and where (0: none). */
static size_t read_all(struct wire_bytes file, bool *ret_damaged, uint64_t *ret_where)
{
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(base_free_text) char *why = NULL;
    struct recording_record record;
    size_t count = 0;
    int rc;

    *ret_where = 0;
    *ret_damaged = true;
    if (recording_open_memory(&reader, file, &why) < 0) {
        assert_non_null(why);
        return 0;
    }
    while ((rc = recording_next(reader, &record)) == 1) {
        assert_int_equal(record.kind, written[count].kind);
        assert_int_equal(record.at_us, 1000 * count);
        count++;
    }
    assert_int_equal(recording_next(reader, &record), rc); /* and it stays so */
    *ret_damaged = rc < 0;
    assert_true((recording_damage(reader) != NULL) == *ret_damaged);
    *ret_where = recording_damage_offset(reader);
    return count;
}

static void test_what_was_written_is_read_again(void **state)
{
    const struct place *place = *state;
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(base_free_text) char *why = NULL;
    struct recording_record record;

    assert_int_equal(recording_open(&reader, place->path, &why), 0);
    assert_int_equal(recording_wall_ms(reader), 1234);
    for (size_t i = 0; i < RECORDS; i++) {
        assert_int_equal(recording_next(reader, &record), 1);
        assert_int_equal(record.kind, written[i].kind);
        assert_int_equal(record.offset, place->offsets[i]);
        assert_int_equal(record.router, 7);
        assert_int_equal(record.at_us, 1000 * i);
        if (written[i].content)
            assert_true(wire_bytes_equal(record.content, wire_text(written[i].content)));
    }
    assert_int_equal(recording_next(reader, &record), 0);
    assert_null(recording_damage(reader));
}

static void test_a_record_is_found_again_by_its_offset(void **state)
{
    const struct place *place = *state;
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(base_free_text) char *why = NULL;
    struct recording_record record;

    assert_int_equal(recording_open(&reader, place->path, &why), 0);
    assert_int_equal(recording_next(reader, &record), 1);
    assert_int_equal(recording_read_at(reader, place->offsets[3], &record), 1);
    assert_true(wire_bytes_equal(record.content, wire_text("an answer")));
    assert_int_equal(recording_next(reader, &record), 1); /* where it was */
    assert_true(wire_bytes_equal(record.content, wire_text("a conversation")));
}

static void test_a_file_that_exists_is_not_overwritten(void **state)
{
    const struct place *place = *state;
    struct recording_writer *writer = NULL;

    assert_int_equal(recording_create(&writer, place->path, 1), -EEXIST);
    assert_null(writer);
}

static void test_cut_anywhere_what_is_whole_is_read_and_the_place_is_named(void **state)
{
    const struct place *place = *state;

    for (size_t len = 0; len < place->len; len++) {
        bool is_damaged;
        uint64_t where;
        size_t whole = 0;
        size_t count = read_all(wire_bytes_of(place->file, len), &is_damaged, &where);

        while (whole < RECORDS && place->offsets[whole + 1] <= len)
            whole++;
        assert_int_equal(count, whole);
        assert_true(is_damaged);
        if (len >= RECORDING_HEADER_BYTES)
            assert_int_equal(where, place->offsets[whole]);
    }
}

static void test_with_any_bit_turned_what_lies_before_is_read_and_the_place_is_named(void **state)
{
    const struct place *place = *state;

    for (size_t at = 0; at < place->len; at++)
        for (int bit = 0; bit < 8; bit++) {
            bool is_damaged;
            uint64_t where;
            size_t count, record = 0;

            place->file[at] ^= (uint8_t)(1 << bit);
            count = read_all(wire_bytes_of(place->file, place->len), &is_damaged, &where);
            place->file[at] ^= (uint8_t)(1 << bit);
            while (record < RECORDS && place->offsets[record + 1] <= at)
                record++;
            assert_true(is_damaged);
            assert_int_equal(count, record);
            if (at >= RECORDING_HEADER_BYTES)
                assert_int_equal(where, place->offsets[record]);
        }
}

static void test_a_record_left_out_or_in_another_place_is_noticed(void **state)
{
    const struct place *place = *state;
    size_t from = place->offsets[2], to = place->offsets[3], gap = to - from;
    uint8_t *copy = base_alloc(1, place->len);
    bool is_damaged;
    uint64_t where;

    memcpy(copy, place->file, from);
    memcpy(copy + from, place->file + to, place->len - to);
    assert_int_equal(read_all(wire_bytes_of(copy, place->len - gap), &is_damaged, &where), 2);
    assert_true(is_damaged);
    assert_int_equal(where, from);
    free(copy);
}

static void test_what_follows_the_end_is_noticed(void **state)
{
    const struct place *place = *state;
    uint8_t *copy = base_alloc(1, place->len + 1);
    bool is_damaged;
    uint64_t where;

    memcpy(copy, place->file, place->len);
    assert_int_equal(read_all(wire_bytes_of(copy, place->len + 1), &is_damaged, &where), RECORDS);
    assert_true(is_damaged);
    assert_int_equal(where, place->len);
    free(copy);
}

static void test_a_file_of_another_kind_is_refused(void **state)
{
    static const char text[] = "this is a text and no recording at all";
    struct recording_reader *reader = NULL;
    AUTO(base_free_text) char *why = NULL;
    AUTO(base_free_text) char *other = NULL;

    (void)state;
    assert_int_equal(recording_open_memory(&reader, wire_text(text), &why), -EPROTO);
    assert_string_equal(why, "it is no recording");
    assert_int_equal(recording_open(&reader, "/nonexistent.rec", &other), -ENOENT);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(test_what_was_written_is_read_again),
        WITH_FILE(test_a_record_is_found_again_by_its_offset),
        WITH_FILE(test_a_file_that_exists_is_not_overwritten),
        WITH_FILE(test_cut_anywhere_what_is_whole_is_read_and_the_place_is_named),
        WITH_FILE(test_with_any_bit_turned_what_lies_before_is_read_and_the_place_is_named),
        WITH_FILE(test_a_record_left_out_or_in_another_place_is_noticed),
        WITH_FILE(test_what_follows_the_end_is_noticed),
        cmocka_unit_test(test_a_file_of_another_kind_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
