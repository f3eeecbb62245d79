/* Listening to one router: asks it to tell what enters and leaves, and writes that into a
 * recording. Goes on when the router is another process all of a sudden. */
#pragma once

#include "admin/control.h"
#include "base/recording.h"

#define LISTENER_MORE_MS 50            /* a sign of life to the router … */
#define LISTENER_MORE_BYTES (1u << 20) /* … and after so many bytes */
#define LISTENER_AGAIN_MS 1000         /* an unanswered start is asked again */

/* Embedded; zeroed, and daemon set. */
struct listener {
    const char *daemon;
    zsock_t *sock;
    uint64_t partitions;
    uint64_t trace;               /* of the last start; chunks of others are of the past */
    uint64_t number;              /* of the last chunk */
    uint64_t boot;                /* of the router that spoke last */
    uint64_t received, confirmed; /* bytes */
    uint64_t more_ms, start_ms;   /* when they were sent */
    int64_t shift_us;             /* from the router's clock to the recording's */
    bool has_shift;
    bool is_begun;   /* it tells */
    bool was_begun;  /* it did once */
    bool is_stopped; /* it has told all */
    bool is_refused; /* somebody else records */
};

/* Where it goes. */
struct listener_file {
    struct recording_writer *writer;
    uint64_t began_us; /* by our clock */
    uint64_t last_us;  /* time of the last record */
};

int listener_open(struct listener *self, struct place *place) MUST_CHECK;
void listener_close(struct listener *self);

/* Asks, confirms, and (stop) asks for the end, as it is due. */
void listener_tick(struct listener *self, uint64_t now_ms, bool stop);
/* Takes what has come. -errno: it could not be written. */
int listener_read(struct listener *self, struct listener_file *file) MUST_CHECK;
