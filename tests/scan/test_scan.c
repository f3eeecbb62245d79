/* The daemon's queue, asked over its control socket. */
#include "tests/lib/cmocka.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "scan/scan.h"
#include "tests/scan/files.h"

#define DEADLINE_MS 20000

static const struct conf_key keys[] = {SCAN_KEYS, CONF_END};
static const struct service_spec spec = {.role = "scan", .summary = "", .keys = keys};

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

static int set_up(void **state)
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
    assert_int_equal(scan_new(&self->scan, self->service), 0);
    open_client(self);
    *state = self;
    return 0;
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

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_verdict_is_clean_or_the_virus_or_why_there_is_none),
        CASE(test_a_path_that_is_none_is_refused),
        CASE(test_a_full_queue_refuses_and_a_repeated_request_takes_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
