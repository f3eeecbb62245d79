/* What clients see of records, written as JSON text: users, sessions, conversations, messages,
 * events. Each writes one value. */
#pragma once

#include "base/wire.h"
#include "edge/socketio/writer.h"

/* RFC 3339, UTC, milliseconds; null for 0. */
void write_time(struct writer *to, uint64_t ms);
/* null for the zero id. */
void write_id(struct writer *to, const struct id *id);
/* null for number 0. */
void write_message_id(struct writer *to, const struct id *conversation, uint64_t seq);
void write_text(struct writer *to, struct wire_bytes text);
/* A sentence for people, which may quote half a character or name a file: what is not UTF-8 is
 * shown with '?' for every byte beyond ASCII. null for NULL. */
void write_sentence(struct writer *to, const char *text);

/* self: with what only oneself may see. */
void write_user(struct writer *to, const struct wire_user *user, bool self);
void write_session(struct writer *to, const struct wire_session *session, bool current);
void write_member(struct writer *to, const struct wire_member *member);
void write_members(struct writer *to, struct wire_list members);
void write_conversation(struct writer *to, const struct wire_conversation *conversation);
/* The message of a message.created. */
void write_message(struct writer *to, const struct wire_event *event);
void write_event(struct writer *to, const struct wire_event *event);
/* A list of records `event`, as messages or as events. */
void write_messages(struct writer *to, struct wire_list events);
void write_events(struct writer *to, struct wire_list events);
