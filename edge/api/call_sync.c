/* What a device missed: it says how far it saw each conversation, and gets what followed. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/api/calls.h"
#include "edge/api/render.h"

#define CURSORS_MOST 10000
#define CURSORS_A_CALL 100 /* count as another call */
#define EVENTS 1000        /* of an answer, and no more: persist gives no more either */

/* An answer is an acknowledgement, which must find room beside what else waits for the client: what
 * is beyond its share is left for the next call. */
struct answer {
    struct call *call;
    size_t room; /* bytes of JSON; the last one in may take more */
    json_t *conversations, *joined;
    json_t *cut;   /* a member for each conversation that is not told to its page's end */
    uint64_t last; /* number of the last event in it */
};

static void charge(struct answer *self, const json_t *json)
{
    size_t len = json_dumpb(json, NULL, 0, JSON_COMPACT);

    self->room = len < self->room ? self->room - len : 0;
}

/* False: there was no room for all. */
static bool add_events(struct answer *self, struct wire_list events, json_t *array)
{
    struct wire_event event;
    struct wire_bytes item;

    while (wire_list_next(&events, &item)) {
        if (self->room == 0)
            return false;
        if (wire_event_decode(item, &event) < 0)
            continue;
        self->last = event.seq;
        json_array_append_new(array, render_event(&event));
        charge(self, json_array_get(array, json_array_size(array) - 1));
    }
    return true;
}

/* joined: the conversation, if the device did not name it. */
static void add_page(struct answer *self, const struct wire_page *page,
                     const struct wire_conversation *joined)
{
    json_t *events = json_array();
    bool whole = add_events(self, page->events, events);
    char id[ID_TEXT];

    id_to_text(&page->conversation, id);
    if (!whole)
        json_object_set_new(self->cut, id, json_true());
    if (json_array_size(events) == 0) {
        json_decref(events);
        return;
    }
    call_tell(self->call, &page->conversation, self->last);
    json_object_set_new(self->conversations, id,
                        json_pack("{s:o,s:I,s:b}", "events", events, "lastSeq",
                                  (json_int_t)page->last_seq, "more", page->more || !whole));
    if (!joined)
        return;
    json_array_append_new(self->joined, render_conversation(joined));
    charge(self, json_array_get(self->joined, json_array_size(self->joined) - 1));
}

/* What is joined has a page, and they come in the same order. */
static void add_pages(struct answer *self, const struct wire_sync_reply *reply)
{
    struct wire_list pages = reply->pages, joined = reply->joined;
    struct wire_conversation conversation = {0};
    struct wire_page page;
    struct wire_bytes item;
    bool has = wire_list_next(&joined, &item) && wire_conversation_decode(item, &conversation) == 0;

    while (wire_list_next(&pages, &item)) {
        if (wire_page_decode(item, &page) < 0)
            continue;
        if (!has || !id_equal(&conversation.id, &page.conversation)) {
            add_page(self, &page, NULL);
            continue;
        }
        add_page(self, &page, &conversation);
        has = wire_list_next(&joined, &item) && wire_conversation_decode(item, &conversation) == 0;
    }
}

/* Named as left is what is told to its end. */
static json_t *render_left(const struct answer *self, struct wire_list left)
{
    json_t *array = json_array();
    struct wire_item record;
    struct wire_bytes item;
    char id[ID_TEXT];

    while (wire_list_next(&left, &item)) {
        if (wire_item_decode(item, &record) < 0)
            continue;
        id_to_text(&record.id, id);
        if (!json_object_get(self->cut, id))
            json_array_append_new(array, json_string(id));
    }
    return array;
}

static void on_reply(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_sync_reply reply = {0};
    struct answer answer;

    if (CALL_FAILED(call, sync_reply, bytes, &reply))
        return;
    answer = (struct answer){.call = call,
                             .room = call->api->limits.sync_bytes,
                             .conversations = json_object(),
                             .joined = json_array(),
                             .cut = json_object()};
    add_pages(&answer, &reply);
    call->partial = reply.more || json_object_size(answer.cut) > 0;
    call_succeed(call, CALL_DONE,
                 json_pack("{s:o,s:o,s:o,s:b}", "conversations", answer.conversations, "joined",
                           answer.joined, "left", render_left(&answer, reply.left), "more",
                           call->partial));
    json_decref(answer.cut);
}

/* What is no conversation's id was never one's own: it is passed over, as a conversation that is
 * gone would be. */
static bool add_cursors(struct call *call, struct buf *list, uint32_t *count)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(call->input, "cursors"), name, value)
    {
        struct wire_position cursor = {0};

        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            call_fail_member(call, "cursors", "cursors must map ids to numbers");
            return false;
        }
        cursor.seq = (uint64_t)json_integer_value(value);
        if (id_from_text(&cursor.conversation, name) == 0)
            wire_position_add(list, count, &cursor);
    }
    return true;
}

static void run(struct call *call)
{
    struct wire_sync query = {.user = call->claims.user, .limit = call_limit(call, EVENTS, EVENTS)};
    AUTO(buf_done) struct buf cursors;
    uint32_t count = 0;

    buf_init(&cursors, WIRE_FRAME_MAX);
    if (!add_cursors(call, &cursors, &count))
        return;
    query.cursors = wire_list_of(&cursors, count);
    call_charge(call, count / CURSORS_A_CALL);
    CALL_ASK(call, id_partition(&query.user), sync, SYNC, &query, on_reply);
}

static const struct shape_member shape[] = {
    {.name = "cursors", .type = SHAPE_OBJECT, .required = true, .most = CURSORS_MOST},
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_sync = {false, CALL_RATE_OTHER, shape, run};
