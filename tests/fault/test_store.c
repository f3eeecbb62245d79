/* The SQLite store on a disk whose syncs fail. What becomes of the rows is tried in test_vfs.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/persist/fixture.h"

#define TEXT 900000      /* bytes: some forty of them make a checkpoint due */
#define TRIES 400        /* … of which far fewer are needed */
#define WITHOUT_FAULT 10 /* too few for a checkpoint */

static char dir[] = "/tmp/parley-faults-XXXXXX";

static void set_faults(const char *text)
{
    char path[100];
    FILE *file;

    snprintf(path, sizeof path, "%s/faults", dir);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int append_next(struct fixture *self, uint64_t *seq)
{
    static char text[TEXT + 1];
    struct wire_verdict verdict = {0};
    struct wire_event event;
    char client_id[30];
    int rc;

    memset(text, 'x', TEXT);
    self->used = 0;
    snprintf(client_id, sizeof client_id, "%d", (int)*seq + 1);
    event = fixture_message(self, 1, *seq + 1, 1, client_id, text);
    rc = self->store->ops->append(self->store, &event, 1, &verdict);
    if (rc < 0)
        return rc;
    assert_int_equal(verdict.answer, WIRE_ANSWER_STORED);
    (*seq)++;
    return 0;
}

/* The library looks at the file every 20 ms. */
static void append_until(struct fixture *self, uint64_t *seq, int wanted)
{
    int rc = append_next(self, seq);

    for (int i = 0; i < TRIES && rc != wanted; i++)
        rc = append_next(self, seq);
    assert_int_equal(rc, wanted);
}

static void a_commit_that_could_not_be_synced_is_refused_and_leaves_no_doubt(void **state)
{
    struct fixture *self = fixture_of(state);
    uint64_t seq = 1;

    fixture_conversation(self, 1, 1);
    set_faults("io-sync 1\n");
    append_until(self, &seq, -EIO);
    assert_false(self->store->is_doubtful);
    set_faults("");
    append_until(self, &seq, 0);
    for (int i = 0; i < WITHOUT_FAULT; i++)
        assert_int_equal(append_next(self, &seq), 0);
    assert_false(self->store->is_doubtful);
}

static void a_checkpoint_that_could_not_be_synced_leaves_the_store_in_doubt(void **state)
{
    struct fixture *self = fixture_of(state);
    uint64_t seq = 1;

    fixture_conversation(self, 1, 1);
    set_faults("io-sync 0.3\n");
    for (int i = 0; i < TRIES && !self->store->is_doubtful; i++)
        (void)append_next(self, &seq);
    set_faults("");
    assert_true(self->store->is_doubtful);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ON_SQLITE(test) cmocka_unit_test_setup_teardown(test, fixture_sqlite, fixture_done)
        ON_SQLITE(a_commit_that_could_not_be_synced_is_refused_and_leaves_no_doubt),
        ON_SQLITE(a_checkpoint_that_could_not_be_synced_leaves_the_store_in_doubt),
    };
    char path[100];
    int failed;

    if (!mkdtemp(dir))
        return EXIT_FAILURE;
    setenv("PARLEY_VFS_DIR", dir, 1);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(path, sizeof path, "%s/faults", dir);
    unlink(path);
    rmdir(dir);
    return failed;
}
