/* Durable jobs: rows that are there while there is something to do. */
#include "persist/store_sqlite.h"

int sqlite_jobs(struct store *base, uint32_t kind, uint64_t now_ms, uint32_t limit,
                store_due_fn *fn, void *arg)
{
    AUTO(sqlite_done) struct query query = sqlite_query(sqlite_of(base), SQL_JOBS);
    int rc;

    sqlite_put_number(&query, kind);
    sqlite_put_number(&query, now_ms);
    sqlite_put_number(&query, limit);
    while ((rc = sqlite_step(&query)) == 1) {
        struct store_due due = {
            .conversation = sqlite_id(&query, 0),
            .seq = sqlite_number(&query, 1),
            .tries = (uint32_t)sqlite_number(&query, 2),
        };

        if (!fn(arg, &due))
            return 0;
    }
    return rc;
}

int sqlite_job_settle(struct store *base, const struct wire_job_settle *settle, uint32_t tries)
{
    enum sqlite_sql sql = settle->state == WIRE_JOB_DONE    ? SQL_JOB_DONE
                          : settle->state == WIRE_JOB_RETRY ? SQL_JOB_RETRY
                                                            : SQL_JOB_DEAD;
    struct query query = sqlite_query(sqlite_of(base), sql);

    if (sql == SQL_JOB_RETRY) {
        sqlite_put_number(&query, tries);
        sqlite_put_number(&query, settle->retry_ms);
    }
    sqlite_put_id(&query, &settle->conversation);
    sqlite_put_number(&query, settle->seq);
    sqlite_put_number(&query, settle->kind);
    return sqlite_run(&query);
}
