/* Webhooks against a small server of our own. */
#include "tests/lib/cmocka.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notify/push.h"

#define DEADLINE_MS 20000
#define TIMEOUT_MS 300

struct server {
    int fd;
    uint16_t port;
    const char *answer; /* NULL: none, ever */
    char request[8192]; /* the last one; read after the server has ended */
};

struct bench {
    struct server server;
    zactor_t *thread;
    zloop_t *loop;
    struct push *push;
    char url[64];
    int calls;
    bool delivered;
    char why[300];
};

static bool is_whole(const char *request)
{
    const char *body = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");

    return body && length && strlen(body + 4) >= (size_t)strtol(length + 16, NULL, 10);
}

static void serve_one(struct server *self, int client, zsock_t *pipe)
{
    size_t len = 0;
    ssize_t got;

    self->request[0] = '\0';
    while (!is_whole(self->request) &&
           (got = read(client, self->request + len, sizeof self->request - 1 - len)) > 0) {
        len += (size_t)got;
        self->request[len] = '\0';
    }
    if (self->answer)
        assert_int_equal(write(client, self->answer, strlen(self->answer)), strlen(self->answer));
    else
        zstr_free(&(char *){zstr_recv(pipe)});
    close(client);
}

static void serve(zsock_t *pipe, void *arg)
{
    struct server *self = arg;

    zsock_signal(pipe, 0);
    while (!(zsock_events(pipe) & ZMQ_POLLIN)) {
        struct pollfd waiting = {.fd = self->fd, .events = POLLIN};
        int client = poll(&waiting, 1, 10) == 1 ? accept(self->fd, NULL, NULL) : -1;

        if (client < 0)
            continue;
        serve_one(self, client, pipe);
        if (!self->answer)
            return;
    }
}

static void listen_somewhere(struct server *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(self->fd, 5), 0);
    assert_int_equal(getsockname(self->fd, (struct sockaddr *)&address, &len), 0);
    self->port = ntohs(address.sin_port);
}

static int set_up(void **state)
{
    struct bench *self = NEW(struct bench);
    struct push_webhook_options options = {
        .url = self->url, .timeout_ms = TIMEOUT_MS, .connections = 2};

    listen_somewhere(&self->server);
    snprintf(self->url, sizeof self->url, "http://127.0.0.1:%u/hook", self->server.port);
    self->loop = zloop_new();
    assert_int_equal(push_webhook_new(&self->push, self->loop, &options), 0);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *self = *state;

    zactor_destroy(&self->thread);
    if (self->push)
        self->push->ops->close(&self->push);
    zloop_destroy(&self->loop);
    if (self->server.fd >= 0)
        close(self->server.fd);
    free(self);
    return 0;
}

static int end(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    (void)arg;
    return -1;
}

static void on_pushed(void *arg, bool delivered, const char *why)
{
    struct bench *self = arg;

    self->calls++;
    self->delivered = delivered;
    snprintf(self->why, sizeof self->why, "%s", why);
    zloop_timer(self->loop, 1, 1, end, NULL);
}

static int start(struct bench *self)
{
    AUTO(buf_done) struct buf body;
    struct wire_body_message message = {.text = wire_text("hello")};
    struct wire_event event = {.seq = 1, .kind = WIRE_KIND_MESSAGE_CREATED, .at_ms = 1};

    buf_init(&body, 1024);
    wire_body_message_encode(&body, &message);
    event.body = wire_buf(&body);
    return self->push->ops->start(self->push, "webhook-7", &event, on_pushed, self);
}

static void push_once(struct bench *self, const char *answer)
{
    self->server.answer = answer;
    self->thread = zactor_new(serve, &self->server);
    assert_int_equal(start(self), 0);
    assert_int_equal(self->calls, 0);
    zloop_timer(self->loop, DEADLINE_MS, 1, end, NULL);
    zloop_start(self->loop);
    zactor_destroy(&self->thread);
    assert_int_equal(self->calls, 1);
}

static void test_an_answer_2xx_is_delivery_and_the_request_says_which_job(void **state)
{
    struct bench *self = *state;

    push_once(self, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(self->delivered);
    assert_true(strncmp(self->server.request, "POST /hook HTTP/1.1\r\n", 21) == 0);
    assert_non_null(strstr(self->server.request, "\r\nX-Parley-Job: webhook-7\r\n"));
    assert_non_null(strstr(self->server.request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(self->server.request, "\"text\":\"hello\""));
}

static void test_any_other_answer_is_none(void **state)
{
    struct bench *self = *state;

    push_once(self, "HTTP/1.1 503 Away\r\nContent-Length: 4\r\n\r\naway");
    assert_false(self->delivered);
    assert_string_equal(self->why, "status 503");
}

static void test_a_redirect_is_not_followed(void **state)
{
    struct bench *self = *state;

    push_once(self,
              "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_false(self->delivered);
    assert_string_equal(self->why, "status 302");
}

static void test_a_server_that_says_nothing_is_given_up(void **state)
{
    struct bench *self = *state;

    push_once(self, NULL);
    assert_false(self->delivered);
    assert_non_null(strstr(self->why, "timed out"));
}

static void test_a_server_that_is_not_there_is_a_failure(void **state)
{
    struct bench *self = *state;

    close(self->server.fd);
    self->server.fd = -1;
    assert_int_equal(start(self), 0);
    zloop_timer(self->loop, DEADLINE_MS, 1, end, NULL);
    zloop_start(self->loop);
    assert_int_equal(self->calls, 1);
    assert_false(self->delivered);
}

static void test_closing_drops_what_is_under_way(void **state)
{
    struct bench *self = *state;

    assert_int_equal(start(self), 0);
    assert_int_equal(start(self), 0);
    self->push->ops->close(&self->push);
    assert_null(self->push);
    assert_int_equal(self->calls, 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_an_answer_2xx_is_delivery_and_the_request_says_which_job),
        CASE(test_any_other_answer_is_none),
        CASE(test_a_redirect_is_not_followed),
        CASE(test_a_server_that_says_nothing_is_given_up),
        CASE(test_a_server_that_is_not_there_is_a_failure),
        CASE(test_closing_drops_what_is_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
