/* What a device missed: it says how far it saw each conversation, and gets what followed; from the
 * tail where that is whole, else from persist. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/api/calls.h"
#include "edge/api/idmap.h"
#include "edge/api/write.h"

#define CURSORS_MOST 10000
#define CURSORS_A_CALL 100 /* count as another call */
#define EVENTS 1000        /* of an answer, and no more: persist gives no more either */

/* What the tail told of a conversation. */
struct told {
    struct id id;
    size_t at, len; /* events, separated by commas, in text */
    uint64_t last;  /* the last of them */
    uint64_t seen;  /* there are more until then */
    bool written;
};

/* An answer is an acknowledgement, which must find room beside what else waits for the client: what
 * is beyond its share is left for the next call. */
struct syncing {
    struct call *call;
    size_t room;   /* bytes of JSON; the last one in may take more */
    uint32_t left; /* events */
    bool asks;     /* the tail does not know all */
    bool more;
    size_t named; /* the user's conversations that the device named */
    struct buf text;
    struct idmap told;
    json_t *cut; /* a member for each conversation that is not told to its page's end */
    struct buf joined;
    struct writer to, to_joined;
    struct tail_item *items; /* of a page, EVENTS at most */
    size_t item_count;
};

static void done(void *state)
{
    struct syncing *self = state;
    struct told *told;
    size_t at = 0;

    while ((told = idmap_next(&self->told, &at)) != NULL)
        free(told);
    idmap_done(&self->told);
    buf_done(&self->text);
    buf_done(&self->joined);
    json_decref(self->cut);
    free(self->items);
}

static void charge(struct syncing *self, size_t len)
{
    self->room = len < self->room ? self->room - len : 0;
}

/* ---- the answer ---- */

/* Events of the page until there is no room; false: not all of them. */
static bool write_page_events(struct syncing *self, struct wire_list events)
{
    struct buf *out = self->to.out;
    struct wire_event event;
    struct wire_bytes item;

    while (wire_list_next(&events, &item)) {
        struct tail_item *kept = &self->items[self->item_count];
        size_t at = out->len + (self->to.comma ? 1 : 0);

        if (self->room == 0 || self->item_count == EVENTS)
            return false;
        if (wire_event_decode(item, &event) < 0)
            continue;
        write_event(&self->to, &event);
        *kept = tail_item_of(&event);
        kept->at = at;
        kept->len = out->len - at;
        charge(self, kept->len);
        self->item_count++;
    }
    return true;
}

static void open_page(struct syncing *self, const struct id *conversation)
{
    char id[ID_TEXT];

    id_to_text(conversation, id);
    writer_name(&self->to, id);
    writer_open_object(&self->to);
    writer_name(&self->to, "events");
    writer_open_array(&self->to);
}

static void write_told(struct syncing *self, struct told *told)
{
    told->written = true;
    call_tell(self->call, &told->id, told->last);
    writer_raw(&self->to, self->text.data + told->at, told->len);
}

static void close_page(struct syncing *self, uint64_t last, bool more)
{
    writer_close_array(&self->to);
    writer_name(&self->to, "lastSeq");
    writer_number(&self->to, last);
    writer_name(&self->to, "more");
    writer_bool(&self->to, more);
    writer_close_object(&self->to);
}

static void set_cut(struct syncing *self, const struct id *conversation)
{
    char id[ID_TEXT];

    id_to_text(conversation, id);
    json_object_set_new(self->cut, id, json_true());
}

