/* The parts of fake_bus, for each other. */
#pragma once

#include "tests/edge/fake_bus.h"

/* Puts a frame on its way to the edge. */
void fake_send(struct fake_pipe *pipe, const struct wire_head *head, const struct buf *body);

/* A frame that came to the daemon at the other end of the pipe, a router. */
void fake_router_take(struct fake *self, struct fake_pipe *pipe, const struct wire_head *head,
                      struct wire_bytes body);
void fake_router_beat(struct fake *self, struct fake_router *router);

/* Encodes the reply to a question into out and returns its type. */
enum wire_type fake_persist_answer(struct fake *self, uint8_t type, struct wire_bytes question,
                                   struct buf *out);
