/* A conversation as one of its members sees it. */
#pragma once

#include "persist/store.h"

/* Adds a record `conversation` to list. -ENOENT: the user is no member now. */
int describe_conversation(struct store *store, const struct id *conversation, const struct id *user,
                          struct buf *list, uint32_t *count);
