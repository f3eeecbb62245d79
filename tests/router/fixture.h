/* People, conversations and posts for the router's tests. */
#pragma once

#include "router/post.h"

struct id person(unsigned which); /* never zero; in partition `which` */

/* The body of each kind, made in buf. */
struct wire_bytes body_text(struct buf *buf, const char *text);
struct wire_bytes body_reply(struct buf *buf, uint64_t reply_to);
struct wire_bytes body_member(struct buf *buf, unsigned user, uint8_t role);
/* kind direct or group, people 1…count; the first is the owner of a group. */
struct wire_bytes body_created(struct buf *buf, uint8_t kind, const unsigned *people, size_t count);

/* A group that person 1 made by client id "made", and the pair of 1 and 2. */
struct id group(void);
struct id pair(void);

struct said {
    struct id conversation; /* zero: group() */
    uint8_t kind;           /* 0: message.created */
    unsigned actor;
    const char *client_id;
    uint64_t fingerprint;
    struct wire_bytes body; /* empty: a message's */
    uint64_t edge;
    uint64_t trace;
    uint64_t at_ms;
    uint32_t epoch;
    uint64_t number;
    bool came_before;
};

/* Header and body of its frame; the body lies in buf. */
struct wire_head said_frame(const struct said *said, struct buf *buf, struct wire_bytes *ret_body);
/* The post, as the router makes it of the frame; fails the test when it is refused. */
struct post *said_post(const struct said *said);
