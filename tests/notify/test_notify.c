/* The daemon between a persist worker and a way out, both made up here. */
#include "tests/lib/cmocka.h"

#include <ftw.h>
#include <unistd.h>

#include "notify/notify.h"

#define DEADLINE_MS 20000
#define JOBS_MAX 64

static const struct conf_key keys[] = {NOTIFY_KEYS, CONF_END};
static const struct service_spec spec = {.role = "notify", .summary = "", .keys = keys};

enum job_state { ABSENT, DUE, CLAIMED, DONE, RETRY, DEAD };

/* What the test knows of a job, by its number. */
struct known {
    enum job_state state;
    uint32_t tries;
    int pushed; /* how often the way out was asked to deliver it */
    uint64_t retry_ms;
};

struct bench {
    struct push push;
    struct service *service;
    struct notify *notify;
    zsock_t *requests; /* the worker's */
    zsock_t *waker;
    char folder[64];
    struct known jobs[JOBS_MAX];
    bool (*is_over)(struct bench *self);
    bool timed_out;
    bool away;        /* the worker answers unavailable */
    int lost_settles; /* so many are not answered */
    int settles;
    int claims;
    bool refuse; /* the way out fails */
    int under_way, most_under_way;
    bool hold; /* the way out keeps what it has */
    struct held {
        push_fn *fn;
        void *arg;
    } held[JOBS_MAX];
};

/* ---- the way out ---- */

static int finish_one(zloop_t *loop, int timer, void *arg)
{
    struct bench *self = arg;
    struct held held;

    (void)loop;
    (void)timer;
    if (self->hold || self->under_way == 0)
        return 0;
    held = self->held[--self->under_way];
    held.fn(held.arg, !self->refuse, "status 500");
    return 0;
}

static int fake_start(struct push *push, const char *id, const struct wire_event *event,
                      push_fn *fn, void *arg)
{
    struct bench *self = CONTAINER_OF(push, struct bench, push);
    char message[ID_MESSAGE_TEXT], wanted[80];

    id_message_to_text(&event->conversation, event->seq, message);
    snprintf(wanted, sizeof wanted, "fake-%s", message);
    assert_string_equal(id, wanted);
    if (event->kind != WIRE_KIND_MESSAGE_CREATED)
        return -EPROTO;
    self->jobs[event->seq].pushed++;
    self->held[self->under_way++] = (struct held){.fn = fn, .arg = arg};
    if (self->under_way > self->most_under_way)
        self->most_under_way = self->under_way;
    return 0;
}

static void fake_close(struct push **push)
{
    *push = NULL;
}

static const struct push_ops fake = {
    .name = "fake", .kind = WIRE_JOB_WEBHOOK, .start = fake_start, .close = fake_close};

/* ---- the worker ---- */

static void add_job(struct bench *self, uint64_t seq, struct buf *list, uint32_t *count)
{
    AUTO(buf_done) struct buf event_bytes;
    struct wire_event event = {
        .seq = seq,
        .kind = seq == 13 ? WIRE_KIND_VOID : WIRE_KIND_MESSAGE_CREATED,
    };
    struct wire_job job = {.seq = seq, .kind = WIRE_JOB_WEBHOOK, .tries = self->jobs[seq].tries};

    buf_init(&event_bytes, 1024);
    wire_event_encode(&event_bytes, &event);
    job.event = wire_buf(&event_bytes);
    wire_job_add(list, count, &job);
    self->jobs[seq].state = CLAIMED;
}

static void answer_claim(struct bench *self, const struct bus_frame *request)
{
    AUTO(buf_done) struct buf list;
    AUTO(buf_done) struct buf frame;
    struct wire_head head = {.type = WIRE_TYPE_JOBS_REPLY, .trace = request->head.trace};
    struct wire_jobs_reply reply = {.status = self->away ? WIRE_UNAVAILABLE : WIRE_OK};
    struct wire_jobs_claim claim;
    uint32_t count = 0;

    assert_int_equal(wire_jobs_claim_decode(request->body, &claim), 0);
    assert_int_equal(claim.kind, WIRE_JOB_WEBHOOK);
    assert_int_equal(claim.lease_ms, 10000 + 5000);
    self->claims++;
    buf_init(&list, 65536);
    buf_init(&frame, 65536);
    for (uint64_t seq = 1; seq < JOBS_MAX && !self->away && count < claim.limit; seq++)
        if (self->jobs[seq].state == DUE)
            add_job(self, seq, &list, &count);
    reply.jobs = wire_list_of(&list, count);
    wire_head_encode(&frame, &head);
    wire_jobs_reply_encode(&frame, &reply);
    assert_int_equal(bus_send_to(self->requests, &request->peer, &frame), 0);
}

