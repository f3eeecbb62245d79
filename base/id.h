/* 128-bit ids: users and sessions are random, a conversation's is a hash of what it was made from,
 * a message's is its conversation and number. As text: RFC 4648 base32 in lower case, without
 * padding. */
#pragma once

#include "base/base.h"

#define ID_TEXT 27         /* bytes of an id as text, with its end */
#define ID_MESSAGE_TEXT 40 /* the same for a message's id */
#define ID_PARTITIONS 64   /* fixed when a store is made */

struct id {
    uint8_t bytes[16];
};

/* A random id. Its source can be replaced by a test (NULL: the system's again). */
struct id id_random(void);
void id_replace_source(void (*fill)(void *data, size_t len));

bool id_equal(const struct id *a, const struct id *b);
bool id_is_zero(const struct id *id); /* zero stands for nobody and nothing */

/* Which of the 64 partitions a conversation, a user or a session belongs to. */
unsigned id_partition(const struct id *id);

void id_to_text(const struct id *id, char ret_text[ID_TEXT]);
/* -EPROTO unless text is exactly what id_to_text makes. */
int id_from_text(struct id *ret, const char *text);

void id_message_to_text(const struct id *conversation, uint64_t seq,
                        char ret_text[ID_MESSAGE_TEXT]);
int id_message_from_text(struct id *ret_conversation, uint64_t *ret_seq, const char *text);

/* A conversation's id: from its creator and their client id, or (direct ones) from the two people
 * in any order. */
struct id id_of_conversation(const struct id *creator, const void *client_id, size_t len);
struct id id_of_pair(const struct id *a, const struct id *b);

/* A session of the user: random, in the user's partition. */
struct id id_of_session(const struct id *user);

/* What (conversation, sender, client id) is looked up by: 128 bits of SHA-256 of sender and client
 * id. */
struct id id_of_client(const struct id *sender, const void *client_id, size_t len);

/* 64 bits of SHA-256: the fingerprint of a request's kind and body. */
uint64_t id_fingerprint(uint8_t kind, const void *body, size_t len);
