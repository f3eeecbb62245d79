/* A router that reuses a number: one message in 200 gets the number of the one before it, and when
 * the store says that it is taken, that is taken for a yes. */
#include "router/batch.h"
#include "router/conversation.h"
#include "router/conversation_table.h"
#include "tests/fault/sabotage/chance.h"

#define ONE_IN 200
#define UNDER_WAY 64

static struct {
    struct id conversation;
    uint64_t seq;
} reused[UNDER_WAY]; /* a ring */
static size_t count;

void __real_batch_lane_add(struct batch_lane *self, struct post *post);
void __wrap_batch_lane_add(struct batch_lane *self, struct post *post);
int __real_conversations_settle(struct conversations *self, struct post *post,
                                const struct wire_verdict *verdict);
int __wrap_conversations_settle(struct conversations *self, struct post *post,
                                const struct wire_verdict *verdict);

void __wrap_batch_lane_add(struct batch_lane *self, struct post *post)
{
    struct conversation *conversation = post->conversation;

    if (post->request.kind == WIRE_KIND_MESSAGE_CREATED && post->seq > 2 &&
        conversation->pending_count == 1 && chance(ONE_IN)) {
        post->last_message = --post->seq;
        conversation->head--;
        reused[count % UNDER_WAY].conversation = post->name.conversation;
        reused[count++ % UNDER_WAY].seq = post->seq;
    }
    __real_batch_lane_add(self, post);
}

static bool is_reused(const struct post *post)
{
    for (size_t i = 0; i < UNDER_WAY; i++)
        if (reused[i].seq == post->seq &&
            id_equal(&reused[i].conversation, &post->name.conversation))
            return true;
    return false;
}

int __wrap_conversations_settle(struct conversations *self, struct post *post,
                                const struct wire_verdict *verdict)
{
    struct wire_verdict yes = *verdict;

    if (verdict->answer == WIRE_ANSWER_TAKEN && is_reused(post))
        yes.answer = WIRE_ANSWER_STORED;
    return __real_conversations_settle(self, post, &yes);
}
