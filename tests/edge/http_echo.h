/* Plain HTTP for tests of the transport, below /http/:
 *   echo      POST, PUT, PATCH: the body comes back; others: method, query parameter q, header
 * x-test later     the same as echo, but answered after ?ms= milliseconds big       ?bytes= bytes
 *   gone      how many waiting requests have gone, as a number
 *   stats     counters as JSON, with the turns of the loop so far
 *   flood     WebSocket: "N S" sends N messages of S bytes at once */
#pragma once

#include "edge/transport/lws.h"

struct http_echo {
    uv_loop_t *loop;
    struct transport *transport;
    unsigned gone;
    uv_prepare_t prepare;
    uint64_t turns;
    struct waiting *waiting;
};

void http_echo_init(struct http_echo *self, struct transport *transport);
bool http_echo_request(struct http_echo *self, struct http_request *request);
void http_echo_done(struct http_echo *self);
