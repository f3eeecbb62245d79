/* parley-load: the load generator. Prints one JSON object per run.
 *
 *   parley-load send HOST PORT SECONDS TOKENS PAIRS IN_FLIGHT RATE   durable sends of 200 bytes;
 * RATE 0: as fast as it goes parley-load room HOST PORT SECONDS TOKENS CONVERSATION WINDOW    one
 * sender, everybody in TOKENS listens parley-load idle HOST PORT SECONDS TOKENS connects everybody,
 * says so, stays parley-load login HOST PORT SECONDS TOKENS AT_ONCE               connects, joins,
 * leaves, over and over parley-load limits DIR SECONDS                                   what the
 * machine can do
 *
 * TOKENS: lines "username userId token"; PAIRS: lines "conversationId index index" into TOKENS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stat.h"
#include "tests/bench/client.h"
#include "tests/bench/limits.h"

#define PEOPLE_MAX 20000
#define TEXT_BYTES 200
#define WINDOW_MAX 4096

struct pair {
    char conversation[64];
    unsigned people[2];
};

/* Everything of a run: one program, one run. */
static struct {
    struct crowd crowd;
    struct client *clients;
    char (*tokens)[1024];
    unsigned people;
    struct pair *pairs;
    unsigned pair_count;
    unsigned ready;
    bool running;
    uint64_t sent, acked, refused, delivered, logins;
    uint64_t (*sent_us)[WINDOW_MAX]; /* by client and ack id: when */
    struct stat_histogram *latency;
    struct client **closed; /* login: those to be opened again */
    unsigned closed_count;
    unsigned long run_id;
    const char *room;
    double rate;
} load;

static void usage(void)
{
    fputs("usage: parley-load send|room|idle|login|limits …: see tests/bench/load.c\n", stderr);
    exit(EXIT_FAILURE);
}

static void read_tokens(const char *path)
{
    FILE *file = fopen(path, "r");
    char username[64], id[64];

    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    load.tokens = base_alloc(PEOPLE_MAX, sizeof *load.tokens);
    while (load.people < PEOPLE_MAX &&
           fscanf(file, "%63s %63s %1023s", username, id, load.tokens[load.people]) == 3)
        load.people++;
    fclose(file);
    load.clients = NEW_ARRAY(load.people, struct client);
    load.sent_us = base_alloc(load.people, sizeof *load.sent_us);
}

static void read_pairs(const char *path)
{
    FILE *file = fopen(path, "r");
    struct pair pair;

    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    load.pairs = NEW_ARRAY(PEOPLE_MAX, struct pair);
    while (load.pair_count < PEOPLE_MAX &&
           fscanf(file, "%63s %u %u", pair.conversation, &pair.people[0], &pair.people[1]) == 3 &&
           pair.people[0] < load.people && pair.people[1] < load.people)
        load.pairs[load.pair_count++] = pair;
    fclose(file);
}

/* A time-ordered client id, unique in this run and between runs. */
static void send_message(struct client *client, const char *conversation)
{
    static char text[TEXT_BYTES + 1];
    char packet[1024];
    int len;

    if (!text[0])
        memset(text, 'x', TEXT_BYTES);
    load.sent_us[client->index][client->next_ack % WINDOW_MAX] = clock_monotonic_us();
    len = snprintf(packet, sizeof packet,
                   "2%llu[\"message:send\",{\"conversationId\":\"%s\",\"clientId\":\"%lx-%09llu\","
                   "\"text\":\"%s\"}]",
                   (unsigned long long)client->next_ack++, conversation, load.run_id,
                   (unsigned long long)load.sent, text);
    load.sent++;
    client_send(client, packet, (size_t)len);
}

/* 43ID[{"ok":true,…: notes how long it took. */
static void on_ack(struct client *client, const char *packet, size_t len)
{
    uint64_t id = strtoull(packet + 1, NULL, 10);

    stat_record(load.latency, clock_monotonic_us() - load.sent_us[client->index][id % WINDOW_MAX]);
    if (memmem(packet, len < 40 ? len : 40, "\"ok\":true", 9))
        load.acked++;
    else if (load.refused++ == 0)
        fprintf(stderr, "parley-load: refused: %.*s\n", (int)len, packet);
}

