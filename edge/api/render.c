/* From the bus's records to the client's JSON. Members whose features do not exist yet stand here
 * with the value that says so, for clients to rely on. */
#include "edge/api/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MEMBERS_SHOWN 50 /* in a conversation; the rest by its own call */

void render_drop(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

json_t *render_time(uint64_t ms)
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

json_t *render_id(const struct id *id)
{
    char text[ID_TEXT];

    if (id_is_zero(id))
        return json_null();
    id_to_text(id, text);
    return json_string(text);
}

json_t *render_message_id(const struct id *conversation, uint64_t seq)
{
    char text[ID_MESSAGE_TEXT];

    if (seq == 0)
        return json_null();
    id_message_to_text(conversation, seq, text);
    return json_string(text);
}

json_t *render_text(struct wire_bytes text)
{
    json_t *json = json_stringn(text.len ? (const char *)text.data : "", text.len);

    return json ? json : json_string("");
}

json_t *render_sentence(const char *text)
{
    json_t *json = json_string(text);
    AUTO(base_free_text) char *plain = NULL;

    if (json)
        return json;
    plain = base_strdup(text);
    for (char *at = plain; *at; at++)
        if ((unsigned char)*at > 0x7e)
            *at = '?';
    return json_string(plain);
}

static json_t *text_or_null(struct wire_bytes text)
{
    return text.len ? render_text(text) : json_null();
}

const char *render_role(uint8_t role)
{
    if (role == WIRE_ROLE_OWNER)
        return "owner";
    return role == WIRE_ROLE_ADMIN ? "admin" : "member";
}

enum wire_role render_role_of(const char *text)
{
    for (enum wire_role role = WIRE_ROLE_MEMBER; role <= WIRE_ROLE_OWNER; role++)
        if (strcmp(text, render_role((uint8_t)role)) == 0)
            return role;
    return WIRE_ROLE_NONE;
}

const char *render_durability(uint8_t durability)
{
    return durability == WIRE_DURABILITY_MAJORITY ? "majority" : "fsync";
}

json_t *render_user(const struct wire_user *user, bool self)
{
    json_t *json = json_pack(
        "{s:o,s:o,s:o,s:o}", "id", render_id(&user->id), "username", render_text(user->username),
        "displayName", render_text(user->display_name), "createdAt", render_time(user->created_ms));

    if (self)
        json_object_set_new(json, "email", text_or_null(user->email));
    return json;
}

json_t *render_session(const struct wire_session *session, bool current)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:b}", "id", render_id(&session->id), "device",
                     text_or_null(session->device), "createdAt", render_time(session->created_ms),
                     "lastUsedAt", render_time(session->used_ms), "current", (int)current);
}

json_t *render_member(const struct wire_member *member)
{
    return json_pack("{s:o,s:s,s:i,s:i}", "userId", render_id(&member->user), "role",
                     render_role(member->role), "deliveredSeq", 0, "readSeq", 0);
}

static json_t *some_members(struct wire_list members, size_t most)
{
    json_t *array = json_array();
    struct wire_member member;
    struct wire_bytes item;

    while (json_array_size(array) < most && wire_list_next(&members, &item))
        if (wire_member_decode(item, &member) == 0)
            json_array_append_new(array, render_member(&member));
    return array;
}

json_t *render_members(struct wire_list members)
{
    return some_members(members, members.count);
}

static const char *conversation_kind(uint8_t kind)
{
    return kind == WIRE_DIRECT ? "direct" : "group";
}

json_t *render_conversation(const struct wire_conversation *conversation)
{
    struct wire_event last = {0}, message = {0};
    bool has_last = conversation->last.len && wire_event_decode(conversation->last, &last) == 0;
    bool has_message = conversation->last_message.len &&
                       wire_event_decode(conversation->last_message, &message) == 0;

    return json_pack(
        "{s:o,s:s,s:o,s:o,s:I,s:I,s:o,s:i,s:b,s:o}", "id", render_id(&conversation->id), "kind",
        conversation_kind(conversation->kind), "title", text_or_null(conversation->title),
        "members", some_members(conversation->members, MEMBERS_SHOWN), "memberCount",
        (json_int_t)conversation->member_count, "lastSeq", (json_int_t)(has_last ? last.seq : 0),
        "lastMessage", has_message ? render_message(&message) : json_null(), "unread", 0, "muted",
        0, "updatedAt", render_time(last.at_ms));
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
    return render_conversation(&conversation);
}

json_t *render_message(const struct wire_event *event)
{
    struct wire_body_message body = {0};

    if (wire_body_message_decode(event->body, &body) < 0)
        return json_null();
    return json_pack("{s:o,s:o,s:I,s:o,s:o,s:o,s:[],s:o,s:o,s:[],s:n,s:n,s:o}", "id",
                     render_message_id(&event->conversation, event->seq), "conversationId",
                     render_id(&event->conversation), "seq", (json_int_t)event->seq, "senderId",
                     render_id(&event->actor), "clientId", render_text(event->client_id), "text",
                     render_text(body.text), "attachments", "threadId",
                     render_message_id(&event->conversation, body.thread), "replyToId",
                     render_message_id(&event->conversation, body.reply_to), "reactions",
                     "editedAt", "deletedAt", "createdAt", render_time(event->at_ms));
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
        json_object_set_new(json, "message", render_message(event));
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
        json_object_set_new(json, "userId", render_id(&member.user));
        json_object_set_new(json, "role", json_string(render_role(member.role)));
        break;
    default:
        break;
    }
}

json_t *render_event(const struct wire_event *event)
{
    bool nothing = event->kind == WIRE_KIND_VOID;
    json_t *json = json_pack(
        "{s:o,s:I,s:s,s:o,s:o}", "conversationId", render_id(&event->conversation), "seq",
        (json_int_t)event->seq, "kind", event_kind(event->kind), "actorId",
        nothing ? json_null() : render_id(&event->actor), "at", render_time(event->at_ms));

    add_body(json, event);
    return json;
}

static json_t *render_list(struct wire_list events, json_t *(*render)(const struct wire_event *))
{
    json_t *array = json_array();
    struct wire_event event;
    struct wire_bytes item;

    while (wire_list_next(&events, &item))
        if (wire_event_decode(item, &event) == 0)
            json_array_append_new(array, render(&event));
    return array;
}

json_t *render_messages(struct wire_list events)
{
    return render_list(events, render_message);
}

json_t *render_events(struct wire_list events)
{
    return render_list(events, render_event);
}
