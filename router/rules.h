/* Who may do what in a conversation. Pure: looks at a request and at what is known, never at a
 * table. */
#pragma once

#include "base/wire.h"

/* What a client asks for, taken from its post. */
struct rules_request {
    uint8_t kind;
    struct id actor;
    struct id target;         /* member.*: whom it is about; else zero */
    uint8_t role;             /* member.added, .updated: the role given */
    uint8_t created_kind;     /* conversation.created: enum wire_conversation_kind */
    struct wire_list members; /* conversation.created; borrows from the post */
    uint64_t refers_to;       /* message.created: the highest number that its body names */
};

/* What is known when it is judged. */
struct rules_facts {
    uint8_t conversation; /* enum wire_conversation_kind; 0: there is none */
    uint64_t head;
    uint8_t actor;   /* roles; WIRE_ROLE_NONE: no member */
    bool actor_left; /* was a member once */
    uint8_t target;
};

/* WIRE_OK, or WIRE_INVALID: a kind that clients cannot ask for, a body that is not one of its kind,
 * or a conversation's id that does not follow from its creator. */
enum wire_result rules_parse(const struct wire_post *post, struct rules_request *ret) MUST_CHECK;

/* WIRE_OK: take it; WIRE_DUPLICATE: allowed, and changes nothing; else why not.
 * conversation.created is always WIRE_OK here: whether it exists already is the conversation's
 * matter. */
enum wire_result rules_check(const struct rules_request *request, const struct rules_facts *facts)
    MUST_CHECK;

/* Whether rights change when an event of this kind is stored: nothing is taken behind one until it
 * is. */
bool rules_is_barrier(uint8_t kind);
