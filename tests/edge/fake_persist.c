/* Persist in memory: answers questions from the conversations. */
#include "tests/edge/fake_parts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIST_MAX (1u << 20)
#define ENDED_PAGE 100 /* sessions of an answer */

static struct fake_conversation *find(struct fake *self, const struct id *id)
{
    for (size_t i = 0; i < self->conversation_count; i++)
        if (id_equal(&self->conversations[i]->id, id))
            return self->conversations[i];
    return NULL;
}

static const struct wire_member *current(const struct fake_conversation *conversation,
                                         const struct id *user)
{
    for (size_t i = 0; i < conversation->member_count; i++)
        if (id_equal(&conversation->members[i].user, user) && !conversation->members[i].to)
            return &conversation->members[i];
    return NULL;
}

static void answer_holders(struct fake *self, struct buf *list, struct buf *out)
{
    struct wire_holders_reply reply = {0};
    uint32_t count = 0;

    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct wire_holding holding = {.partition = (uint16_t)p,
                                       .epoch = self->epoch[p],
                                       .role = WIRE_ROUTER,
                                       .holder = wire_text(self->routers[self->holder[p]].name)};

        wire_holding_add(list, &count, &holding);
    }
    reply.holdings = wire_list_of(list, count);
    if (self->persist_trouble)
        reply =
            (struct wire_holders_reply){WIRE_UNAVAILABLE, wire_text(self->persist_trouble), {0}};
    wire_holders_reply_encode(out, &reply);
}

static void answer_memberships(struct fake *self, struct wire_bytes question, struct buf *list,
                               struct buf *out)
{
    struct wire_memberships_reply reply = {0};
    struct wire_memberships asked;
    uint32_t count = 0;

    assert_int_equal(wire_memberships_decode(question, &asked), 0);
    assert_true(id_is_zero(&asked.after)); /* few enough for one page */
    for (size_t i = 0; i < self->conversation_count; i++)
        if (current(self->conversations[i], &asked.user))
            wire_item_add(list, &count, &(struct wire_item){self->conversations[i]->id});
    reply.conversations = wire_list_of(list, count);
    wire_memberships_reply_encode(out, &reply);
}

static void answer_heads(struct fake *self, struct wire_bytes question, struct buf *list,
                         struct buf *out)
{
    struct wire_heads_reply reply = {0};
    struct wire_heads asked;
    struct wire_bytes bytes;
    struct wire_item item;
    uint32_t count = 0;

    assert_int_equal(wire_heads_decode(question, &asked), 0);
    while (wire_list_next(&asked.conversations, &bytes)) {
        struct fake_conversation *conversation;

        assert_int_equal(wire_item_decode(bytes, &item), 0);
        conversation = find(self, &item.id);
        if (conversation)
            wire_position_add(list, &count, &(struct wire_position){item.id, conversation->head});
    }
    reply.positions = wire_list_of(list, count);
    wire_heads_reply_encode(out, &reply);
}

static void answer_events(struct fake *self, struct wire_bytes question, struct buf *list,
                          struct buf *out)
{
    AUTO(buf_done) struct buf encoded = {0};
    struct wire_events_reply reply = {0};
    struct fake_conversation *conversation;
    struct wire_page page = {0};
    struct wire_events asked;
    uint32_t count = 0;
    uint64_t seq;

    buf_init(&encoded, LIST_MAX);
    assert_int_equal(wire_events_decode(question, &asked), 0);
    assert_true(id_is_zero(&asked.user));
    conversation = find(self, &asked.conversation);
    assert_non_null(conversation);
    for (seq = asked.after + 1; seq <= conversation->head && count < asked.limit; seq++) {
        struct wire_event event;

        assert_int_equal(wire_event_decode(wire_buf(&conversation->events[seq - 1]), &event), 0);
        wire_event_add(list, &count, &event);
    }
    page.conversation = conversation->id;
    page.last_seq = conversation->head;
    page.more = seq <= conversation->head;
    page.events = wire_list_of(list, count);
    wire_page_encode(&encoded, &page);
    reply.page = wire_buf(&encoded);
    wire_events_reply_encode(out, &reply);
}

static void answer_conversations(struct fake *self, struct wire_bytes question, struct buf *list,
                                 struct buf *out)
{
    AUTO(buf_done) struct buf member = {0};
    struct wire_conversations_reply reply = {0};
    struct wire_conversation conversation = {0};
    struct wire_conversations asked;
    uint32_t count = 0;

    buf_init(&member, 256);
    assert_int_equal(wire_conversations_decode(question, &asked), 0);
    assert_non_null(find(self, &asked.id));
    if (current(find(self, &asked.id), &asked.user)) {
        wire_member_encode(&member, current(find(self, &asked.id), &asked.user));
        conversation.id = asked.id;
        conversation.self = wire_buf(&member);
        wire_conversation_add(list, &count, &conversation);
    } else {
        reply.status = WIRE_NOT_FOUND;
    }
    reply.conversations = wire_list_of(list, count);
    wire_conversations_reply_encode(out, &reply);
}

/* Session i ended i * 100 ms before now; the oldest of those asked for first. */
static void list_ended(struct fake *self, uint64_t since_ms, struct buf *list, uint32_t *count)
{
    for (unsigned i = self->ended; i-- > 0 && *count < ENDED_PAGE;) {
        struct wire_session session = {
            .id = fake_id(1000 + i), .user = fake_id(999), .revoked_ms = self->ended_ms - i * 100};

        if (session.revoked_ms >= since_ms)
            wire_session_add(list, count, &session);
    }
}

static void answer_sessions(struct fake *self, struct wire_bytes question, struct buf *list,
                            struct buf *out)
{
    struct wire_sessions_reply reply = {0};
    struct wire_session_list asked;
    struct wire_session session = {
        .id = self->revoked_session, .user = self->revoked_user, .revoked_ms = 1};
    uint32_t count = 0;

    assert_int_equal(wire_session_list_decode(question, &asked), 0);
    if (!id_is_zero(&self->revoked_user))
        wire_session_add(list, &count, &session);
    list_ended(self, asked.revoked_since_ms, list, &count);
    reply.sessions = wire_list_of(list, count);
    wire_sessions_reply_encode(out, &reply);
}

enum wire_type fake_persist_answer(struct fake *self, uint8_t type, struct wire_bytes question,
                                   struct buf *out)
{
    AUTO(buf_done) struct buf list = {0};

    buf_init(&list, LIST_MAX);
    switch (type) {
    case WIRE_TYPE_HOLDERS:
        answer_holders(self, &list, out);
        return WIRE_TYPE_HOLDERS_REPLY;
    case WIRE_TYPE_MEMBERSHIPS:
        answer_memberships(self, question, &list, out);
        return WIRE_TYPE_MEMBERSHIPS_REPLY;
    case WIRE_TYPE_HEADS:
        answer_heads(self, question, &list, out);
        return WIRE_TYPE_HEADS_REPLY;
    case WIRE_TYPE_EVENTS:
        answer_events(self, question, &list, out);
        return WIRE_TYPE_EVENTS_REPLY;
    case WIRE_TYPE_CONVERSATIONS:
        answer_conversations(self, question, &list, out);
        return WIRE_TYPE_CONVERSATIONS_REPLY;
    case WIRE_TYPE_SESSION_LIST:
        answer_sessions(self, question, &list, out);
        return WIRE_TYPE_SESSIONS_REPLY;
    default:
        wire_status_reply_encode(out, &(struct wire_status_reply){0});
        return WIRE_TYPE_STATUS_REPLY;
    }
}
