/* What is known of one conversation, and how it comes to be known. For conversation.c alone. */
#pragma once

#include "router/conversation_table.h"

/* Whether the roles that a post is judged by are known. */
bool conversation_knows(struct conversation *self, const struct post *post);
/* Whether the store may know the post's client id though it is not remembered here: a stranger has
 * none there. */
bool conversation_may_know(const struct conversation *self, const struct post *post,
                           const struct rules_facts *facts);
struct rules_facts conversation_facts(struct conversation *self, const struct post *post);

/* Rights as they are now that the event of this post is stored. */
void conversation_apply(struct conversation *self, const struct post *post);

/* What to ask the store: the state, and the roles of those that the waiting posts are about. */
struct wire_load conversation_load_request(struct load *load, struct buf *list);
/* Its answer. Numbers are taken only when none were known: those in memory may be ahead. */
void conversation_learn(struct conversation *self, const struct wire_loaded *loaded);
