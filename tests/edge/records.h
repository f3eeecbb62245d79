/* Records for the tests of what is written of them. */
#pragma once

#include "base/buf.h"
#include "base/wire.h"

static inline struct id id_with(uint8_t first)
{
    struct id id = {{first, 1, 2, 3}};

    return id;
}

/* Its body is made in `body`, which is the caller's. */
static inline struct wire_event message(struct buf *body, const char *text)
{
    struct wire_body_message content = {.text = wire_text(text), .reply_to = 5};

    buf_init(body, 4096);
    wire_body_message_encode(body, &content);
    return (struct wire_event){.conversation = id_with(1),
                               .seq = 7,
                               .kind = WIRE_KIND_MESSAGE_CREATED,
                               .actor = id_with(2),
                               .client_id = wire_text("c1"),
                               .at_ms = 1800000000007,
                               .body = wire_buf(body)};
}
