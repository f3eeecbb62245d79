/* The daemon's queue, asked over its control socket. */
#include "tests/lib/cmocka.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "scan/scan.h"
#include "tests/scan/files.h"

#define DEADLINE_MS 20000

static const struct conf_key keys[] = {SCAN_KEYS, CONF_END};
static const struct service_spec spec = {.role = "scan", .summary = "", .keys = keys};

/* ---- an engine that takes as long as a file's name says, in milliseconds ---- */

static void slow_scan(struct engine *engine, const char *path, struct engine_result *ret)
{
    long ms = strtol(strrchr(path, '/') + 1, NULL, 10);

    (void)engine;
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    *ret = (struct engine_result){.verdict = ENGINE_CLEAN};
}

/* It knows all bytes to be bad: so it passes its proof. */
static void find_always(struct engine *engine, const void *data, size_t len,
                        struct engine_result *ret)
{
    (void)engine;
    (void)data;
    (void)len;
    *ret = (struct engine_result){.verdict = ENGINE_INFECTED, .text = "bytes"};
}

static void find_never(struct engine *engine, const void *data, size_t len,
                       struct engine_result *ret)
{
    (void)engine;
    (void)data;
    (void)len;
    *ret = (struct engine_result){.verdict = ENGINE_CLEAN};
}

static const struct engine_ops slow, blind;
static struct engine slow_engine = {.ops = &slow}, blind_engine = {.ops = &blind};

static int open_slow(struct engine **ret, const char *database, const struct engine_limits *limits,
                     unsigned *ret_signatures, char **ret_why)
{
    (void)database;
    (void)limits;
    (void)ret_why;
    *ret_signatures = 1;
    *ret = &slow_engine;
    return 0;
}

static int open_blind(struct engine **ret, const char *database, const struct engine_limits *limits,
                      unsigned *ret_signatures, char **ret_why)
{
    (void)open_slow(ret, database, limits, ret_signatures, ret_why);
    *ret = &blind_engine;
    return 0;
}

static void close_static(struct engine **engine)
{
    *engine = NULL;
}

static const struct engine_ops slow = {"slow", open_slow, slow_scan, find_always, close_static};
static const struct engine_ops blind = {"blind", open_blind, slow_scan, find_never, close_static};

/* ---- the daemon and a client of it ---- */

struct bench {
    struct files files;
    struct service *service;
    struct scan *scan;
    zsock_t *client;
    struct buf content;
    /* the last answers */
    size_t answers;
    size_t wanted;
    uint64_t traces[32];
    enum wire_result status[32];
    char detail[32][256];
    bool timed_out;
};

static int on_answer(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct bench *self = arg;
    struct bus_frame frame;

    (void)loop;
    while (bus_recv(sock, &frame) == 1) {
        struct wire_status_reply reply;

        assert_int_equal(wire_status_reply_decode(frame.body, &reply), 0);
        self->traces[self->answers] = frame.head.trace;
        self->status[self->answers] = reply.status;
        snprintf(self->detail[self->answers], sizeof self->detail[0], "%.*s", (int)reply.detail.len,
                 (const char *)reply.detail.data);
        self->answers++;
        bus_frame_done(&frame);
    }
    return self->answers >= self->wanted ? -1 : 0;
}

static int on_deadline(zloop_t *loop, int timer, void *arg)
{
    struct bench *self = arg;

    (void)loop;
    (void)timer;
    self->timed_out = true;
    return -1;
}

static void open_client(struct bench *self)
{
    AUTO(base_free_text)
    char *endpoint = topology_endpoint(service_conf(self->service), "scan", TOPOLOGY_CONTROL);
    struct bus_options options = {.type = ZMQ_DEALER, .endpoint = endpoint, .high_water = 100};

    assert_int_equal(bus_open(&self->client, &options), 0);
    zloop_reader(service_loop(self->service), self->client, on_answer, self);
}

static int set_up_with(void **state, const struct engine_ops *engine)
{
    struct bench *self = NEW(struct bench);
    char name[] = "parley-scan";
    char *argv[] = {name, NULL};

    files_make(&self->files);
    buf_init(&self->content, 16u << 20);
    setenv("PARLEY_BUS_DIR", self->files.folder, 1);
    setenv("PARLEY_SCAN_DATABASE", EICAR_DATABASE, 1);
    setenv("PARLEY_SCAN_QUEUE", "4", 1);
    setenv("PARLEY_LOG_LEVEL", "error", 1);
    assert_int_equal(service_new(&self->service, &spec, 1, argv), 0);
    assert_int_equal(scan_new(&self->scan, self->service, engine), 0);
    open_client(self);
    *state = self;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, &engine_clamav);
}

static int tear_down(void **state)
{
    struct bench *self = *state;

    zsock_destroy(&self->client);
    scan_free(&self->scan);
    service_free(&self->service);
    buf_done(&self->content);
    files_remove(&self->files);
    free(self);
    return 0;
}

static void ask(struct bench *self, const char *path, uint64_t trace)
{
    AUTO(buf_done) struct buf frame;
    struct wire_head head = {.type = WIRE_TYPE_ADMIN_SCAN, .trace = trace};
    struct wire_admin_scan scan = {.path = wire_text(path)};

    buf_init(&frame, 8192);
    wire_head_encode(&frame, &head);
    wire_admin_scan_encode(&frame, &scan);
    assert_int_equal(bus_send(self->client, &frame), 0);
}

