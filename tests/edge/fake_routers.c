/* Routers in memory, and the conversations that they and persist know of. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/edge/fake_parts.h"

/* ---- routers ---- */

static struct fake_router *router_named(struct fake *self, const char *name)
{
    for (size_t i = 0; i < FAKE_ROUTERS; i++)
        if (strcmp(self->routers[i].name, name) == 0)
            return &self->routers[i];
    return NULL;
}

struct fake_router *fake_router_of(struct fake *self, const struct id *conversation)
{
    return &self->routers[self->holder[id_partition(conversation)]];
}

static struct fake_pipe *stream_of(struct fake *self, const struct fake_router *router)
{
    for (struct list *at = self->pipes_open.next; at != &self->pipes_open; at = at->next) {
        struct fake_pipe *pipe = LIST_ITEM(at, struct fake_pipe, all);

        if (!pipe->closed && pipe->channel == TOPOLOGY_STREAMS &&
            strcmp(pipe->name, router->name) == 0)
            return pipe;
    }
    return NULL;
}

void fake_stream(struct fake *self, struct fake_router *router, const struct wire_head *head,
                 const struct buf *body)
{
    struct fake_pipe *pipe = stream_of(self, router);
    struct wire_head full = *head;

    if (!router->knows || !router->up)
        return;
    full.boot = router->boot;
    if (head->type != WIRE_TYPE_HEARTBEAT)
        full.number = ++router->sent;
    if (router->lose_stream && head->type != WIRE_TYPE_HEARTBEAT)
        router->lose_stream--;
    else if (pipe)
        fake_send(pipe, &full, body);
}

void fake_claim(struct fake *self, struct fake_router *router, uint64_t partitions)
{
    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (partitions >> p & 1) {
            self->holder[p] = (uint8_t)(router - self->routers);
            self->epoch[p]++;
            router->expected[p] = 1;
        }
}

void fake_restart(struct fake *self, struct fake_router *router)
{
    uint64_t mine = 0;

    router->boot++;
    router->up = true;
    router->knows = router->silent = router->early = false;
    router->sent = 0;
    memset(router->wants, 0, sizeof router->wants);
    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (&self->routers[self->holder[p]] == router)
            mine |= 1ull << p;
    fake_claim(self, router, mine);
}

static size_t index_of(struct fake *self, const struct id *id)
{
    for (size_t i = 0; i < self->conversation_count; i++)
        if (id_equal(&self->conversations[i]->id, id))
            return i;
    return FAKE_CONVERSATIONS;
}

static void take_interest(struct fake *self, struct fake_router *router,
                          const struct wire_head *head, struct wire_bytes body)
{
    AUTO(buf_done) struct buf reply = {0};
    struct wire_head answer = {.type = WIRE_TYPE_INTERESTED, .trace = head->trace};
    struct wire_interest interest;
    enum wire_result status = WIRE_OK;
    struct wire_bytes bytes;
    struct wire_item item;

    assert_int_equal(wire_interest_decode(body, &interest), 0);
    router->interests++;
    router->resets += interest.reset != 0;
    router->offs += !interest.on;
    for (size_t i = 0; i < self->conversation_count; i++)
        if (interest.reset >> id_partition(&self->conversations[i]->id) & 1)
            router->wants[i] = false;
    while (wire_list_next(&interest.conversations, &bytes)) {
        assert_int_equal(wire_item_decode(bytes, &item), 0);
        if (fake_router_of(self, &item.id) != router)
            status = WIRE_FENCED;
        if (index_of(self, &item.id) < FAKE_CONVERSATIONS)
            router->wants[index_of(self, &item.id)] = interest.on;
    }
    buf_init(&reply, 64);
    wire_interested_encode(&reply, &(struct wire_interested){(uint8_t)status});
    if (router->lose_confirmations)
        router->lose_confirmations--;
    else
        fake_stream(self, router, &answer, &reply);
}

static void take_stream(struct fake *self, struct fake_router *router, const struct wire_head *head,
                        struct wire_bytes body)
{
    if (!router->knows) {
        AUTO(buf_done) struct buf welcome = {0};

        router->knows = true;
        buf_init(&welcome, 4096);
        wire_welcome_encode(&welcome, &(struct wire_welcome){wire_text(router->name), {0}});
        fake_stream(self, router, &(struct wire_head){.type = WIRE_TYPE_WELCOME}, &welcome);
    }
    if (head->type == WIRE_TYPE_INTEREST)
        take_interest(self, router, head, body);
}

