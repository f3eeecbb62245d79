/* parley-storm: what an edge's end means to those it served.
 *
 *   parley-storm crowd HOST PORT OTHER PEOPLE ROOMS
 *     connects everybody in PEOPLE to PORT, as socket.io-client does: with its back-off, CONNECT,
 * then sync with cursors. Says "ready". When the connections break they come back to OTHER the same
 * way; then says how long it took. At the end of its input it compares what all have seen, and
 * ends. parley-storm send HOST PORT PEOPLE ROOMS RATE one sender per room; RATE messages a second,
 * evenly, until the end of its input. A line per acknowledgement: when it came (monotonic ms) and
 * how long it took (us).
 *
 * PEOPLE: lines "username userId token room…", rooms as indices into ROOMS: a conversation a line.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/client.h"

#define PEOPLE_MAX 20000
#define ROOMS_MAX 4096
#define SEATS 8                 /* rooms of a person */
#define OPENING 200             /* handshakes at a time, at the start */
#define DELAY_MS UINT64_C(1000) /* socket.io-client's back-off: doubled up to … */
#define DELAY_MOST_MS 5000
#define WINDOW 1024 /* sends of one person without an answer */

/* How far somebody has seen a room: everything until seq; and what came live beyond a hole that
 * sync has still to fill. */
struct seat {
    unsigned room;
    uint64_t seq, early_first, early_last;
};

struct person {
    struct client client;
    char *token;
    struct seat seats[SEATS];
    unsigned seat_count, tries;
    uint64_t due_ms; /* when to open; 0: not waiting */
    uint64_t lost_ms, back_ms;
    bool synced;
    uint64_t sent_us[]; /* senders: by ack id */
};

/* Everything of a run: one program, one run. */
static struct {
    struct crowd crowd;
    struct person **people;
    unsigned count, synced;
    char (*rooms)[64];
    unsigned room_count;
    bool broken;
    uint64_t lost_ms; /* when the first connection broke */
    uint64_t refused, unreachable, dropped, holes, events, failed, syncs;
    unsigned long run_id;
    uint64_t sent;
} storm;

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "parley-storm: %s: %s\n", what, detail);
    exit(EXIT_FAILURE);
}

static struct person *person_of(struct client *client)
{
    return CONTAINER_OF(client, struct person, client);
}

/* ---- files ---- */

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file)
        fail("cannot open", path);
    return file;
}

static void read_rooms(const char *path)
{
    FILE *file = open_file(path);

    storm.rooms = base_alloc(ROOMS_MAX, sizeof *storm.rooms);
    while (storm.room_count < ROOMS_MAX && fscanf(file, "%63s", storm.rooms[storm.room_count]) == 1)
        storm.room_count++;
    fclose(file);
}

static void read_person(const char *line, size_t more, const struct client_ops *ops)
{
    struct person *person = base_alloc(1, sizeof *person + more);
    char username[64], id[64], token[1024];
    int at = 0, len;

    if (sscanf(line, "%63s %63s %1023s%n", username, id, token, &at) != 3)
        fail("not a person", line);
    person->token = base_strdup(token);
    while (person->seat_count < SEATS &&
           sscanf(line + at, "%u%n", &person->seats[person->seat_count].room, &len) == 1) {
        if (person->seats[person->seat_count++].room >= storm.room_count)
            fail("no such room", line);
        at += len;
    }
    client_init(&person->client, ops, person->token);
    person->client.index = storm.count;
    storm.people[storm.count++] = person;
}

static void read_people(const char *path, size_t more, const struct client_ops *ops)
{
    FILE *file = open_file(path);
    char line[2048];

    storm.people = NEW_ARRAY(PEOPLE_MAX, struct person *);
    while (storm.count < PEOPLE_MAX && fgets(line, sizeof line, file))
        read_person(line, more, ops);
    fclose(file);
}

/* ---- what is seen ---- */

static struct seat *seat_of(struct person *person, const char *id, size_t len)
{
    for (unsigned i = 0; i < person->seat_count; i++)
        if (strncmp(storm.rooms[person->seats[i].room], id, len) == 0)
            return &person->seats[i];
    return NULL;
}

static void see(struct person *person, struct seat *seat, uint64_t seq)
{
    storm.events++;
    if (seq == seat->seq + 1) {
        seat->seq = seq;
    } else if (seq > seat->seq && person->synced) {
        storm.holes++;
        seat->seq = seq;
    } else if (seq > seat->seq) {
        seat->early_first = seat->early_first ? seat->early_first : seq;
        seat->early_last = seq;
    }
}

/* Events begin with their conversation and their number. */
static void read_events(struct person *person, const char *text, size_t len)
{
    static const char head[] = "{\"conversationId\":\"";
    const char *end = text + len;

    while ((text = memmem(text, (size_t)(end - text), head, sizeof head - 1))) {
        const char *id = text + sizeof head - 1;
        const char *quote = memchr(id, '"', (size_t)(end - id));
        struct seat *seat = quote ? seat_of(person, id, (size_t)(quote - id)) : NULL;

        text = quote ? quote : end;
        if (seat && end - text > 8 && strncmp(text, "\",\"seq\":", 8) == 0)
            see(person, seat, strtoull(text + 8, NULL, 10));
    }
}

