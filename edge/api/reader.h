/* One socket as the reader of the log. It gets every event as it comes, until it is so slow that
 * events for it were dropped: then it is told to `sync`, once, and gets none until that is
 * answered. What comes while it is being answered is held back and follows the answer: what was
 * committed before the call is in the answer, what comes after it is here. */
#pragma once

#include "base/id.h"
#include "base/stat.h"
#include "edge/transport/payload.h"

/* What sockets get of an event. */
struct reader_event {
    struct payload *payload;
    struct id conversation;
    uint64_t seq;
};

/* Why a reader has to `sync`. */
enum reader_cause {
    READER_SLOW,   /* events that waited for it were dropped */
    READER_UNSURE, /* after a fault the edge cannot tell whether there was something for it */
};

struct reader_ops {
    /* For want of room, reader_fall_behind is called from within. */
    void (*send)(void *socket, struct payload *event);
    void (*resync)(void *socket, enum reader_cause cause); /* says that it has to sync */
};

/* What all readers share. */
struct readers {
    const struct reader_ops *ops;
    size_t hold_bytes, hold_events; /* held back for one at most, about; then it must sync anew */
    uint64_t calls;                 /* of `sync`, by sockets that were too slow */
    uint64_t *resyncs, *withheld;   /* counters */
};

/* Its lists are on the heap, and only while they are needed. */
struct reader {
    struct readers *readers; /* borrowed, as is the socket */
    void *socket;
    struct catch_up *behind; /* NULL: it is not */
    struct mark *marks;      /* events to come that an answer has told already … */
    struct mark *telling;    /* … or is about to tell */
    unsigned mark_count;
};

void readers_init(struct readers *self, const struct reader_ops *ops, struct stat_set *stats);
void reader_init(struct reader *self, struct readers *readers, void *socket);
void reader_done(struct reader *self);

void reader_send(struct reader *self, const struct reader_event *event);
/* It misses events, or may. */
void reader_fall_behind(struct reader *self, enum reader_cause cause);

/* It calls `sync`: the number of the call if it is behind, else 0. The last call is the one that
 * counts. */
uint64_t reader_on_sync(struct reader *self);
/* Up to where an answer tells a conversation, and where its events are handed out at this moment:
 * the store may be ahead. */
struct reader_told {
    struct id conversation;
    uint64_t seq, seen;
};
/* The answer that is given next tells it. Whether it was behind or not, what it is told so does not
 * come again as an event. */
void reader_on_told(struct reader *self, const struct reader_told *told);

/* What became of a call: complete is an answer with all that there was. */
enum reader_answer { READER_FAILED, READER_PARTIAL, READER_COMPLETE };
void reader_on_answered(struct reader *self, uint64_t call, enum reader_answer answer);
