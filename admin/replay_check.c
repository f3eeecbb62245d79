/* What the store has, before and after a replay. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/pipeline.h"
#include "admin/replay.h"
#include "admin/why.h"
#include "base/clock.h"

#define STORE_MS 30000 /* for an answer that is no `unavailable` */
#define PAUSE_US 100000
#define HEADS_MAX 1000 /* of one question */
#define EVENTS_MAX 500
#define LISTED_MAX 10

/* One question until the store can answer it; status is the first byte of every reply. */
static int ask_store(struct replay *self, size_t worker, enum wire_type type,
                     const struct buf *message, struct wire_bytes *ret, char **ret_why)
{
    struct ask_question question = {worker, type, message, STORE_MS};
    uint64_t deadline_ms = clock_monotonic_ms() + STORE_MS;

    for (;;) {
        int rc = ask_put(self->ask, &question, ret);

        if (rc < 0)
            return why_say(ret_why, rc, "persist does not answer");
        if (ret->len == 0 || ret->data[0] != WIRE_UNAVAILABLE)
            return 0;
        if (clock_monotonic_ms() >= deadline_ms)
            return why_say(ret_why, -ETIMEDOUT, "the store is unavailable");
        usleep(PAUSE_US);
    }
}

/* ---- heads ---- */

static int take_heads(struct replay *self, struct wire_bytes body, char **ret_why)
{
    struct wire_heads_reply reply;
    struct wire_position position;
    struct wire_bytes item;

    if (wire_heads_reply_decode(body, &reply) < 0 || reply.status != WIRE_OK)
        return why_say(ret_why, -EPROTO, "persist does not tell what it has");
    while (wire_list_next(&reply.positions, &item)) {
        struct story_conversation *found;

        if (wire_position_decode(item, &position) < 0)
            continue;
        HASH_FIND(hh, self->story->by_id, &position.conversation, sizeof position.conversation,
                  found);
        if (found)
            self->targets[found->at].head = position.seq;
    }
    return 0;
}

static int find_heads_of(struct replay *self, size_t worker, size_t *from, char **ret_why)
{
    AUTO(buf_done) struct buf list, message;
    struct wire_heads heads;
    struct wire_bytes body;
    uint32_t count = 0;
    int rc;

    buf_init(&list, WIRE_FRAME_MAX / 2);
    buf_init(&message, WIRE_FRAME_MAX);
    for (; *from < self->story->conversation_count && count < HEADS_MAX; (*from)++) {
        struct wire_item item = {self->story->conversations[*from]->id};

        if (ask_worker_of(self->ask, id_partition(&item.id)) == worker)
            wire_item_add(&list, &count, &item);
    }
    if (count == 0)
        return 0;
    heads.conversations = wire_list_of(&list, count);
    wire_heads_encode(&message, &heads);
    rc = ask_store(self, worker, WIRE_TYPE_HEADS, &message, &body, ret_why);
    return rc < 0 ? rc : take_heads(self, body, ret_why);
}

int replay_find_heads(struct replay *self, char **ret_why)
{
    int rc = 0;

    for (size_t worker = 0; worker < ask_worker_count(self->ask); worker++)
        for (size_t from = 0; rc == 0 && from < self->story->conversation_count;)
            rc = find_heads_of(self, worker, &from, ret_why);
    return rc;
}

/* ---- what is missing ---- */

static bool is_missing(const struct replay *self, const struct story_conversation *conversation,
                       uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t head = self->targets[conversation->at].head;

    if (conversation->posts == 0 || conversation->top <= head)
        return false;
    if (head < conversation->base) {
        *ret_from = head + 1;
        *ret_to = conversation->base;
        return true;
    }
    *ret_from = *ret_to = conversation->missing;
    return conversation->missing > head;
}

bool replay_is_complete(const struct replay *self)
{
    size_t count = 0;

    for (size_t i = 0; i < self->story->conversation_count; i++) {
        const struct story_conversation *conversation = self->story->conversations[i];
        char text[ID_TEXT];
        uint64_t from, to;

        if (!is_missing(self, conversation, &from, &to) || count++ >= LISTED_MAX)
            continue;
        id_to_text(&conversation->id, text);
        if (to <= conversation->base)
            fprintf(stderr,
                    "missing: %s: its events %" PRIu64 " to %" PRIu64
                    " came before the recording began, and the store has %" PRIu64 "\n",
                    text, from, to, from - 1);
        else
            fprintf(stderr, "missing: %s: what made event %" PRIu64 " is not in the recording\n",
                    text, from);
    }
    if (count > LISTED_MAX)
        fprintf(stderr, "… and %zu more conversations\n", count - LISTED_MAX);
    return count == 0;
}

