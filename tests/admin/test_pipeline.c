/* Many requests to a daemon that answers late, out of order, or with "busy". */
#include "tests/lib/cmocka.h"

#include <czmq.h>
#include <errno.h>

#include "admin/pipeline.h"
#include "tests/admin/folder.h"

#define REQUESTS 500
#define HELD 7 /* the daemon answers in groups, the last one first */

struct held {
    struct bus_peer peer;
    uint64_t trace;
    char text[32];
};

struct daemon {
    struct folder *folder;
    zsock_t *sock;
    struct held held[HELD];
    size_t count;
    bool was_busy[REQUESTS];
};

static void reply(struct daemon *self, const struct held *to, enum wire_result status)
{
    AUTO(buf_done) struct buf frame;
    struct wire_head head = {.type = WIRE_TYPE_STATUS_REPLY, .trace = to->trace};
    struct wire_status_reply message = {.status = (uint8_t)status, .detail = wire_text(to->text)};

    buf_init(&frame, 4096);
    wire_head_encode(&frame, &head);
    wire_status_reply_encode(&frame, &message);
    assert_int_equal(bus_send_to(self->sock, &to->peer, &frame), 0);
}

static void reply_alive(struct daemon *self, const struct bus_frame *request)
{
    AUTO(buf_done) struct buf frame;
    struct wire_head head = {.type = WIRE_TYPE_STATUS_IS, .trace = request->head.trace};
    struct wire_status_is message = {.ready = 1};

    buf_init(&frame, 4096);
    wire_head_encode(&frame, &head);
    wire_status_is_encode(&frame, &message);
    assert_int_equal(bus_send_to(self->sock, &request->peer, &frame), 0);
}

static void release(struct daemon *self)
{
    while (self->count > 0) {
        struct held *held = &self->held[--self->count];
        long number = strtol(held->text, NULL, 10);

        if (number % 5 == 0 && !self->was_busy[number]) {
            self->was_busy[number] = true;
            reply(self, held, WIRE_UNAVAILABLE);
        } else {
            reply(self, held, number % 10 == 3 ? WIRE_NOT_FOUND : WIRE_OK);
        }
    }
}

static void take(struct daemon *self, const struct bus_frame *request)
{
    struct held *held = &self->held[self->count];
    struct wire_admin_token token;

    if (request->head.type == WIRE_TYPE_STATUS) {
        reply_alive(self, request);
        return;
    }
    assert_int_equal(wire_admin_token_decode(request->body, &token), 0);
    held->peer = request->peer;
    held->trace = request->head.trace;
    snprintf(held->text, sizeof held->text, "%.*s", (int)token.login.len,
             (const char *)token.login.data);
    if (++self->count == HELD)
        release(self);
}

static void be_daemon(zsock_t *pipe, void *arg)
{
    struct daemon self = {.folder = arg};
    AUTO(base_free_text)
    char *endpoint = topology_endpoint(self.folder->place->conf, "edge", TOPOLOGY_CONTROL);
    struct bus_options options = {
        .type = ZMQ_ROUTER, .endpoint = endpoint, .bind = true, .high_water = 1000};
    bool running = true;

    assert_int_equal(bus_open(&self.sock, &options), 0);
    zsock_signal(pipe, 0);
    while (running) {
        zmq_pollitem_t items[] = {{.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN},
                                  {.socket = zsock_resolve(self.sock), .events = ZMQ_POLLIN}};
        struct bus_frame frame;

        if (zmq_poll(items, 2, 20) == 0)
            release(&self); /* nobody else comes */
        running = !(items[0].revents & ZMQ_POLLIN);
        while (bus_recv(self.sock, &frame) == 1) {
            take(&self, &frame);
            bus_frame_done(&frame);
        }
    }
    zsock_destroy(&self.sock);
}

struct asker {
    uint64_t asked, done, good;
};

static int next(void *arg, struct buf *message, enum wire_type *ret_type)
{
    struct asker *self = arg;
    struct wire_admin_token token;
    char text[16];

    if (self->asked == REQUESTS)
        return 0;
    snprintf(text, sizeof text, "%d", (int)self->asked++);
    token.login = wire_text(text);
    wire_admin_token_encode(message, &token);
    *ret_type = WIRE_TYPE_ADMIN_TOKEN;
    return 1;
}

static void done(void *arg, const struct pipeline_result *result)
{
    struct asker *self = arg;

    assert_true(result->answered);
    assert_int_equal(result->number, self->done++);
    assert_int_equal(strtol(result->detail, NULL, 10), result->number);
    assert_int_equal(result->status, result->number % 10 == 3 ? WIRE_NOT_FOUND : WIRE_OK);
    assert_int_equal(result->again, result->number % 5 == 0);
    self->good += result->status == WIRE_OK;
}

static void
test_answers_come_in_the_order_of_the_requests_and_busy_ones_are_asked_again(void **state)
{
    struct folder folder;
    struct asker asker = {0};
    struct pipeline_work work = {.next = next, .done = done, .arg = &asker};
    AUTO(base_free_text) char *why = NULL;
    char run[80];
    zactor_t *daemon;

    (void)state;
    folder_make(&folder, "bus\n    dir = run\n");
    snprintf(run, sizeof run, "%s/run", folder.path);
    assert_int_equal(mkdir(run, 0700), 0);
    daemon = zactor_new(be_daemon, &folder);
    assert_int_equal(pipeline_run(folder.place, "edge", &work, &why), 0);
    assert_int_equal(asker.done, REQUESTS);
    assert_int_equal(asker.good, REQUESTS - REQUESTS / 10);
    zactor_destroy(&daemon);
    folder_remove(&folder);
}

static void test_a_daemon_that_is_not_there_is_named(void **state)
{
    struct folder folder;
    struct pipeline_work work = {0};
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    folder_make(&folder, "up\n    daemons = scan edge.7\n");
    assert_int_equal(pipeline_run(folder.place, "edge", &work, &why), -ETIMEDOUT);
    assert_non_null(strstr(why, "edge.7"));
    free(TAKE(why));
    assert_int_equal(pipeline_run(folder.place, "router", &work, &why), -ENOENT);
    assert_non_null(strstr(why, "router"));
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_answers_come_in_the_order_of_the_requests_and_busy_ones_are_asked_again),
        cmocka_unit_test(test_a_daemon_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
