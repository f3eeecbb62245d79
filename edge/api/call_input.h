/* What several calls read from their input in the same way. */
#pragma once

#include "edge/api/call.h"

/* The ids of a member, each once, without the caller's own; an array of the state's (free()).
 * false: there are too many, and the call is answered. */
bool call_ids(struct call *call, const char *member, struct id **ret, size_t *ret_count);

/* The clientId, or the Idempotency-Key in its place; false: neither, and the call is answered. */
bool call_client_id(struct call *call, struct wire_bytes *ret);
/* What stands for a client id where none is needed: no client can send it. The same for the same
 * Idempotency-Key and subject; random without a key. */
#define CALL_OWN_ID (ID_TEXT + 1)
void call_own_id(struct call *call, const struct id *subject, char ret[CALL_OWN_ID]);

/* ASCII letters to lower case, in place: logins and addresses are compared that way. */
void call_lower(char *text);
/* Which worker is asked about a login: any could answer, so they share. */
unsigned call_partition_of_login(const char *login);

/* The page size asked for (member limit), never more than most. */
uint32_t call_limit(const struct call *call, uint32_t fallback, uint32_t most);
/* A cursor, which clients do not look into: bytes as hexadecimal text. write: null for none.
 * read: false when the member is no such text; the call is answered. */
void call_cursor_write(struct writer *to, struct wire_bytes cursor);
#define CALL_CURSOR_MAX 256 /* bytes */
struct call_cursor {
    uint8_t bytes[CALL_CURSOR_MAX];
    size_t len;
};
bool call_cursor_read(struct call *call, struct call_cursor *ret);
