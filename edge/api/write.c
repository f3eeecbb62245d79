/* From the bus's records to the client's JSON. Members whose features do not exist yet stand here
 * with the value that says so, for clients to rely on. */
#include "edge/api/write.h"

#include <string.h>

#include "edge/api/render.h"
#include "edge/transport/utf8.h"

#define MEMBERS_SHOWN 50 /* in a conversation; the rest by its own call */
#define TIME_TEXT 40
#define DAY_MS 86400000

/* ---- small values ---- */

static char *put_digits(char *to, uint64_t value, unsigned least)
{
    char digits[20];
    unsigned count = 0;

    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count < least)
        digits[count++] = '0';
    while (count)
        *to++ = digits[--count];
    return to;
}

/* Years are counted from March here, so that the odd day comes last; 400 of them are 146097 days,
 * and 1970 began 719468 days after such a year 0. */
static char *put_date(char *to, uint64_t days)
{
    uint64_t day = days + 719468, era = day / 146097, of_era = day % 146097;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153; /* 0: March */

    to = put_digits(to, era * 400 + year + (month >= 10), 4);
    *to++ = '-';
    to = put_digits(to, month < 10 ? month + 3 : month - 9, 2);
    *to++ = '-';
    return put_digits(to, of_year - (153 * month + 2) / 5 + 1, 2);
}

static char *put_clock(char *to, uint64_t ms)
{
    to = put_digits(to, ms / 3600000, 2);
    *to++ = ':';
    to = put_digits(to, ms / 60000 % 60, 2);
    *to++ = ':';
    to = put_digits(to, ms / 1000 % 60, 2);
    *to++ = '.';
    return put_digits(to, ms % 1000, 3);
}

void write_time(struct writer *to, uint64_t ms)
{
    char text[TIME_TEXT], *at = text;

    if (ms == 0) {
        writer_null(to);
        return;
    }
    at = put_date(at, ms / DAY_MS);
    *at++ = 'T';
    at = put_clock(at, ms % DAY_MS);
    *at++ = 'Z';
    *at = '\0';
    writer_plain(to, text);
}

void write_id(struct writer *to, const struct id *id)
{
    char text[ID_TEXT];

    if (id_is_zero(id)) {
        writer_null(to);
        return;
    }
    id_to_text(id, text);
    writer_plain(to, text);
}

void write_message_id(struct writer *to, const struct id *conversation, uint64_t seq)
{
    char text[ID_MESSAGE_TEXT];

    if (seq == 0) {
        writer_null(to);
        return;
    }
    id_message_to_text(conversation, seq, text);
    writer_plain(to, text);
}

void write_text(struct writer *to, struct wire_bytes text)
{
    writer_text(to, text.len ? (const char *)text.data : "", text.len);
}

void write_sentence(struct writer *to, const char *text)
{
    AUTO(base_free_text) char *plain = NULL;

    if (!text || utf8_is_valid(text, strlen(text))) {
        writer_cstring(to, text);
        return;
    }
    plain = base_strdup(text);
    for (char *at = plain; *at; at++)
        if ((unsigned char)*at > 0x7e)
            *at = '?';
    writer_cstring(to, plain);
}

static void write_text_or_null(struct writer *to, struct wire_bytes text)
{
    if (text.len)
        write_text(to, text);
    else
        writer_null(to);
}

/* ---- members: a name and its value ---- */

static void id_member(struct writer *to, const char *name, const struct id *id)
{
    writer_name(to, name);
    write_id(to, id);
}

static void message_member(struct writer *to, const char *name, const struct id *conversation,
                           uint64_t seq)
{
    writer_name(to, name);
    write_message_id(to, conversation, seq);
}

static void text_member(struct writer *to, const char *name, struct wire_bytes text)
{
    writer_name(to, name);
    write_text(to, text);
}

static void nullable_member(struct writer *to, const char *name, struct wire_bytes text)
{
    writer_name(to, name);
    write_text_or_null(to, text);
}

