/* Reads a recording once: frames become rows of a few bytes, answers find their posts. */
#include "admin/story.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/story_sort.h"

/* Who waits for an answer: an edge and the trace of its frame. */
struct asked {
    UT_hash_handle hh;
    struct {
        uint64_t sender, boot, trace;
    } key;
    uint32_t post; /* the last one of it, + 1; further ones by `same` */
};

struct named {
    UT_hash_handle hh;
    struct {
        struct id conversation, key;
    } name;
    uint32_t at;
};

struct reading {
    struct story *story;
    struct asked *asked;
    struct named *named;
    struct story_name *names;
    size_t name_room;
};

/* ---- tables ---- */

#define GROW(list, count, room)                                    \
    do {                                                           \
        if ((count) == (room)) {                                   \
            (room) = (room) ? (room)*2 : 64;                       \
            (list) = base_realloc((list), (room), sizeof *(list)); \
        }                                                          \
    } while (0)

static uint16_t find_router(struct story *self, uint64_t boot)
{
    for (size_t i = self->router_count; i > 0; i--)
        if (self->routers[i - 1].boot == boot)
            return (uint16_t)(i - 1);
    if (self->router_count > UINT16_MAX) /* nobody starts routers so often */
        return UINT16_MAX;
    self->routers = base_realloc(self->routers, self->router_count + 1, sizeof *self->routers);
    self->routers[self->router_count] = (struct story_router){.boot = boot};
    return (uint16_t)self->router_count++;
}

static struct story_conversation *find_conversation(struct story *self, const struct id *id)
{
    struct story_conversation *found;

    HASH_FIND(hh, self->by_id, id, sizeof *id, found);
    if (found)
        return found;
    found = NEW(struct story_conversation);
    found->id = *id;
    found->at = (uint32_t)self->conversation_count;
    HASH_ADD(hh, self->by_id, id, sizeof found->id, found);
    if (self->conversation_count == self->conversation_room) {
        self->conversation_room = self->conversation_room ? self->conversation_room * 2 : 64;
        self->conversations = base_realloc(self->conversations, self->conversation_room,
                                           sizeof(struct story_conversation *));
    }
    self->conversations[self->conversation_count++] = found;
    return found;
}

static uint32_t find_name(struct reading *self, const struct wire_post *post)
{
    struct named *found, *made,
        wanted = {.name = {post->conversation,
                           id_of_client(&post->actor, post->client_id.data, post->client_id.len)}};

    HASH_FIND(hh, self->named, &wanted.name, sizeof wanted.name, found);
    if (found)
        return found->at;
    made = NEW(struct named);
    made->name = wanted.name;
    made->at = (uint32_t)self->story->name_count;
    HASH_ADD(hh, self->named, name, sizeof made->name, made);
    GROW(self->names, self->story->name_count, self->name_room);
    self->names[self->story->name_count++] = (struct story_name){0};
    return made->at;
}

/* ---- what came in ---- */

static void await_answer(struct reading *self, const struct wire_head *head, uint32_t post)
{
    struct asked *found, *made, wanted = {.key = {head->sender, head->boot, head->trace}};

    HASH_FIND(hh, self->asked, &wanted.key, sizeof wanted.key, found);
    if (found) {
        self->story->posts[post].same = found->post;
        found->post = post + 1;
        return;
    }
    made = NEW(struct asked);
    made->key = wanted.key;
    made->post = post + 1;
    HASH_ADD(hh, self->asked, key, sizeof made->key, made);
}

void story_add_post(struct story *self, const struct story_post *post)
{
    GROW(self->posts, self->post_count, self->post_room);
    self->posts[self->post_count++] = *post;
}

static void add_post(struct reading *self, const struct recording_record *record, uint64_t at_ms,
                     const struct wire_post *post)
{
    struct story *story = self->story;
    struct story_conversation *conversation = find_conversation(story, &post->conversation);

    conversation->posts++;
    story_add_post(story, &(struct story_post){.offset = record->offset,
                                               .at_us = record->at_us,
                                               .at_ms = at_ms,
                                               .conversation = conversation->at,
                                               .name = find_name(self, post),
                                               .router = find_router(story, record->router)});
}

