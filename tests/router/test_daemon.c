/* The program itself, with its sockets, between an edge and a persist worker that are played here.
 */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bus.h"
#include "base/clock.h"
#include "tests/router/fixture.h"

#define DEADLINE_MS 20000
#define EPOCH 3
#define EDGE_BOOT 77

struct world {
    char folder[40];
    pid_t child;
    zsock_t *persist; /* ROUTER */
    zsock_t *edge;    /* DEALER */
    zsock_t *push;
    zsock_t *control;
    uint64_t persist_boot;
    bool is_mute; /* persist takes batches and does not answer */
    bool is_slow; /* … answers only whether it is there */
    bool is_dead; /* … and not even that */
    uint64_t pings, reopened;
    uint64_t batches;
    uint64_t stored; /* highest number that came */
    uint64_t welcomes, answers, delivered, interested, heartbeats;
    uint64_t last_status;
    uint64_t jumps, expected;
    struct buf frame, list;
    uint64_t malformed;
    uint64_t statuses;
    bool is_ready;
};

static zsock_t *open_sock(struct world *self, int type, const char *name, bool bind)
{
    char endpoint[100];
    zsock_t *sock = NULL;
    struct bus_options options = {.type = type,
                                  .endpoint = endpoint,
                                  .bind = bind,
                                  .high_water = 1000,
                                  .identity = type == ZMQ_DEALER ? "edge#4d" : NULL};

    snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", self->folder, name);
    assert_int_equal(bus_open(&sock, &options), 0);
    return sock;
}

static void start(struct world *self)
{
    char setting[100];

    self->child = fork();
    assert_true(self->child >= 0);
    if (self->child == 0) {
        snprintf(setting, sizeof setting, "%s", self->folder);
        setenv("PARLEY_BUS_DIR", setting, 1);
        execl(ROUTER_PROGRAM, ROUTER_PROGRAM, (char *)NULL);
        _exit(99);
    }
}

static int stop(struct world *self)
{
    int status = 0;

    if (self->child <= 0)
        return 0;
    kill(self->child, SIGTERM);
    waitpid(self->child, &status, 0);
    self->child = 0;
    return status;
}

/* ---- persist ---- */

static void start_reply(struct world *self, const struct bus_frame *request, enum wire_type type)
{
    struct wire_head head = {.type = (uint8_t)type,
                             .sender = 5,
                             .boot = self->persist_boot,
                             .trace = request->head.trace};

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
}

static void answer_claim(struct world *self, const struct bus_frame *request)
{
    struct wire_claimed claimed = {.status = WIRE_OK};
    uint32_t count = 0;

    buf_clear(&self->list);
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct wire_holding holding = {.partition = (uint16_t)p, .epoch = EPOCH};

        wire_holding_add(&self->list, &count, &holding);
    }
    claimed.holdings = wire_list_of(&self->list, count);
    start_reply(self, request, WIRE_TYPE_CLAIMED);
    wire_claimed_encode(&self->frame, &claimed);
}

static void answer_load(struct world *self, const struct bus_frame *request)
{
    struct wire_loaded loaded = {.status = WIRE_OK, .kind = WIRE_GROUP, .head = self->stored};
    struct wire_load load;
    struct wire_bytes item;
    struct wire_item user;
    uint32_t count = 0;

    assert_int_equal(wire_load_decode(request->body, &load), 0);
    buf_clear(&self->list);
    while (wire_list_next(&load.users, &item)) {
        struct wire_member member = {.role = WIRE_ROLE_MEMBER};

        assert_int_equal(wire_item_decode(item, &user), 0);
        member.user = user.id;
        wire_member_add(&self->list, &count, &member);
    }
    loaded.members = wire_list_of(&self->list, count);
    start_reply(self, request, WIRE_TYPE_LOADED);
    wire_loaded_encode(&self->frame, &loaded);
}