static void answer(struct fake *self, struct fake_router *router, const struct wire_head *head,
                   enum wire_result status, uint64_t seq)
{
    AUTO(buf_done) struct buf body = {0};
    struct wire_head out = {.type = WIRE_TYPE_ANSWER,
                            .trace = head->trace,
                            .partition = head->partition,
                            .epoch = head->epoch};

    buf_init(&body, 256);
    wire_answer_encode(&body, &(struct wire_answer){.status = (uint8_t)status, .seq = seq});
    fake_stream(self, router, &out, &body);
}

static uint64_t find_client_id(const struct fake_conversation *conversation,
                               struct wire_bytes client_id)
{
    for (uint64_t i = 0; i < conversation->head; i++) {
        struct wire_event event;

        assert_int_equal(wire_event_decode(wire_buf(&conversation->events[i]), &event), 0);
        if (client_id.len && wire_bytes_equal(event.client_id, client_id))
            return i + 1;
    }
    return 0;
}

static void take_post(struct fake *self, struct fake_router *router, const struct wire_head *head,
                      struct wire_bytes body)
{
    struct wire_post post;
    struct fake_conversation *conversation;
    AUTO(base_free_text) char *client_id = NULL;
    uint64_t seq;

    assert_int_equal(wire_post_decode(body, &post), 0);
    if (index_of(self, &post.conversation) == FAKE_CONVERSATIONS) {
        answer(self, router, head, WIRE_NOT_FOUND, 0);
        return;
    }
    conversation = self->conversations[index_of(self, &post.conversation)];
    client_id = wire_bytes_dup(post.client_id);
    seq = find_client_id(conversation, post.client_id);
    if (seq) {
        answer(self, router, head, WIRE_DUPLICATE, seq);
        return;
    }
    seq = fake_store(self, conversation, post.kind, &post.actor, client_id);
    if (router->silent)
        return;
    answer(self, router, head, WIRE_OK, seq);
    fake_deliver(self, conversation, seq);
}

static void take_intake(struct fake *self, struct fake_router *router, const struct wire_head *head,
                        struct wire_bytes body)
{
    uint64_t *expected = &router->expected[head->partition];

    if (router->lose_posts) {
        router->lose_posts--;
        return;
    }
    if (&self->routers[self->holder[head->partition]] != router || router->early ||
        head->epoch != self->epoch[head->partition])
        return;
    router->posts++;
    if (head->number > *expected) {
        AUTO(buf_done) struct buf gap = {0};
        struct wire_head out = {
            .type = WIRE_TYPE_GAP, .partition = head->partition, .epoch = head->epoch};

        router->gaps++;
        buf_init(&gap, 64);
        wire_gap_encode(&gap, &(struct wire_gap){*expected});
        fake_stream(self, router, &out, &gap);
        return;
    }
    *expected += head->number == *expected;
    if (head->type == WIRE_TYPE_POST)
        take_post(self, router, head, body);
    else
        answer(self, router, head, WIRE_OK, 0);
}

void fake_router_beat(struct fake *self, struct fake_router *router)
{
    AUTO(buf_done) struct buf body = {0};

    buf_init(&body, 64);
    wire_heartbeat_encode(&body, &(struct wire_heartbeat){router->sent});
    fake_stream(self, router, &(struct wire_head){.type = WIRE_TYPE_HEARTBEAT}, &body);
}

void fake_router_take(struct fake *self, struct fake_pipe *pipe, const struct wire_head *head,
                      struct wire_bytes body)
{
    struct fake_router *router = router_named(self, pipe->name);

    if (!router || !router->up)
        return;
    if (pipe->channel == TOPOLOGY_STREAMS)
        take_stream(self, router, head, body);
    else
        take_intake(self, router, head, body);
}

/* ---- the store ---- */

