/* When to give up a connection: who does not answer may be stopped while another process has taken
 * its endpoint over, and only a new connection reaches that one. Quickly at first, then seldom,
 * since each connection waits at a process that is stopped. */
#pragma once

#include "base/base.h"

#define SILENCE_PING_MS 300 /* without an answer … */
#define SILENCE_PING_EVERY_MS 200
#define SILENCE_MS 1000 /* … and then */
#define SILENCE_AGAIN_MS 250
#define SILENCE_LONG_MS 5000 /* from then on … */
#define SILENCE_SELDOM_MS 5000

/* Embedded; zeroed: nothing was asked. */
struct silence {
    uint64_t asked_ms; /* the first question since the last answer; 0: none */
    uint64_t due_ms;   /* when the next connection is made */
    uint64_t ping_ms;  /* … or the next ping is due */
};

static inline void silence_asked(struct silence *self, uint64_t now_ms)
{
    if (self->asked_ms)
        return;
    self->asked_ms = now_ms;
    self->ping_ms = now_ms + SILENCE_PING_MS;
    self->due_ms = now_ms + SILENCE_MS;
}

static inline void silence_answered(struct silence *self)
{
    self->asked_ms = 0;
}

/* true: ask whether it is there at all. Its store may be slow; its loop answers at once, and
 * whoever is only slow must not be asked everything again over a new connection. */
static inline bool silence_wants_ping(struct silence *self, uint64_t now_ms)
{
    if (!self->asked_ms || now_ms < self->ping_ms)
        return false;
    self->ping_ms = now_ms + SILENCE_PING_EVERY_MS;
    return true;
}

/* true: close the socket and open it again, now. */
static inline bool silence_is_over(struct silence *self, uint64_t now_ms)
{
    if (!self->asked_ms || now_ms < self->due_ms)
        return false;
    self->due_ms =
        now_ms + (now_ms - self->asked_ms < SILENCE_LONG_MS ? SILENCE_AGAIN_MS : SILENCE_SELDOM_MS);
    return true;
}
