/* Bytes to be sent to any number of clients: framed once for WebSocket, shared by counted
 * references, never changed after they are made. */
#pragma once

#include "base/base.h"

struct payload;

/* What is sent: a text message, or a binary one. The content is the pieces one after another; they
 * are copied. The caller holds the first reference. */
struct payload_piece {
    const void *data;
    size_t len;
};
struct payload *payload_new(bool binary, const struct payload_piece *pieces, size_t count);
struct payload *payload_text(const char *text);

/* All of them together, with the places in queues that refer to them: about how many bytes of
 * memory that takes, how many it may take (no limit at first), and whether it takes more. Then
 * nothing more is to wait for anybody who is slow. */
size_t payload_memory(void);
void payload_limit_memory(size_t most);
bool payload_is_scarce(void);

struct payload *payload_ref(struct payload *self);
void payload_unref(struct payload **self); /* for AUTO too */

bool payload_is_binary(const struct payload *self);

/* Says of a message, before it is first sent, that a queue at its limit may drop it: its reader can
 * ask for what it held. Never one of several that belong together. */
void payload_set_droppable(struct payload *self);
bool payload_is_droppable(const struct payload *self);

/* The message itself … */
const uint8_t *payload_content(const struct payload *self, size_t *ret_len);
/* … and with its WebSocket frame around it. */
const uint8_t *payload_frame(const struct payload *self, size_t *ret_len);
