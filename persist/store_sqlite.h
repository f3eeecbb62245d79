/* What the files of the SQLite store share: the handle, statements, values. */
#pragma once

#include <sqlite3.h>

#include "persist/states.h"
#include "persist/store.h"
#include "persist/store_sqlite_schema.h"

enum sqlite_sql {
#define SQLITE_ENUM(name, text) SQL_##name,
    SQLITE_STATEMENTS(SQLITE_ENUM)
#undef SQLITE_ENUM
        SQL_COUNT
};

struct store_sqlite {
    struct store base;
    sqlite3 *db;
    int lock;                            /* the writer's: a file beside the database; -1: none */
    sqlite3_stmt *statements[SQL_COUNT]; /* prepared at first use */
    struct states *states;               /* rows and kinds of conversations */
    struct buf title;                    /* the one handed out last */
};

struct store_sqlite *sqlite_of(struct store *self);

/* A statement being used: bind its values in order, then step. After an error everything that
 * follows gives that error. */
struct query {
    struct store_sqlite *store;
    sqlite3_stmt *stmt;
    int bound;
    int rc;
};

struct query sqlite_query(struct store_sqlite *self, enum sqlite_sql sql);
void sqlite_done(struct query *query); /* for AUTO: resets it */
void sqlite_put_number(struct query *query, uint64_t value);
void sqlite_put_id(struct query *query, const struct id *id);
void sqlite_put_bytes(struct query *query, struct wire_bytes bytes);
void sqlite_put_null(struct query *query);
/* 1: a row; 0: no (more) row; or a negative errno. */
int sqlite_step(struct query *query);
/* For what yields no rows: 0 or a negative errno (-EEXIST: a unique index). */
int sqlite_run(struct query *query);
int sqlite_simple(struct store_sqlite *self, enum sqlite_sql sql);
/* Rows changed by the last statement. */
int sqlite_changes(struct store_sqlite *self);

uint64_t sqlite_number(struct query *query, int column);
struct id sqlite_id(struct query *query, int column);
struct wire_bytes sqlite_bytes(struct query *query, int column); /* borrows until the next step */

/* Keeps a sentence for `why` and turns SQLite's code into ours. */
int sqlite_error(struct store_sqlite *self, int code);

/* Ends a write transaction: commits when rc is 0, else rolls back. The result is rc or what the
 * commit said. */
int sqlite_end(struct store_sqlite *self, int rc);

/* Members and titles that follow from the event. */
int sqlite_project(struct store_sqlite *self, struct state *state, const struct wire_event *event);

/* The functions of store_sqlite, a file per idea: append, events, members, users, sessions, jobs.
 */
int sqlite_append(struct store *, const struct wire_event *, size_t, struct wire_verdict *);
int sqlite_head(struct store *, const struct id *, struct store_head *);
int sqlite_conversation(struct store *, const struct id *, struct store_conversation *);
int sqlite_events(struct store *, const struct store_range *, store_event_fn *, void *);
int sqlite_known(struct store *, const struct id *, const struct id *, struct wire_recent *);
int sqlite_intervals(struct store *, const struct id *, const struct id *, store_member_fn *,
                     void *);
int sqlite_members(struct store *, const struct id *, const struct id *, uint32_t,
                   store_member_fn *, void *);
int sqlite_memberships(struct store *, const struct id *, const struct id *, uint32_t,
                       store_id_fn *, void *);
int sqlite_claim(struct store *, const struct wire_holding *, size_t, uint64_t *);
int sqlite_holdings(struct store *, uint8_t, store_holding_fn *, void *);
int sqlite_user_add(struct store *, const struct wire_user *, const char **);
int sqlite_user_get(struct store *, const struct id *, store_user_fn *, void *);
int sqlite_user_login(struct store *, enum store_login, struct wire_bytes, store_user_fn *, void *);
int sqlite_user_find(struct store *, struct wire_bytes, uint32_t, store_user_fn *, void *);
int sqlite_user_update(struct store *, const struct id *, struct wire_bytes);
int sqlite_session_add(struct store *, const struct wire_session *, struct wire_bytes);
int sqlite_session_get(struct store *, const struct id *, store_session_fn *, void *);
int sqlite_session_list(struct store *, const struct id *, uint64_t, store_session_fn *, void *);
int sqlite_session_revoke(struct store *, const struct id *, const struct id *, uint64_t);
int sqlite_hash_issued(struct store *, const struct id *, struct wire_bytes, uint64_t *);
int sqlite_hash_spend(struct store *, const struct store_spent *,
                      void (*)(void *, const struct store_spent *), void *);
int sqlite_jobs(struct store *, uint32_t, uint64_t, uint32_t, store_due_fn *, void *);
int sqlite_job_settle(struct store *, const struct wire_job_settle *, uint32_t);
