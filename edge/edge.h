/* The edge as a whole: transport, doors and the ways to the other daemons on one libuv loop. */
#pragma once

#include "base/service.h"

struct edge;

/* The edge's keys, for main.c's table: see edge/api/api.h and edge/api/backend.h for the rest. */
#define EDGE_KEYS                                                                           \
    CONF_TEXT("edge/host", "127.0.0.1", "address to listen on"),                            \
        CONF_NUMBER("edge/port", 8080, 0, 65535, "port to listen on; 0: any"),              \
        CONF_PATH("edge/web", "", "folder of the web client, served at /; none: no pages"), \
        CONF_PATH("edge/tls_cert", "", "PEM certificate chain; none: no TLS"),              \
        CONF_PATH("edge/tls_key", "", "PEM key of it"),                                     \
        CONF_NUMBER("edge/connections", 20000, 1, 1000000,                                  \
                    "Socket.IO connections; beyond, handshakes are answered 503"),          \
        CONF_NUMBER("edge/handshakes_rate", 1000, 1, 1000000,                               \
                    "handshakes a second; beyond, they are answered 503"),                  \
        CONF_NUMBER("edge/handshakes_burst", 1000, 1, 1000000, "… at once"),                \
        CONF_NUMBER("edge/connects_rate", 500, 1, 1000000,                                  \
                    "CONNECTs a second; beyond, they wait"),                                \
        CONF_NUMBER("edge/connecting", 64, 1, 10000,                                        \
                    "CONNECTs whose conversations are loaded at a time; more wait"),        \
        CONF_NUMBER("edge/connects_waiting", 5000, 1, 1000000,                              \
                    "CONNECTs that wait; beyond, handshakes are answered 503"),             \
        CONF_NUMBER("edge/queue_bytes", 4194304, 65536, 268435456,                          \
                    "bytes that may wait for one client; beyond, its events are dropped"),  \
        CONF_NUMBER("edge/queue_messages", 8192, 16, 1000000,                               \
                    "messages that may wait for one client"),                               \
        CONF_NUMBER("edge/queues_megabytes", 256, 1, 1000000,                               \
                    "memory of what waits for all clients together"),                       \
        CONF_NUMBER("edge/expiring_s", 60, 1, 3600,                                         \
                    "seconds before its token ends that a socket is told")

/* Listens and starts. What is wrong has been logged when it fails. */
int edge_new(struct edge **ret, struct service *service) MUST_CHECK;
void edge_free(struct edge **self);

/* Until SIGINT or SIGTERM. */
void edge_run(struct edge *self);
