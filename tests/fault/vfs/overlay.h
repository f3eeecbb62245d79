/* What has been written to a file and not been synced: it lies in the memory of this process alone,
 * in front of the file, so that it is gone when the process is killed, as after a power cut. All
 * connections of the process see the same. Results are SQLite's codes. Safe from any thread. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

struct overlay;

/* An open handle of the file itself. */
struct overlay_user {
    sqlite3_file *real;
    struct overlay_user *next;
};

int overlay_open(struct overlay **ret, const char *path, struct overlay_user *user);
/* What is not synced stays. */
void overlay_close(struct overlay **self, struct overlay_user *user);

int overlay_read(struct overlay *self, sqlite3_file *real, void *data, int len, sqlite3_int64 at);
int overlay_write(struct overlay *self, sqlite3_file *real, const void *data, int len,
                  sqlite3_int64 at);
/* The block at this place goes to the disk unasked, as kernels do that. */
int overlay_write_back(struct overlay *self, sqlite3_file *real, sqlite3_int64 at);
int overlay_truncate(struct overlay *self, sqlite3_int64 size);
sqlite3_int64 overlay_size(struct overlay *self);

/* To the disk block by block, in a random order, taking slow_ms about it: a cut in the middle
 * leaves a torn file. */
int overlay_sync(struct overlay *self, sqlite3_file *real, unsigned slow_ms);
/* Some blocks reach the disk. The others look written, and a later sync, which passes them over,
 * does not help: that is what Linux does after a failed fsync. */
int overlay_fail_sync(struct overlay *self, sqlite3_file *real);
/* All files that are open, as they are at one instant. */
int overlay_sync_all(void);

/* The file is gone for this process, but back after a cut until the deletion is made durable.
 * False: nothing is known of this path, delete it yourself. */
bool overlay_delete(const char *path, bool durable);
/* -1: nothing is known of this path. */
int overlay_exists(const char *path);