static void await(struct bench *self, size_t answers)
{
    zloop_t *loop = service_loop(self->service);
    int timer = zloop_timer(loop, DEADLINE_MS, 1, on_deadline, self);

    self->wanted = answers;
    zloop_start(loop);
    zloop_timer_end(loop, timer);
    assert_false(self->timed_out);
    assert_int_equal(self->answers, answers);
}

/* Asks until the engine is loaded. */
static void await_loaded(struct bench *self)
{
    do {
        self->answers = 0;
        ask(self, "/nowhere", 1);
        await(self, 1);
    } while (self->status[0] == WIRE_UNAVAILABLE);
    assert_int_equal(self->status[0], WIRE_INVALID);
    self->answers = 0;
}

static void test_a_verdict_is_clean_or_the_virus_or_why_there_is_none(void **state)
{
    struct bench *self = *state;

    await_loaded(self);
    buf_put_text(&self->content, "hello");
    ask(self, files_write(&self->files, "clean", &self->content), 1);
    buf_clear(&self->content);
    files_put_eicar(&self->content);
    ask(self, files_write(&self->files, "infected", &self->content), 2);
    ask(self, "/nowhere", 3);
    await(self, 3);
    assert_int_equal(self->status[0], WIRE_OK);
    assert_string_equal(self->detail[0], "clean");
    assert_int_equal(self->status[1], WIRE_OK);
    assert_non_null(strstr(self->detail[1], "infected Parley.Eicar-Test"));
    assert_int_equal(self->status[2], WIRE_INVALID);
    assert_string_equal(self->detail[2], "No such file or directory");
}

static void test_a_path_that_is_none_is_refused(void **state)
{
    struct bench *self = *state;

    ask(self, "relative/path", 1);
    ask(self, "", 2);
    await(self, 2);
    assert_int_equal(self->status[0], WIRE_INVALID);
    assert_int_equal(self->status[1], WIRE_INVALID);
}

static void test_a_full_queue_refuses_and_a_repeated_request_takes_no_place(void **state)
{
    struct bench *self = *state;
    size_t refused = 0;

    await_loaded(self);
    memset(buf_reserve(&self->content, 12u << 20), ' ', 12u << 20); /* keeps the worker busy */
    self->content.len = 12u << 20;
    ask(self, files_write(&self->files, "large", &self->content), 1);
    for (uint64_t trace = 2; trace <= 8; trace++)
        ask(self, "/nowhere", trace);
    ask(self, "/nowhere", 1);
    await(self, 8);
    for (size_t i = 0; i < 8; i++)
        refused += self->status[i] == WIRE_UNAVAILABLE;
    assert_int_equal(refused, 4);
}

static int set_up_slow(void **state)
{
    int rc;

    setenv("PARLEY_SCAN_DEADLINE_MS", "200", 1);
    rc = set_up_with(state, &slow);
    unsetenv("PARLEY_SCAN_DEADLINE_MS");
    return rc;
}

static void test_a_scan_beyond_its_deadline_gets_no_verdict_and_the_next_one_does(void **state)
{
    struct bench *self = *state;

    do {
        self->answers = 0;
        ask(self, "/0", 1);
        await(self, 1);
    } while (self->status[0] == WIRE_UNAVAILABLE);
    self->answers = 0;
    ask(self, "/1300", 2); /* the deadline, a second of grace, and a little */
    ask(self, "/0", 3);
    await(self, 2);
    assert_int_equal(self->traces[0], 2);
    assert_int_equal(self->status[0], WIRE_INVALID);
    assert_non_null(strstr(self->detail[0], "deadline"));
    assert_int_equal(self->traces[1], 3);
    assert_string_equal(self->detail[1], "clean");
}

/* In a process of its own, for it ends. */
static void test_a_scan_that_does_not_end_ends_the_process(void **state)
{
    struct files *left = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0); /* what it cannot remove */
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        void *bench = NULL;

        set_up_slow(&bench);
        *left = ((struct bench *)bench)->files;
        for (uint64_t trace = 1;; trace++) {
            ask(bench, "/100000", trace);
            await(bench, (size_t)trace);
        }
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    files_remove(left);
    munmap(left, sizeof *left);
}

static int set_up_blind(void **state)
{
    return set_up_with(state, &blind);
}

static void test_an_engine_that_does_not_know_the_test_string_gives_no_verdicts(void **state)
{
    struct bench *self = *state;

    for (size_t i = 0; i < 20; i++) {
        ask(self, "/0", i + 1);
        await(self, i + 1);
        assert_int_equal(self->status[i], WIRE_UNAVAILABLE);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_verdict_is_clean_or_the_virus_or_why_there_is_none),
        CASE(test_a_path_that_is_none_is_refused),
        CASE(test_a_full_queue_refuses_and_a_repeated_request_takes_no_place),
        cmocka_unit_test(test_a_scan_that_does_not_end_ends_the_process),
        cmocka_unit_test_setup_teardown(
            test_a_scan_beyond_its_deadline_gets_no_verdict_and_the_next_one_does, set_up_slow,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_an_engine_that_does_not_know_the_test_string_gives_no_verdicts, set_up_blind,
            tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