static void answer_batch(struct world *self, const struct bus_frame *request)
{
    struct wire_batch_answer answer = {.status = WIRE_OK};
    struct wire_batch batch;
    struct wire_bytes item;
    uint32_t count = 0;

    assert_int_equal(wire_batch_decode(request->body, &batch), 0);
    buf_clear(&self->list);
    while (wire_list_next(&batch.events, &item)) {
        struct wire_verdict verdict = {.answer = WIRE_ANSWER_STORED};
        struct wire_append append;
        struct wire_event event;

        assert_int_equal(wire_append_decode(item, &append), 0);
        assert_int_equal(wire_event_decode(append.event, &event), 0);
        if (event.seq > self->stored)
            self->stored = event.seq;
        wire_verdict_add(&self->list, &count, &verdict);
    }
    answer.verdicts = wire_list_of(&self->list, count);
    start_reply(self, request, WIRE_TYPE_BATCH_ANSWER);
    wire_batch_answer_encode(&self->frame, &answer);
}

static void play_persist(struct world *self)
{
    struct wire_announced announced = {.status = WIRE_OK, .durability = WIRE_DURABILITY_FSYNC};
    struct wire_slot_is slot = {wire_text("persist"), 0};
    struct bus_frame request;

    while (bus_recv(self->persist, &request) > 0) {
        bool answered = true;

        switch (request.head.type) {
        case WIRE_TYPE_CLAIM:
            answer_claim(self, &request);
            break;
        case WIRE_TYPE_ANNOUNCE:
            start_reply(self, &request, WIRE_TYPE_ANNOUNCED);
            wire_announced_encode(&self->frame, &announced);
            break;
        case WIRE_TYPE_LOAD:
            answer_load(self, &request);
            break;
        case WIRE_TYPE_SLOT: /* is it there? */
            self->pings++;
            start_reply(self, &request, WIRE_TYPE_SLOT_IS);
            wire_slot_is_encode(&self->frame, &slot);
            break;
        default:
            self->batches++;
            answered = !self->is_mute;
            if (answered)
                answer_batch(self, &request);
        }
        if (self->is_dead || (self->is_slow && request.head.type != WIRE_TYPE_SLOT))
            answered = false;
        if (answered)
            assert_int_equal(bus_send_to(self->persist, &request.peer, &self->frame), 0);
        bus_frame_done(&request);
    }
}

/* ---- the edge ---- */

static struct wire_head edge_head(enum wire_type type)
{
    return (struct wire_head){.type = (uint8_t)type, .sender = 6, .boot = EDGE_BOOT};
}

static void say_alive(struct world *self)
{
    struct wire_head head = edge_head(WIRE_TYPE_ALIVE);
    struct wire_alive alive = {.name = wire_text("edge"), .received = self->expected};

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    wire_alive_encode(&self->frame, &alive);
    assert_int_equal(bus_send(self->edge, &self->frame), 0);
}

static void want(struct world *self)
{
    struct wire_head head = edge_head(WIRE_TYPE_INTEREST);
    struct wire_interest interest = {.on = 1};
    struct wire_item item = {.id = group()};
    uint32_t count = 0;

    buf_clear(&self->list);
    wire_item_add(&self->list, &count, &item);
    interest.conversations = wire_list_of(&self->list, count);
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    wire_interest_encode(&self->frame, &interest);
    assert_int_equal(bus_send(self->edge, &self->frame), 0);
}

static void post(struct world *self, uint64_t number)
{
    char client_id[24];
    struct said said = {
        .actor = 1, .client_id = client_id, .trace = number, .number = number, .epoch = EPOCH};
    struct wire_bytes body;
    struct wire_head head;

    snprintf(client_id, sizeof client_id, "%lu", (unsigned long)number);
    head = said_frame(&said, &self->list, &body);
    head.sender = 6;
    head.boot = EDGE_BOOT;
    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    buf_put(&self->frame, body.data, body.len);
    assert_int_equal(bus_send(self->push, &self->frame), 0);
}

static void note_number(struct world *self, const struct bus_frame *frame)
{
    if (frame->head.type == WIRE_TYPE_HEARTBEAT)
        return;
    if (frame->head.number != self->expected + 1)
        self->jumps++;
    self->expected = frame->head.number;
}

