/* writer DATABASE SYNCHRONOUS [COUNT]: writes rows into table t(n, data) for ever or COUNT of them,
 * each in a transaction, the first number after those that are there, and says of each what SQLite
 * said: `n 0` after the commit, `n CODE` when it failed (then the number is tried again). It stands
 * for persist: write-ahead log, a reading thread beside it. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_MOST 9000
#define CHECKPOINT_FRAMES 50

/* After a failed sync the pages look written and may not be, also those of an earlier checkpoint
 * that was not complete and that SQLite does not write again: only the log, read anew, has them. */
static int check_point(void *arg, sqlite3 *db, const char *name, int frames)
{
    (void)arg;
    if (frames >= CHECKPOINT_FRAMES &&
        sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK &&
        sqlite3_extended_errcode(db) == SQLITE_IOERR_FSYNC)
        _exit(EXIT_FAILURE);
    return SQLITE_OK;
}

static sqlite3 *open_it(const char *path, const char *synchronous)
{
    char text[200];
    sqlite3 *db = NULL;
    int rc;

    do {
        sqlite3_close(db);
        rc = sqlite3_open(path, &db);
        snprintf(text, sizeof text, "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s",
                 synchronous);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(db, text, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            printf("0 %d\n", rc);
    } while (rc != SQLITE_OK);
    sqlite3_wal_hook(db, check_point, NULL);
    return db;
}

/* -1: it could not be read. */
static int64_t last_of(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int64_t last = -1;

    if (sqlite3_prepare_v2(db, "SELECT max(n) FROM t", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        last = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return last;
}

static int put(sqlite3 *db, int64_t n)
{
    char text[100];

    snprintf(text, sizeof text, "INSERT INTO t VALUES(%lld, randomblob(%lld))", (long long)n,
             (long long)(n * 7919 % DATA_MOST));
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static void *read_on(void *path)
{
    sqlite3 *db = open_it(path, "FULL");

    for (;;)
        sqlite3_exec(db,
                     "SELECT sum(length(data)) FROM (SELECT data FROM t ORDER BY n DESC LIMIT 9)",
                     NULL, NULL, NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    int64_t left = argc > 3 ? atoll(argv[3]) : INT64_MAX, n;
    pthread_t reader;
    sqlite3 *db;

    if (argc < 3)
        return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    db = open_it(argv[1], argv[2]);
    do
        n = last_of(db) + 1;
    while (n == 0);
    if (argc == 3)
        pthread_create(&reader, NULL, read_on, argv[1]);
    for (; left > 0; left--) {
        int rc = put(db, n);

        printf("%lld %d\n", (long long)n, rc);
        n += rc == SQLITE_OK;
    }
    if (strcmp(argv[2], "OFF") == 0)
        pause(); /* open, to be killed */
    return sqlite3_close(db) == SQLITE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
