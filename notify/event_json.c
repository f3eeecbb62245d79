/* Renders a message for webhooks: the same words that clients see. */
#include "notify/event_json.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

static json_t *time_of(uint64_t ms)
{
    char text[40];
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    size_t len;

    if (!gmtime_r(&seconds, &parts))
        return json_null();
    len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, sizeof text - len, ".%03uZ", (unsigned)(ms % 1000));
    return json_string(text);
}

static json_t *id_of(const struct id *id)
{
    char text[ID_TEXT];

    id_to_text(id, text);
    return json_string(text);
}

static json_t *message_id_of(const struct id *conversation, uint64_t seq)
{
    char text[ID_MESSAGE_TEXT];

    if (seq == 0)
        return json_null();
    id_message_to_text(conversation, seq, text);
    return json_string(text);
}

/* Bytes that are not UTF-8, which no edge lets in, become "". */
static json_t *text_of(wire_bytes bytes)
{
    json_t *text = json_stringn(bytes.len ? (const char *)bytes.data : "", bytes.len);

    return text ? text : json_string("");
}

static json_t *message_of(const struct wire_event *event, const struct wire_body_message *body)
{
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:[], s:o, s:o, s:[], s:n, s:n, s:o}", "id",
                     message_id_of(&event->conversation, event->seq), "conversationId",
                     id_of(&event->conversation), "seq", (json_int_t)event->seq, "senderId",
                     id_of(&event->actor), "clientId", text_of(event->client_id), "text",
                     text_of(body->text), "attachments", "threadId",
                     message_id_of(&event->conversation, body->thread), "replyToId",
                     message_id_of(&event->conversation, body->reply_to), "reactions", "editedAt",
                     "deletedAt", "createdAt", time_of(event->at_ms));
}

char *event_json_of_message(const struct wire_event *event)
{
    struct wire_body_message body = {0};
    json_t *json;
    char *text;

    if (event->kind != WIRE_KIND_MESSAGE_CREATED ||
        wire_body_message_decode(event->body, &body) < 0)
        return NULL;
    json = json_pack("{s:{s:o, s:I, s:s, s:o, s:o, s:o}}", "event", "conversationId",
                     id_of(&event->conversation), "seq", (json_int_t)event->seq, "kind",
                     "message.created", "actorId", id_of(&event->actor), "at",
                     time_of(event->at_ms), "message", message_of(event, &body));
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}