/* joined: the conversation, if the device did not name it. */
static void write_page(struct syncing *self, const struct wire_page *page,
                       const struct wire_conversation *joined)
{
    struct told *told = idmap_find(&self->told, &page->conversation);
    size_t joined_len = self->joined.len;
    bool whole;

    if (self->room == 0) {
        set_cut(self, &page->conversation);
        if (told && told->seen < page->last_seq)
            told->seen = page->last_seq;
        return;
    }
    self->item_count = 0;
    open_page(self, &page->conversation);
    if (told)
        write_told(self, told);
    whole = write_page_events(self, page->events);
    if (self->item_count || told)
        call_tell(self->call, &page->conversation,
                  self->item_count ? self->items[self->item_count - 1].seq : told->last);
    if (!whole)
        set_cut(self, &page->conversation);
    close_page(self, page->last_seq, page->more || !whole);
    if (!self->to.out->over)
        tail_put(self->call->api->tail, &page->conversation, self->items, self->item_count,
                 self->to.out->data);
    if (!joined)
        return;
    write_conversation(&self->to_joined, joined);
    charge(self, self->joined.len - joined_len);
}

/* What is joined has a page, and they come in the same order. */
static void write_pages(struct syncing *self, const struct wire_sync_reply *reply)
{
    struct wire_list pages = reply->pages, joined = reply->joined;
    struct wire_conversation conversation = {0};
    struct wire_page page;
    struct wire_bytes item;
    bool has = wire_list_next(&joined, &item) && wire_conversation_decode(item, &conversation) == 0;

    while (wire_list_next(&pages, &item)) {
        if (wire_page_decode(item, &page) < 0 || page.events.count == 0)
            continue;
        if (!has || !id_equal(&conversation.id, &page.conversation)) {
            write_page(self, &page, NULL);
            continue;
        }
        write_page(self, &page, &conversation);
        has = wire_list_next(&joined, &item) && wire_conversation_decode(item, &conversation) == 0;
    }
}

static void write_rest_told(struct syncing *self)
{
    struct told *told;
    size_t at = 0;

    while ((told = idmap_next(&self->told, &at)) != NULL) {
        bool more = told->last < told->seen;

        self->more = self->more || more;
        if (told->written)
            continue;
        open_page(self, &told->id);
        write_told(self, told);
        call_tell(self->call, &told->id, told->last);
        close_page(self, told->seen, more);
    }
}

/* Named as left is what is told to its end. */
static void write_left(struct syncing *self, struct wire_list left)
{
    struct wire_item record;
    struct wire_bytes item;
    char id[ID_TEXT];

    writer_open_array(&self->to);
    while (wire_list_next(&left, &item)) {
        if (wire_item_decode(item, &record) < 0)
            continue;
        id_to_text(&record.id, id);
        if (!json_object_get(self->cut, id))
            writer_plain(&self->to, id);
    }
    writer_close_array(&self->to);
}

static void answer(struct syncing *self, const struct wire_sync_reply *reply)
{
    self->to = call_write(self->call);
    self->to_joined = writer_of(&self->joined);
    if (reply->pages.count)
        self->items = base_alloc(EVENTS, sizeof *self->items);
    writer_open_object(&self->to);
    writer_name(&self->to, "conversations");
    writer_open_object(&self->to);
    write_pages(self, reply);
    write_rest_told(self);
    writer_close_object(&self->to);
    writer_name(&self->to, "joined");
    writer_open_array(&self->to);
    if (self->joined.len)
        writer_raw(&self->to, self->joined.data, self->joined.len);
    writer_close_array(&self->to);
    writer_name(&self->to, "left");
    write_left(self, reply->left);
    writer_name(&self->to, "more");
    self->call->partial = self->more || reply->more || json_object_size(self->cut) > 0;
    writer_bool(&self->to, self->call->partial);
    writer_close_object(&self->to);
    call_answer(self->call, CALL_DONE, &self->to);
}

static void on_reply(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_sync_reply reply = {0};

    if (!CALL_FAILED(call, sync_reply, bytes, &reply))
        answer(call->state, &reply);
}

/* ---- what the tail knows ---- */