static void play_edge(struct world *self)
{
    struct wire_answer answer;
    struct bus_frame frame;

    while (bus_recv(self->edge, &frame) > 0) {
        note_number(self, &frame);
        self->welcomes += frame.head.type == WIRE_TYPE_WELCOME;
        self->heartbeats += frame.head.type == WIRE_TYPE_HEARTBEAT;
        self->interested += frame.head.type == WIRE_TYPE_INTERESTED;
        self->delivered += frame.head.type == WIRE_TYPE_DELIVER;
        if (frame.head.type == WIRE_TYPE_ANSWER) {
            assert_int_equal(wire_answer_decode(frame.body, &answer), 0);
            self->last_status = answer.status;
            self->answers++;
        }
        bus_frame_done(&frame);
    }
}

/* ---- the admin command ---- */

static void ask_status(struct world *self)
{
    struct wire_head head = edge_head(WIRE_TYPE_STATUS);
    struct wire_status status = {0};

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    wire_status_encode(&self->frame, &status);
    assert_int_equal(bus_send(self->control, &self->frame), 0);
}

static void play_admin(struct world *self)
{
    struct bus_frame frame;
    struct wire_status_is status;
    struct wire_counter counter;
    struct wire_bytes item;

    while (bus_recv(self->control, &frame) > 0) {
        assert_int_equal(wire_status_is_decode(frame.body, &status), 0);
        self->is_ready = status.ready;
        while (wire_list_next(&status.counters, &item)) {
            assert_int_equal(wire_counter_decode(item, &counter), 0);
            if (wire_bytes_equal(counter.name, wire_text("malformed")))
                self->malformed = counter.value;
            if (wire_bytes_equal(counter.name, wire_text("persist_reopened")))
                self->reopened = counter.value;
        }
        self->statuses++;
        bus_frame_done(&frame);
    }
}

/* Plays all parts until *value is at least `least`, or too much time has passed. */
static void wait_for(struct world *self, const uint64_t *value, uint64_t least)
{
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    AUTO(zpoller_destroy)
    zpoller_t *poller = zpoller_new(self->persist, self->edge, self->control, NULL);

    while (*value < least && clock_monotonic_ms() < end_ms) {
        zpoller_wait(poller, 20);
        play_persist(self);
        play_edge(self);
        play_admin(self);
    }
    assert_true(*value >= least);
}

/* Asks until the router is ready, or is not. */
static void wait_until_ready(struct world *self, bool ready)
{
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;

    do {
        self->statuses = 0;
        ask_status(self);
        wait_for(self, &self->statuses, 1);
    } while (self->is_ready != ready && clock_monotonic_ms() < end_ms);
    assert_int_equal(self->is_ready, ready);
}

static int set_up(void **state)
{
    struct world *self = NEW(struct world);

    zsys_handler_set(NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/parley-router-XXXXXX");
    if (!mkdtemp(self->folder))
        return -1;
    buf_init(&self->frame, 1 << 20);
    buf_init(&self->list, 1 << 20);
    self->persist_boot = 1;
    self->persist = open_sock(self, ZMQ_ROUTER, "persist-requests", true);
    start(self);
    self->edge = open_sock(self, ZMQ_DEALER, "router-streams", false);
    self->push = open_sock(self, ZMQ_PUSH, "router-intake", false);
    self->control = open_sock(self, ZMQ_DEALER, "router-control", false);
    *state = self;
    say_alive(self);
    wait_for(self, &self->welcomes, 1);
    wait_until_ready(self, true);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"persist-requests", "router-streams", "router-intake",
                                        "router-control"};
    struct world *self = *state;
    char path[100];

    stop(self);
    zsock_destroy(&self->control);
    zsock_destroy(&self->push);
    zsock_destroy(&self->edge);
    zsock_destroy(&self->persist);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", self->folder, names[i]);
        unlink(path);
    }
    rmdir(self->folder);
    buf_done(&self->frame);
    buf_done(&self->list);
    free(self);
    return 0;
}

