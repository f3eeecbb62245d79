/* The edge's server: HTTP/1.1, WebSocket and static files on one port, on the caller's libuv loop.
 * This folder is the one place that calls libwebsockets. See http.h and ws.h for what arrives. */
#pragma once

#include <uv.h>

#include "edge/transport/http.h"
#include "edge/transport/timers.h"
#include "edge/transport/turn.h"
#include "edge/transport/ws.h"

struct transport;

struct transport_options {
    const char *address; /* to bind, IPv4 or IPv6 */
    unsigned port;       /* 0: an ephemeral one */
    const char *files;   /* directory served at /, or NULL */
    const char *cert;    /* PEM files: TLS; or both NULL */
    const char *key;
    size_t queue_bytes;    /* what may wait for one WebSocket … */
    size_t queue_messages; /* … at its limit ws_send refuses */
    unsigned stall_s;      /* so long a client may take nothing of an answer; 0: for ever */

    /* Every request, upgrades too. false: not taken; the files are looked at, then 404. Taken: it
     * must be answered once (http.h). */
    bool (*request)(void *arg, struct http_request *request);
    void *arg;
};

/* Counts since the start, and what is there now. */
struct transport_stats {
    uint64_t requests;   /* HTTP requests, upgrades too */
    uint64_t refused;    /* of them: refused for their form (411, 400, wrong upgrade) */
    uint64_t held;       /* now: taken and not answered */
    uint64_t websockets; /* now: open */
    uint64_t frames_out; /* messages sent to WebSockets … */
    uint64_t writes;     /* … by so many writes */
    uint64_t bytes_out;
    uint64_t messages_in;
    uint64_t overflows; /* ws_send refused at the queue limit */
};

/* Starts to listen. options is copied, its strings too. -EADDRINUSE, -EADDRNOTAVAIL, -EACCES: the
 * address; -EINVAL: certificate or key do not load; -ENOSYS: libwebsockets lacks its libuv part
 * (package libwebsockets-evlib-uv). */
int transport_new(struct transport **ret, uv_loop_t *loop, const struct transport_options *options)
    MUST_CHECK;

/* Ends every connection (requests are gone, WebSockets closed, by their callbacks), and turns the
 * loop until all handles of its own are closed. Not from within a callback. */
void transport_free(struct transport **self);

unsigned transport_port(const struct transport *self);
const struct transport_stats *transport_stats(const struct transport *self);

/* The end of the loop's turn, and deadlines: shared by all that lives on this transport. */
struct turn *transport_turn(struct transport *self);
struct timers *transport_timers(struct transport *self);