static void plain_member(struct writer *to, const char *name, const char *text)
{
    writer_name(to, name);
    writer_plain(to, text);
}

static void number_member(struct writer *to, const char *name, uint64_t value)
{
    writer_name(to, name);
    writer_number(to, value);
}

static void bool_member(struct writer *to, const char *name, bool value)
{
    writer_name(to, name);
    writer_bool(to, value);
}

static void time_member(struct writer *to, const char *name, uint64_t ms)
{
    writer_name(to, name);
    write_time(to, ms);
}

static void raw_member(struct writer *to, const char *name, const char *json)
{
    writer_name(to, name);
    writer_raw(to, json, strlen(json));
}

/* ---- people ---- */

void write_user(struct writer *to, const struct wire_user *user, bool self)
{
    writer_open_object(to);
    id_member(to, "id", &user->id);
    text_member(to, "username", user->username);
    text_member(to, "displayName", user->display_name);
    time_member(to, "createdAt", user->created_ms);
    if (self)
        nullable_member(to, "email", user->email);
    writer_close_object(to);
}

void write_session(struct writer *to, const struct wire_session *session, bool current)
{
    writer_open_object(to);
    id_member(to, "id", &session->id);
    nullable_member(to, "device", session->device);
    time_member(to, "createdAt", session->created_ms);
    time_member(to, "lastUsedAt", session->used_ms);
    bool_member(to, "current", current);
    writer_close_object(to);
}

void write_member(struct writer *to, const struct wire_member *member)
{
    writer_open_object(to);
    id_member(to, "userId", &member->user);
    plain_member(to, "role", render_role(member->role));
    number_member(to, "deliveredSeq", 0);
    number_member(to, "readSeq", 0);
    writer_close_object(to);
}

static void write_some_members(struct writer *to, struct wire_list members, size_t most)
{
    struct wire_member member;
    struct wire_bytes item;

    writer_open_array(to);
    for (size_t count = 0; count < most && wire_list_next(&members, &item);) {
        if (wire_member_decode(item, &member) < 0)
            continue;
        write_member(to, &member);
        count++;
    }
    writer_close_array(to);
}

void write_members(struct writer *to, struct wire_list members)
{
    write_some_members(to, members, members.count);
}

/* ---- conversations and messages ---- */

static void write_last_message(struct writer *to, struct wire_bytes record)
{
    struct wire_event event = {0};

    if (record.len && wire_event_decode(record, &event) == 0)
        write_message(to, &event);
    else
        writer_null(to);
}

/* last: the newest event; only its number and time are looked at. */
static void write_conversation_at(struct writer *to, const struct wire_conversation *conversation,
                                  const struct wire_event *last)
{
    writer_open_object(to);
    id_member(to, "id", &conversation->id);
    plain_member(to, "kind", conversation->kind == WIRE_DIRECT ? "direct" : "group");
    nullable_member(to, "title", conversation->title);
    writer_name(to, "members");
    write_some_members(to, conversation->members, MEMBERS_SHOWN);
    number_member(to, "memberCount", conversation->member_count);
    number_member(to, "lastSeq", last->seq);
    writer_name(to, "lastMessage");
    write_last_message(to, conversation->last_message);
    number_member(to, "unread", 0);
    bool_member(to, "muted", false);
    time_member(to, "updatedAt", last->at_ms);
    writer_close_object(to);
}

void write_conversation(struct writer *to, const struct wire_conversation *conversation)
{
    struct wire_event last = {0};

    if (conversation->last.len && wire_event_decode(conversation->last, &last) < 0)
        last = (struct wire_event){0};
    write_conversation_at(to, conversation, &last);
}

/* A conversation.created carries the conversation as it is at number 1. */
static void write_created(struct writer *to, const struct wire_event *event)
{
    struct wire_body_created body = {0};
    struct wire_conversation conversation;

    if (wire_body_created_decode(event->body, &body) < 0) {
        writer_null(to);
        return;
    }
    conversation = (struct wire_conversation){.id = event->conversation,
                                              .kind = body.kind,
                                              .title = body.title,
                                              .member_count = body.members.count,
                                              .members = body.members};
    write_conversation_at(to, &conversation, event);
}

