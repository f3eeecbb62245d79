/* Every post waits in its conversation's queue until nothing stands before it: a load, a barrier.
 * Then it is answered at once or gets the next number and is pending until the store has spoken. */
#include "router/conversation.h"

#include <errno.h>
#include <stdlib.h>

#include "router/conversation_state.h"
#include "router/conversation_table.h"
#include "router/hash.h"

struct conversations {
    struct conversation_table table;
    struct conversation_limits limits;
    struct conversation_out out;
    struct post *pending; /* all of them, by conversation and client id */
    uint64_t seed;
    size_t held_bytes;
    uint32_t jobs;
    uint64_t *posts, *stored, *duplicates, *conflicts, *refused, *overflows, *voids, *gaps, *taken,
        *parked;
};

int conversations_new(struct conversations **ret, const struct conversation_limits *limits,
                      const struct conversation_out *out, uint32_t jobs, struct stat_set *stats)
{
    struct conversations *self = NEW(struct conversations);

    conversation_table_init(&self->table, limits->conversations);
    self->limits = *limits;
    self->out = *out;
    self->jobs = jobs;
    self->seed = hash_seed();
    self->posts = stat_counter(stats, "posts");
    self->stored = stat_counter(stats, "stored");
    self->duplicates = stat_counter(stats, "duplicates");
    self->conflicts = stat_counter(stats, "conflicts");
    self->refused = stat_counter(stats, "refused");
    self->overflows = stat_counter(stats, "overflows");
    self->voids = stat_counter(stats, "voids");
    self->gaps = stat_counter(stats, "gaps");
    self->taken = stat_counter(stats, "taken");
    self->parked = stat_counter(stats, "parked");
    *ret = self;
    return 0;
}

void conversations_free(struct conversations **self)
{
    if (!*self)
        return;
    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        conversations_drop(*self, p);
    free(*self);
    *self = NULL;
}

size_t conversations_count(const struct conversations *self)
{
    return HASH_COUNT(self->table.by_id);
}

struct conversation_table *conversations_table(struct conversations *self)
{
    return &self->table;
}

/* ---- answers ---- */

static void count_answer(struct conversations *self, uint8_t status)
{
    switch (status) {
    case WIRE_OK:
        break;
    case WIRE_DUPLICATE:
        (*self->duplicates)++;
        break;
    case WIRE_CONFLICT:
        (*self->conflicts)++;
        break;
    case WIRE_UNAVAILABLE:
        (*self->overflows)++;
        break;
    default:
        (*self->refused)++;
    }
}

static void answer_one(struct conversations *self, const struct post *post,
                       const struct post_waiter *to, const struct wire_answer *answer)
{
    count_answer(self, answer->status);
    self->out.answer(self->out.arg, post, to, answer);
}

static void answer_all(struct conversations *self, const struct post *post,
                       const struct wire_answer *answer)
{
    for (unsigned i = 0; i < post->waiter_count; i++)
        answer_one(self, post, &post->waiters[i], answer);
}

static void release(struct conversations *self, struct post **post)
{
    self->held_bytes -= post_size(*post);
    post_free(post);
}

/* The end of a post that gets no number. */
static void finish(struct conversations *self, struct post *post, enum wire_result status,
                   uint64_t seq)
{
    struct wire_answer answer = {.status = (uint8_t)status, .seq = seq};

    answer_all(self, post, &answer);
    release(self, &post);
}

/* ---- client ids ---- */

static unsigned hash_of(const struct conversations *self, const struct post *post)
{
    return (unsigned)(hash_id(&post->name.key, self->seed) ^
                      hash_id(&post->name.conversation, self->seed));
}

static struct post *find_pending(struct conversations *self, const struct post *asked)
{
    struct post *found;

    HASH_FIND_BYHASHVALUE(hh, self->pending, &asked->name, sizeof asked->name, hash_of(self, asked),
                          found);
    return found;
}

