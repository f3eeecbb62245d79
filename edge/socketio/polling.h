/* The codec of Engine.IO's long-polling payloads: packets joined by 0x1E, binary ones in base64. No
 * I/O. */
#pragma once

#include "base/buf.h"

/* A packet as it came: type is its digit (a binary one is a message, '4'). */
struct polling_packet {
    char type;
    bool binary;
    const void *data; /* without the type */
    size_t len;
};

struct polling_reader {
    const char *at;
    size_t left;
    bool more;          /* a packet is still to come */
    struct buf decoded; /* the last binary packet */
};

/* payload is borrowed. polling_done releases the reader. */
void polling_init(struct polling_reader *self, const void *payload, size_t len);
void polling_done(struct polling_reader *self); /* for AUTO too */

/* 1: a packet, valid until the next call; 0: the end; -EPROTO: it is malformed. An empty payload
 * and an empty packet are. */
int polling_next(struct polling_reader *self, struct polling_packet *ret);

/* Appends a packet to a payload. content of a text packet begins with its type; that of a binary
 * one is the message. */
void polling_put(struct buf *out, bool binary, const void *content, size_t len);
