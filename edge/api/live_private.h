/* What the door's files share; nobody else includes this. */
#pragma once

#include "edge/api/admission.h"
#include "edge/api/live.h"
#include "edge/api/reader.h"

#define LIVE_BUCKETS 8192

struct live {
    struct api *api;
    struct live_options options;
    struct socketio *socketio;
    struct timers *timers;
    struct admission *admission;
    struct client *buckets[LIVE_BUCKETS]; /* by user */
    struct readers readers;
    struct buf text; /* what is being said to clients */
};

/* One socket, from CONNECT to its end. */
struct client {
    struct live *live;
    struct client *next, **link;
    struct socketio_socket *socket;
    struct interest_member *member;
    struct token_claims claims;
    struct admission_entry entry;
    struct reader reader;
    struct timer timer; /* its turn does not come; later: the token is about to end, or has */
    bool accepted, warned;
};

/* live.c: the client is told before its token ends, and goes with it */
void live_watch_token(struct client *client);

/* live_calls.c: what clients say, as calls; for socketio_events */
void live_on_event(void *arg, struct socketio_socket *socket, const struct socketio_event *event);
void live_on_invalid(void *arg, struct socketio_socket *socket, const struct socketio_ack *ack);

/* Where JSON text for clients is written … */
static inline struct writer live_begin_text(struct live *self)
{
    buf_clear(&self->text);
    return writer_of(&self->text);
}

/* … and taken from; it holds until the next live_begin_text. */
static inline const char *live_end_text(struct live *self)
{
    buf_put(&self->text, "", 1);
    return (const char *)self->text.data;
}
