/* The clients of the load generator: RFC 6455 frames by hand (masked with the key 0, which is legal
 * and costs nothing). */
#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define BUFFER_MAX (32u << 20)
#define READ_BYTES 65536
#define EVENTS 512

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "parley-load: %s: %s\n", what, detail);
    exit(EXIT_FAILURE);
}

void crowd_init(struct crowd *self, const char *host, uint16_t port)
{
    *self = (struct crowd){.epoll = epoll_create1(EPOLL_CLOEXEC), .host = host, .port = port};
    if (self->epoll < 0)
        die("epoll_create1", strerror(errno));
}

void client_init(struct client *self, const struct client_ops *ops, const char *token)
{
    *self = (struct client){.ops = ops, .token = token, .fd = -1};
    buf_init(&self->in, BUFFER_MAX);
    buf_init(&self->out, BUFFER_MAX);
}

static void flush(struct client *self)
{
    while (self->out.len) {
        ssize_t sent = send(self->fd, self->out.data, self->out.len, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN))
            return;
        if (sent < 0 && !self->ops->refused)
            die("send", strerror(errno));
        if (sent < 0) { /* reading will tell, too */
            buf_clear(&self->out);
            return;
        }
        buf_drop(&self->out, (size_t)sent);
    }
}

static void refuse(struct client *self, int status, const char *why)
{
    if (!self->ops->refused)
        die("not connected", why);
    client_close(self);
    self->ops->refused(self, status);
}

void client_open(struct crowd *crowd, struct client *self)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(crowd->port)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = self};
    int one = 1;

    inet_pton(AF_INET, crowd->host, &to.sin_addr);
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->fd < 0)
        die("socket", strerror(errno));
    setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(self->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        refuse(self, 0, strerror(errno));
        return;
    }
    self->state = CLIENT_UPGRADING;
    self->started_us = clock_monotonic_us();
    self->next_ack = 0;
    buf_clear(&self->in);
    buf_clear(&self->out);
    buf_printf(&self->out,
               "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s:%u\r\n"
               "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
               crowd->host, crowd->port);
    if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, self->fd, &event) < 0)
        die("epoll_ctl", strerror(errno));
}

void client_close(struct client *self)
{
    struct linger now = {.l_onoff = 1};

    if (self->fd < 0)
        return;
    setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* leaves no TIME_WAIT behind */
    close(self->fd);
    self->fd = -1;
}

static void put_frame(struct client *self, const char *head, const char *data, size_t len)
{
    size_t head_len = strlen(head), total = head_len + len;
    uint8_t frame[8] = {0x81};
    size_t at = 2;

    if (total < 126) {
        frame[1] = (uint8_t)(0x80 | total);
    } else if (total < 65536) {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(total >> 8);
        frame[3] = (uint8_t)total;
        at = 4;
    } else {
        die("packet too long", "65,535 bytes at most");
    }
    buf_put(&self->out, frame, at);
    buf_put(&self->out, "\0\0\0\0", 4);
    buf_put(&self->out, head, head_len);
    buf_put(&self->out, data, len);
}

void client_send(struct client *self, const char *packet, size_t len)
{
    bool idle = self->out.len == 0;

    put_frame(self, "4", packet, len);
    if (idle)
        flush(self);
}

static void join(struct client *self)
{
    char packet[2048];
    int len = snprintf(packet, sizeof packet, "0{\"token\":\"%s\"}", self->token);

    self->state = CLIENT_JOINING;
    client_send(self, packet, (size_t)len);
}

static void on_message(struct client *self, const char *data, size_t len)
{
    if (len && data[0] == '2') {
        put_frame(self, "3", "", 0);
        flush(self);
    } else if (self->state == CLIENT_OPENING && len && data[0] == '0') {
        join(self);
    } else if (self->state == CLIENT_JOINING && len > 2 && strncmp(data, "40{", 3) == 0) {
        self->state = CLIENT_READY;
        self->ops->connected(self);
    } else if (self->state == CLIENT_JOINING && len > 1 && data[1] == '4') {
        die("refused at CONNECT", data);
    } else if (len && data[0] == '4') {
        self->ops->text(self, data + 1, len - 1);
    }
}

/* The next whole frame at data: its payload, and how many bytes it takes; 0 when it is not all
 * there. */
static size_t frame_at(const uint8_t *data, size_t len, const uint8_t **ret_payload,
                       size_t *ret_len)
{
    size_t head = 2, payload;

    if (len < 2)
        return 0;
    payload = data[1] & 127;
    if (payload == 126 && len >= 4) {
        payload = (size_t)data[2] << 8 | data[3];
        head = 4;
    } else if (payload == 127 && len >= 10) {
        payload = 0;
        for (int i = 2; i < 10; i++)
            payload = payload << 8 | data[i];
        head = 10;
    } else if (payload >= 126) {
        return 0;
    }
    if (len - head < payload || len < head)
        return 0;
    *ret_payload = data + head;
    *ret_len = payload;
    return head + payload;
}

static void on_frames(struct client *self)
{
    size_t at = 0;

    while (self->fd >= 0) {
        const uint8_t *payload = NULL;
        size_t len = 0;
        size_t taken = frame_at(self->in.data + at, self->in.len - at, &payload, &len);

        if (!taken)
            break;
        if ((self->in.data[at] & 15) == 1)
            on_message(self, (const char *)payload, len);
        at += taken;
    }
    buf_drop(&self->in, at);
}

static void on_bytes(struct client *self)
{
    if (self->state == CLIENT_UPGRADING) {
        const uint8_t *end = memmem(self->in.data, self->in.len, "\r\n\r\n", 4);

        if (!end)
            return;
        if (strncmp((const char *)self->in.data, "HTTP/1.1 101", 12) != 0) {
            refuse(self, atoi((const char *)self->in.data + 9), (const char *)self->in.data);
            return;
        }
        buf_drop(&self->in, (size_t)(end + 4 - self->in.data));
        self->state = CLIENT_OPENING;
    }
    on_frames(self);
}

static void on_readable(struct crowd *crowd, struct client *self)
{
    while (self->fd >= 0) {
        uint8_t *to = buf_reserve(&self->in, READ_BYTES);
        ssize_t got;

        if (!to)
            die("a client's buffer", "full");
        got = recv(self->fd, to, READ_BYTES, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0 && self->ops->refused && self->state == CLIENT_UPGRADING) {
            refuse(self, 0, "closed");
            return;
        }
        if (got <= 0) {
            client_close(self);
            self->ops->closed(self);
            return;
        }
        self->in.len += (size_t)got;
        crowd->bytes_in += (uint64_t)got;
        on_bytes(self);
        if (got < READ_BYTES)
            return;
    }
}

void crowd_turn(struct crowd *self, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(self->epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;

        if (client->fd >= 0 && events[i].events & EPOLLOUT)
            flush(client);
        if (client->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            on_readable(self, client);
    }
}
