/* Engine.IO v4: sessions over long-polling and WebSocket, the upgrade between them, the heartbeat.
 * Knows nothing of what the messages mean. */
#pragma once

#include "edge/transport/lws.h"

struct engineio;
struct engineio_session;

struct engineio_options {
    const char *path; /* "/socket.io/" */
    unsigned ping_interval_ms;
    unsigned ping_timeout_ms;
    unsigned upgrade_timeout_ms;
    size_t max_payload;    /* bytes of a request body or a WebSocket message */
    size_t queue_bytes;    /* what may wait for one session … */
    size_t queue_messages; /* … at its limit see engineio_send */
    const char *const
        *origins; /* CORS: ends with NULL; "*" is any; or NULL: no headers. Borrowed */
};

/* The reference's defaults, with limits. */
extern const struct engineio_options engineio_defaults;

enum engineio_reason {
    ENGINEIO_CLIENT,    /* the client closed it, or its transport */
    ENGINEIO_SERVER,    /* engineio_close */
    ENGINEIO_TIMEOUT,   /* no pong */
    ENGINEIO_MALFORMED, /* broke the protocol */
    ENGINEIO_OVERFLOW,  /* its queue was full of what may not be dropped */
};

/* Why a handshake is refused. */
struct engineio_refusal {
    int status;             /* 403, 503 … */
    const char *message;    /* NULL: "Forbidden" */
    unsigned retry_after_s; /* 0: no such header */
};

struct engineio_events {
    /* May refuse a handshake: false, with ret filled. NULL: everybody is welcome. */
    bool (*handshake)(void *arg, struct http_request *request, struct engineio_refusal *ret);
    /* What it returns is the session's user pointer. */
    void *(*opened)(void *arg, struct engineio_session *session);
    /* data is valid during the call. The session may be closed from here. */
    void (*message)(void *user, bool binary, const void *data, size_t len);
    /* The session is gone. Called once, whoever closed it. */
    void (*closed)(void *user, enum engineio_reason reason);
    /* So many droppable messages were dropped at the queue's limit; called from within the
     * engineio_send that met it, which may be called again from here. NULL: nobody is told. */
    void (*dropped)(void *user, size_t count);
};

struct engineio_stats {
    uint64_t handshakes; /* since the start */
    uint64_t refused;    /* by the hook */
    uint64_t malformed;  /* sessions closed for breaking the protocol */
    uint64_t timeouts;   /* sessions closed by the heartbeat */
    uint64_t overflows;  /* sessions closed at their queue limit: too slow */
    uint64_t dropped;    /* droppable messages that were dropped at it */
    uint64_t upgrades;   /* completed */
    uint64_t sessions;   /* now: */
    uint64_t polling;
    uint64_t websockets;
};

/* events is borrowed for good, options copied. */
int engineio_new(struct engineio **ret, struct transport *transport,
                 const struct engineio_options *options, const struct engineio_events *events,
                 void *arg) MUST_CHECK;
/* Closes every session (closed is called). Before transport_free. */
void engineio_free(struct engineio **self);

/* Takes a request to its path: true. */
bool engineio_request(struct engineio *self, struct http_request *request);

/* A text message's payload: the packet's type digit and the pieces. */
struct payload *engineio_text(const struct payload_piece *pieces, size_t count);

/* Queues a message, made by engineio_text or (binary) payload_new; takes references of its own. All
 * of them or none, and nothing comes between them. At the queue's limit all that is droppable
 * (payload_set_droppable) and has not begun on the wire is dropped, the owner is told, and what may
 * not be dropped takes its place. -ENOBUFS: this one was droppable, and dropped with the others; or
 * there was no room even so, and the session is being closed. -ENOTCONN: it is closing. */
int engineio_send(struct engineio_session *session, struct payload *const *payloads, size_t count);

/* Ends it: what is queued is still sent. closed is called before this returns. */
void engineio_close(struct engineio_session *session);

/* The same, because what it sent is against the owner's protocol. */
void engineio_fail(struct engineio_session *session);

const char *engineio_remote(const struct engineio_session *session);
bool engineio_is_polling(const struct engineio_session *session);
const struct engineio_stats *engineio_stats(const struct engineio *self);
/* "transport close", "ping timeout", …: the reference's words. */
const char *engineio_reason_text(enum engineio_reason reason);
