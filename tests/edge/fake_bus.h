/* Routers and persist workers in memory, on virtual time, behind the pipes of the edge's bus side:
 * what the real ones promise, and on request what goes wrong with them. */
#pragma once

#include "edge/api/backend.h"
#include "edge/api/list.h"

#define FAKE_ROUTERS 2
#define FAKE_CONVERSATIONS 40
#define FAKE_MEMBERS 16
#define FAKE_EVENTS 1200
#define FAKE_SEEN 4000

struct fake;

struct fake_pipe {
    struct pipe pipe;
    struct fake *fake;
    char name[TOPOLOGY_NAME_MAX + 1];
    enum topology_channel channel;
    pipe_fn *on_frame;
    void *arg;
    bool closed;
    struct list all;
};

struct fake_conversation {
    struct id id;
    struct buf events[FAKE_EVENTS]; /* records event; number i + 1 */
    uint64_t head;
    struct wire_member members[FAKE_MEMBERS];
    size_t member_count;
};

struct fake_router {
    const char *name;
    uint64_t boot;
    uint32_t epoch;
    bool up;
    bool knows;    /* the edge */
    bool early;    /* takes no posts yet: they vanish */
    bool silent;   /* stores, but neither answers nor delivers */
    uint64_t sent; /* last number of the stream */
    uint64_t expected[ID_PARTITIONS];
    bool wants[FAKE_CONVERSATIONS];
    unsigned lose_posts;  /* so many frames of the intake vanish */
    unsigned lose_stream; /* so many frames of the stream vanish, their numbers are used up */
    unsigned lose_confirmations;
    unsigned posts, gaps, interests, resets, offs; /* seen or sent */
};

struct fake {
    struct pipes pipes; /* first */
    struct topology topology;
    struct backend *backend;
    struct list pipes_open, out, in, held;
    bool woken, full;
    uint64_t now_ms;
    struct fake_router routers[FAKE_ROUTERS];
    uint8_t holder[ID_PARTITIONS]; /* index into routers */
    uint32_t epoch[ID_PARTITIONS]; /* as claimed */
    uint64_t persist_boot;
    bool persist_up;
    const char *persist_trouble;
    uint8_t hold;        /* replies of this type wait for fake_release */
    unsigned asked[256]; /* questions by type */
    struct fake_conversation *conversations[FAKE_CONVERSATIONS];
    size_t conversation_count;
    struct id revoked_user, revoked_session; /* what session_list answers, if any */
    unsigned ended;    /* … and so many sessions, 100 ms apart, some of them per answer */
    uint64_t ended_ms; /* when the last of them ended */
    /* What the owner of the backend saw. */
    unsigned revocations, rendered, released;
    struct id last_revoked;
};

/* A socket, and what it got. */
struct fake_socket {
    struct fake *fake;
    struct interest_member *member;
    struct id user;
    unsigned told; /* how often a join was answered */
    enum wire_result joined;
    bool lost;
    unsigned behind;    /* so often it was told to sync */
    bool leave_at_next; /* leaves while it is handed an event */
    size_t count;
    struct {
        struct id conversation;
        uint64_t seq;
        uint8_t kind;
    } seen[FAKE_SEEN];
};

extern const struct backend_limits fake_limits;

/* One router "router" holds everything at epoch 1; one worker "persist". With limits NULL there is
 * no backend. */
struct fake *fake_new(const struct backend_limits *limits);
void fake_free(struct fake **self);

/* Lets virtual time pass, everybody doing their work meanwhile. */
void fake_run(struct fake *self, uint64_t ms);
/* Lets the replies held back go. */
void fake_release(struct fake *self);

struct id fake_id(unsigned number); /* the same for the same number; partition = number % 64 */

/* ---- the store ---- */
struct fake_conversation *fake_converse(struct fake *self, unsigned number,
                                        const struct id *members, size_t count);
/* Stores an event and returns its number; nobody is told. */
uint64_t fake_store(struct fake *self, struct fake_conversation *conversation, uint8_t kind,
                    const struct id *user, const char *client_id);
/* Tells the edge of a stored event, as the router of the conversation would. */
void fake_deliver(struct fake *self, struct fake_conversation *conversation, uint64_t seq);
/* Both. */
uint64_t fake_say(struct fake *self, struct fake_conversation *conversation);
uint64_t fake_change(struct fake *self, struct fake_conversation *conversation, uint8_t kind,
                     const struct id *user);

/* ---- routers ---- */
/* kill -9 and a new process: it has forgotten everything and claims its partitions anew. */
void fake_restart(struct fake *self, struct fake_router *router);
/* The router claims these partitions; the edge hears of it with the next poll. */
void fake_claim(struct fake *self, struct fake_router *router, uint64_t partitions);
void fake_stream(struct fake *self, struct fake_router *router, const struct wire_head *head,
                 const struct buf *body);
struct fake_router *fake_router_of(struct fake *self, const struct id *conversation);

/* ---- sockets ---- */
struct fake_socket *fake_socket_new(struct fake *self, const struct id *user); /* joins */
void fake_socket_free(struct fake_socket **self);                              /* leaves */
/* How many events of the conversation it got; they came in order and without holes, or this fails.
 */
size_t fake_got(const struct fake_socket *self, const struct fake_conversation *conversation);
/* The number of the first of them; 0: none. */
uint64_t fake_first(const struct fake_socket *self, const struct fake_conversation *conversation);