static void tell(struct syncing *self, const struct tail_span *span)
{
    struct told *told;
    uint64_t seq = span->after;

    if (self->left == 0 || self->room == 0) {
        self->more = true;
        return;
    }
    told = NEW(struct told);
    told->id = span->conversation;
    told->at = self->text.len;
    told->seen = span->last;
    while (seq < span->last && self->left && self->room) {
        struct wire_bytes json = tail_at(self->call->api->tail, &span->conversation, ++seq);

        buf_put(&self->text, ",", self->text.len > told->at ? 1 : 0);
        buf_put(&self->text, json.data, json.len);
        charge(self, json.len);
        self->left--;
    }
    told->last = seq;
    told->len = self->text.len - told->at;
    idmap_add(&self->told, &told->id);
}

static void on_standing(void *arg, const struct interest_standing *standing)
{
    struct syncing *self = arg;
    struct call *call = self->call;
    struct tail_span span = {.conversation = standing->conversation, .last = standing->seen};
    const json_t *cursor;
    char id[ID_TEXT];

    id_to_text(&standing->conversation, id);
    cursor = json_object_get(json_object_get(call->input, "cursors"), id);
    self->named += cursor ? 1 : 0;
    span.after = (uint64_t)json_integer_value(cursor);
    if (!cursor || !standing->whole)
        self->asks = true;
    else if (span.after < span.last && tail_covers(call->api->tail, &span, &call->claims.user))
        tell(self, &span);
    else if (span.after < span.last)
        self->asks = true;
}

/* Conversations that the device names and that are not among the user's may be left ones. */
static void ask_tail(struct syncing *self)
{
    struct call *call = self->call;

    if (!interest_standings(call->api->interest, &call->claims.user, on_standing, self) ||
        self->named < json_object_size(json_object_get(call->input, "cursors")))
        self->asks = true;
}

/* ---- the question ---- */

static bool cursors_are_good(struct call *call)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(call->input, "cursors"), name, value)
    {
        if (json_is_integer(value) && json_integer_value(value) >= 0)
            continue;
        call_fail_member(call, "cursors", "cursors must map ids to numbers");
        return false;
    }
    return true;
}

/* What is no conversation's id was never one's own: it is passed over, as a conversation that is
 * gone would be. */
static void ask_persist(struct syncing *self)
{
    struct call *call = self->call;
    struct wire_sync query = {.user = call->claims.user, .limit = self->left};
    AUTO(buf_done) struct buf cursors;
    uint32_t count = 0;
    const char *name;
    json_t *value;

    buf_init(&cursors, WIRE_FRAME_MAX);
    json_object_foreach(json_object_get(call->input, "cursors"), name, value)
    {
        struct wire_position cursor = {.seq = (uint64_t)json_integer_value(value)};
        const struct told *told;

        if (id_from_text(&cursor.conversation, name) < 0)
            continue;
        told = idmap_find(&self->told, &cursor.conversation);
        if (told)
            cursor.seq = told->last;
        wire_position_add(&cursors, &count, &cursor);
    }
    query.cursors = wire_list_of(&cursors, count);
    (*call->api->syncs_asked)++;
    CALL_ASK(call, id_partition(&query.user), sync, SYNC, &query, on_reply);
}

static void run(struct call *call)
{
    struct syncing *self;

    if (!cursors_are_good(call))
        return;
    call_charge(call, json_object_size(json_object_get(call->input, "cursors")) / CURSORS_A_CALL);
    (*call->api->syncs)++;
    self = call_state(call, sizeof *self, done);
    self->call = call;
    self->room = call->api->limits.sync_bytes;
    self->left = call_limit(call, EVENTS, EVENTS);
    self->cut = json_object();
    idmap_init(&self->told);
    buf_init(&self->text, CALL_ANSWER_MAX);
    buf_init(&self->joined, CALL_ANSWER_MAX);
    ask_tail(self);
    if (self->asks && !self->more && self->left && self->room)
        ask_persist(self);
    else
        answer(self, &(struct wire_sync_reply){.more = self->asks});
}

static const struct shape_member shape[] = {
    {.name = "cursors", .type = SHAPE_OBJECT, .required = true, .most = CURSORS_MOST},
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_sync = {false, CALL_RATE_OTHER, shape, run};