/* A repeat of one that is pending gets its answer, too. */
static void join(struct conversations *self, struct post *first, struct post *repeat)
{
    if (first->request.fingerprint != repeat->request.fingerprint)
        finish(self, repeat, WIRE_CONFLICT, first->seq);
    else if (!post_add_waiter(first, &repeat->waiters[0]))
        finish(self, repeat, WIRE_UNAVAILABLE, 0);
    else
        release(self, &repeat);
}

/* true: its client id is known, and it is dealt with. */
static bool answer_known(struct conversations *self, struct post *post)
{
    const struct memory_recent *recent =
        memory_recents_find(&post->conversation->recents, &post->name.key);
    struct post *first;

    if (recent && recent->at + MEMORY_REACH > post->conversation->head) {
        finish(self, post,
               recent->fingerprint == post->request.fingerprint ? WIRE_DUPLICATE : WIRE_CONFLICT,
               recent->seq);
        return true;
    }
    first = find_pending(self, post);
    if (first)
        join(self, first, post);
    return first != NULL;
}

/* ---- numbers ---- */

static void give_number(struct conversations *self, struct post *post)
{
    struct conversation *conversation = post->conversation;

    post->seq = ++conversation->head;
    if (post->request.kind == WIRE_KIND_MESSAGE_CREATED) {
        conversation->messages++;
        conversation->last_message = post->seq;
        post->jobs = self->jobs;
    }
    post->messages = conversation->messages;
    post->last_message = conversation->last_message;
    if (rules_is_barrier(post->request.kind))
        conversation->barrier = post;
    TAILQ_INSERT_TAIL(&conversation->pending, post, entry);
    conversation->pending_count++;
    HASH_ADD_BYHASHVALUE(hh, self->pending, name, sizeof post->name, hash_of(self, post), post);
    self->out.append(self->out.arg, post);
}

static void forget_pending(struct conversations *self, struct post *post)
{
    if (self->pending) /* always: this one is in it */
        HASH_DEL(self->pending, post);
}

/* Takes back all numbers without a verdict: those posts wait again, in their order. */
static void take_numbers_back(struct conversations *self, struct conversation *conversation)
{
    struct post *post;

    while ((post = TAILQ_LAST(&conversation->pending, post_list))) {
        self->out.withdraw(self->out.arg, post);
        forget_pending(self, post);
        TAILQ_REMOVE(&conversation->pending, post, entry);
        TAILQ_INSERT_HEAD(&conversation->waiting, post, entry);
    }
    conversation->waiting_count += conversation->pending_count;
    conversation->pending_count = 0;
    conversation->barrier = NULL;
}

/* ---- what must be known first ---- */

static void start_load(struct conversations *self, struct conversation *conversation)
{
    self->out.load(self->out.arg, conversation->partition, &conversation->load);
}

/* The pair has its conversation, whoever asks for it under whatever client id. */
static bool is_made(const struct post *post)
{
    return post->request.kind == WIRE_KIND_CONVERSATION_CREATED &&
           post->conversation->kind == WIRE_DIRECT;
}

/* A frame that came before and is not known was refused then. Others of its sender may have been
 * taken since, so a number now would put it behind them; its client is told, and may ask anew. */
static enum wire_result check(const struct post *post, const struct rules_facts *facts)
{
    enum wire_result result = rules_check(&post->meaning, facts);

    return result == WIRE_OK && post->came_before && !is_made(post) ? WIRE_UNAVAILABLE : result;
}

/* false: it cannot be judged yet, and a load is under way. */
static bool judge(struct conversations *self, struct post *post)
{
    struct conversation *conversation = post->conversation;
    struct rules_facts facts;
    enum wire_result result;

    if (!conversation->is_loaded) {
        start_load(self, conversation);
        return false;
    }
    if (answer_known(self, post))
        return true;
    if (!conversation_knows(conversation, post)) {
        start_load(self, conversation);
        return false;
    }
    facts = conversation_facts(conversation, post);
    result = check(post, &facts);
    if (result != WIRE_OK && conversation_may_know(conversation, post, &facts)) {
        start_load(self, conversation); /* a retry gets the first try's answer, not today's */
        return false;
    }
    if (result != WIRE_OK)
        finish(self, post, result, 0);
    else if (is_made(post))
        finish(self, post, WIRE_DUPLICATE, 1);
    else /* a group created long ago is numbered, too: whether it was the same one, the store says
          */
        give_number(self, post);
    return true;
}

