/* A hash table, a list in order of use, and a list per partition. */
#include "router/conversation_table.h"

#include <stdlib.h>

#include "router/hash.h"

void conversation_table_init(struct conversation_table *self, size_t most)
{
    *self = (struct conversation_table){.most = most, .seed = hash_seed()};
    TAILQ_INIT(&self->idle);
    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        TAILQ_INIT(&self->of[p]);
}

struct conversation *conversation_table_find(struct conversation_table *self, const struct id *id)
{
    unsigned hash = (unsigned)hash_id(id, self->seed);
    struct conversation *found;

    HASH_FIND_BYHASHVALUE(hh, self->by_id, id, sizeof *id, hash, found);
    return found;
}

struct conversation *conversation_table_add(struct conversation_table *self, const struct id *id)
{
    unsigned hash = (unsigned)hash_id(id, self->seed);
    struct conversation *made;

    if (HASH_COUNT(self->by_id) >= self->most) {
        if (TAILQ_EMPTY(&self->idle))
            return NULL;
        conversation_table_remove(self, TAILQ_FIRST(&self->idle));
    }
    made = NEW(struct conversation);
    made->id = *id;
    made->partition = (uint8_t)id_partition(id);
    TAILQ_INIT(&made->waiting);
    TAILQ_INIT(&made->pending);
    HASH_ADD_BYHASHVALUE(hh, self->by_id, id, sizeof made->id, hash, made);
    TAILQ_INSERT_TAIL(&self->of[made->partition], made, neighbour);
    return made;
}

void conversation_table_remove(struct conversation_table *self, struct conversation *conversation)
{
    conversation_table_set_busy(self, conversation);
    HASH_DEL(self->by_id, conversation);
    TAILQ_REMOVE(&self->of[conversation->partition], conversation, neighbour);
    memory_recents_clear(&conversation->recents);
    memory_members_clear(&conversation->members);
    free(conversation);
}

void conversation_table_set_busy(struct conversation_table *self, struct conversation *conversation)
{
    if (conversation->is_idle)
        TAILQ_REMOVE(&self->idle, conversation, idle);
    conversation->is_idle = false;
}

void conversation_table_set_idle(struct conversation_table *self, struct conversation *conversation)
{
    conversation_table_set_busy(self, conversation);
    if (conversation->kind == 0)
        TAILQ_INSERT_HEAD(&self->idle, conversation, idle);
    else
        TAILQ_INSERT_TAIL(&self->idle, conversation, idle);
    conversation->is_idle = true;
}