static int take_post(struct reading *self, const struct recording_record *record,
                     const struct wire_head *head, struct wire_bytes body)
{
    struct story *story = self->story;
    struct wire_post post;

    if (wire_post_decode(body, &post) < 0) {
        story->totals.malformed++;
        return 0;
    }
    if (story->post_count == STORY_POSTS_MAX)
        return -EMSGSIZE;
    add_post(self, record, head->at_ms, &post);
    await_answer(self, head, (uint32_t)story->post_count - 1);
    story->totals.posts++;
    story->totals.kinds[post.kind < COUNT_OF(story->totals.kinds) ? post.kind : 0]++;
    return 0;
}

/* ---- what left ---- */

static void settle(struct reading *self, uint32_t at, const struct wire_answer *answer)
{
    struct story_post *post = &self->story->posts[at];
    struct story_router *router = &self->story->routers[post->router];

    post->answered = true;
    post->status = answer->status;
    post->seq = answer->seq;
    post->messages = answer->messages;
    if (router->last_name != post->name + 1 || at < router->last_first)
        router->last_first = at;
    router->last_name = post->name + 1;
}

/* All that one router has taken of this frame so far; another one's are answered by that one. */
static void take_answer(struct reading *self, const struct recording_record *record,
                        const struct wire_head *head, struct wire_bytes body)
{
    struct asked *found, wanted = {.key = {head->sender, head->boot, head->trace}};
    uint16_t router = find_router(self->story, record->router);
    struct wire_answer answer;
    uint32_t at, left = 0;

    if (wire_answer_decode(body, &answer) < 0) {
        self->story->totals.malformed++;
        return;
    }
    self->story->totals.answers++;
    self->story->totals.statuses[answer.status < 15 ? answer.status : 15]++;
    HASH_FIND(hh, self->asked, &wanted.key, sizeof wanted.key, found);
    if (!found || answer.status == WIRE_FENCED) {
        self->story->routers[router].last_name = 0; /* its post came before the recording */
        return;
    }
    for (at = found->post; at != 0;) {
        struct story_post *post = &self->story->posts[at - 1];
        uint32_t next = post->same;

        post->same = 0;
        if (post->router == router) {
            settle(self, at - 1, &answer);
        } else {
            post->same = left;
            left = at;
        }
        at = next;
    }
    found->post = left;
    if (left == 0) {
        HASH_DEL(self->asked, found);
        free(found);
    }
}

/* A void is delivered right behind the answers of the post that has caused it. */
static void blame_void(struct story *self, struct story_conversation *conversation, uint16_t router,
                       uint64_t seq)
{
    const struct story_router *last = &self->routers[router];
    struct story_post *post = last->last_name ? &self->posts[last->last_first] : NULL;

    if (!post || post->conversation != conversation->at || post->status == WIRE_OK ||
        post->numbered)
        return;
    post->numbered = post->voided = true;
    post->place = seq;
}

static void add_event(struct story_conversation *conversation, const struct story_event *event)
{
    GROW(conversation->events, conversation->event_count, conversation->event_room);
    conversation->events[conversation->event_count++] = *event;
}

static void take_event(struct reading *self, const struct recording_record *record,
                       struct wire_bytes body)
{
    struct story *story = self->story;
    struct story_event row = {.offset = record->offset, .at_us = record->at_us};
    struct wire_deliver deliver;
    struct wire_event event;
    struct wire_post post;
    struct story_conversation *conversation;

    if (wire_deliver_decode(body, &deliver) < 0 || wire_event_decode(deliver.event, &event) < 0) {
        story->totals.malformed++;
        return;
    }
    conversation = find_conversation(story, &event.conversation);
    row.seq = event.seq;
    if (event.kind != WIRE_KIND_VOID) {
        post = (struct wire_post){
            .conversation = event.conversation, .actor = event.actor, .client_id = event.client_id};
        row.name = find_name(self, &post) + 1;
        self->names[row.name - 1].seq = event.seq;
        self->names[row.name - 1].at_ms = event.at_ms;
    } else if (record->kind == RECORDING_OUT) {
        blame_void(story, conversation, find_router(story, record->router), event.seq);
    }
    add_event(conversation, &row);
}