static void answer_settle(struct bench *self, const struct bus_frame *request)
{
    static const enum job_state states[] = {
        [WIRE_JOB_DONE] = DONE, [WIRE_JOB_RETRY] = RETRY, [WIRE_JOB_DEAD] = DEAD};
    AUTO(buf_done) struct buf frame;
    struct wire_head head = {.type = WIRE_TYPE_STATUS_REPLY, .trace = request->head.trace};
    struct wire_status_reply reply = {.status = WIRE_OK};
    struct wire_job_settle settle;

    buf_init(&frame, 1024);
    self->settles++;
    if (self->lost_settles > 0) {
        self->lost_settles--;
        return;
    }
    assert_int_equal(wire_job_settle_decode(request->body, &settle), 0);
    self->jobs[settle.seq].state = states[settle.state];
    self->jobs[settle.seq].retry_ms = settle.retry_ms;
    wire_head_encode(&frame, &head);
    wire_status_reply_encode(&frame, &reply);
    assert_int_equal(bus_send_to(self->requests, &request->peer, &frame), 0);
}

static int on_request(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct bench *self = arg;
    struct bus_frame frame;

    (void)loop;
    while (bus_recv(sock, &frame) == 1) {
        if (frame.head.type == WIRE_TYPE_JOBS_CLAIM)
            answer_claim(self, &frame);
        else if (frame.head.type == WIRE_TYPE_JOB_SETTLE)
            answer_settle(self, &frame);
        bus_frame_done(&frame);
    }
    return 0;
}

/* ---- the bench ---- */

static void open_socks(struct bench *self)
{
    struct conf *conf = service_conf(self->service);
    AUTO(base_free_text) char *requests = topology_endpoint(conf, "persist", TOPOLOGY_REQUESTS);
    AUTO(base_free_text) char *wake = topology_endpoint(conf, "notify", TOPOLOGY_WAKE);
    struct bus_options options = {
        .type = ZMQ_ROUTER, .endpoint = requests, .bind = true, .high_water = 100};

    assert_int_equal(bus_open(&self->requests, &options), 0);
    options = (struct bus_options){.type = ZMQ_PUSH, .endpoint = wake, .high_water = 100};
    assert_int_equal(bus_open(&self->waker, &options), 0);
    zloop_reader(service_loop(self->service), self->requests, on_request, self);
    zloop_timer(service_loop(self->service), 5, 0, finish_one, self);
}

