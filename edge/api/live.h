/* The Socket.IO door: who may connect, events onto calls, and the log's events out to the sockets
 * of everybody concerned. */
#pragma once

#include "edge/api/admission.h"
#include "edge/api/call.h"

struct live;

struct live_options {
    unsigned connections;               /* at most; beyond: 503 at the handshake */
    size_t queue_bytes, queue_messages; /* what may wait for one client */
    uint64_t expiring_s;                /* so long before its end a token's holder is told */
    struct admission_limits admission;
};

/* Serves on the transport. api is borrowed. */
int live_new(struct live **ret, struct api *api, struct transport *transport,
             const struct live_options *options) MUST_CHECK;
/* Closes every socket; acknowledgements go nowhere from then on. Before interest ends. */
void live_close(struct live *self);
void live_free(struct live **self);

/* Takes a request to its path: true. */
bool live_request(struct live *self, struct http_request *request);

const struct engineio_stats *live_stats(const struct live *self);

/* For interest; their arg is the live. */
extern const struct interest_ops live_interest_ops;