static void test_a_thousand_posts_are_stored_answered_and_delivered_in_order(void **state)
{
    struct world *self = *state;

    want(self);
    wait_for(self, &self->interested, 1);
    for (uint64_t n = 1; n <= 1000; n++) {
        post(self, n);
        if (n % 100 == 0)
            wait_for(self, &self->answers, n);
    }
    wait_for(self, &self->delivered, 1000);
    assert_int_equal(self->stored, 1000);
    assert_int_equal(self->answers, 1000);
    assert_int_equal(self->jumps, 0);
    assert_int_equal(self->last_status, WIRE_OK);
}

static void test_what_a_worker_did_not_answer_goes_to_the_one_that_follows_it(void **state)
{
    struct world *self = *state;
    uint64_t begun_ms;

    post(self, 1);
    wait_for(self, &self->answers, 1);
    self->is_mute = true;
    post(self, 2);
    wait_for(self, &self->batches, 2);
    self->is_mute = false;
    self->persist_boot = 2;
    begun_ms = clock_monotonic_ms();
    wait_for(self, &self->answers, 2);
    assert_in_range(clock_monotonic_ms() - begun_ms, 0, 2900); /* before the time-out */
    assert_int_equal(self->last_status, WIRE_OK);
}

/* The whole queue of a slow store would be asked again over a new connection. */
static void test_a_worker_whose_store_is_slow_is_not_connected_to_anew(void **state)
{
    struct world *self = *state;

    post(self, 1);
    wait_for(self, &self->answers, 1);
    self->is_slow = true;
    post(self, 2);
    wait_for(self, &self->pings, self->pings + 6); /* more than a second of them */
    self->statuses = 0;
    ask_status(self);
    wait_for(self, &self->statuses, 1);
    assert_int_equal(self->reopened, 0);
    self->is_slow = false;
    wait_for(self, &self->answers, 2);
    assert_int_equal(self->last_status, WIRE_OK);
}

static void test_a_worker_that_does_not_even_say_that_it_is_there_is(void **state)
{
    struct world *self = *state;
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;

    post(self, 1);
    wait_for(self, &self->answers, 1);
    self->is_dead = true;
    post(self, 2);
    while (self->reopened == 0 && clock_monotonic_ms() < end_ms) {
        self->statuses = 0;
        ask_status(self);
        wait_for(self, &self->statuses, 1);
    }
    assert_true(self->reopened > 0);
    self->is_dead = false;
    wait_for(self, &self->answers, 2);
    assert_int_equal(self->last_status, WIRE_OK);
}

static void test_nonsense_from_anywhere_costs_a_counter(void **state)
{
    struct world *self = *state;

    buf_clear(&self->frame);
    buf_put_text(&self->frame, "this is no frame");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(bus_send(self->push, &self->frame), 0);
        assert_int_equal(bus_send(self->edge, &self->frame), 0);
    }
    post(self, 1);
    wait_for(self, &self->answers, 1);
    wait_until_ready(self, true); /* asks for the counters, too */
    assert_int_equal(self->malformed, 20);
}

static void test_it_says_when_persist_is_silent_and_when_it_is_back(void **state)
{
    struct world *self = *state;

    post(self, 1);
    wait_for(self, &self->answers, 1);
    self->is_mute = true;
    post(self, 2);
    wait_until_ready(self, false);
    self->is_mute = false;
    wait_for(self, &self->answers, 2);
    wait_until_ready(self, true);
}

static void test_it_leaves_when_it_is_told_to(void **state)
{
    struct world *self = *state;

    self->is_mute = true; /* with something in flight */
    post(self, 1);
    wait_for(self, &self->batches, 1);
    assert_int_equal(stop(self), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_thousand_posts_are_stored_answered_and_delivered_in_order),
        CASE(test_what_a_worker_did_not_answer_goes_to_the_one_that_follows_it),
        CASE(test_a_worker_whose_store_is_slow_is_not_connected_to_anew),
        CASE(test_a_worker_that_does_not_even_say_that_it_is_there_is),
        CASE(test_nonsense_from_anywhere_costs_a_counter),
        CASE(test_it_says_when_persist_is_silent_and_when_it_is_back),
        CASE(test_it_leaves_when_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