static int set_up(void **state)
{
    struct bench *self = NEW(struct bench);
    char name[] = "parley-notify";
    char *argv[] = {name, NULL};

    strcpy(self->folder, "/tmp/parley-notify-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    setenv("PARLEY_BUS_DIR", self->folder, 1);
    setenv("PARLEY_NOTIFY_PARALLEL", "4", 1);
    setenv("PARLEY_NOTIFY_TRIES", "3", 1);
    setenv("PARLEY_NOTIFY_POLL_MS", "60000", 1); /* only wake-ups and full answers make it ask */
    setenv("PARLEY_LOG_LEVEL", "error", 1);
    self->push.ops = &fake;
    assert_int_equal(service_new(&self->service, &spec, 1, argv), 0);
    assert_int_equal(notify_new(&self->notify, self->service, &self->push), 0);
    open_socks(self);
    *state = self;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct bench *self = *state;

    notify_free(&self->notify);
    zsock_destroy(&self->requests);
    zsock_destroy(&self->waker);
    service_free(&self->service);
    nftw(self->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(self);
    return 0;
}

static int on_check(zloop_t *loop, int timer, void *arg)
{
    struct bench *self = arg;

    (void)loop;
    (void)timer;
    return self->is_over(self) ? -1 : 0;
}

static int on_deadline(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    ((struct bench *)arg)->timed_out = true;
    return -1;
}

static void run_until(struct bench *self, bool (*is_over)(struct bench *self))
{
    zloop_t *loop = service_loop(self->service);
    int check = zloop_timer(loop, 5, 0, on_check, self);
    int deadline = zloop_timer(loop, DEADLINE_MS, 1, on_deadline, self);

    self->is_over = is_over;
    zloop_start(loop);
    zloop_timer_end(loop, check);
    zloop_timer_end(loop, deadline);
    assert_false(self->timed_out);
}

static void wake(struct bench *self)
{
    AUTO(buf_done) struct buf frame;
    struct wire_head head = {.type = WIRE_TYPE_WAKE};
    struct wire_wake message = {.jobs = WIRE_JOB_WEBHOOK};

    buf_init(&frame, 1024);
    wire_head_encode(&frame, &head);
    wire_wake_encode(&frame, &message);
    assert_int_equal(bus_send(self->waker, &frame), 0);
}

static size_t count_of(const struct bench *self, enum job_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < JOBS_MAX; i++)
        count += self->jobs[i].state == state;
    return count;
}

static bool nothing_is_open(struct bench *self)
{
    return count_of(self, DUE) == 0 && count_of(self, CLAIMED) == 0 &&
           *stat_counter(service_stats(self->service), "jobs_in_hand") == 0;
}

static bool one_claim_was_made(struct bench *self)
{
    return self->claims == 1;
}

static void test_all_jobs_are_delivered_and_done_no_more_at_a_time_than_allowed(void **state)
{
    struct bench *self = *state;

    for (uint64_t seq = 20; seq < 60; seq++)
        self->jobs[seq].state = DUE;
    run_until(self, nothing_is_open);
    assert_int_equal(count_of(self, DONE), 40);
    assert_true(self->most_under_way <= 4);
    for (uint64_t seq = 20; seq < 60; seq++)
        assert_int_equal(self->jobs[seq].pushed, 1);
}

static void test_a_wake_up_makes_it_look_at_once(void **state)
{
    struct bench *self = *state;

    run_until(self, one_claim_was_made);
    self->jobs[1].state = DUE;
    wake(self);
    run_until(self, nothing_is_open);
    assert_int_equal(self->jobs[1].state, DONE);
}

static void test_a_failure_is_put_off_and_the_last_one_is_final(void **state)
{
    struct bench *self = *state;
    uint64_t now_ms = (uint64_t)zclock_time();

    self->refuse = true;
    self->jobs[1] = (struct known){.state = DUE, .tries = 0};
    self->jobs[2] = (struct known){.state = DUE, .tries = 2};
    run_until(self, nothing_is_open);
    assert_int_equal(self->jobs[1].state, RETRY);
    assert_in_range(self->jobs[1].retry_ms, now_ms + 500, now_ms + 1000 + DEADLINE_MS);
    assert_int_equal(self->jobs[2].state, DEAD);
}

static void test_an_event_that_can_never_be_delivered_is_dead_at_once(void **state)
{
    struct bench *self = *state;

    self->jobs[13].state = DUE;
    run_until(self, nothing_is_open);
    assert_int_equal(self->jobs[13].state, DEAD);
    assert_int_equal(self->jobs[13].pushed, 0);
}

static void test_a_settlement_that_got_lost_is_sent_again(void **state)
{
    struct bench *self = *state;

    self->lost_settles = 1;
    self->jobs[1].state = DUE;
    run_until(self, nothing_is_open);
    assert_int_equal(self->jobs[1].state, DONE);
    assert_int_equal(self->jobs[1].pushed, 1);
    assert_int_equal(self->settles, 2);
}

static bool something_is_pushed(struct bench *self)
{
    return self->jobs[1].pushed == 1;
}

static bool it_came_twice(struct bench *self)
{
    return *stat_counter(service_stats(self->service), "jobs_repeated") == 1;
}

static void test_a_job_that_comes_again_while_it_is_in_hand_is_not_pushed_twice(void **state)
{
    struct bench *self = *state;

    self->hold = true;
    self->jobs[1].state = DUE;
    run_until(self, something_is_pushed);
    self->jobs[1].state = DUE; /* its lease is over, the worker thinks */
    wake(self);
    run_until(self, it_came_twice);
    self->hold = false;
    run_until(self, nothing_is_open);
    assert_int_equal(self->jobs[1].pushed, 1);
    assert_int_equal(self->jobs[1].state, DONE);
}

static bool three_claims_were_made(struct bench *self)
{
    return self->claims == 3;
}

static void test_a_worker_without_its_store_is_asked_again_until_it_has_it(void **state)
{
    struct bench *self = *state;

    self->away = true;
    self->jobs[1].state = DUE;
    run_until(self, three_claims_were_made);
    self->away = false;
    run_until(self, nothing_is_open);
    assert_int_equal(self->jobs[1].state, DONE);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_all_jobs_are_delivered_and_done_no_more_at_a_time_than_allowed),
        CASE(test_a_wake_up_makes_it_look_at_once),
        CASE(test_a_failure_is_put_off_and_the_last_one_is_final),
        CASE(test_an_event_that_can_never_be_delivered_is_dead_at_once),
        CASE(test_a_settlement_that_got_lost_is_sent_again),
        CASE(test_a_job_that_comes_again_while_it_is_in_hand_is_not_pushed_twice),
        CASE(test_a_worker_without_its_store_is_asked_again_until_it_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
