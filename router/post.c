/* Copies a frame once; everything behind borrows from the copy. */
#include "router/post.h"

#include <stdlib.h>
#include <string.h>

enum wire_result post_new(struct post **ret, const struct wire_head *head, struct wire_bytes body,
                          uint64_t edge)
{
    AUTO(post_free) struct post *self = NULL;
    enum wire_result result;

    if (body.len > POST_BYTES_MAX)
        return WIRE_TOO_LARGE;
    self = base_alloc(1, sizeof *self + body.len);
    self->size = body.len;
    if (body.len)
        memcpy(self->bytes, body.data, body.len);
    if (wire_post_decode(wire_bytes_of(self->bytes, body.len), &self->request) < 0)
        return WIRE_INVALID;
    result = rules_parse(&self->request, &self->meaning);
    if (result != WIRE_OK)
        return result;
    if (id_partition(&self->request.conversation) != head->partition)
        return WIRE_INVALID;
    self->partition = (uint8_t)head->partition;
    self->epoch = head->epoch;
    self->at_ms = head->at_ms;
    self->name.conversation = self->request.conversation;
    self->name.key = id_of_client(&self->request.actor, self->request.client_id.data,
                                  self->request.client_id.len);
    self->waiters[0] = (struct post_waiter){edge, head->trace};
    self->waiter_count = 1;
    *ret = TAKE(self);
    return WIRE_OK;
}

void post_free(struct post **self)
{
    free(*self);
    *self = NULL;
}

size_t post_size(const struct post *self)
{
    return sizeof *self + self->size;
}

bool post_add_waiter(struct post *self, const struct post_waiter *waiter)
{
    for (unsigned i = 0; i < self->waiter_count; i++)
        if (self->waiters[i].edge == waiter->edge && self->waiters[i].trace == waiter->trace)
            return true;
    if (self->waiter_count == POST_WAITERS_MAX)
        return false;
    self->waiters[self->waiter_count++] = *waiter;
    return true;
}

struct wire_event post_event(const struct post *self)
{
    return (struct wire_event){
        .conversation = self->request.conversation,
        .seq = self->seq,
        .kind = self->request.kind,
        .actor = self->request.actor,
        .client_id = self->request.client_id,
        .fingerprint = self->request.fingerprint,
        .at_ms = self->at_ms,
        .messages = self->messages,
        .last_message = self->last_message,
        .jobs = self->jobs,
        .body = self->request.body,
    };
}

struct wire_event post_void(const struct post *self)
{
    return (struct wire_event){
        .conversation = self->request.conversation,
        .seq = self->seq,
        .kind = WIRE_KIND_VOID,
        .at_ms = self->at_ms,
        .messages = self->messages,
        .last_message = self->last_message,
    };
}
