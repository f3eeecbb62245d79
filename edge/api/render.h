/* Names of what the bus numbers, and what an error says. What is good is written by write.h. */
#pragma once

#include <jansson.h>

#include "base/wire.h"

/* "owner", "admin", "member"; back again: WIRE_ROLE_NONE when it is none. */
const char *render_role(uint8_t role);
enum wire_role render_role_of(const char *text);
/* "fsync", "majority". */
const char *render_durability(uint8_t durability);

/* New references, never NULL: running out of memory aborts, as everywhere. A message's id: null for
 * number 0. */
json_t *render_message_id(const struct id *conversation, uint64_t seq);
/* A sentence for people, which may quote half a character or name a file: what is not UTF-8 is
 * shown with '?' for every byte beyond ASCII. */
json_t *render_sentence(const char *text);

/* For AUTO: drops the reference. */
void render_drop(json_t **json);
