/* The one repair path: whatever fault a stream shows, the same is done for its partitions. Interest
 * is asked for anew and what was missed is fetched (interest), what is unanswered is sent again
 * (outbox), revocations are read again. */
#pragma once

#include "edge/api/interest.h"
#include "edge/api/outbox.h"

struct repair;

struct repair_spec {
    struct pipes *pipes;
    struct query *query;
    struct outbox *outbox;
    struct interest *interest;
    const struct interest_ops *ops; /* revoked */
    void *arg;                      /* of ops; all of it borrowed */
};

/* The revocations of the last day are read at once; what came later, in every repair and every ten
 * seconds. */
int repair_new(struct repair **ret, const struct repair_spec *spec) MUST_CHECK;
void repair_free(struct repair **self);

/* So old a revocation may be and still matter: the longest life of a token. */
void repair_keep_revocations(struct repair *self, uint64_t ms);
/* NULL once every worker has told all the revocations it knows; before, that they are not known: a
 * token that looks good may be none. */
const char *repair_trouble(const struct repair *self);

/* Now, or as soon as the last one is 250 ms ago. */
void repair_want(struct repair *self, uint64_t partitions);

void repair_tick(struct repair *self);
