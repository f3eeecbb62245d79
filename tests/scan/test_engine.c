/* libclamav with small limits: what is beyond them is never called clean. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <sys/stat.h>

#include "scan/engine.h"
#include "scan/worker.h"
#include "tests/scan/files.h"

#define FILE_BYTES (1u << 20) /* an archive can be small and hold much */
#define TOTAL_BYTES (4u << 20)
#define DEPTH 4

static const struct engine_limits limits = {.file_bytes = FILE_BYTES,
                                            .total_bytes = TOTAL_BYTES,
                                            .depth = DEPTH,
                                            .files = 100,
                                            .time_ms = 10000};

struct bench {
    struct files files;
    struct engine *engine;
    struct buf content;
};

static int set_up(void **state)
{
    struct bench *self = NEW(struct bench);
    unsigned signatures = 0;
    AUTO(base_free_text) char *why = NULL;

    files_make(&self->files);
    buf_init(&self->content, 32u << 20);
    assert_int_equal(engine_clamav.open(&self->engine, EICAR_DATABASE, &limits, &signatures, &why),
                     0);
    assert_int_equal(signatures, 1);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *self = *state;

    self->engine->ops->close(&self->engine);
    buf_done(&self->content);
    files_remove(&self->files);
    free(self);
    return 0;
}

static struct engine_result scan(struct bench *self, const char *name)
{
    const char *path = files_write(&self->files, name, &self->content);
    struct engine_result result;

    self->engine->ops->scan_file(self->engine, path, &result);
    return result;
}

static void put_spaces(struct buf *out, size_t count)
{
    memset(buf_reserve(out, count), ' ', count);
    out->len += count;
}

static void test_the_engine_proves_itself(void **state)
{
    struct bench *self = *state;
    AUTO(base_free_text) char *why = NULL;

    assert_int_equal(worker_prove(self->engine, &why), 0);
}

static void test_an_infected_file_is_found_plain_and_packed(void **state)
{
    struct bench *self = *state;
    struct engine_result result;

    files_put_eicar(&self->content);
    for (int depth = 0; depth < 3; depth++) {
        result = scan(self, "infected");
        assert_int_equal(result.verdict, ENGINE_INFECTED);
        assert_non_null(strstr(result.text, "Eicar"));
        files_pack(&self->content);
    }
}

static void test_a_clean_file_is_clean_plain_and_packed(void **state)
{
    struct bench *self = *state;

    assert_int_equal(scan(self, "empty").verdict, ENGINE_CLEAN);
    buf_put_text(&self->content, "nothing to see");
    assert_int_equal(scan(self, "clean").verdict, ENGINE_CLEAN);
    files_pack(&self->content);
    assert_int_equal(scan(self, "clean.zip").verdict, ENGINE_CLEAN);
}

static void test_a_file_beyond_the_size_limit_is_not_called_clean(void **state)
{
    struct bench *self = *state;

    put_spaces(&self->content, FILE_BYTES + 1);
    assert_int_equal(scan(self, "large").verdict, ENGINE_FAILED);
}

/* libclamav would cut a member at its limit for files and call what it saw of it clean. */
static void
test_a_virus_at_the_end_of_a_large_member_of_a_small_archive_is_found_or_refused(void **state)
{
    struct bench *self = *state;

    put_spaces(&self->content, 2 * FILE_BYTES);
    files_put_eicar(&self->content);
    files_squeeze(&self->content, 2 * FILE_BYTES);
    assert_true(self->content.len < FILE_BYTES / 10);
    assert_int_equal(scan(self, "squeezed.zip").verdict, ENGINE_INFECTED);
    buf_clear(&self->content);
    put_spaces(&self->content, 2 * TOTAL_BYTES);
    files_put_eicar(&self->content);
    files_squeeze(&self->content, 2 * TOTAL_BYTES);
    assert_int_equal(scan(self, "bomb.zip").verdict, ENGINE_FAILED);
}

static void test_archives_packed_too_deep_are_not_called_clean(void **state)
{
    struct bench *self = *state;

    files_put_eicar(&self->content);
    for (int depth = 0; depth < 3 * DEPTH; depth++)
        files_pack(&self->content);
    assert_int_equal(scan(self, "deep.zip").verdict, ENGINE_FAILED);
}

static void test_what_is_no_file_is_not_called_clean_and_holds_nobody_up(void **state)
{
    struct bench *self = *state;
    struct engine_result result;
    char path[128];

    self->engine->ops->scan_file(self->engine, "/nowhere/at/all", &result);
    assert_int_equal(result.verdict, ENGINE_FAILED);
    assert_string_equal(result.text, strerror(ENOENT));
    self->engine->ops->scan_file(self->engine, self->files.folder, &result);
    assert_int_equal(result.verdict, ENGINE_FAILED);
    snprintf(path, sizeof path, "%s/pipe", self->files.folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    self->engine->ops->scan_file(self->engine, path, &result);
    assert_int_equal(result.verdict, ENGINE_FAILED);
}

static void test_a_database_that_is_not_there_is_named(void **state)
{
    struct engine *engine = NULL;
    unsigned signatures = 0;
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_true(engine_clamav.open(&engine, "/nowhere.ndb", &limits, &signatures, &why) < 0);
    assert_non_null(strstr(why, "/nowhere.ndb"));
    assert_null(engine);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_the_engine_proves_itself),
        CASE(test_an_infected_file_is_found_plain_and_packed),
        CASE(test_a_clean_file_is_clean_plain_and_packed),
        CASE(test_a_file_beyond_the_size_limit_is_not_called_clean),
        CASE(test_a_virus_at_the_end_of_a_large_member_of_a_small_archive_is_found_or_refused),
        CASE(test_archives_packed_too_deep_are_not_called_clean),
        CASE(test_what_is_no_file_is_not_called_clean_and_holds_nobody_up),
        CASE(test_a_database_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
