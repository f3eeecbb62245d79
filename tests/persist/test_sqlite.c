/* What is SQLite's own: files that cannot be used, a full disk, readers beside the writer, death in
 * the middle. */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/persist/fixture.h"

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_newer_schema_is_refused_with_a_clear_sentence(void **state)
{
    struct fixture *self = fixture_of(state);
    char why[FIXTURE_WHY];

    self->store->ops->close(&self->store);
    run_sql(self->place.path, "PRAGMA user_version = 99");
    assert_int_equal(fixture_try_open(self, why), -EPROTONOSUPPORT);
    assert_non_null(strstr(why, "schema 99"));
    assert_non_null(strstr(why, "start the newer program"));
    assert_non_null(strstr(why, self->place.path));
}

static void another_programs_database_is_left_alone(void **state)
{
    struct fixture *self = fixture_of(state);
    char why[FIXTURE_WHY];

    self->store->ops->close(&self->store);
    run_sql(self->place.path, "PRAGMA application_id = 42");
    assert_int_equal(fixture_try_open(self, why), -EBADMSG);
    assert_non_null(strstr(why, "another program"));
}

static void a_database_without_a_version_is_another_programs_when_it_has_tables(void **state)
{
    struct fixture *self = fixture_of(state);
    const char *own = self->place.path;
    char path[100], why[400];

    snprintf(path, sizeof path, "%s/foreign.db", self->dir);
    run_sql(path, "CREATE TABLE notes(text TEXT)");
    self->place.path = path;
    assert_int_equal(fixture_try_open(self, why), -EBADMSG);
    assert_non_null(strstr(why, "another program"));
    run_sql(path, "DROP TABLE notes");
    assert_int_equal(fixture_try_open(self, why), 0); /* empty: ours to make */
    self->place.path = own;
}

static void a_second_writer_is_told_of_the_first(void **state)
{
    struct fixture *self = fixture_of(state);
    char why[FIXTURE_WHY];

    assert_int_equal(fixture_try_open(self, why), -EAGAIN);
    assert_non_null(strstr(why, "another parley-persist"));
    self->store->ops->close(&self->store);
    assert_int_equal(fixture_try_open(self, why), 0);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct fixture *self = fixture_of(state);
    const char *path = self->place.path;
    char why[FIXTURE_WHY];

    self->place.path = "/nowhere/at/all/parley.db";
    assert_int_equal(fixture_try_open(self, why), -EACCES);
    assert_non_null(strstr(why, "/nowhere/at/all/parley.db"));
    self->place.path = path;
}

/* Runs fn in a child, as an ordinary user when we are root; its exit status. */
static int in_child(int (*fn)(struct fixture *self), struct fixture *self, bool ordinary)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (ordinary && getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(99);
        _exit(fn(self));
    }
    assert_true(pid > 0);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int open_read_only(struct fixture *self)
{
    char why[FIXTURE_WHY];

    if (fixture_try_open(self, why) != -EROFS)
        return 1;
    return strstr(why, "read-only") && strstr(why, self->place.path) ? 0 : 2;
}

static void a_read_only_file_is_refused_with_a_clear_sentence(void **state)
{
    struct fixture *self = fixture_of(state);

    self->store->ops->close(&self->store);
    assert_int_equal(chmod(self->place.path, 0444), 0);
    assert_int_equal(chmod(self->dir, 0555), 0);
    assert_int_equal(in_child(open_read_only, self, true), 0);
    assert_int_equal(chmod(self->dir, 0755), 0);
}

/* ---- a full disk ---- */

static uint8_t append_large(struct fixture *self, uint64_t seq, int *ret_rc)
{
    char text[20001], client_id[20];
    struct wire_event event;
    struct wire_verdict verdict = {0};

    memset(text, 'x', 20000);
    text[20000] = '\0';
    snprintf(client_id, sizeof client_id, "%u", (unsigned)seq);
    event = fixture_message(self, 1, seq, 1, client_id, text);
    *ret_rc = self->store->ops->append(self->store, &event, 1, &verdict);
    return verdict.answer;
}

