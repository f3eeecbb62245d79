/* Repairs: when a router is new, its stream has a hole, or a partition has moved. */
#include "edge/api/repair.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define APART_MS 250        /* between two repairs */
#define RETRY_MS 500        /* before a worker is asked for revocations again */
#define KEEP_MS 86400000ull /* how old revocations matter, unless told */
#define OVERLAP_MS 60000    /* of two readings: clocks of hosts differ */
#define AGAIN_MS 10000      /* after a reading: an edge may die before it tells what it ended */

/* The revocations that one worker knows. */
struct source {
    struct repair *repair;
    bool due, asking;
    uint64_t read_ms;  /* wall clock of the last good reading; 0: none yet */
    uint64_t asked_ms; /* … of the one under way */
    uint64_t since_ms; /* its page begins with those of then */
    uint64_t retry_ms;
    uint64_t again_ms; /* when to read without being told to */
};

struct repair {
    struct repair_spec spec;
    uint64_t wanted; /* partitions */
    uint64_t last_ms;
    uint64_t keep_ms;
    struct source sources[TOPOLOGY_WORKERS_MAX];
    struct buf body;
    uint64_t *repairs;
};

int repair_new(struct repair **ret, const struct repair_spec *spec)
{
    struct repair *self = NEW(struct repair);

    self->spec = *spec;
    self->keep_ms = KEEP_MS;
    self->repairs = stat_counter(spec->pipes->stats, "repairs");
    buf_init(&self->body, 256);
    for (size_t i = 0; i < TOPOLOGY_WORKERS_MAX; i++) {
        self->sources[i].repair = self;
        self->sources[i].due = true;
    }
    *ret = self;
    return 0;
}

void repair_free(struct repair **self)
{
    struct repair *it = TAKE(*self);

    if (!it)
        return;
    buf_done(&it->body);
    free(it);
}

void repair_keep_revocations(struct repair *self, uint64_t ms)
{
    self->keep_ms = ms;
}

/* ---- revocations ---- */

static void ask_page(struct source *source);

static void fail(struct source *source)
{
    source->due = true;
    source->retry_ms = clock_monotonic_ms() + RETRY_MS;
}

/* A worker tells as many as it likes, in order of time: what it tells of a later time than was
 * asked for may have a successor. */
static void on_sessions(void *arg, const struct wire_bytes *reply)
{
    struct source *source = arg;
    struct repair *self = source->repair;
    uint64_t since_ms = source->since_ms;
    struct wire_sessions_reply sessions;
    struct wire_session session;
    struct wire_bytes item;

    source->asking = false;
    if (!reply || wire_sessions_reply_decode(*reply, &sessions) < 0 || sessions.status != WIRE_OK) {
        fail(source);
        return;
    }
    while (wire_list_next(&sessions.sessions, &item)) {
        if (wire_session_decode(item, &session) < 0 || !session.revoked_ms)
            continue;
        if (session.revoked_ms > source->since_ms)
            source->since_ms = session.revoked_ms;
        self->spec.ops->revoked(self->spec.arg, &session.user, &session.id);
    }
    if (source->since_ms > since_ms)
        ask_page(source);
    else
        source->read_ms = source->asked_ms;
}

static void ask_page(struct source *source)
{
    struct repair *self = source->repair;
    size_t worker = (size_t)(source - self->sources);
    uint64_t mask = self->spec.pipes->topology->workers[worker].partitions;
    struct wire_session_list list = {.revoked_since_ms = source->since_ms};

    buf_clear(&self->body);
    wire_session_list_encode(&self->body, &list);
    source->asking = query_read(self->spec.query, (unsigned)__builtin_ctzll(mask),
                                WIRE_TYPE_SESSION_LIST, &self->body, on_sessions, source) > 0;
    if (!source->asking)
        fail(source);
}

static void ask_sessions(struct repair *self, unsigned worker)
{
    struct source *source = &self->sources[worker];
    uint64_t now = clock_wall_ms();
    uint64_t back = source->read_ms ? now - source->read_ms + OVERLAP_MS : self->keep_ms;

    source->since_ms = back < now ? now - back : 1;
    source->asked_ms = now;
    source->due = false;
    source->again_ms = clock_monotonic_ms() + AGAIN_MS;
    ask_page(source);
}

const char *repair_trouble(const struct repair *self)
{
    for (size_t i = 0; i < self->spec.pipes->topology->worker_count; i++)
        if (!self->sources[i].read_ms)
            return "it is not known yet which sessions have ended";
    return NULL;
}

/* ---- repairs ---- */

static void run(struct repair *self)
{
    uint64_t partitions = self->wanted;

    self->wanted = 0;
    self->last_ms = clock_monotonic_ms();
    (*self->repairs)++;
    log_info("repairing", "partitions=%" PRIx64, partitions);
    interest_repair(self->spec.interest, partitions);
    outbox_restart(self->spec.outbox, partitions);
    for (size_t i = 0; i < TOPOLOGY_WORKERS_MAX; i++)
        self->sources[i].due = true;
}

void repair_want(struct repair *self, uint64_t partitions)
{
    self->wanted |= partitions;
    if (clock_monotonic_ms() >= self->last_ms + APART_MS)
        run(self);
}

void repair_tick(struct repair *self)
{
    uint64_t now = clock_monotonic_ms();

    if (self->wanted && now >= self->last_ms + APART_MS)
        run(self);
    for (unsigned i = 0; i < self->spec.pipes->topology->worker_count; i++) {
        struct source *source = &self->sources[i];

        if ((source->due || source->again_ms <= now) && !source->asking && source->retry_ms <= now)
            ask_sessions(self, i);
    }
}
