/* The faults under SQLite: a writer with the library preloaded is killed, and the database is
 * looked at without it. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/cmocka.h"

struct place {
    char dir[40], db[60];
};

struct writer {
    pid_t pid;
    FILE *says;
    long long last; /* committed */
    int codes[20];  /* how often each was said, by SQLite's primary code and 19 */
};

static int make_place(void **state)
{
    struct place *self = calloc(1, sizeof *self);
    sqlite3 *db = NULL;

    assert_non_null(self);
    strcpy(self->dir, "/tmp/parley-vfs-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    snprintf(self->db, sizeof self->db, "%s/test.db", self->dir);
    assert_int_equal(sqlite3_open(self->db, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(n INTEGER PRIMARY KEY, data)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    *state = self;
    return 0;
}

static int remove_place(void **state)
{
    struct place *self = *state;
    char path[400];
    DIR *dir = opendir(self->dir);

    assert_non_null(dir);
    for (struct dirent *it; (it = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", self->dir, it->d_name);
        unlink(path);
    }
    closedir(dir);
    rmdir(self->dir);
    free(self);
    return 0;
}

static void set_faults(const struct place *place, const char *text)
{
    char path[60], made[60];
    FILE *file;

    snprintf(path, sizeof path, "%s/faults", place->dir);
    snprintf(made, sizeof made, "%s/new", place->dir);
    file = fopen(made, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    rename(made, path);
}

/* mode: a variable to set to 1, or NULL. */
static void start(struct writer *self, const struct place *place, const char *mode,
                  const char *synchronous, const char *count)
{
    int ends[2];

    memset(self, 0, sizeof *self);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    self->pid = fork();
    if (self->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        setenv("LD_PRELOAD", PARLEY_VFS, 1);
        setenv("PARLEY_VFS_DIR", place->dir, 1);
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
        if (mode)
            setenv(mode, "1", 1);
        execl(PARLEY_VFS_WRITER, PARLEY_VFS_WRITER, place->db, synchronous, count, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    self->says = fdopen(ends[0], "r");
    assert_non_null(self->says);
}

/* One more line; false at its end. */
static bool hear(struct writer *self)
{
    long long n;
    int code;

    if (fscanf(self->says, "%lld %d", &n, &code) != 2)
        return false;
    if (code == SQLITE_OK)
        self->last = n;
    self->codes[(code & 0xff) < 19 ? code & 0xff : 19]++;
    return true;
}

static void hear_until(struct writer *self, long long last)
{
    while (self->last < last)
        assert_true(hear(self));
}

static void kill_it(struct writer *self)
{
    kill(self->pid, SIGKILL);
    waitpid(self->pid, NULL, 0);
    while (hear(self)) /* what it had said before */
        continue;
    fclose(self->says);
}

static long long number_of(sqlite3 *db, const char *text)
{
    sqlite3_stmt *stmt = NULL;
    long long number = -1;

    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

/* How many of the rows 1…last are there, and the database is whole; -1 otherwise. */
static long long rows_there(const struct place *place, long long last)
{
    char text[100];
    sqlite3 *db = NULL;
    long long count = -1;

    snprintf(text, sizeof text, "SELECT count(*) FROM t WHERE n <= %lld", last);
    assert_int_equal(sqlite3_open(place->db, &db), SQLITE_OK);
    if (number_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") ==
        1)
        count = number_of(db, text);
    sqlite3_close(db);
    return count;
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};

    nanosleep(&time, NULL);
}

/* Kills the writer at random moments and adds up the rows it had committed and that are gone. */
static long long lost_in_cuts(const struct place *place, const char *mode, int cuts)
{
    long long lost = 0;

    for (int i = 0; i < cuts; i++) {
        struct writer writer;

        start(&writer, place, mode, "FULL", NULL);
        while (writer.last == 0 && hear(&writer)) /* it may end before, by a failed sync */
            continue;
        pause_ms(rand() % 60);
        kill_it(&writer);
        lost += writer.last - rows_there(place, writer.last);
    }
    return lost;
}

/* ---- tests ---- */

static void what_was_not_synced_is_gone_after_a_cut(void **state)
{
    struct place *place = *state;
    struct writer writer;

    start(&writer, place, "PARLEY_VFS_POWER", "OFF", "9"); /* less than a checkpoint */
    hear_until(&writer, 9);
    kill_it(&writer);
    assert_int_equal(rows_there(place, 9), 0);
}

static void what_was_synced_stays(void **state)
{
    struct place *place = *state;
    struct writer writer;

    start(&writer, place, "PARLEY_VFS_POWER", "FULL", "40");
    hear_until(&writer, 40);
    kill_it(&writer);
    assert_int_equal(rows_there(place, 40), 40);
}

static void a_kill_alone_loses_nothing(void **state)
{
    struct place *place = *state;
    struct writer writer;

    start(&writer, place, NULL, "OFF", "40");
    hear_until(&writer, 40);
    kill_it(&writer);
    assert_int_equal(rows_there(place, 40), 40);
}

static void every_committed_row_survives_any_number_of_cuts(void **state)
{
    struct place *place = *state;

    assert_int_equal(lost_in_cuts(place, "PARLEY_VFS_POWER", 40), 0);
}

static void so_it_does_when_every_sync_is_torn(void **state)
{
    struct place *place = *state;

    set_faults(place, "slow-sync-ms 8\n");
    assert_int_equal(lost_in_cuts(place, "PARLEY_VFS_POWER", 25), 0);
}

static void so_it_does_among_io_errors(void **state)
{
    struct place *place = *state;

    set_faults(place, "io-read 0.01\nio-write 0.01\nio-sync 0.05\nbusy 0.01\nfull 0.01\n");
    assert_int_equal(lost_in_cuts(place, "PARLEY_VFS_POWER", 40), 0);
}

static void a_disk_that_lies_loses_rows(void **state)
{
    struct place *place = *state;

    assert_true(lost_in_cuts(place, "PARLEY_VFS_LIE", 5) > 0);
}

static void a_disk_that_lies_keeps_what_a_clean_end_leaves(void **state)
{
    struct place *place = *state;
    struct writer writer;

    start(&writer, place, "PARLEY_VFS_LIE", "FULL", "40");
    while (hear(&writer))
        continue;
    waitpid(writer.pid, NULL, 0);
    fclose(writer.says);
    assert_int_equal(writer.last, 40);
    assert_int_equal(rows_there(place, 40), 40);
}

static void each_fault_is_seen_and_goes_when_the_file_says_so(void **state)
{
    static const struct {
        const char *text;
        int code;
    } faults[] = {{"io-write 1\n", SQLITE_IOERR},
                  {"io-sync 1\n", SQLITE_IOERR},
                  {"full 1\n", SQLITE_FULL},
                  {"busy 1\n", SQLITE_BUSY}};
    struct place *place = *state;

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct writer writer, next;
        bool goes_on = true;

        start(&writer, place, "PARLEY_VFS_POWER", "FULL", NULL);
        hear_until(&writer, 1);
        set_faults(place, faults[i].text);
        while (goes_on && writer.codes[faults[i].code] == 0)
            goes_on = hear(&writer);
        /* The sync of a checkpoint says nothing when it fails: the writer ends then. */
        assert_true(goes_on || strcmp(faults[i].text, "io-sync 1\n") == 0);
        set_faults(place, "");
        kill_it(&writer);
        assert_int_equal(rows_there(place, writer.last), writer.last);
        start(&next, place, "PARLEY_VFS_POWER", "FULL", NULL);
        hear_until(&next, writer.last + 100);
        kill_it(&next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
        TEST(what_was_not_synced_is_gone_after_a_cut),
        TEST(what_was_synced_stays),
        TEST(a_kill_alone_loses_nothing),
        TEST(every_committed_row_survives_any_number_of_cuts),
        TEST(so_it_does_when_every_sync_is_torn),
        TEST(so_it_does_among_io_errors),
        TEST(a_disk_that_lies_loses_rows),
        TEST(a_disk_that_lies_keeps_what_a_clean_end_leaves),
        TEST(each_fault_is_seen_and_goes_when_the_file_says_so),
    };

    srand((unsigned)time(NULL));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
