/* A table of blocks per path. One lock for all of it: the handles below are not made for two
 * threads at once, and speed is not the point. */
#include "tests/fault/vfs/overlay.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/vfs/faults.h"

#define BLOCK 4096

struct block {
    bool lost; /* a sync of it failed: it will not be written again unless it changes */
    char data[BLOCK];
};

struct overlay {
    struct overlay *next;
    struct overlay_user *users;
    char *path;
    bool deleted, resized;
    sqlite3_int64 size;
    sqlite3_int64 kept; /* what lies on the disk is good up to here; beyond are zeros */
    struct block **blocks;
    size_t block_count; /* room in blocks */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct overlay *all;

static void release(pthread_mutex_t **held)
{
    pthread_mutex_unlock(*held);
}

static pthread_mutex_t *acquire(void)
{
    pthread_mutex_lock(&lock);
    return &lock;
}

#define LOCKED __attribute__((cleanup(release), unused)) pthread_mutex_t *held = acquire()

static sqlite3_int64 lesser(sqlite3_int64 a, sqlite3_int64 b)
{
    return a < b ? a : b;
}

static void *need(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* ---- paths ---- */

static struct overlay *find(const char *path)
{
    struct overlay *it = all;

    while (it && strcmp(it->path, path) != 0)
        it = it->next;
    return it;
}

static void drop_blocks(struct overlay *self, size_t from)
{
    for (size_t i = from; i < self->block_count; i++) {
        free(self->blocks[i]);
        self->blocks[i] = NULL;
    }
}

static bool is_clean(const struct overlay *self)
{
    for (size_t i = 0; i < self->block_count; i++)
        if (self->blocks[i])
            return false;
    return !self->deleted && !self->resized;
}

static void forget(struct overlay *self)
{
    struct overlay **at = &all;

    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    drop_blocks(self, 0);
    free(self->blocks);
    free(self->path);
    free(self);
}

int overlay_open(struct overlay **ret, const char *path, struct overlay_user *user)
{
    LOCKED;
    struct overlay *self = find(path);

    if (!self) {
        sqlite3_int64 size;
        int rc = user->real->pMethods->xFileSize(user->real, &size);

        if (rc != SQLITE_OK)
            return rc;
        self = need(calloc(1, sizeof *self));
        self->path = need(strdup(path));
        self->size = self->kept = size;
        self->next = all;
        all = self;
    }
    self->deleted = false;
    user->next = self->users;
    self->users = user;
    *ret = self;
    return SQLITE_OK;
}

void overlay_close(struct overlay **self, struct overlay_user *user)
{
    LOCKED;
    struct overlay_user **at = &(*self)->users;

    while (*at != user)
        at = &(*at)->next;
    *at = user->next;
    if (!(*self)->users && is_clean(*self))
        forget(*self);
    *self = NULL;
}

/* ---- blocks ---- */

static struct block *block_at(const struct overlay *self, size_t number)
{
    return number < self->block_count ? self->blocks[number] : NULL;
}

/* Part of one block. */
static int read_part(struct overlay *self, sqlite3_file *real, char *data, int len,
                     sqlite3_int64 at)
{
    const struct block *block = block_at(self, (size_t)(at / BLOCK));
    sqlite3_int64 there = lesser(self->kept - at, len);
    int rc;

    if (block) {
        memcpy(data, block->data + at % BLOCK, (size_t)len);
        return SQLITE_OK;
    }
    memset(data, 0, (size_t)len);
    if (there <= 0)
        return SQLITE_OK;
    rc = real->pMethods->xRead(real, data, (int)there, at);
    return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
}

int overlay_read(struct overlay *self, sqlite3_file *real, void *data, int len, sqlite3_int64 at)
{
    LOCKED;
    int there = (int)lesser(self->size > at ? self->size - at : 0, len);
    int done = 0, rc = SQLITE_OK;

    while (done < there && rc == SQLITE_OK) {
        int part = (int)lesser(BLOCK - (at + done) % BLOCK, there - done);

        rc = read_part(self, real, (char *)data + done, part, at + done);
        done += part;
    }
    if (rc != SQLITE_OK || there == len)
        return rc;
    memset((char *)data + there, 0, (size_t)(len - there));
    return SQLITE_IOERR_SHORT_READ;
}

static int need_block(struct overlay *self, sqlite3_file *real, size_t number, struct block **ret)
{
    struct block *block = block_at(self, number);
    int rc = SQLITE_OK;

    if (number >= self->block_count) {
        size_t count = (number + 1) * 2;

        self->blocks = need(realloc(self->blocks, count * sizeof(void *)));
        memset(self->blocks + self->block_count, 0, (count - self->block_count) * sizeof(void *));
        self->block_count = count;
    }
    if (!block) {
        block = need(calloc(1, sizeof *block));
        rc = read_part(self, real, block->data, BLOCK, (sqlite3_int64)number * BLOCK);
    }
    if (rc != SQLITE_OK) {
        free(block);
        return rc;
    }
    self->blocks[number] = block;
    *ret = block;
    return SQLITE_OK;
}

/* To the disk; it stays in the table. */
static int write_out(const struct overlay *self, sqlite3_file *real, size_t number)
{
    sqlite3_int64 at = (sqlite3_int64)number * BLOCK;
    sqlite3_int64 len = lesser(self->size - at, BLOCK);

    return len <= 0 ? SQLITE_OK
                    : real->pMethods->xWrite(real, self->blocks[number]->data, (int)len, at);
}

static int write_part(struct overlay *self, sqlite3_file *real, const char *data, int len,
                      sqlite3_int64 at)
{
    size_t number = (size_t)(at / BLOCK);
    struct block *block;
    int rc = need_block(self, real, number, &block);

    if (rc != SQLITE_OK)
        return rc;
    memcpy(block->data + at % BLOCK, data, (size_t)len);
    block->lost = false;
    if (self->size < at + len) {
        self->size = at + len;
        self->resized = true;
    }
    return SQLITE_OK;
}

int overlay_write(struct overlay *self, sqlite3_file *real, const void *data, int len,
                  sqlite3_int64 at)
{
    LOCKED;
    int done = 0, rc = SQLITE_OK;

    while (done < len && rc == SQLITE_OK) {
        int part = (int)lesser(BLOCK - (at + done) % BLOCK, len - done);

        rc = write_part(self, real, (const char *)data + done, part, at + done);
        done += part;
    }
    return rc;
}

int overlay_write_back(struct overlay *self, sqlite3_file *real, sqlite3_int64 at)
{
    LOCKED;
    size_t number = (size_t)(at / BLOCK);

    if (!block_at(self, number) || at - at % BLOCK + BLOCK > self->kept)
        return SQLITE_OK;
    return write_out(self, real, number);
}

int overlay_truncate(struct overlay *self, sqlite3_int64 size)
{
    LOCKED;
    size_t last = (size_t)(size / BLOCK);
    struct block *block = block_at(self, last);

    if (size < self->size) {
        drop_blocks(self, last + 1);
        if (block)
            memset(block->data + size % BLOCK, 0, (size_t)(BLOCK - size % BLOCK));
    }
    self->resized = self->resized || size != self->size;
    self->size = size;
    self->kept = lesser(self->kept, size);
    return SQLITE_OK;
}

sqlite3_int64 overlay_size(struct overlay *self)
{
    LOCKED;

    return self->size;
}

/* ---- to the disk ---- */

/* The disk's file gets its length; what lies beyond `kept` there is not to come back. */
static int write_length(struct overlay *self, sqlite3_file *real)
{
    sqlite3_int64 size;
    int rc = real->pMethods->xFileSize(real, &size);

    if (rc == SQLITE_OK && size > self->kept)
        rc = real->pMethods->xTruncate(real, self->kept);
    if (rc == SQLITE_OK && lesser(size, self->kept) < self->size)
        rc = real->pMethods->xTruncate(real, self->size);
    if (rc == SQLITE_OK) {
        self->kept = self->size;
        self->resized = false;
    }
    return rc;
}

/* The numbers of the blocks that are to be written, shuffled. */
static size_t list_blocks(const struct overlay *self, size_t **ret)
{
    size_t *list = need(malloc((self->block_count + 1) * sizeof *list));
    size_t count = 0;

    for (size_t i = 0; i < self->block_count; i++)
        if (self->blocks[i] && !self->blocks[i]->lost)
            list[count++] = i;
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)(faults_random() * (double)i), kept = list[i - 1];

        list[i - 1] = list[other];
        list[other] = kept;
    }
    *ret = list;
    return count;
}

