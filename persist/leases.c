/* A table of leases by "message id/kind", bounded: when it is full nothing more is handed out. */
#include "persist/leases.h"

#include <czmq.h>

#include "base/clock.h"

#define LEASES_MOST 10000
#define CLAIM_MOST 500
#define CLAIM_BYTES (4u << 20)
#define LEASE_LEAST_MS 1000
#define LEASE_MOST_MS 600000
#define KEY_TEXT (ID_MESSAGE_TEXT + 12)

struct lease {
    uint64_t until_ms; /* monotonic */
    uint32_t kind, tries;
};

struct leases {
    zhashx_t *all;
};

static void free_lease(void **lease)
{
    free(*lease);
    *lease = NULL;
}

void leases_new(struct leases **ret)
{
    *ret = NEW(struct leases);
    (*ret)->all = zhashx_new();
    zhashx_set_destructor((*ret)->all, free_lease);
}

void leases_free(struct leases **self)
{
    if (!*self)
        return;
    zhashx_destroy(&(*self)->all);
    free(*self);
    *self = NULL;
}

static void key_of(const struct id *conversation, uint64_t seq, uint32_t kind, char ret[KEY_TEXT])
{
    id_message_to_text(conversation, seq, ret);
    snprintf(ret + ID_MESSAGE_TEXT - 1, KEY_TEXT - ID_MESSAGE_TEXT, "/%u", kind);
}

static void drop_expired(struct leases *self, uint64_t now_ms)
{
    zlist_t *over = zlist_new();
    struct lease *lease;
    char *key;

    zlist_autofree(over);
    for (lease = zhashx_first(self->all); lease; lease = zhashx_next(self->all))
        if (lease->until_ms <= now_ms)
            zlist_append(over, (void *)(uintptr_t)zhashx_cursor(self->all));
    while ((key = zlist_pop(over))) {
        zhashx_delete(self->all, key);
        free(key);
    }
    zlist_destroy(&over);
}

/* ---- handing out ---- */

struct handing {
    struct leases *leases;
    const struct fence *fence;
    uint32_t kind, count, limit;
    struct store_due due[CLAIM_MOST];
};

static bool choose(void *arg, const struct store_due *due)
{
    struct handing *self = arg;
    char key[KEY_TEXT];

    key_of(&due->conversation, due->seq, self->kind, key);
    if (fence_owns(self->fence, &due->conversation) && !zhashx_lookup(self->leases->all, key))
        self->due[self->count++] = *due;
    return self->count < self->limit;
}

static bool keep_event(void *arg, const struct wire_event *event)
{
    wire_event_encode(arg, event);
    return false;
}

static int add_job(struct store *store, uint32_t kind, const struct store_due *due,
                   struct buf *list, uint32_t *count)
{
    AUTO(buf_done) struct buf event;
    struct store_range range = {
        .conversation = due->conversation, .first = due->seq, .last = due->seq, .limit = 1};
    struct wire_job job = {
        .conversation = due->conversation, .seq = due->seq, .kind = kind, .tries = due->tries};
    int rc;

    buf_init(&event, CLAIM_BYTES);
    rc = store->ops->events(store, &range, keep_event, &event);
    job.event = wire_buf(&event);
    if (rc == 0)
        wire_job_add(list, count, &job);
    return rc;
}

static void lease_job(struct leases *self, uint32_t kind, const struct store_due *due,
                      uint64_t until_ms)
{
    struct lease *lease = NEW(struct lease);
    char key[KEY_TEXT];

    *lease = (struct lease){until_ms, kind, due->tries};
    key_of(&due->conversation, due->seq, kind, key);
    zhashx_update(self->all, key, lease);
}

/* How many of the store's answers may be leased already. */
static uint32_t leased_of(struct leases *self, uint32_t kind)
{
    uint32_t count = 0;
    struct lease *lease;

    for (lease = zhashx_first(self->all); lease; lease = zhashx_next(self->all))
        count += lease->kind == kind;
    return count;
}

static uint32_t room_of(struct leases *self, uint32_t limit)
{
    size_t room = LEASES_MOST - zhashx_size(self->all);

    if (limit == 0 || limit > CLAIM_MOST)
        limit = CLAIM_MOST;
    return room < limit ? (uint32_t)room : limit;
}

static uint64_t clamp_lease(uint64_t lease_ms)
{
    if (lease_ms < LEASE_LEAST_MS)
        return LEASE_LEAST_MS;
    return lease_ms > LEASE_MOST_MS ? LEASE_MOST_MS : lease_ms;
}

int leases_claim(struct leases *self, struct store *store, const struct fence *fence,
                 const struct wire_jobs_claim *ask, struct buf *list, uint32_t *count)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct handing handing = {.leases = self, .fence = fence, .kind = ask->kind};
    int rc;

    drop_expired(self, now_ms);
    handing.limit = room_of(self, ask->limit);
    if (handing.limit == 0)
        return 0;
    /* Other workers' jobs come along where several share a store: leave room for them. */
    rc = store->ops->jobs(store, ask->kind, clock_wall_ms(),
                          handing.limit + leased_of(self, ask->kind) + LEASES_MOST, choose,
                          &handing);
    for (uint32_t i = 0; i < handing.count && rc == 0 && list->len < CLAIM_BYTES; i++) {
        rc = add_job(store, ask->kind, &handing.due[i], list, count);
        if (rc == 0)
            lease_job(self, ask->kind, &handing.due[i], now_ms + clamp_lease(ask->lease_ms));
    }
    return rc;
}

int leases_settle(struct leases *self, struct store *store, const struct wire_job_settle *settle)
{
    char key[KEY_TEXT];
    const struct lease *lease;
    int rc;

    key_of(&settle->conversation, settle->seq, settle->kind, key);
    lease = zhashx_lookup(self->all, key);
    rc = store->ops->job_settle(store, settle, lease ? lease->tries + 1 : 0);
    if (rc == 0)
        zhashx_delete(self->all, key);
    return rc;
}