static int fill_the_disk(struct fixture *self)
{
    struct rlimit limit = {1 << 20, RLIM_INFINITY};
    uint64_t seq = 2;
    int rc;

    signal(SIGXFSZ, SIG_IGN);
    self->store = fixture_open(self);
    setrlimit(RLIMIT_FSIZE, &limit);
    while (append_large(self, seq, &rc) == WIRE_ANSWER_STORED && rc == 0)
        seq++;
    if (rc != -ENOSPC || !strstr(self->store->why, "disk is full"))
        return 1;
    if (append_large(self, seq, &rc) == WIRE_ANSWER_STORED && rc == 0)
        return 2;
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    fixture_reopen(self);
    if (append_large(self, seq - 1, &rc) != WIRE_ANSWER_SAME || rc != 0)
        return 3;
    if (append_large(self, seq, &rc) != WIRE_ANSWER_STORED || rc != 0)
        return 4;
    self->store->ops->close(&self->store);
    return 0;
}

static void a_full_disk_loses_nothing_that_was_acknowledged(void **state)
{
    struct fixture *self = fixture_of(state);

    fixture_conversation(self, 1, 1);
    self->store->ops->close(&self->store);
    assert_int_equal(in_child(fill_the_disk, self, false), 0);
}

/* ---- memory ---- */

static bool skip_event(void *arg, const struct wire_event *event)
{
    (void)arg;
    (void)event;
    return true;
}

static void pages_in_memory_have_a_limit(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store_range range = {.conversation = fixture_id(1), .first = 1, .limit = 1000000};
    int64_t before;
    int rc;

    fixture_conversation(self, 1, 1);
    self->place.cache_mb = 4;
    fixture_reopen(self);
    before = sqlite3_memory_used();
    for (uint64_t seq = 2; seq < 402; seq++)
        assert_int_equal(append_large(self, seq, &rc), WIRE_ANSWER_STORED);
    assert_int_equal(self->store->ops->events(self->store, &range, skip_event, NULL), 0);
    assert_in_range(sqlite3_memory_used() - before, 3 << 20, 5 << 20);
}

/* ---- death in the middle ---- */

static int acknowledge_to = -1;

static int append_for_ever(struct fixture *self)
{
    self->store = fixture_open(self);
    for (uint64_t seq = 2;; seq++) {
        int rc;

        if (append_large(self, seq, &rc) != WIRE_ANSWER_STORED || rc < 0 ||
            write(acknowledge_to, &seq, sizeof seq) != sizeof seq)
            return 1;
    }
}

static bool count_event(void *arg, const struct wire_event *event)
{
    uint64_t *last = arg;

    assert_int_equal(event->seq, *last + 1);
    *last = event->seq;
    return true;
}

static void what_was_acknowledged_outlives_a_kill(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store_range range = {.conversation = fixture_id(1), .first = 1, .limit = 1000000};
    uint64_t acknowledged = 0, seq, last = 0;
    int ends[2], rc;
    pid_t pid;

    fixture_conversation(self, 1, 1);
    self->store->ops->close(&self->store);
    assert_int_equal(pipe(ends), 0);
    acknowledge_to = ends[1];
    pid = fork();
    if (pid == 0)
        _exit(append_for_ever(self));
    close(ends[1]);
    while (acknowledged < 50 && read(ends[0], &seq, sizeof seq) == sizeof seq)
        acknowledged = seq;
    kill(pid, SIGKILL);
    while (read(ends[0], &seq, sizeof seq) == sizeof seq)
        acknowledged = seq;
    waitpid(pid, NULL, 0);
    close(ends[0]);
    self->store = fixture_open(self);
    assert_int_equal(self->store->ops->events(self->store, &range, count_event, &last), 0);
    assert_true(acknowledged >= 50);
    assert_true(last >= acknowledged);
    assert_int_equal(append_large(self, last, &rc), WIRE_ANSWER_SAME);
    assert_int_equal(append_large(self, last + 1, &rc), WIRE_ANSWER_STORED);
}

