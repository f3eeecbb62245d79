/* One daemon as a process of the supervisor: started in a process group of its own (so that Ctrl-C
 * reaches it in its turn), killed with the supervisor however that ends, its output read by a pipe.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "admin/lines.h"
#include "base/base.h"

struct child {
    const char *name; /* borrowed */
    pid_t pid;        /* 0: does not run */
    int output;       /* −1: none; non-blocking */
    struct lines lines;
};

void child_init(struct child *self, const char *name); /* name is borrowed */

/* Starts argv[0] with the signal mask given. -errno when there is no process to be had; a program
 * that is not there is a process that says so and ends with 127. */
int child_start(struct child *self, char *const argv[], const sigset_t *mask) MUST_CHECK;

/* Reads what has come, without waiting. false: the pipe has ended, and output is −1 now. */
bool child_read(struct child *self, lines_fn *fn, void *arg);

/* It has died: reads what it left in the pipe and closes it. */
void child_finish(struct child *self, lines_fn *fn, void *arg);

/* Sends it a signal, if it runs. */
void child_kill(struct child *self, int signal);
