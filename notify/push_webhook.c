/* Webhooks: one POST per job. */
#include "notify/push.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "notify/event_json.h"
#include "notify/http.h"

struct webhook {
    struct push push;
    struct push_webhook_options options;
    struct http *http;
};

static int webhook_start(struct push *push, const char *id, const struct wire_event *event,
                         push_fn *fn, void *arg)
{
    struct webhook *self = CONTAINER_OF(push, struct webhook, push);
    AUTO(base_free_text) char *body = event_json_of_message(event);
    char header[80];
    struct http_post post = {.url = self->options.url,
                             .headers = {"Content-Type: application/json", header, "Expect:"},
                             .body = body,
                             .timeout_ms = self->options.timeout_ms};

    if (!body)
        return -EPROTO;
    snprintf(header, sizeof header, "X-Parley-Job: %s", id);
    return http_post(self->http, &post, fn, arg);
}

static void webhook_close(struct push **push)
{
    struct webhook *self = *push ? CONTAINER_OF(*push, struct webhook, push) : NULL;

    if (!self)
        return;
    http_free(&self->http);
    free(self);
    *push = NULL;
}

static const struct push_ops push_webhook = {
    .name = "webhook",
    .kind = WIRE_JOB_WEBHOOK,
    .start = webhook_start,
    .close = webhook_close,
};

int push_webhook_new(struct push **ret, zloop_t *loop, const struct push_webhook_options *options)
{
    struct webhook *self = NEW(struct webhook);
    int rc = http_new(&self->http, loop, options->connections);

    if (rc < 0) {
        free(self);
        return rc;
    }
    self->push.ops = &push_webhook;
    self->options = *options;
    *ret = &self->push;
    return 0;
}
