/* What a device missed: it says how far it saw each conversation, and gets what followed. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/api/calls.h"
#include "edge/api/render.h"

#define CURSORS_MOST 10000
#define EVENTS 1000
#define EVENTS_MOST 5000

static json_t *render_pages(struct wire_list pages)
{
    json_t *object = json_object();
    struct wire_page page;
    struct wire_bytes item;
    char id[ID_TEXT];

    while (wire_list_next(&pages, &item)) {
        if (wire_page_decode(item, &page) < 0)
            continue;
        id_to_text(&page.conversation, id);
        json_object_set_new(object, id,
                            json_pack("{s:o,s:I,s:b}", "events", render_events(page.events),
                                      "lastSeq", (json_int_t)page.last_seq, "more",
                                      (int)(page.more != 0)));
    }
    return object;
}

static json_t *render_joined(struct wire_list joined)
{
    json_t *array = json_array();
    struct wire_conversation conversation;
    struct wire_bytes item;

    while (wire_list_next(&joined, &item))
        if (wire_conversation_decode(item, &conversation) == 0)
            json_array_append_new(array, render_conversation(&conversation));
    return array;
}

static json_t *render_left(struct wire_list left)
{
    json_t *array = json_array();
    struct wire_item record;
    struct wire_bytes item;

    while (wire_list_next(&left, &item))
        if (wire_item_decode(item, &record) == 0)
            json_array_append_new(array, render_id(&record.id));
    return array;
}

static void on_reply(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_sync_reply reply = {0};

    if (CALL_FAILED(call, sync_reply, bytes, &reply))
        return;
    call_succeed(call, CALL_DONE,
                 json_pack("{s:o,s:o,s:o,s:b}", "conversations", render_pages(reply.pages),
                           "joined", render_joined(reply.joined), "left", render_left(reply.left),
                           "more", (int)(reply.more != 0)));
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
    struct wire_sync query = {.user = call->claims.user,
                              .limit = call_limit(call, EVENTS, EVENTS_MOST)};
    AUTO(buf_done) struct buf cursors;
    uint32_t count = 0;

    buf_init(&cursors, WIRE_FRAME_MAX);
    if (!add_cursors(call, &cursors, &count))
        return;
    query.cursors = wire_list_of(&cursors, count);
    CALL_ASK(call, id_partition(&query.user), sync, SYNC, &query, on_reply);
}

static const struct shape_member shape[] = {
    {.name = "cursors", .type = SHAPE_OBJECT, .required = true, .most = CURSORS_MOST},
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_sync = {false, CALL_RATE_OTHER, shape, run};
