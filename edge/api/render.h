/* What clients see, as JSON: users, sessions, conversations, messages, events. Each result is a new
 * reference and never NULL: running out of memory aborts, as everywhere. */
#pragma once

#include <jansson.h>

#include "base/wire.h"

/* RFC 3339, UTC, milliseconds; null for 0. */
json_t *render_time(uint64_t ms);
/* null for the zero id. */
json_t *render_id(const struct id *id);
/* null for number 0. */
json_t *render_message_id(const struct id *conversation, uint64_t seq);
/* Bytes that are not UTF-8 (which nothing here lets in) become "". */
json_t *render_text(struct wire_bytes text);
/* A sentence for people, which may quote half a character or name a file: what is not UTF-8 is
 * shown with '?' for every byte beyond ASCII. */
json_t *render_sentence(const char *text);

/* self: with what only oneself may see. */
json_t *render_user(const struct wire_user *user, bool self);
json_t *render_session(const struct wire_session *session, bool current);
json_t *render_member(const struct wire_member *member);
json_t *render_members(struct wire_list members);
json_t *render_conversation(const struct wire_conversation *conversation);
/* The message of a message.created. */
json_t *render_message(const struct wire_event *event);
json_t *render_event(const struct wire_event *event);
/* A list of records `event`, as messages or as events. */
json_t *render_messages(struct wire_list events);
json_t *render_events(struct wire_list events);

/* "owner", "admin", "member"; back again: WIRE_ROLE_NONE when it is none. */
const char *render_role(uint8_t role);
enum wire_role render_role_of(const char *text);
/* "fsync", "majority". */
const char *render_durability(uint8_t durability);

/* For AUTO: drops the reference. */
void render_drop(json_t **json);
