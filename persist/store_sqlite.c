/* The SQLite store: opening, the schema, statements, errors. Write-ahead log, every commit on disk
 * (synchronous=FULL) before it is answered. */
#include "persist/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "persist/store_sqlite_log.h"

#define STATES_MOST 65536
#define BUSY_TIMEOUT_MS 2000
#define CHECKPOINT_FRAMES 8000
#define TITLE_MAX (1u << 20)

static const char *const texts[] = {
#define SQLITE_SQL_TEXT(name, text) text,
    SQLITE_STATEMENTS(SQLITE_SQL_TEXT)
#undef SQLITE_SQL_TEXT
};

static const char *const upgrades[STORE_SCHEMA] = {SQLITE_UPGRADES};

struct store_sqlite *sqlite_of(struct store *self)
{
    return CONTAINER_OF(self, struct store_sqlite, base);
}

/* ---- errors ---- */

/* A quota is reached: SQLite calls that a failed write, and its own note of why is empty for the
 * write-ahead log; the thread's errno still stands. */
static bool is_over_quota(struct store_sqlite *self, int number)
{
    return sqlite3_extended_errcode(self->db) == SQLITE_IOERR_WRITE &&
           (number == ENOSPC || number == EDQUOT || number == EFBIG);
}

static int errno_of(struct store_sqlite *self, int code)
{
    int number = errno;

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EAGAIN;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CANTOPEN:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    default:
        return is_over_quota(self, number) ? -ENOSPC : -EIO;
    }
}

static const char *advice_of(int rc)
{
    switch (rc) {
    case -EAGAIN:
        return "another program holds its lock";
    case -ENOSPC:
        return "the disk is full: make room, then it goes on by itself";
    case -EROFS:
        return "it is read-only: let this user write to it and to its folder";
    case -EACCES:
        return "it cannot be opened: look at its folder and who may write there";
    case -EBADMSG:
        return "this is no SQLite database, or a damaged one";
    default:
        return "reading or writing it failed";
    }
}

int sqlite_error(struct store_sqlite *self, int code)
{
    int rc = errno_of(self, code);

    if (rc != -EEXIST)
        snprintf(self->base.why, sizeof self->base.why, "the SQLite database: %s (%s)",
                 advice_of(rc), sqlite3_errmsg(self->db));
    return rc;
}

/* ---- statements ---- */

struct query sqlite_query(struct store_sqlite *self, enum sqlite_sql sql)
{
    struct query query = {.store = self, .stmt = self->statements[sql]};
    int code;

    if (query.stmt)
        return query;
    code =
        sqlite3_prepare_v3(self->db, texts[sql], -1, SQLITE_PREPARE_PERSISTENT, &query.stmt, NULL);
    if (code != SQLITE_OK)
        query.rc = sqlite_error(self, code);
    self->statements[sql] = query.stmt;
    return query;
}

void sqlite_done(struct query *query)
{
    if (query->stmt)
        sqlite3_reset(query->stmt); /* repeats what step has said */
}

static void bound(struct query *query, int code)
{
    if (code != SQLITE_OK && query->rc == 0)
        query->rc = sqlite_error(query->store, code);
}

void sqlite_put_number(struct query *query, uint64_t value)
{
    if (query->rc == 0)
        bound(query, sqlite3_bind_int64(query->stmt, ++query->bound, (sqlite3_int64)value));
}

void sqlite_put_bytes(struct query *query, struct wire_bytes bytes)
{
    const void *data = bytes.len ? (const void *)bytes.data : "";

    if (query->rc == 0)
        bound(query,
              sqlite3_bind_blob64(query->stmt, ++query->bound, data, bytes.len, SQLITE_STATIC));
}

void sqlite_put_id(struct query *query, const struct id *id)
{
    sqlite_put_bytes(query, wire_bytes_of(id->bytes, sizeof id->bytes));
}

void sqlite_put_null(struct query *query)
{
    if (query->rc == 0)
        bound(query, sqlite3_bind_null(query->stmt, ++query->bound));
}

int sqlite_step(struct query *query)
{
    int code;

    if (query->rc < 0)
        return query->rc;
    code = sqlite3_step(query->stmt);
    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    query->rc = sqlite_error(query->store, code);
    return query->rc;
}

int sqlite_run(struct query *query)
{
    int rc = sqlite_step(query);

    sqlite_done(query);
    return rc > 0 ? 0 : rc;
}

int sqlite_simple(struct store_sqlite *self, enum sqlite_sql sql)
{
    struct query query = sqlite_query(self, sql);

    return sqlite_run(&query);
}