/* Judges what waits, until something stands before it; remembers when nothing is left to do. */
static void drain(struct conversations *self, struct conversation *conversation)
{
    struct post *post;

    while (!conversation->barrier && conversation->load.state == LOAD_NONE &&
           (post = TAILQ_FIRST(&conversation->waiting))) {
        TAILQ_REMOVE(&conversation->waiting, post, entry);
        conversation->waiting_count--;
        if (!judge(self, post)) {
            TAILQ_INSERT_HEAD(&conversation->waiting, post, entry);
            conversation->waiting_count++;
        }
    }
    if (conversation->pending_count == 0 && conversation->waiting_count == 0 &&
        conversation->load.state == LOAD_NONE)
        conversation_table_set_idle(&self->table, conversation);
}

/* ---- posts come in ---- */

static struct conversation *find_or_add(struct conversations *self, const struct id *id)
{
    struct conversation *found = conversation_table_find(&self->table, id);

    return found ? found : conversation_table_add(&self->table, id);
}

void conversations_take(struct conversations *self, struct post **taken)
{
    struct post *post = TAKE(*taken);
    struct conversation *conversation = NULL;

    (*self->posts)++;
    self->held_bytes += post_size(post);
    if (self->held_bytes <= self->limits.held_bytes)
        conversation = find_or_add(self, &post->request.conversation);
    if (!conversation || conversation->waiting_count >= self->limits.waiting) {
        finish(self, post, WIRE_UNAVAILABLE, 0);
        return;
    }
    post->conversation = conversation;
    conversation_table_set_busy(&self->table, conversation);
    TAILQ_INSERT_TAIL(&conversation->waiting, post, entry);
    conversation->waiting_count++;
    drain(self, conversation);
    if (conversation->waiting_count > 0)
        (*self->parked)++;
}

/* ---- the store speaks ---- */

static void remember_client_id(struct post *post, uint64_t seq)
{
    struct memory_recent recent = {.key = post->name.key,
                                   .fingerprint = post->request.fingerprint,
                                   .seq = seq,
                                   .at = post->seq};

    memory_recents_add(&post->conversation->recents, &recent);
}

/* How many messages there are is known for sure only now: a number given to one before may have
 * become a void. */
static void count_message(struct post *post, bool is_stored)
{
    struct conversation *conversation = post->conversation;

    if (post->request.kind == WIRE_KIND_MESSAGE_CREATED && is_stored) {
        conversation->stored_messages++;
        conversation->stored_last = post->seq;
    } else if (post->request.kind == WIRE_KIND_MESSAGE_CREATED) {
        conversation->messages--;
    }
    post->messages = conversation->stored_messages;
    post->last_message = conversation->stored_last;
}

/* Stands in the log at its number. */
static void settle_stored(struct conversations *self, struct post *post)
{
    struct wire_answer answer = {.status = WIRE_OK, .seq = post->seq, .at_ms = post->at_ms};
    struct wire_event event;

    count_message(post, true);
    answer.messages = post->messages;
    event = post_event(post);
    (*self->stored)++;
    remember_client_id(post, post->seq);
    conversation_apply(post->conversation, post);
    answer_all(self, post, &answer);
    self->out.deliver(self->out.arg, &event);
}

/* A void stands there, since the client id or the event was no good. */
static void settle_void(struct conversations *self, struct post *post,
                        const struct wire_verdict *verdict)
{
    struct wire_answer answer = {.status = WIRE_INVALID, .seq = verdict->of};
    struct wire_event event;

    count_message(post, false);
    event = post_void(post);
    (*self->voids)++;
    if (verdict->answer == WIRE_ANSWER_DUPLICATE_OF) {
        remember_client_id(post, verdict->of);
        answer.status = WIRE_DUPLICATE;
    } else if (verdict->answer == WIRE_ANSWER_CONFLICT_WITH) {
        answer.status = WIRE_CONFLICT;
    }
    answer_all(self, post, &answer);
    self->out.deliver(self->out.arg, &event);
}

