/* Refresh tokens as text: the session's id and a secret of 32 bytes. The store knows the secret's
 * hash alone. */
#pragma once

#include "edge/api/token.h"

#define REFRESH_SECRET 32
#define REFRESH_TEXT (3 * (ID_TEXT - 1) + 1) /* bytes of the text, with its end */

struct refresh {
    struct id session;
    uint8_t secret[REFRESH_SECRET];
};

/* The first one of a session. */
struct refresh refresh_random(const struct id *session);
/* What follows it: under an idempotency key always the same one; without ("") a random one. */
struct refresh refresh_next(const struct refresh *self, const struct token_key *key,
                            const char *idempotency_key);

void refresh_to_text(const struct refresh *self, char ret_text[REFRESH_TEXT]);
/* -EPROTO unless text is exactly what refresh_to_text makes. */
int refresh_from_text(struct refresh *ret, const char *text) MUST_CHECK;

/* SHA-256 of bytes: what the store keeps of a secret or an idempotency key. */
void refresh_hash(const void *data, size_t len, uint8_t ret[32]);
