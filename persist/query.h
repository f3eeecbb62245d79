/* Questions and their answers: what the log means to the user who asks. Over every store. Each
 * query_X puts the body of X's reply into out. 0; or what the store failed with, and out is of no
 * use. -EPROTO: a record inside the question cannot be read. */
#pragma once

#include "persist/store.h"

#define QUERY_LIMIT_MAX 1000        /* records of a page, whatever was asked for */
#define QUERY_PAGE_BYTES (4u << 20) /* of a page: it ends earlier than its limit */
#define QUERY_MEMBERSHIPS_MAX 10000 /* conversations of a user */

int query_load(struct store *store, const struct wire_load *ask, struct buf *out);
int query_heads(struct store *store, const struct wire_heads *ask, struct buf *out);
int query_holders(struct store *store, const struct wire_holders *ask, struct buf *out);

int query_events(struct store *store, const struct wire_events *ask, struct buf *out);
int query_members(struct store *store, const struct wire_members *ask, struct buf *out);
int query_memberships(struct store *store, const struct wire_memberships *ask, struct buf *out);
int query_conversations(struct store *store, const struct wire_conversations *ask, struct buf *out);
int query_sync(struct store *store, const struct wire_sync *ask, struct buf *out);

int query_user_add(struct store *store, const struct wire_user_add *ask, struct buf *out);
int query_user_get(struct store *store, const struct wire_user_get *ask, struct buf *out);
int query_user_find(struct store *store, const struct wire_user_find *ask, struct buf *out);
int query_user_update(struct store *store, const struct wire_user_update *ask, struct buf *out);

int query_session_add(struct store *store, const struct wire_session_add *ask, struct buf *out);
int query_session_rotate(struct store *store, const struct wire_session_rotate *ask,
                         struct buf *out);
int query_session_revoke(struct store *store, const struct wire_session_revoke *ask,
                         struct buf *out);
int query_session_list(struct store *store, const struct wire_session_list *ask, struct buf *out);

/* A wire_status_reply. */
void query_status(struct buf *out, enum wire_result status, const char *detail);
/* A limit as asked for, at least 1 and at most `most`; 0 means most. */
uint32_t query_limit(uint32_t asked, uint32_t most);
