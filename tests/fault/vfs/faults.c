/* The control file and the dice. */
#include "tests/fault/vfs/faults.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 20

static const char *const names[FAULT_COUNT] = {
    [FAULT_IO_READ] = "io-read", [FAULT_IO_WRITE] = "io-write",
    [FAULT_IO_SYNC] = "io-sync", [FAULT_BUSY] = "busy",
    [FAULT_FULL] = "full",       [FAULT_SLOW_SYNC_MS] = "slow-sync-ms",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double values[FAULT_COUNT];
static uint64_t looked_ms;
static struct stat read_of; /* the file as it was when it was read */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void read_file(const char *path)
{
    char name[32];
    double value;
    FILE *file = fopen(path, "re");

    memset(values, 0, sizeof values);
    while (file && fscanf(file, "%31s %lf", name, &value) == 2)
        for (size_t i = 0; i < FAULT_COUNT; i++)
            if (strcmp(name, names[i]) == 0)
                values[i] = value;
    if (file)
        fclose(file);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look(void)
{
    const char *dir = getenv("PARLEY_VFS_DIR");
    uint64_t now = now_ms();
    char path[PATH_MAX];
    struct stat found = {0};

    if (!dir || now < looked_ms + LOOK_MS)
        return;
    looked_ms = now;
    snprintf(path, sizeof path, "%s/faults", dir);
    if (stat(path, &found) < 0)
        memset(&found, 0, sizeof found);
    if (same_file(&found, &read_of))
        return;
    read_of = found;
    read_file(path);
}

double faults_value(enum fault fault)
{
    double value;

    pthread_mutex_lock(&lock);
    look();
    value = values[fault];
    pthread_mutex_unlock(&lock);
    return value;
}

bool faults_strike(enum fault fault)
{
    double value = faults_value(fault);

    return value > 0 && faults_random() < value;
}

static uint64_t first_state(void)
{
    const char *seed = getenv("PARLEY_VFS_SEED");

    return seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
}

/* splitmix64 */
double faults_random(void)
{
    static uint64_t state;
    uint64_t x;

    pthread_mutex_lock(&lock);
    if (state == 0)
        state = first_state();
    x = state += 0x9e3779b97f4a7c15;
    pthread_mutex_unlock(&lock);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return (double)((x ^ (x >> 31)) >> 11) / 9007199254740992.0;
}
