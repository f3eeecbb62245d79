/* HTTP requests and their answers. A request that was taken must be answered exactly once, at once
 * or later, whatever became of the client; answering releases it. */
#pragma once

#include "base/base.h"

struct http_request;

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
};

#define HTTP_ADDRESS_TEXT 46 /* bytes of an address as text, with its end */

enum http_method http_method(const struct http_request *self);

/* Percent-decoded, without the query, "/" first, no "." or ".." parts. Valid until answered. */
const char *http_path(const struct http_request *self);

/* The value of a header (name in lower case) or of a query parameter (decoded), as a C string:
 * its length, -ENOENT when it is not there, -EMSGSIZE when it needs more room. Several headers of
 * the name are joined by ",". -ENOENT also when the client has gone. */
int http_header(const struct http_request *self, const char *name, char *ret, size_t room);
int http_query(const struct http_request *self, const char *name, char *ret, size_t room);

/* The peer's address as text; "" when it is gone. */
void http_remote(const struct http_request *self, char ret[HTTP_ADDRESS_TEXT]);

/* Asks to become a WebSocket: ws_accept it (ws.h) or answer it, before the callback returns. */
bool http_is_upgrade(const struct http_request *self);

/* rc 0: the body is there, whole, valid until answered. -EMSGSIZE: it is longer than was allowed
 * (413 is the answer). -ECONNRESET: the client went; answer all the same, to release it. */
typedef void (*http_body_fn)(void *arg, struct http_request *request, int rc, const void *body,
                             size_t len);

/* Collects the body up to max bytes and calls received once, perhaps before this returns. Only from
 * the request callback, as its last act. */
void http_receive(struct http_request *self, size_t max, http_body_fn received, void *arg);

/* The client has gone: nobody will read the answer, which must come all the same. Called at most
 * once, never from within http_on_gone. NULL: no longer wanted. */
typedef void (*http_gone_fn)(void *arg, struct http_request *request);
void http_on_gone(struct http_request *self, http_gone_fn gone, void *arg);

struct http_answer {
    int status;
    const char *type;    /* Content-Type, or NULL */
    const char *headers; /* more lines, each with its "\r\n"; or NULL */
    const void *body;    /* not sent to HEAD, but counted */
    size_t len;
};

/* Answers and releases it; everything is copied. Content-Length and Connection are added here. */
void http_answer(struct http_request **self, const struct http_answer *answer);

/* The same with a text, of type text/plain, text/html or application/json. */
void http_answer_text(struct http_request **self, int status, const char *type, const char *text);