int sqlite_changes(struct store_sqlite *self)
{
    return sqlite3_changes(self->db);
}

uint64_t sqlite_number(struct query *query, int column)
{
    return (uint64_t)sqlite3_column_int64(query->stmt, column);
}

struct wire_bytes sqlite_bytes(struct query *query, int column)
{
    const void *data = sqlite3_column_blob(query->stmt, column);

    return wire_bytes_of(data, (size_t)sqlite3_column_bytes(query->stmt, column));
}

struct id sqlite_id(struct query *query, int column)
{
    struct wire_bytes bytes = sqlite_bytes(query, column);
    struct id id = {0};

    if (bytes.len == sizeof id)
        memcpy(&id, bytes.data, sizeof id);
    return id;
}

/* ---- transactions ---- */

int sqlite_end(struct store_sqlite *self, int rc)
{
    if (rc == 0)
        rc = sqlite_simple(self, SQL_COMMIT);
    if (rc < 0 && !sqlite3_get_autocommit(self->db)) {
        char why[sizeof self->base.why];

        memcpy(why, self->base.why, sizeof why); /* the first reason is the one to tell */
        if (sqlite_simple(self, SQL_ROLLBACK) == 0)
            memcpy(self->base.why, why, sizeof why);
    }
    if (rc < 0)
        states_clear(self->states); /* rows of it may be undone */
    return rc;
}

static int view(struct store *base, bool begin)
{
    return sqlite_simple(sqlite_of(base), begin ? SQL_BEGIN_READ : SQL_COMMIT);
}

/* ---- opening ---- */

/* One writer per file: what it remembers would be wrong beside another one. The lock ends with the
 * process, however that ends. */
static int lock_file(struct store_sqlite *self, const char *path)
{
    AUTO(buf_done) struct buf name;

    buf_init(&name, 8192);
    buf_printf(&name, "%s-lock", path);
    buf_put(&name, "", 1);
    self->lock = open((const char *)name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock < 0 || flock(self->lock, LOCK_EX | LOCK_NB) == 0)
        return 0; /* where no file can be made SQLite says it better */
    snprintf(self->base.why, sizeof self->base.why,
             "another parley-persist has the SQLite database open");
    return -EAGAIN;
}

