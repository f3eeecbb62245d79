/* Access tokens: JWT by libjwt, HS256 and nothing else, with every claim checked here. Two edges
 * with the same key make the same token of the same claims. */
#pragma once

#include "base/id.h"

#define TOKEN_MAX 2048 /* bytes of a token, at most */

struct token_key;

enum token_result { TOKEN_GOOD, TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED };

struct token_claims {
    struct id user;
    struct id session;
    uint64_t issued_s; /* since 1970 */
    uint64_t expires_s;
};

/* Reads the key from a file of at least 32 bytes (at most 4,096) that others may not read. -EINVAL
 * or what open said, and *ret_why says in a sentence what is wrong and what to do (free()). */
int token_key_new(struct token_key **ret, const char *path, char **ret_why) MUST_CHECK;
void token_key_free(struct token_key **self); /* wipes it */

/* A token of these claims (free()). */
char *token_sign(const struct token_key *self, const struct token_claims *claims);

/* TOKEN_GOOD and its claims, or why not. A clock may be 5 seconds off. */
enum token_result token_check(const struct token_key *self, const char *text, uint64_t now_s,
                              struct token_claims *ret);

/* "missing", "invalid", "expired", "revoked": what clients are told. */
const char *token_result_text(enum token_result result);

/* 32 bytes that only holders of the key can make of the two inputs. */
void token_key_derive(const struct token_key *self, const void *a, size_t a_len, const char *b,
                      uint8_t ret[32]);