/* ---- readers ---- */

static uint64_t head_of(struct store *store)
{
    struct id id = fixture_id(1);
    struct store_head head = {0};
    int rc = store->ops->head(store, &id, &head);

    assert_true(rc == 0 || rc == -ENOENT);
    return head.seq;
}

static void a_reader_sees_what_is_committed_and_one_instant_within_a_view(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event message = fixture_message(self, 1, 2, 1, "a", "text");
    struct store *reader;

    self->place.writer = false;
    reader = fixture_open(self);
    assert_int_equal(head_of(reader), 0);
    fixture_conversation(self, 1, 1);
    assert_int_equal(head_of(reader), 1);
    assert_int_equal(reader->ops->view(reader, true), 0);
    assert_int_equal(head_of(reader), 1);
    fixture_store(self, &message);
    assert_int_equal(head_of(reader), 1);
    assert_int_equal(reader->ops->view(reader, false), 0);
    assert_int_equal(head_of(reader), 2);
    reader->ops->close(&reader);
}

static int64_t ask_number(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t number;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return number;
}

/* Many times what the store gathers before it writes to the log. */
static void a_large_commit_is_whole_for_readers_that_know_nothing_of_us(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event events[STORE_APPEND_MAX];
    struct wire_verdict verdicts[STORE_APPEND_MAX];
    char text[3000], client_id[20];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    fixture_conversation(self, 1, 1);
    for (unsigned batch = 0, seq = 2; batch < 4; batch++) {
        size_t count = 100;

        self->used = 0;
        for (size_t i = 0; i < count; i++, seq++) {
            snprintf(client_id, sizeof client_id, "%u", seq);
            events[i] = fixture_message(self, 1, seq, 1, client_id, text);
        }
        assert_int_equal(self->store->ops->append(self->store, events, count, verdicts), 0);
        assert_int_equal(ask_number(self->place.path, "SELECT count(*) FROM events"), seq - 1);
    }
    assert_int_equal(ask_number(self->place.path, "SELECT count(*) FROM pragma_integrity_check "
                                                  "WHERE integrity_check = 'ok'"),
                     1);
}

static void a_reader_waits_for_the_writer_to_make_the_file(void **state)
{
    struct fixture *self = fixture_of(state);
    const char *path = self->place.path;
    char why[FIXTURE_WHY], other[100];

    snprintf(other, sizeof other, "%s/other.db", self->dir);
    self->place.path = other;
    self->place.writer = false;
    assert_true(fixture_try_open(self, why) < 0);
    assert_int_equal(access(other, F_OK), -1); /* it makes none */
    self->place.path = path;
}

int main(void)
{
#define ON_SQLITE(test) cmocka_unit_test_setup_teardown(test, fixture_sqlite, fixture_done)
    static const struct CMUnitTest tests[] = {
        ON_SQLITE(a_newer_schema_is_refused_with_a_clear_sentence),
        ON_SQLITE(another_programs_database_is_left_alone),
        ON_SQLITE(a_database_without_a_version_is_another_programs_when_it_has_tables),
        ON_SQLITE(a_second_writer_is_told_of_the_first),
        ON_SQLITE(a_folder_that_is_not_there_is_named),
        ON_SQLITE(a_read_only_file_is_refused_with_a_clear_sentence),
        ON_SQLITE(a_full_disk_loses_nothing_that_was_acknowledged),
        ON_SQLITE(pages_in_memory_have_a_limit),
        ON_SQLITE(what_was_acknowledged_outlives_a_kill),
        ON_SQLITE(a_reader_sees_what_is_committed_and_one_instant_within_a_view),
        ON_SQLITE(a_large_commit_is_whole_for_readers_that_know_nothing_of_us),
        ON_SQLITE(a_reader_waits_for_the_writer_to_make_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
