/* What the files of this folder share, libwebsockets' types among it. Nobody else includes this. */
#pragma once

#include <libwebsockets.h>

#include "base/buf.h"
#include "edge/transport/lws.h"
#include "edge/transport/watch.h"

#define TRANSPORT_WRITE 65536        /* bytes handed to one write, about */
#define TRANSPORT_HEADERS 16384      /* bytes of a request's headers */
#define TRANSPORT_DISCARD (4u << 20) /* unread body that is read on and dropped after an answer */
#define TRANSPORT_LINGER_S 2         /* how long a connection to be closed may go on sending */
#define TRANSPORT_CLOSE_MS 5000      /* how long a closing WebSocket may take */

struct batch; /* payloads waiting for one WebSocket (ws.c) */

struct transport {
    uv_loop_t *loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct transport_options options; /* its strings are ours */
    struct turn *turn;
    struct timers *timers;
    struct watch *watch;
    struct transport_stats stats;
    struct batch *spare;                        /* batches for the next time … */
    size_t spares;                              /* … so many */
    uint8_t scratch[LWS_PRE + TRANSPORT_WRITE]; /* for one call at a time */
};

enum conn_kind { CONN_REQUEST, CONN_WS };

/* What a libwebsockets connection points to: first member of a request and of a WebSocket. */
struct conn {
    enum conn_kind kind;
    bool inside;     /* one of its own callbacks is running: libwebsockets may be written to */
    struct lws *wsi; /* NULL when the connection is gone */
    struct transport *transport;
};

enum request_state {
    REQUEST_NEW,       /* its callback is running */
    REQUEST_RECEIVING, /* the body comes in */
    REQUEST_HELD,      /* waits for its answer */
    REQUEST_ANSWERED,  /* the answer is there, not written yet */
    REQUEST_WRITING,   /* some of it is */
    REQUEST_LINGERING, /* it is; the client is still sending */
    REQUEST_ACCEPTED,  /* becomes a WebSocket */
};

struct http_request {
    struct conn conn;
    enum request_state state;
    enum http_method method;
    bool upgrade, keep_alive;
    bool body_endless;  /* no length was given: libwebsockets goes on waiting for a body */
    uint64_t body_left; /* bytes not yet read */
    uint64_t dropped;   /* bytes read while lingering */
    struct buf body;
    http_body_fn received;
    void *received_arg;
    http_gone_fn gone;
    void *gone_arg;
    struct buf out; /* headers, and the body if it is not a file's */
    size_t out_at;
    int file; /* or -1 */
    uint64_t file_left;
    struct turn_item turn;
    struct watch_item watch;
    const struct ws_events *ws_events;
    void *ws_arg;
    size_t ws_max;
    char *ws_headers;
    char path[];
};

/* Callbacks of libwebsockets, by what they are about; as its callback returns: −1 closes. */
int request_on_upgrade(struct transport *transport, struct lws *wsi);
int request_on_headers(struct transport *transport, struct lws *wsi);
int request_on_body(struct http_request *self, const void *data, size_t len);
int request_on_body_end(struct http_request *self);
int request_on_writable(struct http_request *self);
int request_on_upgrade_headers(struct http_request *self, struct lws_process_html_args *out);
/* The connection is gone. */
void request_on_closed(struct http_request *self);
void request_free(struct http_request *self);
/* The header came, though perhaps empty. */
bool request_has(const struct http_request *self, enum lws_token_indexes header);

int ws_on_established(struct http_request *request);
int ws_on_receive(struct ws *self, const void *data, size_t len);
int ws_on_writable(struct ws *self);
void ws_on_closed(struct ws *self);
void ws_free_spares(struct transport *transport);

/* The files (files.c): answers a GET or HEAD, with 404 if need be. */
void files_answer(struct http_request **request, const char *directory);

/* http_answer with this file's next len bytes as the body; takes the descriptor. */
void http_answer_file(struct http_request **self, const struct http_answer *answer, int file,
                      uint64_t len);

/* Writes as it is, without framing by libwebsockets. −1: the connection is broken. */
int conn_write(struct conn *conn, const void *data, size_t len);
/* Something of earlier writes still waits inside libwebsockets. */
bool conn_is_choked(const struct conn *conn);
/* Ends the connection at once, as if the peer had gone; its callbacks run. Not from a callback of
 * libwebsockets. */
void conn_break(struct conn *conn);
