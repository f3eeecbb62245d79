/* WebSockets: whole messages in, shared payloads out. */
#pragma once

#include "edge/transport/http.h"
#include "edge/transport/payload.h"

struct ws;

/* What its owner hears. user: what opened returned. After closed, and after ws_close, the ws is
 * gone and nothing more is heard. */
struct ws_events {
    /* The client can be written to. request: for its headers and query, valid during the call. */
    void *(*opened)(void *arg, struct ws *ws, struct http_request *request);
    /* One whole message; a text is valid UTF-8. data is valid during the call, and has no NUL at
     * its end. */
    void (*message)(void *user, bool binary, const void *data, size_t len);
    void (*closed)(void *user);
};

/* Accepts the upgrade. Messages above max bytes close the socket with 1009, invalid UTF-8 with
 * 1007. headers: more lines for the answer, each with its "\r\n", or NULL. events is borrowed for
 * good. opened may never be called, when the client goes at once. */
void ws_accept(struct http_request **request, const struct ws_events *events, void *arg, size_t max,
               const char *headers);

/* Sends at the end of the loop's turn, or when the client reads again, in order. Takes a reference
 * of its own. -ENOBUFS: the socket is at its queue limit, nothing was queued; what then is the
 * caller's policy. */
int ws_send(struct ws *self, struct payload *payload);

/* The same without a limit, for what has waited under another one already. */
void ws_append(struct ws *self, struct payload *payload);

/* Forgets what waits and is droppable; returns how many messages. What has begun on the wire is not
 * among them. */
size_t ws_drop(struct ws *self);

/* Sends what waits (for a few seconds at most), then a close frame with the code, and forgets it.
 */
void ws_close(struct ws **self, unsigned code);

size_t ws_queued_bytes(const struct ws *self);
