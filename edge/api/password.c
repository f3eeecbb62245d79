/* Where the expensive hashing of register and login is done, beside the loop. */
#include "edge/api/password.h"

#include <argon2.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SALT 16
#define HASH 32
#define ENCODED 256

struct password {
    uv_loop_t *loop;
    struct password_options options;
    unsigned waiting;
    struct job *jobs;
};

struct job {
    uv_work_t work;
    struct job *next, **link; /* in self->jobs */
    struct password *self;
    password_fn *fn;
    void *arg;
    char *text;
    char *hash; /* to be checked; NULL: to be made */
    char encoded[ENCODED];
    enum password_result result;
};

static bool make(const struct password_options *options, const char *text, char *ret)
{
    uint8_t salt[SALT];

    return RAND_bytes(salt, sizeof salt) == 1 &&
           argon2id_hash_encoded(options->passes, options->memory_kib, 1, text, strlen(text), salt,
                                 sizeof salt, HASH, ret, ENCODED) == ARGON2_OK;
}

static enum password_result check(const char *hash, const char *text)
{
    switch (argon2id_verify(hash, text, strlen(text))) {
    case ARGON2_OK:
        return PASSWORD_GOOD;
    case ARGON2_MEMORY_ALLOCATION_ERROR:
        return PASSWORD_UNDONE;
    default:
        return PASSWORD_WRONG;
    }
}

/* In a thread: touches the job alone. */
static void run(uv_work_t *work)
{
    struct job *job = CONTAINER_OF(work, struct job, work);

    if (job->hash && *job->hash)
        job->result = check(job->hash, job->text);
    else if (make(&job->self->options, job->text, job->encoded))
        job->result = job->hash ? PASSWORD_WRONG : PASSWORD_GOOD;
}

static void wipe(char **text)
{
    if (*text)
        OPENSSL_cleanse(*text, strlen(*text));
    free(TAKE(*text));
}

static void on_done(uv_work_t *work, int status)
{
    struct job *job = CONTAINER_OF(work, struct job, work);
    enum password_result result = status == 0 ? job->result : PASSWORD_UNDONE;
    bool made = result == PASSWORD_GOOD && !job->hash;

    job->self->waiting--;
    *job->link = job->next;
    if (job->next)
        job->next->link = job->link;
    job->fn(job->arg, made ? job->encoded : NULL, result);
    wipe(&job->text);
    wipe(&job->hash);
    free(job);
}

static int start(struct password *self, const char *text, const char *hash, password_fn *fn,
                 void *arg)
{
    struct job *job;
    int rc;

    if (self->waiting >= self->options.queue)
        return -EAGAIN;
    job = NEW(struct job);
    *job = (struct job){.self = self, .fn = fn, .arg = arg, .text = base_strdup(text)};
    job->hash = hash ? base_strdup(hash) : NULL;
    rc = uv_queue_work(self->loop, &job->work, run, on_done);
    if (rc < 0) {
        wipe(&job->text);
        wipe(&job->hash);
        free(job);
        return rc;
    }
    job->next = self->jobs;
    job->link = &self->jobs;
    if (self->jobs)
        self->jobs->link = &job->next;
    self->jobs = job;
    self->waiting++;
    return 0;
}

int password_hash(struct password *self, const char *text, password_fn *fn, void *arg)
{
    return start(self, text, NULL, fn, arg);
}

int password_check(struct password *self, const char *text, const char *hash, password_fn *fn,
                   void *arg)
{
    return start(self, text, hash, fn, arg);
}

unsigned password_waiting(const struct password *self)
{
    return self->waiting;
}

int password_new(struct password **ret, uv_loop_t *loop, const struct password_options *options)
{
    struct password *self = NEW(struct password);

    self->loop = loop;
    self->options = *options;
    *ret = self;
    return 0;
}

void password_free(struct password **self)
{
    if (!*self)
        return;
    for (struct job *job = (*self)->jobs; job; job = job->next)
        uv_cancel((uv_req_t *)&job->work); /* refuses those that run: they are waited for */
    while ((*self)->waiting)
        uv_run((*self)->loop, UV_RUN_ONCE);
    free(TAKE(*self));
}
