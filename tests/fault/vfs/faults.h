/* What is to go wrong, as the file `faults` in $PARLEY_VFS_DIR says at the moment: lines of a name
 * and a number (see faults.c). It is read again, at most every 20 ms, when it has changed; missing,
 * empty or without the variable: nothing goes wrong. Safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_IO_READ,  /* reading gives SQLITE_IOERR_READ */
    FAULT_IO_WRITE, /* writing gives SQLITE_IOERR_WRITE */
    FAULT_IO_SYNC,  /* a sync gives SQLITE_IOERR_FSYNC */
    FAULT_BUSY,     /* a lock of the file, or a writer's in its shared memory, gives SQLITE_BUSY */
    FAULT_FULL,     /* writing gives SQLITE_FULL */
    FAULT_SLOW_SYNC_MS,
    FAULT_COUNT
};

/* Does it strike this time? The figure in the file is its probability. */
bool faults_strike(enum fault fault);
/* The figure itself. */
double faults_value(enum fault fault);

/* 0 ≤ result < 1, from one sequence per process that begins with $PARLEY_VFS_SEED, or else
 * anywhere. */
double faults_random(void);
