/* Sockets: frames in and out, limits, and what is refused. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bus.h"

struct fixture {
    char folder[32];
    char endpoint[64];
    zsock_t *router;
    zsock_t *dealer;
};

static int set_up(void **state)
{
    struct fixture *self = NEW(struct fixture);
    struct bus_options options = {.type = ZMQ_ROUTER, .bind = true, .high_water = 10};

    zsys_handler_set(NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/parley-bus-XXXXXX");
    if (!mkdtemp(self->folder))
        return -1;
    snprintf(self->endpoint, sizeof self->endpoint, "ipc://%s/s", self->folder);
    options.endpoint = self->endpoint;
    assert_int_equal(bus_open(&self->router, &options), 0);
    options = (struct bus_options){
        .type = ZMQ_DEALER, .endpoint = self->endpoint, .high_water = 10, .identity = "edge#1"};
    assert_int_equal(bus_open(&self->dealer, &options), 0);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *self = *state;

    zsock_destroy(&self->dealer);
    zsock_destroy(&self->router);
    unlink(self->endpoint + 6);
    rmdir(self->folder);
    free(self);
    return 0;
}

static void make_gap(struct buf *frame, uint64_t expected)
{
    struct wire_head head = {.type = WIRE_TYPE_GAP};
    struct wire_gap gap = {.expected = expected};

    buf_clear(frame);
    wire_head_encode(frame, &head);
    wire_gap_encode(frame, &gap);
}

static int recv_within(zsock_t *sock, struct bus_frame *ret, int ms)
{
    AUTO(zpoller_destroy) zpoller_t *poller = zpoller_new(sock, NULL);

    return zpoller_wait(poller, ms) ? bus_recv(sock, ret) : 0;
}

static void test_a_frame_arrives_with_the_name_of_its_sender_and_can_be_answered(void **state)
{
    struct fixture *self = *state;
    AUTO(buf_done) struct buf frame;
    struct bus_frame got = {0};
    struct wire_gap gap;

    buf_init(&frame, 1000);
    make_gap(&frame, 5);
    assert_int_equal(bus_send(self->dealer, &frame), 0);
    assert_int_equal(recv_within(self->router, &got, 5000), 1);
    assert_memory_equal(got.peer.bytes, "edge#1", 6);
    assert_int_equal(wire_gap_decode(got.body, &gap), 0);
    assert_int_equal(gap.expected, 5);
    assert_int_equal(bus_send_to(self->router, &got.peer, &frame), 0);
    bus_frame_done(&got);
    assert_int_equal(recv_within(self->dealer, &got, 5000), 1);
    bus_frame_done(&got);
}

static void test_a_malformed_frame_is_dropped_and_the_next_one_arrives(void **state)
{
    struct fixture *self = *state;
    AUTO(buf_done) struct buf frame;
    struct bus_frame got = {0};

    buf_init(&frame, 1000);
    buf_put_text(&frame, "rubbish");
    assert_int_equal(bus_send(self->dealer, &frame), 0);
    assert_int_equal(zstr_sendm(self->dealer, "two"), 0);
    assert_int_equal(zstr_send(self->dealer, "parts"), 0);
    make_gap(&frame, 1);
    assert_int_equal(bus_send(self->dealer, &frame), 0);
    assert_int_equal(recv_within(self->router, &got, 5000), -EPROTO);
    assert_int_equal(recv_within(self->router, &got, 5000), -EPROTO);
    assert_int_equal(recv_within(self->router, &got, 5000), 1);
    bus_frame_done(&got);
}

static void test_nobody_with_that_name_is_an_error_not_silence(void **state)
{
    struct fixture *self = *state;
    AUTO(buf_done) struct buf frame;
    struct bus_peer nobody = {.len = 6, .bytes = "edge#2"};

    buf_init(&frame, 1000);
    make_gap(&frame, 1);
    assert_int_equal(bus_send_to(self->router, &nobody, &frame), -EHOSTUNREACH);
}

static void test_a_full_queue_refuses_instead_of_blocking(void **state)
{
    struct fixture *self = *state;
    AUTO(buf_done) struct buf frame;
    int rc = 0, sent = 0;

    buf_init(&frame, 200000);
    make_gap(&frame, 1);
    buf_reserve(&frame, 100000);
    memset(frame.data + frame.len, 0, 100000);
    frame.len += 100000;
    while (rc == 0 && sent++ < 10000)
        rc = bus_send(self->dealer, &frame);
    assert_int_equal(rc, -EAGAIN);
}

static void test_an_unlimited_queue_and_a_path_too_long_are_refused(void **state)
{
    AUTO(zsock_destroy) zsock_t *sock = NULL;
    char longest[200] = "ipc:///tmp/";
    struct bus_options options = {.type = ZMQ_PULL, .endpoint = "ipc:///tmp/x", .bind = true};

    (void)state;
    assert_int_equal(bus_open(&sock, &options), -EINVAL);
    memset(longest + 11, 'x', sizeof longest - 12);
    options.high_water = 10;
    options.endpoint = longest;
    assert_int_equal(bus_open(&sock, &options), -ENAMETOOLONG);
}

static void test_a_socket_in_the_file_system_is_its_owners_alone(void **state)
{
    struct fixture *self = *state;
    struct stat stat_buf;

    assert_int_equal(stat(self->endpoint + 6, &stat_buf), 0);
    assert_int_equal(stat_buf.st_mode & 077, 0);
}

static void test_a_frame_that_did_not_fit_its_buffer_is_not_sent(void **state)
{
    struct fixture *self = *state;
    AUTO(buf_done) struct buf frame;

    buf_init(&frame, WIRE_HEAD_BYTES);
    make_gap(&frame, 1);
    assert_int_equal(bus_send(self->dealer, &frame), -EMSGSIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_frame_arrives_with_the_name_of_its_sender_and_can_be_answered),
        TEST(test_a_malformed_frame_is_dropped_and_the_next_one_arrives),
        TEST(test_nobody_with_that_name_is_an_error_not_silence),
        TEST(test_a_full_queue_refuses_instead_of_blocking),
        TEST(test_an_unlimited_queue_and_a_path_too_long_are_refused),
        TEST(test_a_socket_in_the_file_system_is_its_owners_alone),
        TEST(test_a_frame_that_did_not_fit_its_buffer_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
