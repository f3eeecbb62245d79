/* The codec of Socket.IO v5 packets: pure, no I/O, no JSON library. A decoded packet borrows from
 * the text it was decoded from. */
#pragma once

#include "base/buf.h"

#define PACKET_ATTACHMENTS 10            /* at most in one packet */
#define PACKET_ID_MAX ((1ULL << 53) - 1) /* what a JavaScript number holds */
#define PACKET_NAMESPACE 128             /* bytes of a namespace's name, at most */

enum packet_type {
    PACKET_CONNECT,
    PACKET_DISCONNECT,
    PACKET_EVENT,
    PACKET_ACK,
    PACKET_CONNECT_ERROR,
    PACKET_BINARY_EVENT,
    PACKET_BINARY_ACK,
};

struct packet_view {
    const char *data;
    size_t len;
};

struct packet {
    enum packet_type type;
    unsigned attachments; /* binary messages that follow; only of binary types, 1 … 10 */
    bool has_id;
    uint64_t id;
    struct packet_view namespace; /* "/" when it was left out */
    struct packet_view json;      /* empty when there is none; not looked at */
};

/* -EPROTO when the text is no packet. */
int packet_decode(struct packet *ret, const char *text, size_t len) MUST_CHECK;

/* Appends its shortest text. */
void packet_encode(struct buf *out, const struct packet *packet);

/* Whether text is JSON as browsers understand it (RFC 8259), nested no deeper than 512: also what a
 * stricter parser refuses, as lone surrogates, NUL and numbers too large. */
bool packet_json_is_valid(const char *text, size_t len);