/* Writes the block and forgets it, unless it went meanwhile. */
static int settle(struct overlay *self, sqlite3_file *real, size_t number)
{
    struct block *block = block_at(self, number);
    int rc;

    if (!block || block->lost)
        return SQLITE_OK;
    rc = write_out(self, real, number);
    if (rc == SQLITE_OK) {
        self->blocks[number] = NULL;
        free(block);
    }
    return rc;
}

static int begin_sync(struct overlay *self, sqlite3_file *real, size_t **ret, size_t *ret_count)
{
    LOCKED;
    int rc = write_length(self, real);

    *ret_count = list_blocks(self, ret);
    return rc;
}

static int settle_locked(struct overlay *self, sqlite3_file *real, size_t number)
{
    LOCKED;

    return settle(self, real, number);
}

static void lose(struct overlay *self, size_t number)
{
    LOCKED;
    struct block *block = block_at(self, number);

    if (block)
        block->lost = true;
}

int overlay_sync(struct overlay *self, sqlite3_file *real, unsigned slow_ms)
{
    size_t *list = NULL, count;
    int rc = begin_sync(self, real, &list, &count);

    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        if (slow_ms)
            usleep((useconds_t)(slow_ms * 1000 / count));
        rc = settle_locked(self, real, list[i]);
    }
    free(list);
    return rc;
}

int overlay_fail_sync(struct overlay *self, sqlite3_file *real)
{
    size_t *list = NULL, count;
    int rc = begin_sync(self, real, &list, &count);

    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        if (faults_random() < 0.5)
            lose(self, list[i]);
        else
            rc = settle_locked(self, real, list[i]);
    }
    free(list);
    return SQLITE_IOERR_FSYNC;
}

static int settle_all(struct overlay *self, sqlite3_file *real)
{
    int rc = write_length(self, real);

    for (size_t i = 0; i < self->block_count && rc == SQLITE_OK; i++)
        rc = settle(self, real, i);
    return rc;
}

int overlay_sync_all(void)
{
    LOCKED;
    int rc = SQLITE_OK;

    for (struct overlay *it = all; it && rc == SQLITE_OK; it = it->next)
        if (it->users)
            rc = settle_all(it, it->users->real);
    return rc;
}

/* ---- names ---- */

bool overlay_delete(const char *path, bool durable)
{
    LOCKED;
    struct overlay *self = find(path);

    if (!durable && !self && access(path, F_OK) == 0) {
        self = need(calloc(1, sizeof *self));
        self->path = need(strdup(path));
        self->next = all;
        all = self;
    }
    if (!self)
        return false;
    drop_blocks(self, 0);
    self->size = self->kept = 0;
    self->resized = self->deleted = true;
    if (durable && !self->users)
        forget(self);
    return !durable;
}

int overlay_exists(const char *path)
{
    LOCKED;
    const struct overlay *self = find(path);

    if (!self)
        return -1;
    return !self->deleted && self->size > 0;
}
