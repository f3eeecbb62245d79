/* One event to every edge that needs it: those that want its conversation; and, when it changes who
 * is a member, all of them, since none knows yet whom it will concern there. */
#pragma once

#include "router/interest.h"
#include "router/stream.h"

struct fanout {
    struct edge_table *edges; /* all borrowed */
    struct interest *interest;
    struct stream *stream;
    struct buf event; /* encoded */
};

void fanout_init(struct fanout *self, struct edge_table *edges, struct interest *interest,
                 struct stream *stream);
void fanout_done(struct fanout *self);

void fanout_event(struct fanout *self, const struct wire_event *event, uint32_t epoch);
/* A session has ended: to all. */
void fanout_revoked(const struct fanout *self, const struct wire_revoked *revoked);
/* All are made to look for what they may have missed: that may be a change of rights, and whom it
 * concerns nobody here knows. */
void fanout_unsure(const struct fanout *self);
