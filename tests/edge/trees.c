/* The slow way: a value for everything, and names by hand, so that it is plain to see. */
#include "tests/edge/trees.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "edge/api/render.h"

#define MEMBERS_SHOWN 50 /* in a conversation; the rest by its own call */

json_t *tree_time(uint64_t ms)
{
    char text[40];
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    size_t len;

    if (ms == 0 || !gmtime_r(&seconds, &parts))
        return json_null();
    len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, sizeof text - len, ".%03uZ", (unsigned)(ms % 1000));
    return json_string(text);
}

json_t *tree_id(const struct id *id)
{
    char text[ID_TEXT];

    if (id_is_zero(id))
        return json_null();
    id_to_text(id, text);
    return json_string(text);
}

json_t *tree_message_id(const struct id *conversation, uint64_t seq)
{
    char text[ID_MESSAGE_TEXT];

    if (seq == 0)
        return json_null();
    id_message_to_text(conversation, seq, text);
    return json_string(text);
}

json_t *tree_text(struct wire_bytes text)
{
    json_t *json = json_stringn(text.len ? (const char *)text.data : "", text.len);

    return json ? json : json_string("");
}

static json_t *text_or_null(struct wire_bytes text)
{
    return text.len ? tree_text(text) : json_null();
}

json_t *tree_user(const struct wire_user *user, bool self)
{
    json_t *json = json_pack(
        "{s:o,s:o,s:o,s:o}", "id", tree_id(&user->id), "username", tree_text(user->username),
        "displayName", tree_text(user->display_name), "createdAt", tree_time(user->created_ms));

    if (self)
        json_object_set_new(json, "email", text_or_null(user->email));
    return json;
}

json_t *tree_session(const struct wire_session *session, bool current)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:b}", "id", tree_id(&session->id), "device",
                     text_or_null(session->device), "createdAt", tree_time(session->created_ms),
                     "lastUsedAt", tree_time(session->used_ms), "current", (int)current);
}

json_t *tree_member(const struct wire_member *member)
{
    return json_pack("{s:o,s:s,s:i,s:i}", "userId", tree_id(&member->user), "role",
                     render_role(member->role), "deliveredSeq", 0, "readSeq", 0);
}

static json_t *some_members(struct wire_list members, size_t most)
{
    json_t *array = json_array();
    struct wire_member member;
    struct wire_bytes item;

    while (json_array_size(array) < most && wire_list_next(&members, &item))
        if (wire_member_decode(item, &member) == 0)
            json_array_append_new(array, tree_member(&member));
    return array;
}

json_t *tree_members(struct wire_list members)
{
    return some_members(members, members.count);
}

static const char *conversation_kind(uint8_t kind)
{
    return kind == WIRE_DIRECT ? "direct" : "group";
}

json_t *tree_conversation(const struct wire_conversation *conversation)
{
    struct wire_event last = {0}, message = {0};
    bool has_last = conversation->last.len && wire_event_decode(conversation->last, &last) == 0;
    bool has_message = conversation->last_message.len &&
                       wire_event_decode(conversation->last_message, &message) == 0;

    return json_pack(
        "{s:o,s:s,s:o,s:o,s:I,s:I,s:o,s:i,s:b,s:o}", "id", tree_id(&conversation->id), "kind",
        conversation_kind(conversation->kind), "title", text_or_null(conversation->title),
        "members", some_members(conversation->members, MEMBERS_SHOWN), "memberCount",
        (json_int_t)conversation->member_count, "lastSeq", (json_int_t)(has_last ? last.seq : 0),
        "lastMessage", has_message ? tree_message(&message) : json_null(), "unread", 0, "muted", 0,
        "updatedAt", tree_time(last.at_ms));
}

/* A conversation.created carries the conversation as it is at number 1. */
static json_t *created(const struct wire_event *event)
{
    struct wire_body_created body = {0};
    struct wire_conversation conversation;
    AUTO(buf_done) struct buf last;

    buf_init(&last, WIRE_FRAME_MAX);
    wire_event_encode(&last, event);
    if (wire_body_created_decode(event->body, &body) < 0)
        return json_null();
    conversation = (struct wire_conversation){.id = event->conversation,
                                              .kind = body.kind,
                                              .title = body.title,
                                              .member_count = body.members.count,
                                              .members = body.members,
                                              .last = wire_buf(&last)};
    return tree_conversation(&conversation);
}

json_t *tree_message(const struct wire_event *event)
{
    struct wire_body_message body = {0};

    if (wire_body_message_decode(event->body, &body) < 0)
        return json_null();
    return json_pack("{s:o,s:o,s:I,s:o,s:o,s:o,s:[],s:o,s:o,s:[],s:n,s:n,s:o}", "id",
                     tree_message_id(&event->conversation, event->seq), "conversationId",
                     tree_id(&event->conversation), "seq", (json_int_t)event->seq, "senderId",
                     tree_id(&event->actor), "clientId", tree_text(event->client_id), "text",
                     tree_text(body.text), "attachments", "threadId",
                     tree_message_id(&event->conversation, body.thread), "replyToId",
                     tree_message_id(&event->conversation, body.reply_to), "reactions", "editedAt",
                     "deletedAt", "createdAt", tree_time(event->at_ms));
}

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

static void add_body(json_t *json, const struct wire_event *event)
{
    struct wire_body_updated updated = {0};
    struct wire_body_member member = {0};

    switch (event->kind) {
    case WIRE_KIND_MESSAGE_CREATED:
        json_object_set_new(json, "message", tree_message(event));
        break;
    case WIRE_KIND_CONVERSATION_CREATED:
        json_object_set_new(json, "conversation", created(event));
        break;
    case WIRE_KIND_CONVERSATION_UPDATED:
        if (wire_body_updated_decode(event->body, &updated) == 0)
            json_object_set_new(json, "title", text_or_null(updated.title));
        break;
    case WIRE_KIND_MEMBER_ADDED:
    case WIRE_KIND_MEMBER_REMOVED:
    case WIRE_KIND_MEMBER_UPDATED:
        if (wire_body_member_decode(event->body, &member) < 0)
            break;
        json_object_set_new(json, "userId", tree_id(&member.user));
        json_object_set_new(json, "role", json_string(render_role(member.role)));
        break;
    default:
        break;
    }
}

json_t *tree_event(const struct wire_event *event)
{
    bool nothing = event->kind == WIRE_KIND_VOID;
    json_t *json =
        json_pack("{s:o,s:I,s:s,s:o,s:o}", "conversationId", tree_id(&event->conversation), "seq",
                  (json_int_t)event->seq, "kind", event_kind(event->kind), "actorId",
                  nothing ? json_null() : tree_id(&event->actor), "at", tree_time(event->at_ms));

    add_body(json, event);
    return json;
}

static json_t *tree_list(struct wire_list events, json_t *(*render)(const struct wire_event *))
{
    json_t *array = json_array();
    struct wire_event event;
    struct wire_bytes item;

    while (wire_list_next(&events, &item))
        if (wire_event_decode(item, &event) == 0)
            json_array_append_new(array, render(&event));
    return array;
}

json_t *tree_messages(struct wire_list events)
{
    return tree_list(events, tree_message);
}

json_t *tree_events(struct wire_list events)
{
    return tree_list(events, tree_event);
}