static void take_deliver(struct reading *self, const struct recording_record *record,
                         struct wire_bytes body)
{
    self->story->totals.delivers++;
    take_event(self, record, body);
}

static void take_stored(struct reading *self, const struct recording_record *record,
                        struct wire_bytes body)
{
    self->story->totals.stored++;
    take_event(self, record, body);
}

/* The first thing told of a conversation says where the recording begins in it. */
static void take_state(struct story *self, struct wire_bytes body)
{
    struct wire_record_state state;
    struct story_conversation *conversation;

    if (wire_record_state_decode(body, &state) < 0) {
        self->totals.malformed++;
        return;
    }
    self->totals.snapshots++;
    conversation = find_conversation(self, &state.conversation);
    if (conversation->posts == 0 && conversation->event_count == 0)
        conversation->base = state.head;
}

/* ---- records ---- */

static int take_frame(struct reading *self, const struct recording_record *record)
{
    struct wire_head head;
    struct wire_bytes body;

    if (wire_head_decode(record->content, &head, &body) < 0)
        self->story->totals.malformed++;
    else if (record->kind == RECORDING_IN && head.type == WIRE_TYPE_POST)
        return take_post(self, record, &head, body);
    else if (record->kind == RECORDING_IN && head.type == WIRE_TYPE_REVOKE)
        self->story->totals.revokes++;
    else if (record->kind == RECORDING_OUT && head.type == WIRE_TYPE_ANSWER)
        take_answer(self, record, &head, body);
    else if (record->kind == RECORDING_OUT && head.type == WIRE_TYPE_DELIVER)
        take_deliver(self, record, body);
    else if (record->kind == RECORDING_STORED && head.type == WIRE_TYPE_DELIVER)
        take_stored(self, record, body);
    else if (record->kind == RECORDING_SNAPSHOT && head.type == WIRE_TYPE_RECORD_STATE)
        take_state(self->story, body);
    else
        self->story->totals.malformed++;
    return 0;
}

static int take_record(struct reading *self, const struct recording_record *record)
{
    struct story_totals *totals = &self->story->totals;

    if (totals->records++ == 0)
        totals->first_us = record->at_us;
    if (record->at_us > totals->last_us)
        totals->last_us = record->at_us;
    if (record->kind == RECORDING_LOST) {
        totals->lost += recording_lost_of(record);
        return 0;
    }
    if (record->kind == RECORDING_BEGIN) {
        totals->begins++;
        return 0;
    }
    return take_frame(self, record);
}

static void forget(struct reading *self)
{
    struct asked *asked, *next_asked;
    struct named *named, *next_named;

    HASH_ITER(hh, self->asked, asked, next_asked)
    {
        HASH_DEL(self->asked, asked);
        free(asked);
    }
    HASH_ITER(hh, self->named, named, next_named)
    {
        HASH_DEL(self->named, named);
        free(named);
    }
    free(self->names);
}

int story_new(struct story **ret, struct recording_reader *reader)
{
    AUTO(story_free) struct story *self = NEW(struct story);
    struct reading reading = {.story = self};
    struct recording_record record;
    int rc = 0;

    while (rc == 0 && recording_next(reader, &record) == 1)
        rc = take_record(&reading, &record);
    if (rc == 0)
        story_sort(self, reading.names);
    forget(&reading);
    if (rc == 0)
        *ret = TAKE(self);
    return rc;
}

void story_free(struct story **story)
{
    struct story *self = TAKE(*story);

    if (!self)
        return;
    HASH_CLEAR(hh, self->by_id);
    for (size_t i = 0; i < self->conversation_count; i++) {
        free(self->conversations[i]->events);
        free(self->conversations[i]);
    }
    free(self->conversations);
    free(self->posts);
    free(self->order);
    free(self->routers);
    free(self);
}

const struct story_event *story_find(const struct story_conversation *conversation, uint64_t seq)
{
    size_t from = 0, to = conversation->event_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (conversation->events[middle].seq < seq)
            from = middle + 1;
        else
            to = middle;
    }
    return from < conversation->event_count && conversation->events[from].seq == seq
               ? &conversation->events[from]
               : NULL;
}
