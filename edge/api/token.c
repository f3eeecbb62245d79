/* The one place that calls libjwt, around its traps: the algorithm is compared, a key is always
 * given, and no claim is taken on trust. */
#include "edge/api/token.h"

#include <errno.h>
#include <fcntl.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define KEY_LEAST 32
#define KEY_MOST 4096
#define LEEWAY_S 5
#define NAME "parley" /* issuer and audience */

struct token_key {
    size_t len;
    uint8_t bytes[KEY_MOST + 1];
};

static void free_jwt(jwt_t **jwt)
{
    if (*jwt)
        jwt_free(*jwt);
}

static int say(char **ret_why, const char *path, const char *what, int rc)
{
    if (asprintf(ret_why, "edge/jwt_key: %s %s", path, what) < 0)
        abort();
    return rc;
}

static int read_key(struct token_key *self, int fd)
{
    ssize_t got;

    while (self->len < sizeof self->bytes) {
        got = read(fd, self->bytes + self->len, sizeof self->bytes - self->len);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        self->len += (size_t)got;
    }
    return 0;
}

int token_key_new(struct token_key **ret, const char *path, char **ret_why)
{
    AUTO(token_key_free) struct token_key *self = NEW(struct token_key);
    struct stat about;
    int fd, rc;

    if (!*path)
        return say(ret_why, "(not set)", "must name a file with the key that signs tokens",
                   -EINVAL);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return say(ret_why, path, strerror(errno), -errno);
    rc = fstat(fd, &about) < 0 ? -errno : read_key(self, fd);
    close(fd);
    if (rc < 0)
        return say(ret_why, path, strerror(-rc), rc);
    if (about.st_mode & (S_IRWXO | S_IWGRP))
        return say(ret_why, path, "can be read or changed by others: chmod 600 it", -EINVAL);
    if (self->len < KEY_LEAST || self->len > KEY_MOST)
        return say(ret_why, path,
                   "must hold 32 to 4096 bytes: make one with `head -c 48 "
                   "/dev/urandom`",
                   -EINVAL);
    *ret = TAKE(self);
    return 0;
}

void token_key_free(struct token_key **self)
{
    if (!*self)
        return;
    OPENSSL_cleanse(*self, sizeof **self);
    free(TAKE(*self));
}

static void add_id(jwt_t *jwt, const char *name, const struct id *id)
{
    char text[ID_TEXT];

    id_to_text(id, text);
    if (jwt_add_grant(jwt, name, text) != 0)
        abort(); /* only without memory */
}

char *token_sign(const struct token_key *self, const struct token_claims *claims)
{
    AUTO(free_jwt) jwt_t *jwt = NULL;
    char *text;

    if (jwt_new(&jwt) != 0 || jwt_set_alg(jwt, JWT_ALG_HS256, self->bytes, (int)self->len) != 0 ||
        jwt_add_grant(jwt, "iss", NAME) != 0 || jwt_add_grant(jwt, "aud", NAME) != 0 ||
        jwt_add_grant_int(jwt, "iat", (long)claims->issued_s) != 0 ||
        jwt_add_grant_int(jwt, "exp", (long)claims->expires_s) != 0)
        abort();
    add_id(jwt, "sub", &claims->user);
    add_id(jwt, "sid", &claims->session);
    text = jwt_encode_str(jwt);
    if (!text)
        abort();
    return text;
}

static bool is_ours(jwt_t *jwt, const char *claim)
{
    const char *value = jwt_get_grant(jwt, claim);

    return value && strcmp(value, NAME) == 0;
}

static bool get_id(jwt_t *jwt, const char *claim, struct id *ret)
{
    const char *text = jwt_get_grant(jwt, claim);

    return text && id_from_text(ret, text) == 0 && !id_is_zero(ret);
}

/* nbf need not be there (libjwt then says -1 or 0); the others must. */
static enum token_result check_claims(jwt_t *jwt, uint64_t now_s, struct token_claims *ret)
{
    long expires = jwt_get_grant_int(jwt, "exp");
    long issued = jwt_get_grant_int(jwt, "iat");
    long not_before = jwt_get_grant_int(jwt, "nbf");
    struct token_claims claims;

    if (!is_ours(jwt, "iss") || !is_ours(jwt, "aud") || !get_id(jwt, "sub", &claims.user) ||
        !get_id(jwt, "sid", &claims.session) || expires <= 0 || issued <= 0)
        return TOKEN_INVALID;
    claims.issued_s = (uint64_t)issued;
    claims.expires_s = (uint64_t)expires;
    /* It may be from the future: after a refusal clients stay away, and clocks are set back. */
    if (not_before > 0 && (uint64_t)not_before > now_s + LEEWAY_S)
        return TOKEN_INVALID;
    if (claims.expires_s + LEEWAY_S <= now_s)
        return TOKEN_EXPIRED;
    *ret = claims;
    return TOKEN_GOOD;
}

enum token_result token_check(const struct token_key *self, const char *text, uint64_t now_s,
                              struct token_claims *ret)
{
    AUTO(free_jwt) jwt_t *jwt = NULL;
    size_t len = text ? strnlen(text, TOKEN_MAX + 1) : 0;

    if (len == 0)
        return TOKEN_MISSING;
    if (len > TOKEN_MAX || jwt_decode(&jwt, text, self->bytes, (int)self->len) != 0 || !jwt ||
        jwt_get_alg(jwt) != JWT_ALG_HS256)
        return TOKEN_INVALID;
    return check_claims(jwt, now_s, ret);
}

const char *token_result_text(enum token_result result)
{
    static const char *const texts[] = {"good", "missing", "invalid", "expired", "revoked"};

    return texts[result];
}

void token_key_derive(const struct token_key *self, const void *a, size_t a_len, const char *b,
                      uint8_t ret[32])
{
    static const char domain[] = "parley refresh secret";
    AUTO(buf_done) struct buf in;
    unsigned len = 0;

    buf_init(&in, 4096);
    buf_put(&in, domain, sizeof domain);
    buf_put(&in, a, a_len);
    buf_put_text(&in, b);
    if (in.over || !HMAC(EVP_sha256(), self->bytes, (int)self->len, in.data, in.len, ret, &len))
        abort();
}
