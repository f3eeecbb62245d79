/* The router: takes client events from edges, gives each its number, has them stored, answers and
 * sends them round. This module owns the sockets and the timers and puts the others together. */
#pragma once

#include "base/service.h"

struct router;

/* The keys of section router, for main's table. */
#define ROUTER_KEYS                                                                         \
    CONF_TEXT("router/partitions", "0-63",                                                  \
              "partitions that this router claims unless another one holds them"),          \
        CONF_TEXT("router/standby", "0-63",                                                 \
                  "partitions that it takes over when their holder is silent"),             \
        CONF_NUMBER("router/conversations", 100000, 100, 100000000,                         \
                    "conversations kept in memory; the one unused for longest makes room"), \
        CONF_NUMBER("router/waiting", 1024, 1, 1000000,                                     \
                    "events waiting per conversation; more are answered unavailable"),      \
        CONF_NUMBER("router/held_megabytes", 256, 1, 1000000,                               \
                    "memory of all events on their way; more are answered unavailable"),    \
        CONF_NUMBER("router/interests", 1000000, 1000, 100000000,                           \
                    "conversations that edges may follow; more are refused to them"),       \
        CONF_NUMBER("router/turn", 256, 1, 100000, "frames read from one socket before others")

/* -errno; has logged why. */
int router_new(struct router **ret, struct service *service) MUST_CHECK;
void router_free(struct router **self);