static void on_connected(struct client *client)
{
    (void)client;
    load.ready++;
}

static void on_closed(struct client *client)
{
    fprintf(stderr, "parley-load: the connection of client %u was closed\n", client->index);
    exit(EXIT_FAILURE);
}

/* A client of a pair: its next message leaves when the last one is answered. */
static void on_send_text(struct client *client, const char *packet, size_t len)
{
    if (len > 1 && packet[0] == '3') {
        on_ack(client, packet, len);
        if (load.running && load.rate == 0)
            send_message(client, load.pairs[client->index / 2 % load.pair_count].conversation);
    } else if (len > 1 && packet[0] == '2') {
        load.delivered++;
    }
}

static void on_room_text(struct client *client, const char *packet, size_t len)
{
    if (len > 1 && packet[0] == '3') {
        on_ack(client, packet, len);
        if (load.running)
            send_message(client, load.room);
    } else if (len > 1 && packet[0] == '2') {
        load.delivered++;
    }
}

static void on_login_connected(struct client *client)
{
    load.logins++;
    stat_record(load.latency, clock_monotonic_us() - client->started_us);
    client_close(client);
    load.closed[load.closed_count++] = client;
}

/* Not from within the client's own callback: it is still reading. */
static void reopen(void)
{
    while (load.closed_count > 0)
        client_open(&load.crowd, load.closed[--load.closed_count]);
}

static const struct client_ops send_ops = {on_connected, on_send_text, on_closed, NULL};
static const struct client_ops room_ops = {on_connected, on_room_text, on_closed, NULL};
static const struct client_ops login_ops = {on_login_connected, on_room_text, on_closed, NULL};

/* At most 200 handshakes under way at once: the server's queue for new connections is not what is
 * measured. */
static void connect_everybody(const struct client_ops *ops)
{
    for (unsigned i = 0; i < load.people; i++) {
        client_init(&load.clients[i], ops, load.tokens[i]);
        load.clients[i].index = i;
        client_open(&load.crowd, &load.clients[i]);
        while (i + 1 > load.ready + 200)
            crowd_turn(&load.crowd, 100);
    }
    while (load.ready < load.people)
        crowd_turn(&load.crowd, 100);
}

