/* The bare costs under a message: a durable append, and a write to a loopback socket. */
#include "tests/bench/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define RECORD 200

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

double limits_syncs(const char *dir, double seconds)
{
    char path[4096], record[RECORD] = {0};
    uint64_t start, end, count = 0;
    int fd;

    snprintf(path, sizeof path, "%s/parley-load-XXXXXX", dir);
    fd = mkstemp(path);
    if (fd < 0)
        die(path);
    unlink(path);
    start = clock_monotonic_us();
    end = start + (uint64_t)(seconds * 1e6);
    while (clock_monotonic_us() < end) {
        if (write(fd, record, sizeof record) != (ssize_t)sizeof record || fdatasync(fd) < 0)
            die("fdatasync");
        count++;
    }
    close(fd);
    return (double)count * 1e6 / (double)(clock_monotonic_us() - start);
}

static void *drain(void *arg)
{
    char bytes[65536];
    int fd = *(int *)arg;

    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
    return NULL;
}

static void connect_pair(int ret[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    ret[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || ret[0] < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
        connect(ret[0], (struct sockaddr *)&address, len) < 0)
        die("loopback");
    ret[1] = accept(listener, NULL, NULL);
    close(listener);
}

double limits_writes(double seconds)
{
    char record[RECORD] = {0};
    uint64_t start, end, count = 0;
    int pair[2];
    pthread_t reader;

    connect_pair(pair);
    if (pthread_create(&reader, NULL, drain, &pair[1]) != 0)
        die("pthread_create");
    start = clock_monotonic_us();
    end = start + (uint64_t)(seconds * 1e6);
    while (clock_monotonic_us() < end) {
        if (send(pair[0], record, sizeof record, MSG_NOSIGNAL) != (ssize_t)sizeof record)
            die("send");
        count++;
    }
    shutdown(pair[0], SHUT_WR);
    pthread_join(reader, NULL);
    close(pair[0]);
    close(pair[1]);
    return (double)count * 1e6 / (double)(clock_monotonic_us() - start);
}
