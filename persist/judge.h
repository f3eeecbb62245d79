/* What a store says to an event that wants a number: the rules that both stores share. */
#pragma once

#include "base/wire.h"

#define JUDGE_CLIENT_ID_MAX 200
#define JUDGE_BODY_MAX (1u << 20)

/* What stands at a number already. */
struct judge_record {
    uint64_t seq;
    uint8_t kind;
    struct id key;
    uint64_t fingerprint;
};

/* What (conversation, sender, client id) is looked up by; a void's is made of its number. */
struct id judge_key(const struct wire_event *event);

/* The event breaks a rule of the store. conversation_kind: enum wire_conversation_kind, 0 while the
 * conversation is not made. */
bool judge_refuses(const struct wire_event *event, uint8_t conversation_kind);

/* What takes the number of an event that is not stored. */
struct wire_event judge_void(const struct wire_event *event);

/* Something has the event's number: same, taken, or (a void that an earlier try left)
 * duplicate_of/conflict_with/refused. by_key: what has the event's client id, or NULL. */
struct wire_verdict judge_standing(const struct wire_event *event, uint8_t conversation_kind,
                                   const struct judge_record *at,
                                   const struct judge_record *by_key);

/* Its client id is another number's. */
struct wire_verdict judge_repeated(const struct wire_event *event,
                                   const struct judge_record *by_key);

/* A number of the event's conversation was `taken` earlier in this batch: what follows it is too,
 * or a sender's order would break. */
bool judge_follows_taken(const struct wire_event *events, const struct wire_verdict *verdicts,
                         size_t at);

/* Does this kind of event change members or title? */
bool judge_projects(uint8_t kind);