struct fake_conversation *fake_converse(struct fake *self, unsigned number,
                                        const struct id *members, size_t count)
{
    struct fake_conversation *conversation = NEW(struct fake_conversation);

    assert_true(self->conversation_count < FAKE_CONVERSATIONS);
    conversation->id = fake_id(number);
    self->conversations[self->conversation_count++] = conversation;
    for (size_t i = 0; i < count; i++)
        conversation->members[conversation->member_count++] =
            (struct wire_member){.user = members[i], .role = WIRE_ROLE_MEMBER, .from = 1};
    fake_store(self, conversation, WIRE_KIND_CONVERSATION_CREATED, &members[0], NULL);
    return conversation;
}

static void change_members(struct fake_conversation *conversation, uint8_t kind,
                           const struct id *user, uint64_t seq)
{
    if (kind == WIRE_KIND_MEMBER_ADDED) {
        assert_true(conversation->member_count < FAKE_MEMBERS);
        conversation->members[conversation->member_count++] =
            (struct wire_member){.user = *user, .role = WIRE_ROLE_MEMBER, .from = seq};
    }
    if (kind != WIRE_KIND_MEMBER_REMOVED)
        return;
    for (size_t i = 0; i < conversation->member_count; i++)
        if (id_equal(&conversation->members[i].user, user) && !conversation->members[i].to)
            conversation->members[i].to = seq;
}

static void make_body(struct buf *out, struct buf *list, struct fake_conversation *conversation,
                      uint8_t kind, const struct id *user)
{
    struct wire_body_created created = {.kind = WIRE_GROUP};
    uint32_t count = 0;

    if (kind == WIRE_KIND_MEMBER_ADDED || kind == WIRE_KIND_MEMBER_REMOVED)
        wire_body_member_encode(out, &(struct wire_body_member){*user, WIRE_ROLE_MEMBER});
    if (kind != WIRE_KIND_CONVERSATION_CREATED)
        return;
    for (size_t i = 0; i < conversation->member_count; i++)
        wire_member_add(list, &count, &conversation->members[i]);
    created.members = wire_list_of(list, count);
    wire_body_created_encode(out, &created);
}

uint64_t fake_store(struct fake *self, struct fake_conversation *conversation, uint8_t kind,
                    const struct id *user, const char *client_id)
{
    AUTO(buf_done) struct buf body = {0}, list = {0};
    struct wire_event event = {.conversation = conversation->id,
                               .seq = conversation->head + 1,
                               .kind = kind,
                               .actor = *user,
                               .client_id = wire_text(client_id ? client_id : "")};

    (void)self;
    assert_true(event.seq <= FAKE_EVENTS);
    change_members(conversation, kind, user, event.seq);
    buf_init(&body, 65536);
    buf_init(&list, 65536);
    make_body(&body, &list, conversation, kind, user);
    event.body = wire_buf(&body);
    buf_init(&conversation->events[conversation->head], 65536);
    wire_event_encode(&conversation->events[conversation->head], &event);
    return ++conversation->head;
}

void fake_deliver(struct fake *self, struct fake_conversation *conversation, uint64_t seq)
{
    AUTO(buf_done) struct buf body = {0};
    struct fake_router *router = fake_router_of(self, &conversation->id);
    struct wire_deliver deliver = {wire_buf(&conversation->events[seq - 1])};
    struct wire_head head = {.type = WIRE_TYPE_DELIVER,
                             .partition = (uint16_t)id_partition(&conversation->id)};
    struct wire_event event;

    assert_int_equal(wire_event_decode(deliver.event, &event), 0);
    if (event.kind == WIRE_KIND_MESSAGE_CREATED &&
        !router->wants[index_of(self, &conversation->id)])
        return;
    buf_init(&body, 65536);
    wire_deliver_encode(&body, &deliver);
    fake_stream(self, router, &head, &body);
}

uint64_t fake_change(struct fake *self, struct fake_conversation *conversation, uint8_t kind,
                     const struct id *user)
{
    uint64_t seq = fake_store(self, conversation, kind, user, NULL);

    fake_deliver(self, conversation, seq);
    return seq;
}

uint64_t fake_say(struct fake *self, struct fake_conversation *conversation)
{
    struct id somebody = fake_id(9999);

    return fake_change(self, conversation, WIRE_KIND_MESSAGE_CREATED, &somebody);
}
