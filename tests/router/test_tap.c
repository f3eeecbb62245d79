/* The tap, between frames that come and a recorder that is played here, over the control socket. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/recording.h"
#include "router/tap.h"
#include "tests/router/fixture.h"

#define DEADLINE_MS 20000
#define BIG 60000 /* bytes of a frame's body */

struct world {
    char folder[40];
    struct service *service;
    struct conversation_table table;
    struct tap *tap;
    zsock_t *recorder;
    struct buf frame;
    /* what came */
    uint64_t chunks, bytes, lost, frames, begins;
    uint64_t kinds[RECORDING_KINDS];
    uint64_t frames_before_lost; /* how many had come when the first loss was told */
    uint64_t refusals;
    bool is_last;
};

static uint64_t offset_us;

static uint64_t shifted_us(void)
{
    static uint64_t began;

    if (!began)
        began = (uint64_t)zclock_usecs();
    return (uint64_t)zclock_usecs() - began + 1000000 + offset_us;
}

static uint64_t wall_ms(void)
{
    return 1;
}

static zsock_t *connect_recorder(struct world *self)
{
    char endpoint[100];
    zsock_t *sock = NULL;
    struct bus_options options = {.type = ZMQ_DEALER, .endpoint = endpoint, .high_water = 1000};

    snprintf(endpoint, sizeof endpoint, "ipc://%s/router-control", self->folder);
    assert_int_equal(bus_open(&sock, &options), 0);
    return sock;
}

