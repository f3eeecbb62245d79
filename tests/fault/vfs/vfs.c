/* libparley-vfs.so: preloaded into a program (LD_PRELOAD), it puts itself under that program's
 * SQLite as the default file system, over "unix", and does harm:
 *
 *   PARLEY_VFS_DIR=DIR  faults as the file DIR/faults says (faults.h)
 *   PARLEY_VFS_POWER=1  what was not synced is in this process only (overlay.h): its death, however
 *                       it comes, is a power cut
 *   PARLEY_VFS_LIE=1    as well, and a sync says yes and does nothing; the disk's own buffer is
 *                       written every 2 s, and when the file is closed
 *   PARLEY_VFS_SEED=N   the same dice again
 *
 * In a program without SQLite it does nothing. Memory mapping of the database is off; the shared
 * memory beside a write-ahead log is the real one, which is made anew after a death. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/vfs/faults.h"
#include "tests/fault/vfs/overlay.h"

/* Absent in a program that does not use SQLite. */
#pragma weak sqlite3_vfs_find
#pragma weak sqlite3_vfs_register

#define BUFFER_S 2
#define WRITE_BACK 0.03 /* of what is written goes to the disk unasked */
#define KEPT_BACK (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)

/* The real file lies behind it. */
struct file {
    sqlite3_file base;
    struct overlay *overlay; /* NULL: written straight through */
    struct overlay_user user;
};

static sqlite3_vfs *below;
static bool power, lie;

static struct file *file_of(sqlite3_file *base)
{
    return (struct file *)base;
}

static sqlite3_file *real_of(sqlite3_file *base)
{
    return file_of(base)->user.real;
}

/* ---- data ---- */

static int do_close(sqlite3_file *base)
{
    struct file *self = file_of(base);

    if (self->overlay && lie)
        overlay_sync_all();
    if (self->overlay)
        overlay_close(&self->overlay, &self->user);
    return self->user.real->pMethods->xClose(self->user.real);
}

static int do_read(sqlite3_file *base, void *data, int len, sqlite3_int64 at)
{
    struct file *self = file_of(base);

    if (faults_strike(FAULT_IO_READ))
        return SQLITE_IOERR_READ;
    if (self->overlay)
        return overlay_read(self->overlay, self->user.real, data, len, at);
    return self->user.real->pMethods->xRead(self->user.real, data, len, at);
}

static int do_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at)
{
    struct file *self = file_of(base);
    int rc;

    if (faults_strike(FAULT_FULL))
        return SQLITE_FULL;
    if (faults_strike(FAULT_IO_WRITE))
        return SQLITE_IOERR_WRITE;
    if (!self->overlay)
        return self->user.real->pMethods->xWrite(self->user.real, data, len, at);
    rc = overlay_write(self->overlay, self->user.real, data, len, at);
    if (rc == SQLITE_OK && !lie && faults_random() < WRITE_BACK)
        rc = overlay_write_back(self->overlay, self->user.real, at);
    return rc;
}

static int do_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *self = file_of(base);

    if (self->overlay)
        return overlay_truncate(self->overlay, size);
    return self->user.real->pMethods->xTruncate(self->user.real, size);
}

static int do_file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    struct file *self = file_of(base);

    if (!self->overlay)
        return self->user.real->pMethods->xFileSize(self->user.real, ret);
    *ret = overlay_size(self->overlay);
    return SQLITE_OK;
}

/* Every two seconds the buffer of the disk that lies is written, all of it. */
static int pretend(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static time_t written;
    struct timespec now;
    bool due;

    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&lock);
    due = now.tv_sec >= written + BUFFER_S;
    if (due)
        written = now.tv_sec;
    pthread_mutex_unlock(&lock);
    return due ? overlay_sync_all() : SQLITE_OK;
}

static int do_sync(sqlite3_file *base, int flags)
{
    struct file *self = file_of(base);
    unsigned slow_ms = (unsigned)faults_value(FAULT_SLOW_SYNC_MS);

    if (faults_strike(FAULT_IO_SYNC))
        return self->overlay ? overlay_fail_sync(self->overlay, self->user.real)
                             : SQLITE_IOERR_FSYNC;
    if (self->overlay && lie)
        return pretend();
    if (self->overlay)
        return overlay_sync(self->overlay, self->user.real, slow_ms);
    usleep(slow_ms * 1000);
    return self->user.real->pMethods->xSync(self->user.real, flags);
}

/* ---- locks, and what is asked of the file ---- */

static int do_lock(sqlite3_file *base, int level)
{
    sqlite3_file *real = real_of(base);

    return faults_strike(FAULT_BUSY) ? SQLITE_BUSY : real->pMethods->xLock(real, level);
}

