/* What calls ask the rest of the system, one question at a time, and what they make of bad answers.
 */
#pragma once

#include "edge/api/call.h"

/* Answers with what a worker or router said, unless it is good: then false. */
bool call_failed(struct call *call, int rc, uint8_t status);
/* The same for a reply that is still to be decoded. */
#define CALL_FAILED(call, name, bytes, ret)               \
    __extension__({                                       \
        int rc_ = wire_##name##_decode(*(bytes), (ret));  \
                                                          \
        call_failed((call), rc_, (uint8_t)(ret)->status); \
    })

/* Asks a persist worker; the call is answered `unavailable` when no reply comes. */
void call_ask(struct call *call, unsigned partition, enum wire_type type, const struct buf *body,
              call_reply_fn *then);
#define CALL_ASK(call, partition, name, NAME, query, then)                    \
    do {                                                                      \
        AUTO(buf_done) struct buf call_body_;                                 \
        buf_init(&call_body_, WIRE_FRAME_MAX);                                \
        wire_##name##_encode(&call_body_, (query));                           \
        call_ask((call), (partition), WIRE_TYPE_##NAME, &call_body_, (then)); \
    } while (0)

/* Posts to a router. then sees ok, duplicate and conflict; all else has been answered. */
void call_post(struct call *call, const struct wire_post *post, call_answer_fn *then);
/* Tells every edge that a session (zero: all of the user's) has ended. */
void call_revoke(struct call *call, const struct wire_revoke *revoke, call_answer_fn *then);

/* not_found, of one of the ids in a member that is a list. */
void call_fail_unknown(struct call *call, const char *member, const struct id *id);
