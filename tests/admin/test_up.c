/* The supervisor with scripts for daemons. */
#include "tests/lib/cmocka.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "admin/up.h"
#include "base/clock.h"
#include "tests/admin/folder.h"

#define DEADLINE_MS 20000

/* Notes its pid and its end, and ends when it is asked to. */
static const char obedient[] = "#!/bin/sh\n"
                               "cd \"$(dirname \"$0\")\"\n"
                               "trap 'echo \"$4\" >> ended; exit 0' TERM\n"
                               "echo $$ > \"$4.pid\"\n"
                               "echo \"$4\" >> started\n"
                               "while :; do sleep 0.02; done\n";
static const char hopeless[] = "#!/bin/sh\n"
                               "echo tried >> \"$(dirname \"$0\")/tried\"\n"
                               "echo 'level=error msg=\"the port is taken\"'\n"
                               "echo 'level=info msg=\"stopped\"'\n"
                               "exit 1\n";

/* up in a process of its own, what it says in the file "log". */
static pid_t start_up(struct folder *folder)
{
    pid_t pid = fork();

    if (pid == 0) {
        char log[128];

        snprintf(log, sizeof log, "%s/log", folder->path);
        if (!freopen(log, "w", stderr))
            _exit(9);
        _exit(up_run(folder->place, folder->path) < 0 ? 1 : 0);
    }
    return pid;
}

static size_t lines_of(const struct folder *folder, const char *name)
{
    AUTO(base_free_text) char *text = folder_read(folder, name);
    size_t count = 0;

    for (const char *c = text; c && *c; c++)
        count += *c == '\n';
    return count;
}

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void await_lines(const struct folder *folder, const char *name, size_t count)
{
    uint64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;

    while (lines_of(folder, name) < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        pause_briefly();
    }
}

static pid_t pid_of(const struct folder *folder, const char *name)
{
    AUTO(base_free_text) char *text = folder_read(folder, name);

    return (pid_t)strtol(text, NULL, 10);
}

static int await_end(pid_t pid)
{
    uint64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        pause_briefly();
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void await_gone(pid_t pid)
{
    uint64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;

    while (kill(pid, 0) == 0) {
        char stat[64], text[256] = "";
        FILE *file;

        snprintf(stat, sizeof stat, "/proc/%d/stat", (int)pid);
        file = fopen(stat, "re");
        if (!file || !fgets(text, sizeof text, file) || strstr(text, ") Z "))
            deadline_ms = UINT64_MAX; /* a zombie that init has not looked at */
        if (file)
            fclose(file);
        if (deadline_ms == UINT64_MAX)
            return;
        assert_true(clock_monotonic_ms() < deadline_ms);
        pause_briefly();
    }
}

static void make_daemons(struct folder *folder, const char *script)
{
    static const char *const roles[] = {"persist", "router", "notify", "scan", "edge"};
    char name[32];

    folder_make(folder,
                "up\n    daemons = \"persist router notify edge\"\nlog\n    level = info\n");
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        snprintf(name, sizeof name, "parley-%s", roles[i]);
        folder_write(folder, name, script);
    }
}

static void test_daemons_are_stopped_from_the_edge_to_the_store(void **state)
{
    struct folder folder;
    AUTO(base_free_text) char *ended = NULL;
    pid_t up;

    (void)state;
    make_daemons(&folder, obedient);
    up = start_up(&folder);
    await_lines(&folder, "started", 4);
    kill(up, SIGTERM);
    assert_int_equal(await_end(up), 0);
    ended = folder_read(&folder, "ended");
    assert_string_equal(ended, "edge\nrouter\nnotify\npersist\n");
    folder_remove(&folder);
}

static void test_what_is_killed_is_started_again(void **state)
{
    struct folder folder;
    AUTO(base_free_text) char *log = NULL;
    pid_t up, router;

    (void)state;
    make_daemons(&folder, obedient);
    up = start_up(&folder);
    await_lines(&folder, "started", 4);
    router = pid_of(&folder, "router.pid");
    for (size_t kills = 1; kills <= 3; kills++) {
        kill(pid_of(&folder, "router.pid"), SIGKILL);
        await_lines(&folder, "started", 4 + kills);
    }
    assert_int_not_equal(pid_of(&folder, "router.pid"), router);
    kill(up, SIGINT);
    assert_int_equal(await_end(up), 0);
    log = folder_read(&folder, "log");
    assert_non_null(strstr(log, "router was killed by signal 9"));
    folder_remove(&folder);
}

static void test_one_that_cannot_start_stops_all_and_its_error_is_repeated(void **state)
{
    struct folder folder;
    AUTO(base_free_text) char *log = NULL;

    (void)state;
    make_daemons(&folder, obedient);
    folder_write(&folder, "parley-edge", hopeless);
    assert_int_equal(await_end(start_up(&folder)), 1);
    assert_int_equal(lines_of(&folder, "tried"), 3);
    log = folder_read(&folder, "log");
    assert_non_null(strstr(log, "edge cannot start: level=error msg=\"the port is taken\""));
    assert_non_null(strstr(log, "edge    | level=error"));
    folder_remove(&folder);
}

static void test_a_program_that_is_not_there_is_named(void **state)
{
    struct folder folder;
    AUTO(base_free_text) char *log = NULL;
    char path[128];

    (void)state;
    make_daemons(&folder, obedient);
    snprintf(path, sizeof path, "%s/parley-notify", folder.path);
    unlink(path);
    assert_int_equal(await_end(start_up(&folder)), 1);
    log = folder_read(&folder, "log");
    assert_non_null(strstr(log, "notify cannot start: cannot run"));
    folder_remove(&folder);
}

static void test_one_that_does_not_end_is_killed_by_a_second_signal(void **state)
{
    static const char stubborn[] = "#!/bin/sh\n"
                                   "trap '' TERM\n"
                                   "echo x >> \"$(dirname \"$0\")/started\"\n"
                                   "while :; do sleep 0.02; done\n";
    struct folder folder;
    uint64_t began_ms;
    pid_t up;

    (void)state;
    make_daemons(&folder, stubborn);
    up = start_up(&folder);
    await_lines(&folder, "started", 4);
    began_ms = clock_monotonic_ms();
    kill(up, SIGINT);
    while (clock_monotonic_ms() < began_ms + 100)
        pause_briefly();
    kill(up, SIGINT);
    assert_int_equal(await_end(up), 0);
    assert_true(clock_monotonic_ms() < began_ms + 4000); /* SIGTERM's time would be 5 s each */
    folder_remove(&folder);
}

static void test_a_supervisor_that_is_killed_leaves_nothing_behind(void **state)
{
    struct folder folder;
    pid_t up, persist, edge;

    (void)state;
    make_daemons(&folder, obedient);
    up = start_up(&folder);
    await_lines(&folder, "started", 4);
    persist = pid_of(&folder, "persist.pid");
    edge = pid_of(&folder, "edge.pid");
    kill(up, SIGKILL);
    assert_int_equal(await_end(up), 100 + SIGKILL);
    await_gone(persist);
    await_gone(edge);
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daemons_are_stopped_from_the_edge_to_the_store),
        cmocka_unit_test(test_what_is_killed_is_started_again),
        cmocka_unit_test(test_one_that_cannot_start_stops_all_and_its_error_is_repeated),
        cmocka_unit_test(test_a_program_that_is_not_there_is_named),
        cmocka_unit_test(test_one_that_does_not_end_is_killed_by_a_second_signal),
        cmocka_unit_test(test_a_supervisor_that_is_killed_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
