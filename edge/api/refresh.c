/* Three ids in a row make a refresh token's text: the session and the two halves of its secret. */
#include "edge/api/refresh.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

#define PART (ID_TEXT - 1)

struct refresh refresh_random(const struct id *session)
{
    struct refresh self = {.session = *session};
    struct id halves[2] = {id_random(), id_random()};

    memcpy(self.secret, halves, sizeof self.secret);
    return self;
}

struct refresh refresh_next(const struct refresh *self, const struct token_key *key,
                            const char *idempotency_key)
{
    struct refresh next = {.session = self->session};

    if (!*idempotency_key)
        return refresh_random(&self->session);
    token_key_derive(key, self->secret, sizeof self->secret, idempotency_key, next.secret);
    return next;
}

void refresh_to_text(const struct refresh *self, char ret_text[REFRESH_TEXT])
{
    struct id parts[3] = {self->session};

    memcpy(&parts[1], self->secret, sizeof self->secret);
    for (size_t i = 0; i < 3; i++)
        id_to_text(&parts[i], ret_text + i * PART);
}

int refresh_from_text(struct refresh *ret, const char *text)
{
    struct id parts[3];
    char part[ID_TEXT];

    if (strnlen(text, REFRESH_TEXT) != REFRESH_TEXT - 1)
        return -EPROTO;
    for (size_t i = 0; i < 3; i++) {
        memcpy(part, text + i * PART, PART);
        part[PART] = '\0';
        if (id_from_text(&parts[i], part) < 0)
            return -EPROTO;
    }
    ret->session = parts[0];
    memcpy(ret->secret, &parts[1], sizeof ret->secret);
    return 0;
}

void refresh_hash(const void *data, size_t len, uint8_t ret[32])
{
    SHA256(data, len, ret);
}
