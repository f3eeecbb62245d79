/* HTTP requests by libcurl on a zloop: none of them blocks. */
#pragma once

#include <czmq.h>

#include "base/base.h"

#define HTTP_HEADERS_MAX 4

struct http;

/* good: an answer of status 2xx came; else why not (borrowed). */
typedef void http_fn(void *arg, bool good, const char *why);

struct http_post {
    const char *url; /* http or https; redirects are not followed */
    const char *headers[HTTP_HEADERS_MAX];
    const char *body; /* copied */
    long timeout_ms;  /* for all of it */
};

/* loop is borrowed. connections: open at a time, idle ones too. -ENOMEM. */
int http_new(struct http **ret, zloop_t *loop, long connections) MUST_CHECK;
/* What is under way is dropped, and its fn not called. */
void http_free(struct http **self);

/* fn is called once, later, from the loop. -EINVAL: libcurl refuses it. */
int http_post(struct http *self, const struct http_post *post, http_fn *fn, void *arg) MUST_CHECK;
