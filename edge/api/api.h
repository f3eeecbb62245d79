/* What every call has at hand: the ways to the rest of the system and the limits at the door. */
#pragma once

#include <uv.h>

#include "base/service.h"
#include "edge/api/interest.h"
#include "edge/api/outbox.h"
#include "edge/api/password.h"
#include "edge/api/query.h"
#include "edge/api/rate.h"
#include "edge/api/revoked.h"
#include "edge/api/tail.h"
#include "edge/api/token.h"

struct backend;
struct call;

struct api_limits {
    size_t text_bytes;
    size_t member_ids;
    size_t sync_bytes;      /* of an answer to sync, about */
    uint64_t token_s;       /* life of an access token */
    uint64_t admin_token_s; /* … of one that the operator asked for */
    uint64_t refresh_ms;    /* … of a refresh token that is not used */
};

struct api {
    /* Borrowed, from edge.c. */
    struct service *service;
    uv_loop_t *loop;
    struct backend *backend;
    struct query *query;
    struct outbox *outbox;
    struct interest *interest;
    /* Its own. */
    struct api_limits limits;
    struct token_key *key;
    struct password *password;
    struct revoked *revoked;
    struct tail *tail;
    struct rate *rate_messages, *rate_sign_in, *rate_calls;
    struct call *calls; /* not answered yet */
    struct buf answer;  /* the body that is being written */
    bool stopping;      /* every call is answered unavailable */
    uint64_t *taken, *failed, *limited, *unavailable, *syncs, *syncs_asked;
    char **words; /* of edge/origins, behind the text they lie in; ends with NULL */
};

/* The keys of edge/… that api_new reads. */
#define API_KEYS                                                                                  \
    CONF_PATH("edge/jwt_key", "secrets/jwt.key",                                                  \
              "file with the key that signs tokens, 32 bytes or more, 0600"),                     \
        CONF_NUMBER("edge/token_s", 900, 10, 86400, "seconds an access token lives"),             \
        CONF_NUMBER("edge/admin_token_s", 86400, 10, 2592000,                                     \
                    "seconds a token lives that `parley user token` prints"),                     \
        CONF_NUMBER("edge/refresh_s", 2592000, 60, 31536000,                                      \
                    "seconds after which an unused refresh token ends"),                          \
        CONF_NUMBER("edge/argon2_passes", 2, 1, 20, "passes of the password hash"),               \
        CONF_NUMBER("edge/argon2_memory_kib", 19456, 64, 4194304, "memory of the password hash"), \
        CONF_NUMBER("edge/password_queue", 64, 1, 10000, "passwords waiting to be hashed"),       \
        CONF_NUMBER("edge/text_bytes", 20000, 1, 500000, "bytes of a message's text"),            \
        CONF_NUMBER("edge/member_ids", 1000, 1, 10000, "members named in one call"),              \
        CONF_NUMBER("edge/messages_rate", 50, 1, 1000000, "messages a second and user"),          \
        CONF_NUMBER("edge/messages_burst", 200, 1, 1000000, "… at once"),                         \
        CONF_NUMBER("edge/auth_rate", 1, 1, 1000000,                                              \
                    "registrations and logins a second and address"),                             \
        CONF_NUMBER("edge/auth_burst", 60, 1, 1000000, "… at once"),                              \
        CONF_NUMBER("edge/other_rate", 50, 1, 1000000, "other calls a second and user"),          \
        CONF_NUMBER("edge/other_burst", 200, 1, 1000000, "… at once"),                            \
        CONF_NUMBER("edge/rate_keys", 65536, 64, 16777216,                                        \
                    "users and addresses remembered for "                                         \
                    "that"),                                                                      \
        CONF_NUMBER("edge/tail_megabytes", 32, 0, 65536,                                          \
                    "newest events in memory, for devices that come back"),                       \
        CONF_TEXT("edge/origins", "",                                                             \
                  "other origins whose pages may use this server, separated by spaces; * for any")

/* Reads its keys; on failure *ret_why says in a sentence what is wrong (free()). */
int api_new(struct api **ret, struct service *service, uv_loop_t *loop, char **ret_why) MUST_CHECK;
void api_free(struct api **self);

/* No token outlives that. */
uint64_t api_longest_token_s(const struct api *self);

/* Origins of edge/origins: ends with NULL; or NULL when there are none. */
const char *const *api_origins(const struct api *self);
bool api_origin_is_allowed(const struct api *self, const char *origin);

/* Whose token is this, if it holds now. */
enum token_result api_authenticate(struct api *self, const char *token, struct token_claims *ret);
