/* The functions of the MongoDB store: see persist/store.h. */
#pragma once

#include "persist/store.h"

int mongo_append(struct store *, const struct wire_event *, size_t, struct wire_verdict *);
int mongo_settle(struct store *, const struct id *);
int mongo_head(struct store *, const struct id *, struct store_head *);
int mongo_known(struct store *, const struct id *, const struct id *, struct wire_recent *);
int mongo_conversation(struct store *, const struct id *, struct store_conversation *);
int mongo_events(struct store *, const struct store_range *, store_event_fn *, void *);
int mongo_intervals(struct store *, const struct id *, const struct id *, store_member_fn *,
                    void *);
int mongo_members(struct store *, const struct id *, const struct id *, uint32_t, store_member_fn *,
                  void *);
int mongo_memberships(struct store *, const struct id *, const struct id *, uint32_t, store_id_fn *,
                      void *);
int mongo_claim(struct store *, const struct wire_holding *, size_t, uint64_t *);
int mongo_holdings(struct store *, uint8_t, store_holding_fn *, void *);
int mongo_user_add(struct store *, const struct wire_user *, const char **);
int mongo_user_get(struct store *, const struct id *, store_user_fn *, void *);
int mongo_user_login(struct store *, enum store_login, struct wire_bytes, store_user_fn *, void *);
int mongo_user_find(struct store *, struct wire_bytes, uint32_t, store_user_fn *, void *);
int mongo_user_update(struct store *, const struct id *, struct wire_bytes);
int mongo_session_add(struct store *, const struct wire_session *, struct wire_bytes);
int mongo_session_get(struct store *, const struct id *, store_session_fn *, void *);
int mongo_session_list(struct store *, const struct id *, uint64_t, store_session_fn *, void *);
int mongo_session_revoke(struct store *, const struct id *, const struct id *, uint64_t);
int mongo_hash_issued(struct store *, const struct id *, struct wire_bytes, uint64_t *);
int mongo_hash_spend(struct store *, const struct store_spent *,
                     void (*)(void *, const struct store_spent *), void *);
int mongo_jobs(struct store *, uint32_t, uint64_t, uint32_t, store_due_fn *, void *);
int mongo_job_settle(struct store *, const struct wire_job_settle *, uint32_t);