static void sync_seats(struct person *person)
{
    char packet[4096];
    int len = snprintf(packet, sizeof packet, "2%llu[\"sync\",{\"cursors\":{",
                       (unsigned long long)person->client.next_ack++);

    for (unsigned i = 0; i < person->seat_count; i++)
        len +=
            snprintf(packet + len, sizeof packet - (size_t)len, "%s\"%s\":%llu", i ? "," : "",
                     storm.rooms[person->seats[i].room], (unsigned long long)person->seats[i].seq);
    len += snprintf(packet + len, sizeof packet - (size_t)len, "}}]");
    storm.syncs++;
    client_send(&person->client, packet, (size_t)len);
}

/* What came live while sync was under way follows what it brought. */
static void join_early(struct person *person)
{
    for (unsigned i = 0; i < person->seat_count; i++) {
        struct seat *seat = &person->seats[i];

        if (seat->early_first > seat->seq + 1)
            storm.holes++;
        if (seat->early_last > seat->seq)
            seat->seq = seat->early_last;
        seat->early_first = seat->early_last = 0;
    }
}

static void on_synced(struct person *person, const char *packet, size_t len)
{
    if (!memmem(packet, len < 40 ? len : 40, "\"ok\":true", 9)) {
        if (storm.failed++ == 0)
            fprintf(stderr, "parley-storm: sync: %.*s\n", (int)(len < 300 ? len : 300), packet);
        sync_seats(person);
        return;
    }
    read_events(person, packet, len);
    if (!memmem(packet + len - 20, 20, "\"more\":false}]", 14)) {
        sync_seats(person);
        return;
    }
    join_early(person);
    person->synced = true;
    person->back_ms = clock_monotonic_ms();
    storm.synced++;
}

/* ---- connections of the crowd ---- */

static void come_back(struct person *person)
{
    uint64_t delay = DELAY_MS << (person->tries < 10 ? person->tries : 10);
    uint64_t spread = (uint64_t)(drand48() * 0.5 * (double)delay);

    person->tries++;
    delay = drand48() < 0.5 ? delay - spread : delay + spread;
    person->due_ms = clock_monotonic_ms() + (delay < DELAY_MOST_MS ? delay : DELAY_MOST_MS);
}

static void on_connected(struct client *client)
{
    struct person *person = person_of(client);

    person->tries = 0;
    sync_seats(person);
}

static void on_text(struct client *client, const char *packet, size_t len)
{
    if (len > 20 && packet[0] == '3')
        on_synced(person_of(client), packet, len);
    else if (len > 2 && packet[0] == '2')
        read_events(person_of(client), packet, len);
}

static void on_closed(struct client *client)
{
    struct person *person = person_of(client);
    uint64_t now = clock_monotonic_ms();

    storm.lost_ms = storm.lost_ms ? storm.lost_ms : now;
    storm.synced -= person->synced;
    if (!person->synced)
        storm.dropped++;
    else
        person->lost_ms = now;
    person->synced = false;
    for (unsigned i = 0; i < person->seat_count; i++)
        person->seats[i].early_first = person->seats[i].early_last = 0;
    person->tries = 0;
    come_back(person);
}

static void on_refused(struct client *client, int status)
{
    if (status)
        storm.refused++;
    else
        storm.unreachable++;
    come_back(person_of(client));
}

static const struct client_ops crowd_ops = {on_connected, on_text, on_closed, on_refused};

static void open_due(void)
{
    uint64_t now = clock_monotonic_ms();

    for (unsigned i = 0; i < storm.count; i++) {
        struct person *person = storm.people[i];

        if (!person->due_ms || person->due_ms > now)
            continue;
        person->due_ms = 0;
        client_open(&storm.crowd, &person->client);
    }
}

static void turn(void)
{
    crowd_turn(&storm.crowd, 5);
    open_due();
}

static bool input_has_ended(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;

    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

/* ---- reports ---- */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void report_back(void)
{
    uint64_t *took = NEW_ARRAY(storm.count, uint64_t);

    for (unsigned i = 0; i < storm.count; i++)
        took[i] = storm.people[i]->back_ms - storm.lost_ms;
    qsort(took, storm.count, sizeof *took, compare);
    printf("{\"lost_at_ms\":%llu,\"back_ms\":%llu,\"p50_ms\":%llu,\"p90_ms\":%llu,\"refused\":%llu,"
           "\"unreachable\":%llu,\"dropped\":%llu,\"syncs\":%llu,\"failed\":%llu}\n",
           (unsigned long long)storm.lost_ms, (unsigned long long)took[storm.count - 1],
           (unsigned long long)took[storm.count / 2],
           (unsigned long long)took[storm.count * 9 / 10], (unsigned long long)storm.refused,
           (unsigned long long)storm.unreachable, (unsigned long long)storm.dropped,
           (unsigned long long)storm.syncs, (unsigned long long)storm.failed);
    fflush(stdout);
    free(took);
}

/* How many have not seen all that others in their rooms have. */
static unsigned count_behind(void)
{
    static uint64_t newest[ROOMS_MAX];
    unsigned behind = 0;

    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < storm.count; i++)
            for (unsigned k = 0; k < storm.people[i]->seat_count; k++) {
                const struct seat *seat = &storm.people[i]->seats[k];

                if (pass)
                    behind += seat->seq < newest[seat->room];
                else if (seat->seq > newest[seat->room])
                    newest[seat->room] = seat->seq;
            }
    return behind;
}

