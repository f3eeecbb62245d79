/* A store: the interface to what lies on disk, as a struct of functions. Two implementations, one
 * contract (tests/persist/test_store.c runs over both). What the log means (clipping, pages, sync)
 * is written over it, in query_*.c.
 *
 * Functions return 0 or a negative errno, and never log: -EAGAIN nothing is known, do the same
 * again; -ENOENT, -EEXIST as said below; -EROFS read-only, -ENOSPC full, -EIO and the rest: broken,
 * close and open again. After a failure other than -ENOENT and -EEXIST `why` is a sentence for the
 * operator. Repeating any of them is harmless. A handle belongs to one thread; what a callback is
 * given borrows until it returns, and it must not use the store. */
#pragma once

#include "persist/store_parts.h"

struct store {
    const struct store_ops *ops; /* first member of every implementation */
    char why[300];
    uint64_t writes;        /* write commands sent (MongoDB) … */
    uint64_t unsafe_writes; /* … and those of them without majority and journal: must stay 0 */
    uint64_t settled;       /* events whose outcome had to be found out */
    bool is_doubtful;       /* all is well, but for this process: it must end, without closing it */
};

#define STORE_OP(name, ...) int (*name)(struct store * self, __VA_ARGS__)

struct store_ops {
    const char *kind;
    uint8_t durability; /* enum wire_durability */

    /* On failure *ret_why is the sentence (free()). -EPROTONOSUPPORT: a newer schema. */
    int (*open)(struct store **ret, const struct store_place *place, char **ret_why);
    void (*close)(struct store **self);
    /* What is read between view(true) and view(false) is of one instant where the store can do
     * that. */
    STORE_OP(view, bool begin);

    /* The events with the numbers that the router gave, in order, durably; one verdict each (not
     * `fenced`, which the caller judges): see enum wire_verdict_kind and judge.h. The members,
     * titles and jobs that follow are in the store when it returns. messages and last_message are
     * counted here. */
    STORE_OP(append, const struct wire_event *events, size_t count, struct wire_verdict *ret);

    /* A writer's: what the conversation's events say of members and titles is in the store when it
     * returns, also what a writer that died, or whose append came late, had left undone. */
    STORE_OP(settle, const struct id *conversation);

    /* Inserts role/partition/epoch of each, at most ID_PARTITIONS; *ret_taken: a mask of those, by
     * their place here, that somebody has. */
    STORE_OP(claim, const struct wire_holding *holdings, size_t count, uint64_t *ret_taken);
    /* The highest epoch of every partition of the role, ascending by partition. */
    STORE_OP(holdings, uint8_t role, store_holding_fn *fn, void *arg);

    /* -ENOENT: nothing was ever stored there. */
    STORE_OP(head, const struct id *conversation, struct store_head *ret);
    STORE_OP(conversation, const struct id *conversation, struct store_conversation *ret);
    STORE_OP(events, const struct store_range *range, store_event_fn *fn, void *arg);
    /* The event under a key of judge_key: -ENOENT there is none. */
    STORE_OP(known, const struct id *conversation, const struct id *key, struct wire_recent *ret);

    /* A user's intervals in one conversation, ascending by from. */
    STORE_OP(intervals, const struct id *conversation, const struct id *user, store_member_fn *fn,
             void *arg);
    /* Current members and current conversations, ascending, after the given id. */
    STORE_OP(members, const struct id *conversation, const struct id *after, uint32_t limit,
             store_member_fn *fn, void *arg);
    STORE_OP(memberships, const struct id *user, const struct id *after, uint32_t limit,
             store_id_fn *fn, void *arg);

    /* -EEXIST: *ret_taken is "username" or "email" (of another user). */
    STORE_OP(user_add, const struct wire_user *user, const char **ret_taken);
    STORE_OP(user_get, const struct id *id, store_user_fn *fn, void *arg);
    STORE_OP(user_login, enum store_login by, struct wire_bytes login, store_user_fn *fn,
             void *arg);
    STORE_OP(user_find, struct wire_bytes prefix, uint32_t limit, store_user_fn *fn, void *arg);
    STORE_OP(user_update, const struct id *id, struct wire_bytes display_name);

    /* hash: of its first refresh secret. -EEXIST when there is such a session. */
    STORE_OP(session_add, const struct wire_session *session, struct wire_bytes hash);
    STORE_OP(session_get, const struct id *id, store_session_fn *fn, void *arg);
    /* Of the user, those not revoked; or (since > 0) those revoked at or after since, of the user
     * or (zero) of anybody, and then in order of time. Not more than 10,000. */
    STORE_OP(session_list, const struct id *user, uint64_t since_ms, store_session_fn *fn,
             void *arg);
    /* session zero: all of the user's. -ENOENT: not one of the user's. */
    STORE_OP(session_revoke, const struct id *user, const struct id *session, uint64_t now_ms);
    /* When this hash was given out. -ENOENT: never. */
    STORE_OP(hash_issued, const struct id *session, struct wire_bytes hash, uint64_t *ret_at_ms);
    /* Exchanges old_hash, and the session was used then. -EEXIST: it was exchanged before, and fn
     * is told for what. */
    STORE_OP(hash_spend, const struct store_spent *spent,
             void (*fn)(void *arg, const struct store_spent *found), void *arg);

    /* Undone jobs of a kind that are due, the oldest first. */
    STORE_OP(jobs, uint32_t kind, uint64_t now_ms, uint32_t limit, store_due_fn *fn, void *arg);
    /* state: enum wire_job_state; tries, retry_ms: for WIRE_JOB_RETRY. */
    STORE_OP(job_settle, const struct wire_job_settle *settle, uint32_t tries);
};

extern const struct store_ops store_sqlite, store_mongo;

/* Claims one alone: -EEXIST when somebody has it. */
int store_claim(struct store *self, const struct wire_holding *holding) MUST_CHECK;

/* The implementation called kind, or NULL. */
const struct store_ops *store_find(const char *kind);