static int do_unlock(sqlite3_file *base, int level)
{
    sqlite3_file *real = real_of(base);

    return real->pMethods->xUnlock(real, level);
}

static int do_check_reserved_lock(sqlite3_file *base, int *ret)
{
    sqlite3_file *real = real_of(base);

    return real->pMethods->xCheckReservedLock(real, ret);
}

/* What would let SQLite go around us is kept from the real file. */
static int do_file_control(sqlite3_file *base, int what, void *arg)
{
    sqlite3_file *real = real_of(base);

    if (what == SQLITE_FCNTL_MMAP_SIZE || what == SQLITE_FCNTL_SIZE_HINT ||
        what == SQLITE_FCNTL_CHUNK_SIZE)
        return SQLITE_NOTFOUND;
    return real->pMethods->xFileControl(real, what, arg);
}

static int do_sector_size(sqlite3_file *base)
{
    sqlite3_file *real = real_of(base);

    return real->pMethods->xSectorSize(real);
}

static int do_characteristics(sqlite3_file *base)
{
    sqlite3_file *real = real_of(base);

    return real->pMethods->xDeviceCharacteristics(real);
}

/* ---- shared memory ---- */

static int do_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **ret)
{
    sqlite3_file *real = real_of(base);

    return real->pMethods->xShmMap(real, page, size, extend, ret);
}

static int do_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    sqlite3_file *real = real_of(base);

    if ((flags & SQLITE_SHM_LOCK) && (flags & SQLITE_SHM_EXCLUSIVE) && faults_strike(FAULT_BUSY))
        return SQLITE_BUSY; /* of the locks of readers SQLite may expect that they come soon */
    return real->pMethods->xShmLock(real, offset, count, flags);
}

static void do_shm_barrier(sqlite3_file *base)
{
    sqlite3_file *real = real_of(base);

    real->pMethods->xShmBarrier(real);
}

static int do_shm_unmap(sqlite3_file *base, int delete)
{
    sqlite3_file *real = real_of(base);

    return real->pMethods->xShmUnmap(real, delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without xFetch */
    .xClose = do_close,
    .xRead = do_read,
    .xWrite = do_write,
    .xTruncate = do_truncate,
    .xSync = do_sync,
    .xFileSize = do_file_size,
    .xLock = do_lock,
    .xUnlock = do_unlock,
    .xCheckReservedLock = do_check_reserved_lock,
    .xFileControl = do_file_control,
    .xSectorSize = do_sector_size,
    .xDeviceCharacteristics = do_characteristics,
    .xShmMap = do_shm_map,
    .xShmLock = do_shm_lock,
    .xShmBarrier = do_shm_barrier,
    .xShmUnmap = do_shm_unmap,
};

/* ---- names ---- */

static int do_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags,
                   int *ret_flags)
{
    struct file *self = file_of(base);
    sqlite3_file *real = (sqlite3_file *)(self + 1);
    int rc;

    (void)vfs;
    memset(self, 0, sizeof *self);
    self->user.real = real;
    rc = below->xOpen(below, path, real, flags, ret_flags);
    if (rc == SQLITE_OK && power && path && (flags & KEPT_BACK))
        rc = overlay_open(&self->overlay, path, &self->user);
    if (rc == SQLITE_OK)
        self->base.pMethods = &methods;
    else if (real->pMethods)
        real->pMethods->xClose(real);
    return rc;
}

static int do_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
    (void)vfs;
    if (power && overlay_delete(path, sync_dir || lie))
        return SQLITE_OK;
    return below->xDelete(below, path, sync_dir);
}

static int do_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
    int exists = power && flags == SQLITE_ACCESS_EXISTS ? overlay_exists(path) : -1;

    (void)vfs;
    if (exists < 0)
        return below->xAccess(below, path, flags, ret);
    *ret = exists;
    return SQLITE_OK;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && strcmp(value, "1") == 0;
}

__attribute__((constructor)) static void install(void)
{
    static sqlite3_vfs vfs;

    if (!sqlite3_vfs_find || !sqlite3_vfs_register)
        return;
    below = sqlite3_vfs_find("unix");
    if (!below)
        return;
    lie = is_set("PARLEY_VFS_LIE");
    power = lie || is_set("PARLEY_VFS_POWER");
    vfs = *below;
    vfs.pNext = NULL;
    vfs.zName = "parley-fault";
    vfs.szOsFile = (int)sizeof(struct file) + below->szOsFile;
    vfs.xOpen = do_open;
    vfs.xDelete = do_delete;
    vfs.xAccess = do_access;
    sqlite3_vfs_register(&vfs, 1);
}
