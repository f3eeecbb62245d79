/* The rules of append, for both stores: nothing here knows how a record is kept. */
#include "persist/judge.h"

#include <string.h>

struct id judge_key(const struct wire_event *event)
{
    static const struct id nobody;
    char text[32] = "void";

    if (event->kind != WIRE_KIND_VOID)
        return id_of_client(&event->actor, event->client_id.data, event->client_id.len);
    memcpy(text + 4, &event->seq, sizeof event->seq);
    return id_of_client(&nobody, text, 4 + sizeof event->seq);
}

static bool created_is_readable(struct wire_bytes bytes)
{
    struct wire_body_created body;
    struct wire_member member;
    struct wire_bytes item;

    if (wire_body_created_decode(bytes, &body) < 0 ||
        (body.kind != WIRE_DIRECT && body.kind != WIRE_GROUP))
        return false;
    while (wire_list_next(&body.members, &item))
        if (wire_member_decode(item, &member) < 0)
            return false;
    return true;
}

static bool body_is_readable(const struct wire_event *event)
{
    struct wire_body_message message;
    struct wire_body_updated updated;
    struct wire_body_member member;

    switch (event->kind) {
    case WIRE_KIND_CONVERSATION_CREATED:
        return created_is_readable(event->body);
    case WIRE_KIND_CONVERSATION_UPDATED:
        return wire_body_updated_decode(event->body, &updated) == 0;
    case WIRE_KIND_MEMBER_ADDED:
    case WIRE_KIND_MEMBER_REMOVED:
    case WIRE_KIND_MEMBER_UPDATED:
        return wire_body_member_decode(event->body, &member) == 0;
    case WIRE_KIND_MESSAGE_CREATED:
        return wire_body_message_decode(event->body, &message) == 0;
    default:
        return false;
    }
}

bool judge_refuses(const struct wire_event *event, uint8_t conversation_kind)
{
    bool made = conversation_kind != 0;
    bool makes = event->kind == WIRE_KIND_CONVERSATION_CREATED;

    return made == makes || event->client_id.len == 0 ||
           event->client_id.len > JUDGE_CLIENT_ID_MAX || event->body.len > JUDGE_BODY_MAX ||
           id_is_zero(&event->actor) || !body_is_readable(event);
}

struct wire_event judge_void(const struct wire_event *event)
{
    return (struct wire_event){
        .conversation = event->conversation,
        .seq = event->seq,
        .kind = WIRE_KIND_VOID,
        .at_ms = event->at_ms,
    };
}

struct wire_verdict judge_repeated(const struct wire_event *event,
                                   const struct judge_record *by_key)
{
    bool same = by_key->fingerprint == event->fingerprint;

    return (struct wire_verdict){
        .answer = same ? WIRE_ANSWER_DUPLICATE_OF : WIRE_ANSWER_CONFLICT_WITH,
        .seq = event->seq,
        .of = by_key->seq,
    };
}

struct wire_verdict judge_standing(const struct wire_event *event, uint8_t conversation_kind,
                                   const struct judge_record *at, const struct judge_record *by_key)
{
    struct wire_verdict verdict = {.answer = WIRE_ANSWER_TAKEN, .seq = event->seq};
    struct id key = judge_key(event);

    if (at->kind == event->kind && at->fingerprint == event->fingerprint &&
        id_equal(&at->key, &key))
        verdict.answer = WIRE_ANSWER_SAME;
    else if (at->kind == WIRE_KIND_VOID && by_key && by_key->seq < event->seq)
        return judge_repeated(event, by_key);
    else if (at->kind == WIRE_KIND_VOID && !by_key && judge_refuses(event, conversation_kind))
        verdict.answer = WIRE_ANSWER_REFUSED;
    return verdict;
}

bool judge_follows_taken(const struct wire_event *events, const struct wire_verdict *verdicts,
                         size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (verdicts[i].answer == WIRE_ANSWER_TAKEN &&
            id_equal(&events[i].conversation, &events[at].conversation))
            return true;
    return false;
}

bool judge_projects(uint8_t kind)
{
    return kind >= WIRE_KIND_CONVERSATION_CREATED && kind <= WIRE_KIND_MEMBER_UPDATED;
}
