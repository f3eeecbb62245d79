/* Turns durable jobs into deliveries: claims what there is room for, delivers, tells the store what
 * became of it. A job may be delivered twice, always with the same id; none is lost. */
#pragma once

#include "base/service.h"
#include "notify/push.h"

struct notify;

/* The keys that notify_new reads. */
#define NOTIFY_KEYS                                                                              \
    CONF_TEXT("notify/webhook", "", "URL that gets each new message by POST; none: jobs wait"),  \
        CONF_NUMBER("notify/parallel", 16, 1, 1000, "deliveries at a time"),                     \
        CONF_NUMBER("notify/timeout_ms", 10000, 100, 600000, "longest delivery"),                \
        CONF_NUMBER("notify/poll_ms", 1000, 50, 3600000, "between looks for jobs that are due"), \
        CONF_NUMBER("notify/retry_first_ms", 1000, 1, 3600000, "wait after the first failure"),  \
        CONF_NUMBER("notify/retry_most_ms", 3600000, 1, 86400000, "longest wait"),               \
        CONF_NUMBER("notify/tries", 20, 1, 1000, "then a job is dead")

/* Takes push (NULL: there is nothing to deliver to). service is borrowed. A negative errno, logged.
 */
int notify_new(struct notify **ret, struct service *service, struct push *push) MUST_CHECK;
void notify_free(struct notify **self);
