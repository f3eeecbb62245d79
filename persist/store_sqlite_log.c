/* A VFS over the default one. Only log files get methods of their own; all else is opened by the
 * one below and never comes back here. */
#include "persist/store_sqlite_log.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "base/buf.h"

#define GATHERED_MOST (124u << 10) /* bytes; SQLite's own VFS takes less than 128 KiB at once */
#define NAME "parley-log"

/* What SQLite has room for: this, and the file of the VFS below right behind it. */
struct log_file {
    sqlite3_file base;
    sqlite3_int64 from; /* where the gathered bytes go */
    struct buf gathered;
    sqlite3_file below[];
};

static sqlite3_vfs *below;

static struct log_file *log_of(sqlite3_file *file)
{
    return CONTAINER_OF(file, struct log_file, base);
}

/* What could not be written is gone, and the caller is told: SQLite gives the transaction up. */
static int write_gathered(struct log_file *self)
{
    int code = SQLITE_OK;

    if (self->gathered.len)
        code = self->below->pMethods->xWrite(self->below, self->gathered.data,
                                             (int)self->gathered.len, self->from);
    buf_clear(&self->gathered);
    return code;
}

static int log_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct log_file *self = log_of(file);
    int code = SQLITE_OK;

    if (at != self->from + (sqlite3_int64)self->gathered.len ||
        self->gathered.len + (size_t)len > GATHERED_MOST)
        code = write_gathered(self);
    if (code != SQLITE_OK)
        return code;
    if ((size_t)len > GATHERED_MOST)
        return self->below->pMethods->xWrite(self->below, data, len, at);
    if (self->gathered.len == 0)
        self->from = at;
    buf_put(&self->gathered, data, (size_t)len);
    return SQLITE_OK;
}

static int log_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
    struct log_file *self = log_of(file);
    int code = write_gathered(self);

    return code != SQLITE_OK ? code : self->below->pMethods->xRead(self->below, data, len, at);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *self = log_of(file);
    int code = write_gathered(self);

    return code != SQLITE_OK ? code : self->below->pMethods->xTruncate(self->below, size);
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *self = log_of(file);
    int code = write_gathered(self);

    return code != SQLITE_OK ? code : self->below->pMethods->xSync(self->below, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    struct log_file *self = log_of(file);
    int code = write_gathered(self);

    return code != SQLITE_OK ? code : self->below->pMethods->xFileSize(self->below, ret);
}

static int log_close(sqlite3_file *file)
{
    struct log_file *self = log_of(file);
    int code = write_gathered(self), closed = self->below->pMethods->xClose(self->below);

    buf_done(&self->gathered);
    return code != SQLITE_OK ? code : closed;
}

static int log_lock(sqlite3_file *file, int level)
{
    return log_of(file)->below->pMethods->xLock(log_of(file)->below, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return log_of(file)->below->pMethods->xUnlock(log_of(file)->below, level);
}

static int log_check_lock(sqlite3_file *file, int *ret)
{
    return log_of(file)->below->pMethods->xCheckReservedLock(log_of(file)->below, ret);
}

static int log_control(sqlite3_file *file, int what, void *arg)
{
    return log_of(file)->below->pMethods->xFileControl(log_of(file)->below, what, arg);
}

static int log_sector(sqlite3_file *file)
{
    return log_of(file)->below->pMethods->xSectorSize(log_of(file)->below);
}

static int log_traits(sqlite3_file *file)
{
    return log_of(file)->below->pMethods->xDeviceCharacteristics(log_of(file)->below);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_traits,
};

/* ---- the VFS ---- */

static int open_log(const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct log_file *self = log_of(file);
    int code = below->xOpen(below, path, self->below, flags, ret_flags);

    if (code != SQLITE_OK)
        return code;
    buf_init(&self->gathered, GATHERED_MOST);
    self->from = 0;
    self->base.pMethods = &log_methods;
    return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    (void)vfs;
    file->pMethods = NULL;
    return flags & SQLITE_OPEN_WAL ? open_log(path, file, flags, ret_flags)
                                   : below->xOpen(below, path, file, flags, ret_flags);
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    (void)vfs;
    return below->xDelete(below, path, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
    (void)vfs;
    return below->xAccess(below, path, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int room, char *ret)
{
    (void)vfs;
    return below->xFullPathname(below, path, room, ret);
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *ret)
{
    (void)vfs;
    return below->xRandomness(below, len, ret);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return below->xSleep(below, us);
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
    (void)vfs;
    return below->xCurrentTime(below, ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int room, char *ret)
{
    (void)vfs;
    return below->xGetLastError ? below->xGetLastError(below, room, ret) : 0;
}

static sqlite3_vfs vfs = {
    .iVersion = 1,
    .zName = NAME,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
};

static void install(void)
{
    below = sqlite3_vfs_find(NULL);
    vfs.szOsFile = (int)sizeof(struct log_file) + below->szOsFile;
    vfs.mxPathname = below->mxPathname;
    sqlite3_vfs_register(&vfs, 0);
}

const char *sqlite_log_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, install);
    return NAME;
}
