/* One pass over what was recorded, then a question per page of each log with a hole. */
#include "admin/fill.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/story.h"

#define STORE_MS 10000
#define PAGE 500
#define SPAN_MAX 100000000u /* numbers of one conversation that are looked at */

struct fill {
    struct recording_writer *writer;
    struct ask *ask;
    struct story *story;
    bool **known; /* by conversation: whether event base + 1 + i was told; NULL: all were */
    uint64_t at_us, count;
};

/* What was delivered, and so was told whole. */
static int find_known_of(struct fill *self, size_t at)
{
    const struct story_conversation *conversation = self->story->conversations[at];
    uint64_t span = conversation->top - conversation->base, count = 0;
    bool *known;

    if (span > SPAN_MAX)
        return -EMSGSIZE;
    known = NEW_ARRAY(span + 1, bool);
    for (size_t i = 0; i < conversation->event_count; i++) {
        uint64_t seq = conversation->events[i].seq;

        if (seq <= conversation->base || known[seq - conversation->base - 1])
            continue;
        known[seq - conversation->base - 1] = true;
        count++;
    }
    if (count < span)
        self->known[at] = known;
    else
        free(known);
    return 0;
}

static int find_known(struct fill *self)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < self->story->conversation_count; i++)
        rc = find_known_of(self, i);
    return rc;
}

static int add_event(struct fill *self, const struct id *conversation, struct wire_bytes event)
{
    AUTO(buf_done) struct buf frame;
    struct wire_head head = {.type = WIRE_TYPE_DELIVER,
                             .partition = (uint16_t)id_partition(conversation)};
    struct wire_deliver deliver = {.event = event};

    buf_init(&frame, WIRE_FRAME_MAX);
    wire_head_encode(&frame, &head);
    wire_deliver_encode(&frame, &deliver);
    self->count++;
    return recording_add(self->writer, &(struct recording_record){.kind = RECORDING_STORED,
                                                                  .at_us = self->at_us,
                                                                  .content = wire_buf(&frame)});
}

static int add_page(struct fill *self, const struct story_conversation *conversation,
                    struct wire_list events, uint64_t *after)
{
    struct wire_bytes item;
    struct wire_event event;
    int rc = 0;

    while (rc == 0 && wire_list_next(&events, &item)) {
        if (wire_event_decode(item, &event) < 0 || event.seq <= *after)
            return -EPROTO;
        *after = event.seq;
        if (event.seq <= conversation->top &&
            !self->known[conversation->at][event.seq - conversation->base - 1])
            rc = add_event(self, &conversation->id, item);
    }
    return rc;
}

/* 1: there is more. */
static int fill_page(struct fill *self, const struct story_conversation *conversation,
                     uint64_t *after)
{
    AUTO(buf_done) struct buf message;
    struct wire_events wanted = {.conversation = conversation->id, .after = *after, .limit = PAGE};
    struct ask_question question = {ask_worker_of(self->ask, id_partition(&conversation->id)),
                                    WIRE_TYPE_EVENTS, &message, STORE_MS};
    struct wire_events_reply reply;
    struct wire_page page;
    struct wire_bytes body;
    int rc;

    buf_init(&message, 1024);
    wire_events_encode(&message, &wanted);
    rc = ask_put(self->ask, &question, &body);
    if (rc < 0)
        return rc;
    if (wire_events_reply_decode(body, &reply) < 0 || reply.status != WIRE_OK ||
        wire_page_decode(reply.page, &page) < 0)
        return -ETIMEDOUT; /* it cannot say now */
    rc = add_page(self, conversation, page.events, after);
    return rc < 0 ? rc : page.more && *after < conversation->top;
}

static int fill_all(struct fill *self)
{
    int rc = find_known(self);

    for (size_t i = 0; rc == 0 && i < self->story->conversation_count; i++) {
        const struct story_conversation *conversation = self->story->conversations[i];
        uint64_t after = conversation->base;

        if (!self->known[i])
            continue;
        do
            rc = fill_page(self, conversation, &after);
        while (rc == 1);
    }
    return rc;
}

int fill_holes(struct recording_writer *writer, const char *path, struct ask *ask, uint64_t at_us,
               uint64_t *ret)
{
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(story_free) struct story *story = NULL;
    AUTO(base_free_text) char *why = NULL;
    struct fill self = {.writer = writer, .ask = ask, .at_us = at_us};
    int rc = recording_flush(writer);

    if (rc == 0)
        rc = recording_open(&reader, path, &why);
    if (rc == 0)
        rc = story_new(&story, reader); /* it has no end yet, which is no trouble */
    if (rc < 0)
        return rc;
    self.story = story;
    self.known = NEW_ARRAY(story->conversation_count + 1, bool *);
    rc = fill_all(&self);
    for (size_t i = 0; i < story->conversation_count; i++)
        free(self.known[i]);
    free(self.known);
    *ret = self.count;
    return rc;
}
