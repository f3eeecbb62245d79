/* What the files of Engine.IO share; nobody else includes this. A session speaks by long-polling or
 * by WebSocket; only while it polls has it the larger part. */
#pragma once

#include "base/buf.h"
#include "base/id.h"
#include "edge/socketio/engineio.h"

struct engineio {
    struct transport *transport;
    struct engineio_options options; /* its path is ours */
    const struct engineio_events *events;
    void *arg;
    struct engineio_stats stats;
    struct engineio_session **buckets; /* by id, a power of two of them */
    size_t bucket_count;
    struct payload *ping, *noop, *close, *probe_answer;
};

#define RELEASE_MS 100 /* how long a GET may wait while a WebSocket takes over */

/* The part of a session that polls. */
struct polling {
    struct engineio_session *session;
    struct http_request *get; /* that waits for packets */
    struct payload **queue;
    size_t count, room, bytes;
    struct ws *probe;     /* a WebSocket that wants to take over */
    bool probed;          /* it said "2probe" */
    struct timer give_up; /* on the probe */
    struct timer release; /* of a waiting GET while the probe goes on */
};

enum session_state {
    SESSION_OPEN,
    SESSION_CLOSING, /* ended for its owner; polling: the close packet waits for a GET */
    SESSION_ENDED,
};

struct engineio_session {
    struct engineio *server;
    struct engineio_session *next; /* in its bucket */
    struct id id;
    enum session_state state;
    uint16_t holds; /* calls and requests that point to it */
    bool pong_due;
    bool extended;   /* the pong's deadline, once */
    bool overflowed; /* to be closed at the end of the turn */
    bool posting;    /* a POST is in flight */
    void *user;
    struct ws *ws;           /* or … */
    struct polling *polling; /* … one of them */
    struct timer heartbeat;
    struct turn_item turn;
    char remote[HTTP_ADDRESS_TEXT];
};

/* engineio.c */
struct engineio_session *session_new(struct engineio *server, struct http_request *request);
struct engineio_session *session_find(struct engineio *server, const char *sid);
void session_end(struct engineio_session *self, enum engineio_reason reason);
void session_hold(struct engineio_session *self);
void session_release(struct engineio_session *self); /* may free it */
/* A packet came by either transport. */
void session_packet(struct engineio_session *self, char type, bool binary, const void *data,
                    size_t len);
/* Tells the owner that it is there. */
void session_opened(struct engineio_session *self);
struct payload *session_open_packet(const struct engineio_session *self, bool may_upgrade);

/* long_poll.c */
void long_poll_start(struct engineio_session *self);
void long_poll_get(struct engineio_session *self, struct http_request *request);
void long_poll_post(struct engineio_session *self, struct http_request *request);
int long_poll_push(struct engineio_session *self, struct payload *payload);
/* As ws_drop. */
size_t long_poll_drop(struct engineio_session *self);
void long_poll_flush(struct engineio_session *self);
/* Answers the waiting GET with one packet. */
void long_poll_release(struct engineio_session *self, struct payload *payload);
/* The session is over: true when the close packet has still to wait for a GET. */
bool long_poll_end(struct engineio_session *self, enum engineio_reason reason);
void long_poll_free(struct engineio_session *self);

/* takeover.c: WebSockets, new ones and those that take a session over */
void takeover_accept(struct engineio *server, struct http_request **request, const char *headers);
void takeover_cancel(struct engineio_session *self);

/* request.c */
#define CORS_ROOM 1024
void request_cors(struct engineio *server, struct http_request *request, char ret[CORS_ROOM]);
void request_refuse(struct engineio *server, struct http_request **request, int status, int code,
                    const char *message);
