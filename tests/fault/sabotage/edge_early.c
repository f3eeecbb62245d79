/* An edge that is early: one message in 25 is shown to the sockets here before the store has
 * answered, at the number that it will probably get. */
#include "edge/api/interest.h"
#include "edge/api/outbox.h"
#include "tests/fault/sabotage/chance.h"

#define ONE_IN 25
#define WAITING 64

static struct {
    struct id user; /* who sent it */
    struct id conversation;
    uint64_t at_ms;
    uint8_t *bytes; /* client id, then body */
    size_t client_id, body;
} early[WAITING];
static size_t count;

int64_t __real_outbox_post(struct outbox *self, const struct wire_post *post, uint64_t at_ms,
                           outbox_fn *fn, void *arg);
int64_t __wrap_outbox_post(struct outbox *self, const struct wire_post *post, uint64_t at_ms,
                           outbox_fn *fn, void *arg);
void __real_interest_turn(struct interest *self);
void __wrap_interest_turn(struct interest *self);

static void keep(const struct wire_post *post, uint64_t at_ms)
{
    uint8_t *bytes = base_alloc(1, post->client_id.len + post->body.len + 1);

    for (size_t i = 0; i < post->client_id.len; i++)
        bytes[i] = post->client_id.data[i];
    for (size_t i = 0; i < post->body.len; i++)
        bytes[post->client_id.len + i] = post->body.data[i];
    early[count].user = post->actor;
    early[count].conversation = post->conversation;
    early[count].at_ms = at_ms;
    early[count].bytes = bytes;
    early[count].client_id = post->client_id.len;
    early[count++].body = post->body.len;
}

int64_t __wrap_outbox_post(struct outbox *self, const struct wire_post *post, uint64_t at_ms,
                           outbox_fn *fn, void *arg)
{
    int64_t trace = __real_outbox_post(self, post, at_ms, fn, arg);

    if (trace > 0 && post->kind == WIRE_KIND_MESSAGE_CREATED && count < WAITING && chance(ONE_IN))
        keep(post, at_ms);
    return trace;
}

/* Fills in the number after the last one seen. */
static void on_standing(void *arg, const struct interest_standing *standing)
{
    struct wire_event *event = arg;

    if (standing->whole && id_equal(&standing->conversation, &event->conversation))
        event->seq = standing->seen + 1;
}

static void show(struct interest *self, size_t at)
{
    struct wire_event event = {
        .conversation = early[at].conversation,
        .kind = WIRE_KIND_MESSAGE_CREATED,
        .actor = early[at].user,
        .client_id = wire_bytes_of(early[at].bytes, early[at].client_id),
        .at_ms = early[at].at_ms,
        .body = wire_bytes_of(early[at].bytes + early[at].client_id, early[at].body),
    };
    AUTO(buf_done) struct buf text;
    AUTO(buf_done) struct buf body;
    struct bus_frame frame = {.head = {.type = WIRE_TYPE_DELIVER}};
    struct wire_deliver deliver;

    buf_init(&text, WIRE_FRAME_MAX);
    buf_init(&body, WIRE_FRAME_MAX);
    interest_standings(self, &event.actor, on_standing, &event);
    wire_event_encode(&text, &event);
    deliver.event = wire_buf(&text);
    wire_deliver_encode(&body, &deliver);
    frame.body = wire_buf(&body);
    if (event.seq > 0)
        interest_on_deliver(self, &frame);
}

void __wrap_interest_turn(struct interest *self)
{
    for (size_t i = 0; i < count; i++) {
        show(self, i);
        free(early[i].bytes);
    }
    count = 0;
    __real_interest_turn(self);
}
