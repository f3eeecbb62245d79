/* Which conversations are in memory: found by id, dropped by partition, and the one unused for
 * longest makes room. For conversation.c alone. */
#pragma once

#include <sys/queue.h>
#include <uthash.h>

#include "router/load.h"
#include "router/memory.h"
#include "router/post.h"

struct conversation {
    UT_hash_handle hh;
    TAILQ_ENTRY(conversation) idle;      /* among those with nothing in flight, oldest first */
    TAILQ_ENTRY(conversation) neighbour; /* of the same partition */
    struct id id;
    struct post_list waiting; /* not looked at yet, in order */
    struct post_list pending; /* have a number, and no verdict yet, in order */
    size_t waiting_count, pending_count;
    struct post *barrier; /* the last of pending: nothing is taken behind it */
    struct load load;
    struct memory_recents recents;
    struct memory_members members;
    uint64_t head, messages, last_message; /* as of the last number given out */
    uint64_t stored_messages, stored_last; /* as of the last verdict: what the store counts */
    uint8_t kind;                          /* enum wire_conversation_kind; 0: there is none */
    uint8_t partition;
    bool is_loaded;
    bool is_idle;
    bool is_unsure; /* loaded again because the store knew better */
    uint32_t told;  /* the last recording (tap.h) that knows of it */
};

TAILQ_HEAD(conversation_list, conversation);

struct conversation_table {
    struct conversation *by_id;
    struct conversation_list idle;
    struct conversation_list of[ID_PARTITIONS];
    size_t most;
    uint64_t seed;
};

void conversation_table_init(struct conversation_table *self, size_t most);

struct conversation *conversation_table_find(struct conversation_table *self, const struct id *id);
/* A new one, not idle. NULL: there are as many as may be and all have something in flight. */
struct conversation *conversation_table_add(struct conversation_table *self, const struct id *id);
/* It must have no posts and no load. */
void conversation_table_remove(struct conversation_table *self, struct conversation *conversation);

void conversation_table_set_busy(struct conversation_table *self,
                                 struct conversation *conversation);
/* One that does not exist in the store is the first to go. */
void conversation_table_set_idle(struct conversation_table *self,
                                 struct conversation *conversation);
