/* Passwords by Argon2id, in libuv's threads: a bounded queue in front of them, so that a flood of
 * logins costs logins and nothing else. */
#pragma once

#include <uv.h>

#include "base/base.h"

struct password;

struct password_options {
    unsigned passes;
    unsigned memory_kib;
    unsigned queue; /* waiting or running, at most */
};

enum password_result {
    PASSWORD_UNDONE, /* the edge stops, or has no memory for it: nothing is known */
    PASSWORD_WRONG,
    PASSWORD_GOOD, /* fits the hash, or hash was made */
};

/* hash: the encoded hash (of password_hash; borrowed), or NULL. Called once, later, on the loop. */
typedef void password_fn(void *arg, const char *hash, enum password_result result);

int password_new(struct password **ret, uv_loop_t *loop, const struct password_options *options)
    MUST_CHECK;
/* Waits for what runs and answers the rest (PASSWORD_UNDONE) by turning the loop. */
void password_free(struct password **self);

/* -EAGAIN: the queue is full. text is copied, and wiped after use. */
int password_hash(struct password *self, const char *text, password_fn *fn, void *arg) MUST_CHECK;
/* hash "": of nobody; the same work is done and it is wrong. */
int password_check(struct password *self, const char *text, const char *hash, password_fn *fn,
                   void *arg) MUST_CHECK;

unsigned password_waiting(const struct password *self);
