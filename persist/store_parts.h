/* What is handed to a store and what it hands out. */
#pragma once

#include "base/wire.h"

#define STORE_SCHEMA 1        /* version of what lies on disk; open() upgrades older ones */
#define STORE_APPEND_MAX 1024 /* events of one append */

struct store_place {
    const char *kind; /* "sqlite" or "mongodb" */
    const char *path; /* of the SQLite file */
    int cache_mb;     /* of its pages that this handle may keep in memory; 0: SQLite's default */
    const char *uri, *database;
    bool writer; /* makes and upgrades the schema; readers find it made */
};

/* What the last event of a conversation says of it. */
struct store_head {
    uint8_t kind; /* 0: there is no such conversation, or only voids */
    uint64_t seq, messages, last_message, at_ms;
};

struct store_conversation {
    uint8_t kind;
    struct wire_bytes title; /* borrows from the handle until its next call */
    uint64_t member_count;
};

/* Numbers first…last of a log, both included (last 0: to its end), at most limit events. */
struct store_range {
    struct id conversation;
    uint64_t first, last;
    uint32_t limit;
    bool descending;
    bool messages; /* message.created only */
};

struct store_due {
    struct id conversation;
    uint64_t seq;
    uint32_t tries;
};

/* False: that was enough. */
typedef bool store_event_fn(void *arg, const struct wire_event *event);
typedef bool store_id_fn(void *arg, const struct id *id);
typedef bool store_member_fn(void *arg, const struct wire_member *member);
typedef bool store_holding_fn(void *arg, const struct wire_holding *holding);
typedef bool store_user_fn(void *arg, const struct wire_user *user);
typedef bool store_session_fn(void *arg, const struct wire_session *session);
typedef bool store_due_fn(void *arg, const struct store_due *due);

/* A refresh hash that was exchanged for another, once and for all. */
struct store_spent {
    struct id session;
    struct wire_bytes old_hash, new_hash, idempotency;
    uint64_t at_ms;
};

enum store_login { STORE_BY_USERNAME, STORE_BY_EMAIL };