static int run_crowd(const char *other)
{
    uint64_t end;
    unsigned opened = 0, synced = 0;
    bool reported = false;

    while (storm.synced < storm.count) {
        for (; opened < storm.count && opened < storm.synced + OPENING; opened++)
            storm.people[opened]->due_ms = 1;
        turn();
    }
    printf("ready\n");
    fflush(stdout);
    storm.refused = storm.unreachable = storm.dropped = storm.syncs = storm.lost_ms = 0;
    storm.crowd.port = (uint16_t)atoi(other);
    while (!input_has_ended()) {
        turn();
        if (synced / 500 != storm.synced / 500)
            fprintf(stderr, "  %u of %u are there\n", storm.synced, storm.count);
        synced = storm.synced;
        if (storm.lost_ms && !reported && storm.synced == storm.count) {
            report_back();
            reported = true;
        }
    }
    end = clock_monotonic_ms() + 10000;
    while (count_behind() && clock_monotonic_ms() < end)
        for (unsigned i = 0; i < 20; i++)
            turn();
    printf("{\"behind\":%u,\"holes\":%llu,\"events\":%llu}\n", count_behind(),
           (unsigned long long)storm.holes, (unsigned long long)storm.events);
    return EXIT_SUCCESS;
}

/* ---- senders ---- */

static void on_sender_connected(struct client *client)
{
    person_of(client)->synced = true;
    storm.synced++;
}

static void on_sender_text(struct client *client, const char *packet, size_t len)
{
    uint64_t now = clock_monotonic_us(), id;

    if (len < 2 || packet[0] != '3')
        return;
    id = strtoull(packet + 1, NULL, 10);
    if (memmem(packet, len < 40 ? len : 40, "\"ok\":true", 9))
        printf("%llu %llu\n", (unsigned long long)now / 1000,
               (unsigned long long)(now - person_of(client)->sent_us[id % WINDOW]));
    else if (storm.failed++ == 0)
        fprintf(stderr, "parley-storm: refused: %.*s\n", (int)(len < 300 ? len : 300), packet);
}

static void on_sender_closed(struct client *client)
{
    (void)client;
    fail("a sender's connection", "was closed");
}

static const struct client_ops sender_ops = {on_sender_connected, on_sender_text, on_sender_closed,
                                             NULL};

static void send_message(struct person *person)
{
    static const char text[] = "The quick brown fox jumps over the lazy dog, and nobody minds.";
    struct client *client = &person->client;
    char packet[1024];
    int len =
        snprintf(packet, sizeof packet,
                 "2%llu[\"message:send\",{\"conversationId\":\"%s\",\"clientId\":\"%lx-%09llu\","
                 "\"text\":\"%s\"}]",
                 (unsigned long long)client->next_ack, storm.rooms[person->seats[0].room],
                 storm.run_id, (unsigned long long)storm.sent++, text);

    person->sent_us[client->next_ack++ % WINDOW] = clock_monotonic_us();
    client_send(client, packet, (size_t)len);
}

static int run_senders(double rate)
{
    uint64_t start;

    setpriority(PRIO_PROCESS, 0,
                -10); /* a sender is at home elsewhere: it does not wait for our cores */
    for (unsigned i = 0; i < storm.count; i++) {
        client_open(&storm.crowd, &storm.people[i]->client);
        while (i + 1 > storm.synced + OPENING)
            crowd_turn(&storm.crowd, 100);
    }
    while (storm.synced < storm.count)
        crowd_turn(&storm.crowd, 100);
    printf("ready\n");
    start = clock_monotonic_us();
    while (!input_has_ended()) {
        double due = (double)(clock_monotonic_us() - start) / 1e6 * rate;

        while ((double)storm.sent < due)
            send_message(storm.people[storm.sent % storm.count]);
        fflush(stdout);
        crowd_turn(&storm.crowd, 1);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    bool is_crowd = argc == 7 && strcmp(argv[1], "crowd") == 0;

    if (!is_crowd && (argc != 7 || strcmp(argv[1], "send") != 0))
        fail("usage", "see tests/bench/storm.c");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    storm.run_id = (unsigned long)clock_wall_ms();
    srand48((long)storm.run_id);
    crowd_init(&storm.crowd, argv[2], (uint16_t)atoi(argv[3]));
    read_rooms(is_crowd ? argv[6] : argv[5]);
    if (is_crowd) {
        read_people(argv[5], 0, &crowd_ops);
        return run_crowd(argv[4]);
    }
    read_people(argv[4], WINDOW * sizeof(uint64_t), &sender_ops);
    return run_senders(atof(argv[6]));
}