static void write_message_members(struct writer *to, const struct wire_event *event,
                                  const struct wire_body_message *body)
{
    message_member(to, "id", &event->conversation, event->seq);
    id_member(to, "conversationId", &event->conversation);
    number_member(to, "seq", event->seq);
    id_member(to, "senderId", &event->actor);
    text_member(to, "clientId", event->client_id);
    text_member(to, "text", body->text);
    raw_member(to, "attachments", "[]");
    message_member(to, "threadId", &event->conversation, body->thread);
    message_member(to, "replyToId", &event->conversation, body->reply_to);
    raw_member(to, "reactions", "[]");
    raw_member(to, "editedAt", "null");
    raw_member(to, "deletedAt", "null");
    time_member(to, "createdAt", event->at_ms);
}

void write_message(struct writer *to, const struct wire_event *event)
{
    struct wire_body_message body = {0};

    if (wire_body_message_decode(event->body, &body) < 0) {
        writer_null(to);
        return;
    }
    writer_open_object(to);
    write_message_members(to, event, &body);
    writer_close_object(to);
}

/* ---- events ---- */

static const char *event_kind(uint8_t kind)
{
    switch (kind) {
    case WIRE_KIND_CONVERSATION_CREATED:
        return "conversation.created";
    case WIRE_KIND_CONVERSATION_UPDATED:
        return "conversation.updated";
    case WIRE_KIND_MEMBER_ADDED:
        return "member.added";
    case WIRE_KIND_MEMBER_REMOVED:
        return "member.removed";
    case WIRE_KIND_MEMBER_UPDATED:
        return "member.updated";
    case WIRE_KIND_MESSAGE_CREATED:
        return "message.created";
    default:
        return "void";
    }
}

static void write_body(struct writer *to, const struct wire_event *event)
{
    struct wire_body_updated updated = {0};
    struct wire_body_member member = {0};

    switch (event->kind) {
    case WIRE_KIND_MESSAGE_CREATED:
        writer_name(to, "message");
        write_message(to, event);
        break;
    case WIRE_KIND_CONVERSATION_CREATED:
        writer_name(to, "conversation");
        write_created(to, event);
        break;
    case WIRE_KIND_CONVERSATION_UPDATED:
        if (wire_body_updated_decode(event->body, &updated) == 0)
            nullable_member(to, "title", updated.title);
        break;
    case WIRE_KIND_MEMBER_ADDED:
    case WIRE_KIND_MEMBER_REMOVED:
    case WIRE_KIND_MEMBER_UPDATED:
        if (wire_body_member_decode(event->body, &member) < 0)
            break;
        id_member(to, "userId", &member.user);
        plain_member(to, "role", render_role(member.role));
        break;
    default:
        break;
    }
}

void write_event(struct writer *to, const struct wire_event *event)
{
    static const struct id nobody;

    writer_open_object(to);
    id_member(to, "conversationId", &event->conversation);
    number_member(to, "seq", event->seq);
    plain_member(to, "kind", event_kind(event->kind));
    id_member(to, "actorId", event->kind == WIRE_KIND_VOID ? &nobody : &event->actor);
    time_member(to, "at", event->at_ms);
    write_body(to, event);
    writer_close_object(to);
}

static void write_list(struct writer *to, struct wire_list events,
                       void (*write)(struct writer *to, const struct wire_event *event))
{
    struct wire_event event;
    struct wire_bytes item;

    writer_open_array(to);
    while (wire_list_next(&events, &item))
        if (wire_event_decode(item, &event) == 0)
            write(to, &event);
    writer_close_array(to);
}

void write_messages(struct writer *to, struct wire_list events)
{
    write_list(to, events, write_message);
}

void write_events(struct writer *to, struct wire_list events)
{
    write_list(to, events, write_event);
}
