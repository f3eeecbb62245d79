/* The edge's side towards the bus as one thing: questions to persist, what clients want changed on
 * its way to the routers, and what comes back. */
#pragma once

#include "edge/api/interest.h"
#include "edge/api/outbox.h"

struct backend;

/* The keys of edge/… that backend_new reads. */
#define BACKEND_KEYS                                                                               \
    CONF_NUMBER("edge/queries", 4096, 64, 65535, "questions to persist under way"),                \
        CONF_NUMBER("edge/query_ms", 5000, 100, 60000, "how long persist has to answer one"),      \
        CONF_NUMBER("edge/unanswered", 4096, 1, 65535, "frames to routers that wait for answers"), \
        CONF_NUMBER("edge/unanswered_per_partition", 256, 1, 65535, "… in one partition"),         \
        CONF_NUMBER("edge/answer_ms", 10000, 100, 60000, "how long a client waits for one"),       \
        CONF_NUMBER("edge/follows", 1000000, 1, 100000000,                                         \
                    "memberships of connected users, together"),                                   \
        CONF_NUMBER("edge/join_ms", 10000, 100, 60000,                                             \
                    "how long a connecting socket waits for its conversations")

/* ops, arg and service are borrowed. */
int backend_new(struct backend **ret, struct service *service, uv_loop_t *loop,
                const struct interest_ops *ops, void *arg) MUST_CHECK;
/* Everything outstanding is answered (NULL, unavailable) first. The loop must turn once more
 * before it is closed. */
void backend_free(struct backend **self);

struct backend_limits {
    size_t queries;
    uint64_t query_ms;
    struct outbox_limits outbox;
    struct interest_limits interest;
};

/* The same on given pipes (borrowed), as tests do. */
int backend_new_on(struct backend **ret, struct pipes *pipes, const struct backend_limits *limits,
                   const struct interest_ops *ops, void *arg) MUST_CHECK;

struct query *backend_query(struct backend *self);
struct outbox *backend_outbox(struct backend *self);
struct interest *backend_interest(struct backend *self);

/* So old a revocation may be and still matter: the longest life of a token (a day, unless told). */
void backend_keep_revocations(struct backend *self, uint64_t ms);

/* NULL once it is known which sessions have ended: until then no token is to be taken. Else a
 * sentence that says so. */
const char *backend_tokens_trouble(const struct backend *self);

/* NULL when persist answers, that is known and every partition has a router that welcomed us; else
 * what is wrong, in a sentence (borrowed until the loop turns). */
const char *backend_trouble(struct backend *self);
