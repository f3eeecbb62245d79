/* fork and exec, and the pipe that carries a daemon's log. */
#include "admin/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define READ_BATCH 16

void child_init(struct child *self, const char *name)
{
    *self = (struct child){.name = name, .output = -1};
}

/* In the new process: only what a signal handler might do, too. */
static _Noreturn void become(char *const argv[], const sigset_t *mask, int output, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before we asked to be told */
        _exit(EXIT_FAILURE);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

int child_start(struct child *self, char *const argv[], const sigset_t *mask)
{
    int ends[2];
    pid_t parent = getpid(), pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid = fork();
    if (pid == 0)
        become(argv, mask, ends[1], parent);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -EAGAIN;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    self->pid = pid;
    self->output = ends[0];
    return 0;
}

static void close_output(struct child *self, lines_fn *fn, void *arg)
{
    lines_end(&self->lines, fn, arg);
    close(self->output);
    self->output = -1;
}

bool child_read(struct child *self, lines_fn *fn, void *arg)
{
    char data[4096];

    for (int left = READ_BATCH; left > 0; left--) {
        ssize_t len = read(self->output, data, sizeof data);

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (len <= 0) {
            close_output(self, fn, arg);
            return false;
        }
        lines_feed(&self->lines, data, (size_t)len, fn, arg);
    }
    return true;
}

void child_finish(struct child *self, lines_fn *fn, void *arg)
{
    char data[4096];
    ssize_t len;

    self->pid = 0;
    if (self->output < 0)
        return;
    while ((len = read(self->output, data, sizeof data)) > 0)
        lines_feed(&self->lines, data, (size_t)len, fn, arg);
    close_output(self, fn, arg);
}

void child_kill(struct child *self, int signal)
{
    if (self->pid > 0)
        kill(self->pid, signal);
}
