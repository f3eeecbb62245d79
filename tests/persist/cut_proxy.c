/* One thread, poll() over a few pairs of sockets. */
#include "tests/persist/cut_proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "tests/lib/cmocka.h"

#define PAIRS 16
#define CHUNK 65536

struct pair {
    int client, server; /* -1: free */
    bool doomed;        /* its next answer is the last thing that happens */
};

struct cut_proxy {
    int listener;
    struct sockaddr_in server;
    uint16_t port;
    pthread_t thread;
    atomic_bool stop;
    _Atomic(const char *) lose;
    atomic_uint lost;
    struct pair pairs[PAIRS];
};

static int connect_server(const struct cut_proxy *self)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (const struct sockaddr *)&self->server, sizeof self->server) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void accept_one(struct cut_proxy *self)
{
    int client = accept(self->listener, NULL, NULL);
    int server = client < 0 ? -1 : connect_server(self);

    for (size_t i = 0; i < PAIRS && server >= 0; i++)
        if (self->pairs[i].client < 0) {
            self->pairs[i] = (struct pair){client, server, false};
            return;
        }
    if (server >= 0)
        close(server);
    if (client >= 0)
        close(client);
}

static void cut(struct pair *pair)
{
    close(pair->client);
    close(pair->server);
    pair->client = pair->server = -1;
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void pass_request(struct cut_proxy *self, struct pair *pair)
{
    static char data[CHUNK];
    ssize_t len = recv(pair->client, data, sizeof data, 0);
    const char *lose = self->lose;

    if (len > 0 && lose && memmem(data, (size_t)len, lose, strlen(lose))) {
        pair->doomed = true;
        self->lose = NULL;
    }
    if (len <= 0 || !send_all(pair->server, data, (size_t)len))
        cut(pair);
}

static void pass_answer(struct cut_proxy *self, struct pair *pair)
{
    static char data[CHUNK];
    ssize_t len = recv(pair->server, data, sizeof data, 0);

    if (len > 0 && pair->doomed) {
        self->lost++;
        cut(pair);
    } else if (len <= 0 || !send_all(pair->client, data, (size_t)len)) {
        cut(pair);
    }
}

static void serve_round(struct cut_proxy *self)
{
    struct pollfd polls[1 + 2 * PAIRS];

    polls[0] = (struct pollfd){.fd = self->listener, .events = POLLIN};
    for (size_t i = 0; i < PAIRS; i++) {
        polls[1 + 2 * i] = (struct pollfd){.fd = self->pairs[i].client, .events = POLLIN};
        polls[2 + 2 * i] = (struct pollfd){.fd = self->pairs[i].server, .events = POLLIN};
    }
    if (poll(polls, COUNT_OF(polls), 50) <= 0)
        return;
    for (size_t i = 0; i < PAIRS; i++) {
        struct pair *pair = &self->pairs[i];

        if (polls[1 + 2 * i].revents && pair->client >= 0)
            pass_request(self, pair);
        if (polls[2 + 2 * i].revents && pair->client >= 0)
            pass_answer(self, pair);
    }
    if (polls[0].revents)
        accept_one(self);
}

static void *serve(void *arg)
{
    struct cut_proxy *self = arg;

    while (!self->stop)
        serve_round(self);
    return NULL;
}

void cut_proxy_new(struct cut_proxy **ret, const char *host, uint16_t port)
{
    struct cut_proxy *self = NEW(struct cut_proxy);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    socklen_t len = sizeof here;

    assert_int_equal(getaddrinfo(host, NULL, &hints, &found), 0);
    memcpy(&self->server, found->ai_addr, sizeof self->server);
    self->server.sin_port = htons(port);
    freeaddrinfo(found);
    for (size_t i = 0; i < PAIRS; i++)
        self->pairs[i].client = self->pairs[i].server = -1;
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(self->listener, 16), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&here, &len), 0);
    self->port = ntohs(here.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
    *ret = self;
}

void cut_proxy_free(struct cut_proxy **self)
{
    if (!*self)
        return;
    (*self)->stop = true;
    pthread_join((*self)->thread, NULL);
    for (size_t i = 0; i < PAIRS; i++)
        if ((*self)->pairs[i].client >= 0)
            cut(&(*self)->pairs[i]);
    close((*self)->listener);
    free(*self);
    *self = NULL;
}

uint16_t cut_proxy_port(const struct cut_proxy *self)
{
    return self->port;
}

void cut_proxy_lose(struct cut_proxy *self, const char *text)
{
    self->lose = text;
}

unsigned cut_proxy_lost(struct cut_proxy *self)
{
    return self->lost;
}