static double own_cpu(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run_for(double seconds)
{
    uint64_t end = clock_monotonic_us() + (uint64_t)(seconds * 1e6);

    while (clock_monotonic_us() < end)
        crowd_turn(&load.crowd, 50);
}

/* Waits for what is under way, at most 10 s. */
static void finish(void)
{
    uint64_t end = clock_monotonic_us() + 10000000;

    load.running = false;
    while (load.acked + load.refused < load.sent && clock_monotonic_us() < end)
        crowd_turn(&load.crowd, 50);
}

static void report(double seconds, double cpu)
{
    printf("{\"seconds\":%.3f,\"sent\":%llu,\"acked\":%llu,\"refused\":%llu,\"delivered\":%llu,"
           "\"logins\":%llu,\"p50_us\":%llu,\"p99_us\":%llu,\"cpu\":%.3f}\n",
           seconds, (unsigned long long)load.sent, (unsigned long long)load.acked,
           (unsigned long long)load.refused, (unsigned long long)load.delivered,
           (unsigned long long)load.logins, (unsigned long long)stat_percentile(load.latency, 0.5),
           (unsigned long long)stat_percentile(load.latency, 0.99), cpu);
}

/* RATE messages a second, evenly, from one pair after the other. */
static void run_at_rate(double seconds)
{
    uint64_t start = clock_monotonic_us(), now = start, end = start + (uint64_t)(seconds * 1e6);
    unsigned turn = 0;

    for (; now < end; now = clock_monotonic_us()) {
        double due = (double)(now - start) / 1e6 * load.rate;

        while ((double)load.sent < due) {
            struct pair *pair = &load.pairs[turn++ % load.pair_count];

            send_message(&load.clients[pair->people[turn & 1]], pair->conversation);
        }
        crowd_turn(&load.crowd, 1);
    }
}

static void run_send(double seconds, unsigned in_flight)
{
    double cpu;
    uint64_t start;

    connect_everybody(&send_ops);
    cpu = own_cpu();
    start = clock_monotonic_us();
    load.running = true;
    if (load.rate > 0) {
        run_at_rate(seconds);
    } else {
        for (unsigned i = 0; i < in_flight; i++) {
            struct pair *pair = &load.pairs[i % load.pair_count];

            send_message(&load.clients[pair->people[0]], pair->conversation);
        }
        run_for(seconds);
    }
    finish();
    report((double)(clock_monotonic_us() - start) / 1e6, own_cpu() - cpu);
}

static void run_room(double seconds, unsigned window)
{
    double cpu;
    uint64_t start, wanted;

    connect_everybody(&room_ops);
    cpu = own_cpu();
    start = clock_monotonic_us();
    load.running = true;
    for (unsigned i = 0; i < window; i++)
        send_message(&load.clients[0], load.room);
    run_for(seconds);
    finish();
    wanted = load.acked * load.people;
    for (uint64_t end = clock_monotonic_us() + 10000000;
         load.delivered < wanted && clock_monotonic_us() < end;)
        crowd_turn(&load.crowd, 50);
    report((double)(clock_monotonic_us() - start) / 1e6, own_cpu() - cpu);
}

static void run_idle(double seconds)
{
    connect_everybody(&room_ops);
    printf("connected %u\n", load.ready);
    fflush(stdout);
    run_for(seconds);
}

static void run_login(double seconds, unsigned at_once)
{
    double cpu = own_cpu();
    uint64_t start = clock_monotonic_us(), end = start + (uint64_t)(seconds * 1e6);

    load.closed = NEW_ARRAY(load.people, struct client *);
    for (unsigned i = 0; i < at_once && i < load.people; i++) {
        client_init(&load.clients[i], &login_ops, load.tokens[i]);
        load.clients[i].index = i;
        client_open(&load.crowd, &load.clients[i]);
    }
    while (clock_monotonic_us() < end) {
        crowd_turn(&load.crowd, 50);
        reopen();
    }
    report((double)(clock_monotonic_us() - start) / 1e6, own_cpu() - cpu);
}

static int run_limits(const char *dir, double seconds)
{
    printf("{\"syncs\":%.0f,", limits_syncs(dir, seconds));
    printf("\"writes\":%.0f}\n", limits_writes(seconds));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct rlimit files = {65536, 65536};
    AUTO(stat_free) struct stat_set *stats = NULL;
    double seconds;

    setrlimit(RLIMIT_NOFILE, &files);
    if (argc == 4 && strcmp(argv[1], "limits") == 0)
        return run_limits(argv[2], atof(argv[3]));
    if (argc < 6 || stat_new(&stats) < 0)
        usage();
    seconds = atof(argv[4]);
    load.run_id = (unsigned long)clock_wall_ms();
    load.latency = stat_histogram(stats, "latency");
    crowd_init(&load.crowd, argv[2], (uint16_t)atoi(argv[3]));
    read_tokens(argv[5]);
    if (argc == 9 && strcmp(argv[1], "send") == 0) {
        read_pairs(argv[6]);
        load.rate = atof(argv[8]);
        run_send(seconds, (unsigned)atoi(argv[7]));
    } else if (argc == 8 && strcmp(argv[1], "room") == 0) {
        load.room = argv[6];
        run_room(seconds, (unsigned)atoi(argv[7]));
    } else if (argc == 6 && strcmp(argv[1], "idle") == 0) {
        run_idle(seconds);
    } else if (argc == 7 && strcmp(argv[1], "login") == 0) {
        run_login(seconds, (unsigned)atoi(argv[6]));
    } else {
        usage();
    }
    return EXIT_SUCCESS;
}