static int run_text(struct store_sqlite *self, const char *text)
{
    int code = sqlite3_exec(self->db, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : sqlite_error(self, code);
}

static int pragma_number(struct store_sqlite *self, const char *text, int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(self->db, text, -1, &stmt, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return code == SQLITE_ROW ? 0 : sqlite_error(self, code);
}

static int upgrade_from(struct store_sqlite *self, int64_t version)
{
    char text[80];
    int rc = sqlite_simple(self, SQL_BEGIN_WRITE);

    if (rc < 0)
        return rc;
    for (int64_t i = version; rc == 0 && i < STORE_SCHEMA; i++)
        rc = run_text(self, upgrades[i]);
    snprintf(text, sizeof text, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             SQLITE_APPLICATION_ID, STORE_SCHEMA);
    return sqlite_end(self, rc == 0 ? run_text(self, text) : rc);
}

static int check_schema(struct store_sqlite *self, bool writer)
{
    int64_t version = 0, application = 0, tables = 0;
    int rc = pragma_number(self, "PRAGMA user_version", &version);

    if (rc == 0)
        rc = pragma_number(self, "PRAGMA application_id", &application);
    if (rc == 0)
        rc = pragma_number(self, "SELECT count(*) FROM sqlite_master", &tables);
    if (rc < 0)
        return rc;
    if ((version != 0 || tables != 0) && application != SQLITE_APPLICATION_ID) {
        snprintf(self->base.why, sizeof self->base.why,
                 "the SQLite database belongs to another program");
        return -EBADMSG;
    }
    if (version > STORE_SCHEMA) {
        snprintf(self->base.why, sizeof self->base.why,
                 "the SQLite database has schema %lld, this program knows up to %d: start the "
                 "newer program",
                 (long long)version, STORE_SCHEMA);
        return -EPROTONOSUPPORT;
    }
    if (version == STORE_SCHEMA)
        return 0;
    if (writer)
        return upgrade_from(self, version);
    snprintf(self->base.why, sizeof self->base.why, "the SQLite database is not made yet");
    return -EAGAIN;
}

/* SQLite's own checkpoint after a commit keeps to itself that a sync failed. But then pages look
 * written and may not be, also those of an earlier checkpoint that was not complete, which it does
 * not write again. The log still has them, for the next process, which reads it from its start. */
static int on_commit(void *arg, sqlite3 *db, const char *name, int frames)
{
    struct store_sqlite *self = arg;

    if (frames >= CHECKPOINT_FRAMES &&
        sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK &&
        sqlite3_extended_errcode(db) == SQLITE_IOERR_FSYNC)
        self->base.is_doubtful = true;
    return SQLITE_OK;
}

/* That it can be written is better known now than at the first message. */
static int try_writing(struct store_sqlite *self)
{
    struct query query = sqlite_query(self, SQL_OPENED);

    sqlite_put_number(&query, clock_wall_ms());
    return sqlite_run(&query);
}

static int limit_cache(struct store_sqlite *self, int megabytes)
{
    char text[48];

    snprintf(text, sizeof text, "PRAGMA cache_size = -%d", megabytes * 1024);
    return megabytes == 0 ? 0 : run_text(self, text);
}

static int set_up(struct store_sqlite *self, const struct store_place *place)
{
    int rc;

    if (place->writer && sqlite3_db_readonly(self->db, "main") == 1)
        return sqlite_error(self, SQLITE_READONLY);
    sqlite3_busy_timeout(self->db, BUSY_TIMEOUT_MS);
    /* EXTRA: that the rollback journal of the change to WAL is deleted is on the disk as well. One
     * that came back after a power cut would undo that change, and with it all that is in the log.
     */
    rc = run_text(self, "PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL;"
                        "PRAGMA synchronous = FULL;"
                        "PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;");
    sqlite3_wal_hook(self->db, on_commit, self);
    if (rc == 0)
        rc = limit_cache(self, place->cache_mb);
    if (rc == 0)
        rc = check_schema(self, place->writer);
    if (rc == 0 && place->writer)
        rc = try_writing(self);
    return rc;
}

static void close_store(struct store **base)
{
    struct store_sqlite *self;

    if (!*base)
        return;
    self = sqlite_of(*base);
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(self->statements[i]);
    sqlite3_close(self->db);
    if (self->lock >= 0)
        close(self->lock);
    states_free(&self->states);
    buf_done(&self->title);
    free(self);
    *base = NULL;
}

static int open_store(struct store **ret, const struct store_place *place, char **ret_why)
{
    struct store_sqlite *self = NEW(struct store_sqlite);
    AUTO(close_store) struct store *base = &self->base;
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (place->writer ? SQLITE_OPEN_CREATE : 0);
    int code, rc;

    self->base.ops = &store_sqlite;
    self->lock = -1;
    states_new(&self->states, STATES_MOST);
    buf_init(&self->title, TITLE_MAX);
    rc = place->writer ? lock_file(self, place->path) : 0;
    if (rc == 0) {
        code = sqlite3_open_v2(place->path, &self->db, flags, sqlite_log_vfs());
        rc = code == SQLITE_OK ? set_up(self, place) : sqlite_error(self, code);
    }
    if (rc < 0) {
        *ret_why = base_alloc(1, sizeof self->base.why + strlen(place->path) + 32);
        sprintf(*ret_why, "%s [store/path %s]", self->base.why, place->path);
        return rc;
    }
    *ret = TAKE(base);
    return 0;
}

/* An append is one transaction. */
static int settle(struct store *base, const struct id *conversation)
{
    (void)base;
    (void)conversation;
    return 0;
}

const struct store_ops store_sqlite = {
    .kind = "sqlite",
    .durability = WIRE_DURABILITY_FSYNC,
    .open = open_store,
    .close = close_store,
    .view = view,
    .append = sqlite_append,
    .settle = settle,
    .claim = sqlite_claim,
    .holdings = sqlite_holdings,
    .head = sqlite_head,
    .known = sqlite_known,
    .conversation = sqlite_conversation,
    .events = sqlite_events,
    .intervals = sqlite_intervals,
    .members = sqlite_members,
    .memberships = sqlite_memberships,
    .user_add = sqlite_user_add,
    .user_get = sqlite_user_get,
    .user_login = sqlite_user_login,
    .user_find = sqlite_user_find,
    .user_update = sqlite_user_update,
    .session_add = sqlite_session_add,
    .session_get = sqlite_session_get,
    .session_list = sqlite_session_list,
    .session_revoke = sqlite_session_revoke,
    .hash_issued = sqlite_hash_issued,
    .hash_spend = sqlite_hash_spend,
    .jobs = sqlite_jobs,
    .job_settle = sqlite_job_settle,
};