static int set_up(void **state)
{
    static const struct conf_key keys[] = {CONF_END};
    static const struct service_spec spec = {"router", "a test", keys};
    static const struct clock_source source = {shifted_us, wall_ms};
    static char program[] = "parley-router";
    char *argv[] = {program, NULL};
    struct world *self = NEW(struct world);

    snprintf(self->folder, sizeof self->folder, "/tmp/parley-tap-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    setenv("PARLEY_BUS_DIR", self->folder, 1);
    clock_replace(&source);
    assert_int_equal(service_new(&self->service, &spec, 1, argv), 0);
    conversation_table_init(&self->table, 1000);
    assert_int_equal(tap_new(&self->tap, self->service, &self->table), 0);
    self->recorder = connect_recorder(self);
    buf_init(&self->frame, 1u << 20);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct world *self = *state;
    struct conversation *conversation;
    char path[100];

    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        while ((conversation = TAILQ_FIRST(&self->table.of[p])))
            conversation_table_remove(&self->table, conversation);
    tap_free(&self->tap);
    zsock_destroy(&self->recorder);
    service_free(&self->service);
    clock_replace(NULL);
    buf_done(&self->frame);
    snprintf(path, sizeof path, "%s/router-control", self->folder);
    unlink(path);
    rmdir(self->folder);
    free(self);
    return 0;
}

/* ---- the recorder ---- */

static void start(struct world *self, enum wire_type type)
{
    struct wire_head head = {.type = (uint8_t)type, .trace = 1};

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
}

static void send_start(struct world *self, zsock_t *sock, uint64_t partitions)
{
    struct wire_record_start message = {.partitions = partitions};

    start(self, WIRE_TYPE_RECORD_START);
    wire_record_start_encode(&self->frame, &message);
    assert_int_equal(bus_send(sock, &self->frame), 0);
}

static void send_more(struct world *self, bool stop)
{
    struct wire_record_more message = {
        .received = self->bytes, .stop = stop, .partitions = UINT64_MAX};

    start(self, WIRE_TYPE_RECORD_MORE);
    wire_record_more_encode(&self->frame, &message);
    assert_int_equal(bus_send(self->recorder, &self->frame), 0);
}

static void take_chunk(struct world *self, const struct bus_frame *frame)
{
    struct wire_record_chunk chunk;
    struct wire_recorded recorded;
    struct wire_bytes item;

    assert_int_equal(wire_record_chunk_decode(frame->body, &chunk), 0);
    if (frame->head.number == 1) {
        self->chunks = self->bytes = 0;
        self->begins++;
    }
    assert_int_equal(frame->head.number, self->chunks + 1);
    self->chunks++;
    self->bytes += WIRE_HEAD_BYTES + frame->body.len;
    while (wire_list_next(&chunk.frames, &item)) {
        assert_int_equal(wire_recorded_decode(item, &recorded), 0);
        self->kinds[recorded.kind]++;
        self->frames++;
    }
    if (chunk.lost && !self->lost)
        self->frames_before_lost = self->frames;
    self->lost += chunk.lost;
    self->is_last = self->is_last || chunk.last;
}

static void read_all(struct world *self, zsock_t *sock)
{
    struct bus_frame frame;

    while (bus_recv(sock, &frame) == 1) {
        if (frame.head.type == WIRE_TYPE_RECORD_CHUNK)
            take_chunk(self, &frame);
        else
            self->refusals++;
        bus_frame_done(&frame);
    }
}

typedef bool holds_fn(const struct world *self);

static void turn(struct world *self)
{
    service_on_control(self->service);
    tap_flush(self->tap);
}

/* The router's turns, and the recorder's reading, until that holds. */
static void wait_until(struct world *self, holds_fn *holds)
{
    for (int i = 0; i < DEADLINE_MS && !holds(self); i++) {
        turn(self);
        read_all(self, self->recorder);
        if (!holds(self))
            zclock_sleep(1);
    }
    assert_true(holds(self));
}

static bool has_begun(const struct world *self)
{
    return self->begins > 0;
}

static bool has_two(const struct world *self)
{
    return self->frames == 2;
}

static bool is_over(const struct world *self)
{
    return self->is_last;
}

static bool is_heard(const struct world *self)
{
    return self->tap->peer.len > 0;
}

static bool is_refused(const struct world *self)
{
    return self->refusals > 0;
}

static bool has_begun_again(const struct world *self)
{
    return self->begins == 2;
}

/* ---- frames ---- */

static void post(struct world *self, size_t len)
{
    static const uint8_t body[BIG];
    struct wire_head head = {.type = WIRE_TYPE_POST, .partition = 3, .number = 1};

    tap_in(self->tap, &head, wire_bytes_of(body, len));
}

static void answer(struct world *self)
{
    struct edge edge = {.sender = 5, .boot = 6};
    struct stream_tag tag = {.type = WIRE_TYPE_ANSWER, .trace = 9, .partition = 3};
    struct wire_answer message = {.status = WIRE_OK, .seq = 1};

    tap_answer(self->tap, &edge, &tag, &message);
}

static void begin(struct world *self)
{
    send_start(self, self->recorder, 1ull << 3);
    wait_until(self, has_begun);
}

static void test_nothing_is_wanted_until_somebody_records(void **state)
{
    struct world *self = *state;

    assert_false(tap_wants(NULL, 3));
    assert_false(tap_wants(self->tap, 3));
    begin(self);
    assert_true(tap_wants(self->tap, 3));
    assert_false(tap_wants(self->tap, 4));
}

static void test_frames_leave_at_the_end_of_the_turn(void **state)
{
    struct world *self = *state;

    begin(self);
    post(self, 100);
    answer(self);
    wait_until(self, has_two);
    assert_int_equal(self->kinds[RECORDING_IN], 1);
    assert_int_equal(self->kinds[RECORDING_OUT], 1);
    assert_int_equal(self->lost, 0);
}

static void test_it_begins_with_the_conversations_in_memory(void **state)
{
    struct world *self = *state;

    for (unsigned i = 0; i < 300; i++) {
        struct id id = person(3);
        struct conversation *made;

        id.bytes[14] = (uint8_t)i;
        id.bytes[15] = (uint8_t)(i >> 8);
        made = conversation_table_add(&self->table, &id);
        made->is_loaded = i % 3 != 0;
        made->kind = WIRE_GROUP;
    }
    send_start(self, self->recorder, UINT64_MAX);
    wait_until(self, has_begun);
    assert_int_equal(self->kinds[RECORDING_SNAPSHOT], 200);
}

static void test_who_is_too_slow_is_told_where_and_how_many_are_lost(void **state)
{
    struct world *self = *state;
    uint64_t posts = 3 * TAP_FLIGHT_MAX / BIG;

    begin(self);
    for (uint64_t i = 0; i < posts; i++) {
        post(self, BIG);
        tap_flush(self->tap); /* nobody reads, nobody waits */
    }
    assert_true(self->tap->frames.len <= TAP_QUEUE_MAX);
    assert_true(self->tap->sent <= TAP_FLIGHT_MAX + TAP_QUEUE_MAX + BIG);
    for (int i = 0; i < DEADLINE_MS && self->frames + self->lost < posts; i++) {
        read_all(self, self->recorder);
        send_more(self, false);
        turn(self);
        zclock_sleep(1);
    }
    assert_true(self->lost > 0);
    assert_int_equal(self->frames + self->lost, posts);
    assert_int_equal(self->frames_before_lost, self->frames); /* all the others came before */
    post(self, 10);
    send_more(self, true);
    wait_until(self, is_over);
    assert_int_equal(self->frames + self->lost, posts + 1);
}

static void test_an_end_that_was_asked_for_tells_all_that_was_queued(void **state)
{
    struct world *self = *state;

    begin(self);
    post(self, 10);
    post(self, 10);
    send_more(self, true);
    wait_until(self, is_over);
    assert_int_equal(self->frames, 2);
    assert_false(tap_wants(self->tap, 3));
}

static void test_a_second_recorder_is_refused(void **state)
{
    struct world *self = *state;
    zsock_t *other = connect_recorder(self);

    begin(self);
    send_start(self, other, UINT64_MAX);
    for (int i = 0; i < DEADLINE_MS && !is_refused(self); i++) {
        turn(self);
        read_all(self, other);
        zclock_sleep(1);
    }
    assert_true(is_refused(self));
    assert_true(tap_wants(self->tap, 3));
    zsock_destroy(&other);
}

static void test_a_recorder_that_says_nothing_is_gone_and_may_come_back(void **state)
{
    struct world *self = *state;

    begin(self);
    offset_us += (TAP_SILENCE_MS + 1) * 1000ull;
    tap_flush(self->tap);
    assert_false(is_heard(self));
    assert_false(tap_wants(self->tap, 3));
    send_more(self, false);
    wait_until(self, has_begun_again);
    assert_true(tap_wants(self->tap, 3));
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_nothing_is_wanted_until_somebody_records),
        WITH_WORLD(test_frames_leave_at_the_end_of_the_turn),
        WITH_WORLD(test_it_begins_with_the_conversations_in_memory),
        WITH_WORLD(test_who_is_too_slow_is_told_where_and_how_many_are_lost),
        WITH_WORLD(test_an_end_that_was_asked_for_tells_all_that_was_queued),
        WITH_WORLD(test_a_second_recorder_is_refused),
        WITH_WORLD(test_a_recorder_that_says_nothing_is_gone_and_may_come_back),
    };

    zsys_handler_set(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