static int settle(struct conversations *self, struct post *post, const struct wire_verdict *verdict)
{
    struct conversation *conversation = post->conversation;

    if (verdict->answer == WIRE_ANSWER_STORED || verdict->answer == WIRE_ANSWER_SAME)
        settle_stored(self, post);
    else
        settle_void(self, post, verdict);
    if (conversation->barrier == post)
        conversation->barrier = NULL;
    forget_pending(self, post);
    TAILQ_REMOVE(&conversation->pending, post, entry);
    conversation->pending_count--;
    if (conversation->pending_count == 0)
        conversation->last_message = conversation->stored_last;
    release(self, &post);
    drain(self, conversation);
    return 0;
}

/* What is remembered of the conversation is wrong: forget it, ask, and judge all of it again. */
static int start_over(struct conversations *self, struct conversation *conversation)
{
    (*self->taken)++;
    take_numbers_back(self, conversation);
    self->out.unload(self->out.arg, conversation->partition, &conversation->load);
    memory_recents_clear(&conversation->recents);
    memory_members_clear(&conversation->members);
    conversation->is_loaded = false;
    conversation->is_unsure = true;
    drain(self, conversation);
    return 0;
}

/* The log ends at `of`. When the posts still held here begin there or before, they fill the gap. */
static int settle_gap(struct conversations *self, struct post *post, uint64_t of)
{
    struct conversation *conversation = post->conversation;

    (*self->gaps)++;
    if (TAILQ_FIRST(&conversation->pending)->seq <= of + 1)
        return -EAGAIN;
    return start_over(self, conversation);
}

int conversations_settle(struct conversations *self, struct post *post,
                         const struct wire_verdict *verdict)
{
    unsigned partition = post->partition;

    switch (verdict->answer) {
    case WIRE_ANSWER_STORED:
    case WIRE_ANSWER_SAME:
    case WIRE_ANSWER_DUPLICATE_OF:
    case WIRE_ANSWER_CONFLICT_WITH:
    case WIRE_ANSWER_REFUSED:
        return settle(self, post, verdict);
    case WIRE_ANSWER_GAP:
        return settle_gap(self, post, verdict->of);
    case WIRE_ANSWER_TAKEN:
        return start_over(self, post->conversation);
    case WIRE_ANSWER_FENCED:
        conversations_drop(self, partition);
        self->out.fenced(self->out.arg, partition);
        return 0;
    default: /* from a newer version: as good as none */
        return -EAGAIN;
    }
}

/* ---- loads ---- */

struct wire_load conversations_load_request(struct load *load, struct buf *list)
{
    return conversation_load_request(load, list);
}

void conversations_loaded(struct conversations *self, struct load *load,
                          const struct wire_loaded *loaded)
{
    struct conversation *conversation = CONTAINER_OF(load, struct conversation, load);
    unsigned partition = conversation->partition;

    if (loaded->status == WIRE_FENCED) {
        conversations_drop(self, partition);
        self->out.fenced(self->out.arg, partition);
        return;
    }
    conversation_learn(conversation, loaded);
    if (conversation->is_unsure)
        self->out.unsure(self->out.arg);
    conversation->is_unsure = false;
    drain(self, conversation);
}

/* ---- the end of a partition ---- */

static void drop(struct conversations *self, struct conversation *conversation)
{
    struct post *post;

    self->out.unload(self->out.arg, conversation->partition, &conversation->load);
    take_numbers_back(self, conversation);
    while ((post = TAILQ_FIRST(&conversation->waiting))) {
        TAILQ_REMOVE(&conversation->waiting, post, entry);
        release(self, &post);
    }
    conversation_table_remove(&self->table, conversation);
}

void conversations_drop(struct conversations *self, unsigned partition)
{
    struct conversation *conversation;

    while ((conversation = TAILQ_FIRST(&self->table.of[partition])))
        drop(self, conversation);
}
