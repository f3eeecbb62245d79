/* A ring per conversation, between the rendering of live events (live.c), pages of persist and sync
 * (call_sync.c). */
#include "edge/api/tail.h"

#include <stdlib.h>
#include <string.h>

#include "edge/api/idmap.h"
#include "edge/api/list.h"

#define RING_EVENTS 1024 /* a power of two: of one conversation; an answer holds no more */
#define RING_FIRST 8

struct kept {
    struct id user;
    bool moves;
    uint32_t len;
    char json[];
};

struct ring {
    struct id id;
    struct list used;
    uint64_t first;     /* the oldest one's number … */
    uint32_t at, count; /* … and place */
    uint32_t room;      /* a power of two */
    struct kept **events;
};

struct tail {
    size_t most, bytes;
    struct idmap rings;
    struct list used; /* that which is unused for longest first */
    uint64_t *held, *conversations, *evicted;
};

void tail_new(struct tail **ret, size_t bytes, struct stat_set *stats)
{
    struct tail *self = NEW(struct tail);

    self->most = bytes;
    idmap_init(&self->rings);
    list_init(&self->used);
    self->held = stat_counter(stats, "tail_bytes");
    self->conversations = stat_counter(stats, "tail_conversations");
    self->evicted = stat_counter(stats, "tail_evicted");
    *ret = self;
}

static struct kept **place(const struct ring *ring, uint32_t index)
{
    return &ring->events[(ring->at + index) & (ring->room - 1)];
}

static size_t size_of(const struct kept *event)
{
    return sizeof *event + event->len;
}

static void drop_oldest(struct tail *self, struct ring *ring)
{
    struct kept **oldest = place(ring, 0);

    self->bytes -= size_of(*oldest);
    free(TAKE(*oldest));
    ring->at++;
    ring->first++;
    ring->count--;
}

static void drop_events(struct tail *self, struct ring *ring)
{
    while (ring->count)
        drop_oldest(self, ring);
}

static void drop_ring(struct tail *self, struct ring *ring)
{
    drop_events(self, ring);
    self->bytes -= sizeof *ring + ring->room * sizeof(struct kept *);
    idmap_remove(&self->rings, &ring->id);
    list_remove(&ring->used);
    free(ring->events);
    free(ring);
}

static void count(struct tail *self)
{
    *self->held = self->bytes;
    *self->conversations = self->rings.count;
}

void tail_empty(struct tail *self)
{
    while (!list_empty(&self->used))
        drop_ring(self, LIST_FIRST(&self->used, struct ring, used));
    count(self);
}

void tail_free(struct tail **self)
{
    if (!*self)
        return;
    tail_empty(*self);
    idmap_done(&(*self)->rings);
    free(TAKE(*self));
}

struct tail_item tail_item_of(const struct wire_event *event)
{
    struct tail_item item = {.seq = event->seq};
    struct wire_body_member member;

    switch (event->kind) {
    case WIRE_KIND_MEMBER_ADDED:
    case WIRE_KIND_MEMBER_REMOVED:
        item.moves = true;
        if (wire_body_member_decode(event->body, &member) == 0)
            item.user = member.user;
        break;
    case WIRE_KIND_CONVERSATION_CREATED:
        item.moves = true;
        break;
    default:
        break;
    }
    return item;
}

static struct ring *ring_new(struct tail *self, const struct id *conversation)
{
    struct ring *ring = NEW(struct ring);

    ring->id = *conversation;
    ring->room = RING_FIRST;
    ring->events = NEW_ARRAY(ring->room, struct kept *);
    list_init(&ring->used);
    list_append(&self->used, &ring->used);
    idmap_add(&self->rings, &ring->id);
    self->bytes += sizeof *ring + ring->room * sizeof(struct kept *);
    return ring;
}

static void grow(struct tail *self, struct ring *ring)
{
    struct kept **events = NEW_ARRAY((size_t)ring->room * 2, struct kept *);

    for (uint32_t i = 0; i < ring->count; i++)
        events[i] = *place(ring, i);
    free(ring->events);
    ring->events = events;
    ring->at = 0;
    self->bytes += ring->room * sizeof(struct kept *);
    ring->room *= 2;
}

static struct kept *keep(struct tail *self, const struct tail_item *item, const void *json)
{
    struct kept *event = base_alloc(1, sizeof *event + item->len);

    event->user = item->user;
    event->moves = item->moves;
    event->len = (uint32_t)item->len;
    memcpy(event->json, (const char *)json + item->at, item->len);
    self->bytes += size_of(event);
    return event;
}

static void append(struct tail *self, struct ring *ring, const struct tail_item *item,
                   const void *json)
{
    if (ring->count == RING_EVENTS)
        drop_oldest(self, ring);
    if (ring->count == ring->room)
        grow(self, ring);
    if (ring->count == 0)
        ring->first = item->seq;
    *place(ring, ring->count++) = keep(self, item, json);
}

static void prepend(struct tail *self, struct ring *ring, const struct tail_item *item,
                    const void *json)
{
    if (ring->count == ring->room)
        grow(self, ring);
    ring->at--;
    ring->first--;
    ring->count++;
    *place(ring, 0) = keep(self, item, json);
}

static bool in_a_row(const struct tail_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (items[i].seq != items[0].seq + i)
            return false;
    return count > 0;
}

/* The ring itself may go, if it alone is too large. */
static void make_room(struct tail *self)
{
    while (self->bytes > self->most && !list_empty(&self->used)) {
        drop_ring(self, LIST_FIRST(&self->used, struct ring, used));
        (*self->evicted)++;
    }
    count(self);
}

void tail_put(struct tail *self, const struct id *conversation, const struct tail_item *items,
              size_t count, const void *json)
{
    struct ring *ring = idmap_find(&self->rings, conversation);
    size_t at = 0;

    if (self->most == 0 || !in_a_row(items, count))
        return;
    if (!ring)
        ring = ring_new(self, conversation);
    if (ring->count && items[count - 1].seq + 1 < ring->first)
        return;
    if (items[0].seq > ring->first + ring->count)
        drop_events(self, ring);
    while (at < count && ring->count && items[at].seq < ring->first)
        at++;
    for (size_t i = at; i-- > 0 && ring->count < RING_EVENTS;)
        prepend(self, ring, &items[i], json);
    for (; at < count; at++)
        if (ring->count == 0 || items[at].seq == ring->first + ring->count)
            append(self, ring, &items[at], json);
    list_append(&self->used, &ring->used);
    make_room(self);
}

bool tail_covers(struct tail *self, const struct tail_span *span, const struct id *user)
{
    struct ring *ring = idmap_find(&self->rings, &span->conversation);

    if (!ring || span->after + 1 < ring->first || span->last >= ring->first + ring->count)
        return false;
    list_append(&self->used, &ring->used);
    for (uint64_t seq = span->after + 1; seq <= span->last; seq++) {
        const struct kept *event = *place(ring, (uint32_t)(seq - ring->first));

        if (event->moves && (id_is_zero(&event->user) || id_equal(&event->user, user)))
            return false;
    }
    return true;
}

struct wire_bytes tail_at(const struct tail *self, const struct id *conversation, uint64_t seq)
{
    const struct ring *ring = idmap_find(&self->rings, conversation);
    const struct kept *event = *place(ring, (uint32_t)(seq - ring->first));

    return (struct wire_bytes){(const uint8_t *)event->json, event->len};
}
