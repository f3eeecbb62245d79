/* The persist daemon itself, asked over its socket: claims, batches, fences, questions, and what it
 * says when its store is away. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bus.h"
#include "base/clock.h"
#include "tests/persist/fixture.h"

#define DEADLINE_MS 20000

struct daemon {
    struct fixture events; /* for making them alone */
    char dir[64];
    char config[100];
    pid_t pid;
    struct rlimit file_size; /* of the daemon, when rlim_max is set */
    uint8_t durability;
    bool skip;
    zsock_t *sock, *control;
    uint64_t trace;
    struct bus_frame reply;
    bool has_reply;
    struct buf frame, list;
};

static void start(struct daemon *self)
{
    char log[100];

    snprintf(log, sizeof log, "%s/log", self->dir);
    self->pid = fork();
    if (self->pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(fd, 2);
        signal(SIGXFSZ, SIG_IGN);
        if (self->file_size.rlim_max)
            setrlimit(RLIMIT_FSIZE, &self->file_size);
        execl(PARLEY_PERSIST, PARLEY_PERSIST, "-c", self->config, (char *)NULL);
        _exit(127);
    }
}

static void stop(struct daemon *self, int signal)
{
    int status = 0;

    kill(self->pid, signal);
    waitpid(self->pid, &status, 0);
    self->pid = 0;
    if (signal == SIGTERM && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        fail_msg("parley-persist ended with status %d", status);
}

static void drop_reply(struct daemon *self)
{
    if (self->has_reply)
        bus_frame_done(&self->reply);
    self->has_reply = false;
}

/* Sends what is in self->frame behind a header; the body of the reply with the same trace. */
static struct wire_bytes ask_once(struct daemon *self, uint8_t type, struct wire_bytes body,
                                  uint32_t epoch, uint64_t until_ms)
{
    struct wire_head head = {.type = type, .trace = ++self->trace, .epoch = epoch, .boot = 9};
    zmq_pollitem_t item = {.socket = zsock_resolve(self->sock), .events = ZMQ_POLLIN};

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    buf_put(&self->frame, body.data, body.len);
    assert_int_equal(bus_send(self->sock, &self->frame), 0);
    while (clock_monotonic_ms() < until_ms) {
        zmq_poll(&item, 1, 50);
        if (bus_recv(self->sock, &self->reply) != 1)
            continue;
        self->has_reply = true;
        if (self->reply.head.trace == head.trace)
            return self->reply.body;
        drop_reply(self);
    }
    return (struct wire_bytes){0};
}

static struct wire_bytes ask(struct daemon *self, uint8_t type, struct wire_bytes body)
{
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    struct wire_bytes reply;

    do { /* a request is lost when the daemon is not there yet */
        uint64_t until_ms = clock_monotonic_ms() + 2000;

        drop_reply(self);
        reply = ask_once(self, type, body, 0, until_ms < end_ms ? until_ms : end_ms);
    } while (!reply.data && clock_monotonic_ms() < end_ms);
    if (!reply.data)
        fail_msg("no answer to %s", wire_type_name(type));
    return reply;
}

static uint8_t status_of(struct wire_bytes reply)
{
    return reply.len ? reply.data[0] : 255;
}

/* Asks until it is not refused as unavailable. */
static struct wire_bytes ask_until_open(struct daemon *self, uint8_t type, struct wire_bytes body)
{
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    struct wire_bytes reply = ask(self, type, body);

    while (status_of(reply) == WIRE_UNAVAILABLE && clock_monotonic_ms() < end_ms) {
        zclock_sleep(20) /* and ask again, until the deadline */;
        reply = ask(self, type, body);
    }
    return reply;
}

static void write_config(struct daemon *self, const char *more)
{
    FILE *file = fopen(self->config, "w");

    assert_non_null(file);
    fprintf(file, "bus\n    dir = \"run\"\n    lease_ms = 300\nlog\n    level = \"debug\"\n%s",
            more);
    fclose(file);
}

static zsock_t *connect_to(const struct daemon *self, const char *channel)
{
    char endpoint[200];
    struct bus_options options = {
        .type = ZMQ_DEALER, .endpoint = endpoint, .high_water = 1000, .identity = "test#1"};
    zsock_t *sock = NULL;

    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/persist-%s", self->dir, channel);
    assert_int_equal(bus_open(&sock, &options), 0);
    return sock;
}

static int set_up(void **state)
{
    struct daemon *self = NEW(struct daemon);
    char run[100];

    *state = self;
    strcpy(self->dir, "/tmp/parley-persist-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    snprintf(self->config, sizeof self->config, "%s/parley.cfg", self->dir);
    snprintf(run, sizeof run, "%s/run", self->dir);
    assert_int_equal(mkdir(run, 0700), 0);
    write_config(self, "");
    self->durability = WIRE_DURABILITY_FSYNC;
    buf_init(&self->frame, 1 << 20);
    buf_init(&self->list, 1 << 20);
    self->sock = connect_to(self, "requests");
    self->control = connect_to(self, "control");
    return 0;
}

static int set_up_mongodb(void **state)
{
    const char *uri = getenv("PARLEY_TEST_MONGODB_URI");
    struct daemon *self;
    char more[600];

    set_up(state);
    self = *state;
    self->skip = !uri || !uri[0];
    self->durability = WIRE_DURABILITY_MAJORITY;
    self->events.place.uri = self->skip ? NULL : uri;
    snprintf(self->events.database, sizeof self->events.database, "parley_test_%s",
             strrchr(self->dir, '-') + 1);
    snprintf(more, sizeof more,
             "store\n    kind = \"mongodb\"\n    uri = \"%s\"\n    database = \"%s\"\n",
             self->skip ? "" : uri, self->events.database);
    write_config(self, more);
    return 0;
}

static struct daemon *daemon_of(void **state)
{
    struct daemon *self = *state;

    if (self->skip) {
        print_message("skipped: PARLEY_TEST_MONGODB_URI names no MongoDB server\n");
        skip();
    }
    return self;
}

static int tear_down(void **state)
{
    struct daemon *self = *state;
    char command[100];

    if (self->pid > 0) /* the test has failed */
        stop(self, SIGKILL);
    drop_reply(self);
    zsock_destroy(&self->sock);
    zsock_destroy(&self->control);
    if (self->events.place.uri)
        fixture_drop(&self->events);
    buf_done(&self->frame);
    buf_done(&self->list);
    snprintf(command, sizeof command, "rm -rf %s", self->dir);
    if (system(command) != 0)
        print_message("%s is still there\n", self->dir);
    free(self);
    return 0;
}

/* ---- requests ---- */

/* As a router that stands by: asks until it has everything. */
static struct wire_claimed claim_all(struct daemon *self, const char *holder)
{
    struct wire_claim claim = {
        .role = WIRE_ROUTER, .partitions = UINT64_MAX, .holder = wire_text(holder)};
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    struct wire_claimed claimed;
    struct wire_bytes reply;
    struct buf body;

    buf_init(&body, 1 << 16);
    wire_claim_encode(&body, &claim);
    do {
        reply = ask_until_open(self, WIRE_TYPE_CLAIM, wire_buf(&body));
        assert_int_equal(wire_claimed_decode(reply, &claimed), 0);
        assert_int_equal(claimed.status, WIRE_OK);
    } while (claimed.holdings.count == 0 && clock_monotonic_ms() < end_ms);
    assert_int_equal(claimed.holdings.count, 64);
    buf_done(&body);
    return claimed;
}

static uint32_t claim(struct daemon *self, const char *holder)
{
    struct wire_claimed claimed = claim_all(self, holder);
    struct wire_announced announced = {0};
    struct wire_announce announce;
    struct wire_holding holding;
    struct wire_bytes item;
    struct buf body, holdings;

    buf_init(&body, 1 << 16);
    buf_init(&holdings, 1 << 16);
    buf_put(&holdings, claimed.holdings.data, claimed.holdings.len);
    announce.holdings = wire_list_of(&holdings, claimed.holdings.count);
    buf_clear(&body);
    wire_announce_encode(&body, &announce);
    assert_int_equal(
        wire_announced_decode(ask(self, WIRE_TYPE_ANNOUNCE, wire_buf(&body)), &announced), 0);
    assert_int_equal(announced.status, WIRE_OK);
    assert_int_equal(announced.durability, self->durability);
    assert_true(wire_list_next(&announce.holdings, &item));
    assert_int_equal(wire_holding_decode(item, &holding), 0);
    buf_done(&body);
    buf_done(&holdings);
    return holding.epoch;
}

static void put_append(struct buf *list, uint32_t *count, uint32_t epoch,
                       const struct wire_event *event)
{
    struct buf record;
    struct wire_append append = {.epoch = epoch};

    buf_init(&record, 1 << 16);
    wire_event_encode(&record, event);
    append.event = wire_buf(&record);
    wire_append_add(list, count, &append);
    buf_done(&record);
}

/* The answer to the only event of a batch; 0 when the whole batch was refused. */
static uint8_t append(struct daemon *self, uint32_t epoch, const struct wire_event *event)
{
    struct wire_batch_answer answer = {0};
    struct wire_verdict verdict = {0};
    struct wire_batch batch;
    struct wire_bytes item;
    struct buf list, body;
    uint32_t count = 0;

    buf_init(&list, 1 << 16);
    buf_init(&body, 1 << 16);
    put_append(&list, &count, epoch, event);
    batch.events = wire_list_of(&list, count);
    wire_batch_encode(&body, &batch);
    assert_int_equal(wire_batch_answer_decode(ask(self, WIRE_TYPE_BATCH, wire_buf(&body)), &answer),
                     0);
    buf_done(&list);
    buf_done(&body);
    if (answer.status != WIRE_OK)
        return 0;
    assert_int_equal(answer.verdicts.count, 1);
    assert_true(wire_list_next(&answer.verdicts, &item));
    assert_int_equal(wire_verdict_decode(item, &verdict), 0);
    return verdict.answer;
}

static uint64_t head_of(struct daemon *self, unsigned conversation)
{
    struct wire_item item = {fixture_id(conversation)};
    struct wire_heads_reply reply = {0};
    struct wire_position position = {0};
    struct wire_heads heads;
    struct wire_bytes bytes;
    struct buf list, body;
    uint32_t count = 0;

    buf_init(&list, 1000);
    buf_init(&body, 1000);
    wire_item_add(&list, &count, &item);
    heads.conversations = wire_list_of(&list, count);
    wire_heads_encode(&body, &heads);
    assert_int_equal(
        wire_heads_reply_decode(ask_until_open(self, WIRE_TYPE_HEADS, wire_buf(&body)), &reply), 0);
    assert_int_equal(reply.status, WIRE_OK);
    assert_true(wire_list_next(&reply.positions, &bytes));
    assert_int_equal(wire_position_decode(bytes, &position), 0);
    buf_done(&list);
    buf_done(&body);
    return position.seq;
}

/* ---- tests ---- */

static void a_batch_is_stored_and_outlives_a_kill(void **state)
{
    struct daemon *self = daemon_of(state);
    struct wire_event created = fixture_created(&self->events, 1, 1, 1);
    struct wire_event message = fixture_message(&self->events, 1, 2, 1, "a", "hello");
    uint32_t epoch;

    start(self);
    epoch = claim(self, "router");
    assert_true(epoch >= 1); /* asked again by a slow store, a claim takes the next one */
    assert_int_equal(append(self, epoch, &created), WIRE_ANSWER_STORED);
    assert_int_equal(append(self, epoch, &message), WIRE_ANSWER_STORED);
    stop(self, SIGKILL);
    start(self);
    assert_int_equal(head_of(self, 1), 2);
    assert_int_equal(append(self, epoch, &message), WIRE_ANSWER_SAME);
    stop(self, SIGTERM);
}

static void a_renewal_names_what_is_over(struct daemon *self, uint32_t old_epoch)
{
    struct wire_holding over = {5, old_epoch, WIRE_ROUTER, wire_text("router")};
    struct wire_holding good = {6, old_epoch + 1, WIRE_ROUTER, wire_text("router.2")};
    struct wire_announced announced;
    struct wire_announce announce;
    struct buf body, holdings;
    uint32_t count = 0;

    buf_init(&body, 1 << 16);
    buf_init(&holdings, 1 << 16);
    wire_holding_add(&holdings, &count, &over);
    wire_holding_add(&holdings, &count, &good);
    announce.holdings = wire_list_of(&holdings, count);
    wire_announce_encode(&body, &announce);
    assert_int_equal(
        wire_announced_decode(ask(self, WIRE_TYPE_ANNOUNCE, wire_buf(&body)), &announced), 0);
    assert_int_equal(announced.status, WIRE_FENCED);
    assert_int_equal(announced.lost, 1 << 5);
    buf_done(&body);
    buf_done(&holdings);
}

static void a_new_router_fences_the_old_one_for_ever(void **state)
{
    struct daemon *self = daemon_of(state);
    struct wire_event created = fixture_created(&self->events, 1, 1, 1);
    uint32_t old_epoch, new_epoch;

    start(self);
    old_epoch = claim(self, "router");
    new_epoch = claim(self, "router.2");
    assert_int_equal(new_epoch, old_epoch + 1);
    assert_int_equal(append(self, old_epoch, &created), WIRE_ANSWER_FENCED);
    a_renewal_names_what_is_over(self, old_epoch);
    stop(self, SIGKILL);
    start(self);
    ask_until_open(self, WIRE_TYPE_HEADS, wire_text(""));
    assert_int_equal(append(self, old_epoch, &created), WIRE_ANSWER_FENCED);
    assert_int_equal(head_of(self, 1), 0);
    assert_int_equal(append(self, new_epoch, &created), WIRE_ANSWER_STORED);
    stop(self, SIGTERM);
}

/* As no daemon may be called. */
#define LONG_NAME "a-name-of-more-than-64-bytes-that-no-daemon-has-and-nobody-could-read"

static struct wire_bytes claim_as(struct daemon *self, const char *holder)
{
    struct wire_claim claim = {
        .role = WIRE_ROUTER, .partitions = UINT64_MAX, .holder = wire_text(holder)};
    struct wire_bytes reply;
    struct buf body;

    buf_init(&body, 1 << 16);
    wire_claim_encode(&body, &claim);
    reply = ask(self, WIRE_TYPE_CLAIM, wire_buf(&body));
    buf_done(&body);
    return reply;
}

static void garbage_is_refused_and_costs_nothing_else(void **state)
{
    struct daemon *self = daemon_of(state);
    struct wire_event created = fixture_created(&self->events, 1, 1, 1);
    struct wire_batch_answer answer;
    uint8_t garbage[64];
    uint32_t epoch;

    start(self);
    epoch = claim(self, "router");
    memset(garbage, 0xee, sizeof garbage);
    assert_int_equal(
        wire_batch_answer_decode(ask(self, WIRE_TYPE_BATCH, wire_bytes_of(garbage, sizeof garbage)),
                                 &answer),
        0);
    assert_int_equal(answer.status, WIRE_INVALID);
    assert_int_equal(status_of(ask(self, WIRE_TYPE_HEADS, wire_bytes_of(garbage, sizeof garbage))),
                     WIRE_INVALID);
    assert_int_equal(status_of(claim_as(self, LONG_NAME)), WIRE_INVALID);
    assert_int_equal(append(self, epoch, &created), WIRE_ANSWER_STORED);
    assert_int_equal(claim(self, "router"), epoch); /* the same process */
    stop(self, SIGTERM);
}

/* The reply to holders, whose detail says what is wrong; empty when nothing is. */
static const char *trouble(struct daemon *self)
{
    static char text[500];
    struct wire_holders_reply reply = {0};
    uint8_t role = WIRE_ROUTER;

    assert_int_equal(
        wire_holders_reply_decode(ask(self, WIRE_TYPE_HOLDERS, wire_bytes_of(&role, 1)), &reply),
        0);
    snprintf(text, sizeof text, "%.*s", (int)reply.detail.len, (const char *)reply.detail.data);
    return text;
}

/* ---- what it says of itself ---- */

struct status {
    char health[500];
    bool ready;
    uint64_t counter; /* the one asked for */
};

static struct status status_ask(struct daemon *self, const char *counter)
{
    struct wire_head head = {.type = WIRE_TYPE_STATUS, .trace = ++self->trace};
    zmq_pollitem_t item = {.socket = zsock_resolve(self->control), .events = ZMQ_POLLIN};
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    struct status status = {.health = "no answer"};
    struct wire_status_is said;
    struct wire_counter one;
    struct wire_bytes bytes;
    struct bus_frame frame;

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    assert_int_equal(bus_send(self->control, &self->frame), 0);
    do
        zmq_poll(&item, 1, 50);
    while (bus_recv(self->control, &frame) != 1 && clock_monotonic_ms() < end_ms);
    assert_int_equal(wire_status_is_decode(frame.body, &said), 0);
    snprintf(status.health, sizeof status.health, "%.*s", (int)said.health.len,
             said.health.len ? (const char *)said.health.data : "");
    status.ready = said.ready;
    while (wire_list_next(&said.counters, &bytes))
        if (wire_counter_decode(bytes, &one) == 0 && wire_bytes_equal(one.name, wire_text(counter)))
            status.counter = one.value;
    bus_frame_done(&frame);
    return status;
}

static void wait_for_health(struct daemon *self, bool ready, const char *text)
{
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    struct status status = status_ask(self, "");

    while ((status.ready != ready || !strstr(status.health, text)) &&
           clock_monotonic_ms() < end_ms) {
        zclock_sleep(20); /* and ask again, until the deadline */
        status = status_ask(self, "");
    }
    if (status.ready != ready || !strstr(status.health, text))
        fail_msg("ready %d, health \"%s\", not \"%s\"", status.ready, status.health, text);
}

static void wait_for_counter(struct daemon *self, const char *name, uint64_t value)
{
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;

    while (status_ask(self, name).counter != value && clock_monotonic_ms() < end_ms)
        zclock_sleep(20); /* and ask again, until the deadline */
    assert_int_equal(status_ask(self, name).counter, value);
}

static void counters_tell_what_happened(void **state)
{
    struct daemon *self = daemon_of(state);
    struct wire_event created = fixture_created(&self->events, 1, 1, 1);
    struct wire_event message = fixture_message(&self->events, 1, 2, 1, "a", "hello");
    uint32_t epoch;

    start(self);
    epoch = claim(self, "router");
    assert_int_equal(append(self, epoch, &created), WIRE_ANSWER_STORED);
    assert_int_equal(append(self, epoch, &message), WIRE_ANSWER_STORED);
    assert_int_equal(append(self, epoch, &message), WIRE_ANSWER_SAME);
    message.seq = 3;
    assert_int_equal(append(self, epoch, &message), WIRE_ANSWER_DUPLICATE_OF);
    message.seq = 9;
    assert_int_equal(append(self, epoch, &message), WIRE_ANSWER_GAP);
    assert_int_equal(append(self, epoch - 1, &message), WIRE_ANSWER_FENCED);
    assert_int_equal(append(self, epoch + 1, &message), WIRE_ANSWER_FENCED); /* nobody's */
    wait_for_counter(self, "batches", 7); /* the last one is counted after its answer */
    assert_int_equal(status_ask(self, "stored").counter, 2);
    assert_int_equal(status_ask(self, "same").counter, 1);
    assert_int_equal(status_ask(self, "duplicates").counter, 1);
    assert_int_equal(status_ask(self, "voids").counter, 1);
    assert_int_equal(status_ask(self, "gaps").counter, 1);
    assert_int_equal(status_ask(self, "fenced").counter, 2);
    assert_int_equal(status_ask(self, "commit_count").counter, 7);
    assert_int_equal(status_ask(self, "queue").counter, 0);
    assert_int_equal(status_ask(self, "mongo_unsafe_writes").counter, 0);
    wait_for_health(self, true, "");
    stop(self, SIGTERM);
}

static void a_full_disk_is_named_and_when_there_is_room_it_goes_on(void **state)
{
    struct daemon *self = daemon_of(state);
    struct wire_event event = fixture_created(&self->events, 1, 1, 1);
    struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    char text[20001], client_id[20];
    uint64_t seq = 1;
    uint32_t epoch;

    memset(text, 'x', 20000);
    text[20000] = '\0';
    self->file_size = (struct rlimit){1 << 20, RLIM_INFINITY};
    start(self);
    epoch = claim(self, "router");
    while (append(self, epoch, &event) == WIRE_ANSWER_STORED) {
        snprintf(client_id, sizeof client_id, "%u", (unsigned)++seq);
        event = fixture_message(&self->events, 1, seq, 1, client_id, text);
    }
    assert_true(seq > 2);
    wait_for_health(self, false, "the disk is full");
    assert_int_equal(prlimit(self->pid, RLIMIT_FSIZE, &no_limit, NULL), 0);
    wait_for_health(self, true, "");
    while (append(self, epoch, &event) != WIRE_ANSWER_STORED)
        assert_true(clock_monotonic_ms() < end_ms);
    assert_int_equal(head_of(self, 1), seq);
    stop(self, SIGTERM);
}

static void a_file_that_is_no_database_is_named_and_then_replaced(void **state)
{
    struct daemon *self = *state;
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    char path[100];
    FILE *file;

    snprintf(path, sizeof path, "%s/parley.db", self->dir);
    file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    start(self);
    while (!strstr(trouble(self), "no SQLite database") && clock_monotonic_ms() < end_ms)
        zclock_sleep(20) /* and ask again, until the deadline */;
    wait_for_health(self, false, "no SQLite database");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(claim(self, "router"), 1);
    stop(self, SIGTERM);
}

/* Sends one without waiting for its answer; its asker waits for so long (0: for ever), by a clock
 * that is not ours. */
static void send_update(struct daemon *self, uint64_t wait_ms)
{
    struct wire_head head = {.type = WIRE_TYPE_USER_UPDATE,
                             .trace = ++self->trace,
                             .boot = 9,
                             .at_ms = 5,
                             .deadline_ms = wait_ms ? 5 + wait_ms : 0};
    struct wire_user_update update = {.id = fixture_id(1), .display_name = wire_text("Zoe")};

    buf_clear(&self->frame);
    wire_head_encode(&self->frame, &head);
    wire_user_update_encode(&self->frame, &update);
    assert_int_equal(bus_send(self->sock, &self->frame), 0);
}

/* Waits for one more answer; whether it was refused. */
static bool next_is_refused(struct daemon *self)
{
    uint64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    zmq_pollitem_t item = {.socket = zsock_resolve(self->sock), .events = ZMQ_POLLIN};
    int rc = 0;

    drop_reply(self);
    while (clock_monotonic_ms() < end_ms && (rc = bus_recv(self->sock, &self->reply)) == 0)
        zmq_poll(&item, 1, 50);
    assert_int_equal(rc, 1);
    self->has_reply = true;
    return status_of(self->reply.body) == WIRE_UNAVAILABLE;
}

/* A transaction of another process: the writer stands still until it ends. */
static sqlite3 *stop_the_store(const struct daemon *self)
{
    char path[100];
    sqlite3 *other = NULL;

    snprintf(path, sizeof path, "%s/parley.db", self->dir);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return other;
}

static void let_the_store_go_on(sqlite3 *other)
{
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}

static void what_nobody_waits_for_any_more_is_refused_unread(void **state)
{
    struct daemon *self = daemon_of(state);
    uint64_t end_ms;
    sqlite3 *other;

    start(self);
    claim(self, "router");
    other = stop_the_store(self);
    send_update(self, 0); /* begun before the others' time is over */
    send_update(self, 50);
    send_update(self, 600000);
    send_update(self, 0);
    end_ms = clock_monotonic_ms() + 200;
    while (clock_monotonic_ms() < end_ms)
        zmq_poll(NULL, 0, 20);
    let_the_store_go_on(other);
    assert_false(next_is_refused(self));
    assert_true(next_is_refused(self));
    assert_false(next_is_refused(self));
    assert_false(next_is_refused(self));
    wait_for_counter(self, "requests_expired", 1);
    stop(self, SIGTERM);
}

static void requests_beyond_the_limit_are_refused_while_the_store_stands_still(void **state)
{
    enum { LIMIT = 400, SENT = 600 };
    struct daemon *self = daemon_of(state);
    sqlite3 *other;
    int refused = 0;

    start(self);
    claim(self, "router");
    other = stop_the_store(self);
    for (int i = 0; i < SENT; i++)
        send_update(self, 0);
    for (; refused < SENT - LIMIT; refused++)
        assert_true(next_is_refused(self));
    let_the_store_go_on(other);
    for (int i = 0; i < LIMIT; i++)
        assert_false(next_is_refused(self));
    stop(self, SIGTERM);
}

int main(void)
{
#define ON_SQLITE(test)                                 \
    {                                                   \
        "sqlite: " #test, test, set_up, tear_down, NULL \
    }
#define ON_MONGODB(test)                                         \
    {                                                            \
        "mongodb: " #test, test, set_up_mongodb, tear_down, NULL \
    }
    static const struct CMUnitTest tests[] = {
        ON_SQLITE(a_batch_is_stored_and_outlives_a_kill),
        ON_MONGODB(a_batch_is_stored_and_outlives_a_kill),
        ON_SQLITE(a_new_router_fences_the_old_one_for_ever),
        ON_MONGODB(a_new_router_fences_the_old_one_for_ever),
        ON_SQLITE(garbage_is_refused_and_costs_nothing_else),
        ON_SQLITE(counters_tell_what_happened),
        ON_MONGODB(counters_tell_what_happened),
        ON_SQLITE(a_full_disk_is_named_and_when_there_is_room_it_goes_on),
        ON_SQLITE(what_nobody_waits_for_any_more_is_refused_unread),
        ON_SQLITE(requests_beyond_the_limit_are_refused_while_the_store_stands_still),
        ON_SQLITE(a_file_that_is_no_database_is_named_and_then_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
