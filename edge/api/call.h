/* One call of a client, by HTTP or over a socket: what it says, who it is, and its one answer. What
 * a call does is written once, whichever way it came in. It lives until it is answered; a client
 * that goes away changes nothing but that nobody reads the answer. */
#pragma once

#include <jansson.h>

#include "edge/api/api.h"
#include "edge/api/shape.h"
#include "edge/socketio/socketio.h"
#include "edge/socketio/writer.h"

/* More than the largest reply of a worker can become: six bytes for one, and the names. */
#define CALL_ANSWER_MAX (8 * (size_t)WIRE_FRAME_MAX)
#define CALL_KEY 129    /* bytes of an Idempotency-Key, with its end */
#define CALL_DEVICE 129 /* bytes of what a client calls itself, with its end */

enum call_rate { CALL_RATE_OTHER, CALL_RATE_MESSAGE, CALL_RATE_SIGN_IN, CALL_RATE_NONE };

struct call;

/* What a call is: one of these per resource and verb. */
struct call_spec {
    bool open; /* needs no token */
    enum call_rate rate;
    const struct shape_member *shape; /* of the body, the query and the path's parts together */
    void (*run)(struct call *call);   /* answers it, now or later */
};

/* What it came to: HTTP says 200, 201, 200, 204; a socket {ok:true} and, of what is sent once,
 * duplicate. */
enum call_outcome { CALL_DONE, CALL_CREATED, CALL_REPEATED, CALL_EMPTY };

struct call_error {
    enum wire_result code;
    const char *name;        /* NULL: that of the code */
    int http;                /* 0: that of the code */
    uint32_t retry_after_ms; /* of rate_limited and unavailable */
    const char *message;
    json_t *details; /* given away; or NULL */
};

/* The way back. Called once; body (an object as JSON text, or empty) and what the error holds are
 * borrowed. */
struct call_end {
    void (*succeed)(struct call *call, enum call_outcome outcome, struct wire_bytes body);
    void (*fail)(struct call *call, int http, uint32_t retry_after_ms, json_t *error);
    /* Before succeed: the answer tells the conversation up to seq (only `sync` says so). Or NULL.
     */
    void (*told)(struct call *call, const struct id *conversation, uint64_t seq);
};

typedef void call_reply_fn(struct call *call, const struct wire_bytes *reply);
typedef void call_answer_fn(struct call *call, const struct wire_answer *answer, bool resent);

struct call {
    struct api *api;
    const struct call_spec *spec;
    const struct call_end *end;
    void *end_arg;              /* the end's own: an HTTP request, … */
    struct socketio_ack ack;    /* … or where the acknowledgement goes */
    uint64_t catch_up;          /* a `sync` of a socket that is behind: see reader.h */
    bool partial;               /* its answer is not all that there is: it is to be called again */
    struct token_claims claims; /* zero for open calls */
    json_t *input;              /* an object that fits the shape */
    char key[CALL_KEY];
    char device[CALL_DEVICE];
    const char *doubtful; /* the member that is to blame when a router says invalid */
    void *state;          /* of the call's own; freed with it */
    void (*state_done)(void *state);
    call_reply_fn *on_reply;
    call_answer_fn *on_answer;
    struct call *next, **link; /* all that are not answered, in api->calls */
};

struct call *call_new(struct api *api, const struct call_spec *spec, const struct call_end *end);
/* Answers all that are open. */
void call_end_all(struct api *api);

/* Takes a token from the bucket of the user, or of the address for those that need none; false: the
 * call has been answered. */
bool call_admit(struct call *call, const char *address) MUST_CHECK;
/* Counts the call of a user as so many more: of what it names, each costs work elsewhere. */
void call_charge(struct call *call, uint64_t more);
/* Checks input against the shape and runs it. */
void call_run(struct call *call);

/* size zeroed bytes that end with the call; done (or NULL) is called before. */
void *call_state(struct call *call, size_t size, void (*done)(void *state));
void call_state_drop(struct call *call); /* ends it early: another follows */

/* Where the body of a good answer is written, one object, to be sent by call_answer at once. */
struct writer call_write(struct call *call);

/* See call_end's told. */
void call_tell(struct call *call, const struct id *conversation, uint64_t seq);

/* The answers: each ends the call. body: from call_write, or NULL for none. */
void call_answer(struct call *call, enum call_outcome outcome, const struct writer *body);
void call_fail(struct call *call, enum wire_result code, const char *message);
void call_fail_member(struct call *call, const char *member, const char *message);
void call_fail_with(struct call *call, const struct call_error *error);
void call_fail_busy(struct call *call, const char *message); /* unavailable, and when to retry */
