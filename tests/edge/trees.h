/* What clients see of records, as trees of a JSON library: what the edge writes is held against
 * them. Each result is a new reference and never NULL. */
#pragma once

#include <jansson.h>

#include "base/wire.h"

json_t *tree_time(uint64_t ms);
json_t *tree_id(const struct id *id);
json_t *tree_message_id(const struct id *conversation, uint64_t seq);
json_t *tree_text(struct wire_bytes text);
json_t *tree_user(const struct wire_user *user, bool self);
json_t *tree_session(const struct wire_session *session, bool current);
json_t *tree_member(const struct wire_member *member);
json_t *tree_members(struct wire_list members);
json_t *tree_conversation(const struct wire_conversation *conversation);
json_t *tree_message(const struct wire_event *event);
json_t *tree_event(const struct wire_event *event);
json_t *tree_messages(struct wire_list events);
json_t *tree_events(struct wire_list events);