/* ---- logs ---- */

/* The event as the recording has it. false: it was not told there. */
static bool recorded_event(struct replay *self, const struct story_conversation *conversation,
                           uint64_t seq, struct wire_bytes *ret)
{
    const struct story_event *event = story_find(conversation, seq);
    struct recording_record record;
    struct wire_deliver deliver;
    struct wire_head head;
    struct wire_bytes body;

    if (!event || recording_read_at(self->reader, event->offset, &record) != 1 ||
        wire_head_decode(record.content, &head, &body) < 0 ||
        wire_deliver_decode(body, &deliver) < 0)
        return false;
    *ret = deliver.event;
    return true;
}

static void compare_event(struct replay *self, const struct story_conversation *conversation,
                          const char *text, struct wire_bytes found)
{
    struct wire_event event;
    struct wire_bytes recorded;

    if (wire_event_decode(found, &event) < 0) {
        replay_differ(self, "%s: the store has an event that cannot be read", text);
        return;
    }
    if (event.seq > conversation->top) {
        if (self->targets[conversation->at].head <= conversation->top)
            replay_differ(self,
                          "%s: the store has event %" PRIu64 ", the recording ends at %" PRIu64,
                          text, event.seq, conversation->top);
        return;
    }
    if (!recorded_event(self, conversation, event.seq, &recorded))
        return;
    self->counts.events++;
    if (!wire_bytes_equal(found, recorded))
        replay_differ(self, "%s: event %" PRIu64 " is not what was recorded", text, event.seq);
}

/* One page; *after is its last number. 0: that was all; 1: there is more. */
static int check_page(struct replay *self, const struct story_conversation *conversation,
                      uint64_t *after, char **ret_why)
{
    AUTO(buf_done) struct buf message;
    struct wire_events ask = {
        .conversation = conversation->id, .after = *after, .limit = EVENTS_MAX};
    size_t worker = ask_worker_of(self->ask, id_partition(&conversation->id));
    struct wire_events_reply reply;
    struct wire_page page;
    struct wire_bytes body, item;
    char text[ID_TEXT];
    int rc;

    id_to_text(&conversation->id, text);
    buf_init(&message, 1024);
    wire_events_encode(&message, &ask);
    rc = ask_store(self, worker, WIRE_TYPE_EVENTS, &message, &body, ret_why);
    if (rc < 0)
        return rc;
    if (wire_events_reply_decode(body, &reply) < 0)
        return why_say(ret_why, -EPROTO, "persist does not tell events");
    if (reply.status != WIRE_OK || wire_page_decode(reply.page, &page) < 0)
        return 0; /* there is no such conversation */
    while (wire_list_next(&page.events, &item)) {
        compare_event(self, conversation, text, item);
        (*after)++;
    }
    return page.more && *after < conversation->top + EVENTS_MAX;
}

static int check_log(struct replay *self, const struct story_conversation *conversation,
                     char **ret_why)
{
    uint64_t after = conversation->base;
    char text[ID_TEXT];
    int rc;

    do
        rc = check_page(self, conversation, &after, ret_why);
    while (rc == 1);
    id_to_text(&conversation->id, text);
    if (rc == 0 && after < conversation->top)
        replay_differ(self, "%s: the store ends at %" PRIu64 ", the recording at %" PRIu64, text,
                      after, conversation->top);
    return rc;
}

int replay_check_logs(struct replay *self, void (*progress)(void *arg, size_t done), void *arg,
                      char **ret_why)
{
    for (size_t i = 0; i < self->story->conversation_count; i++) {
        const struct story_conversation *conversation = self->story->conversations[i];
        int rc = 0;

        if (conversation->top > conversation->base)
            rc = check_log(self, conversation, ret_why);
        if (rc < 0)
            return rc;
        progress(arg, i + 1);
    }
    return 0;
}
