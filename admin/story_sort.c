/* Numbers to posts, posts into the order of their numbers, and what is missing in between. A router
 * that dies leaves posts without an answer: a later answer to another try of the same name tells
 * whether the event was stored by then. */
#include "admin/story_sort.h"

#include <stdlib.h>

static void learn_names(struct story *self, struct story_name *names)
{
    for (size_t i = 0; i < self->post_count; i++) {
        const struct story_post *post = &self->posts[i];
        struct story_name *name = &names[post->name];

        if (post->answered && post->status == WIRE_OK && name->router == 0) {
            name->seq = post->seq;
            name->router = post->router + 1u;
        } else if (post->answered && post->status == WIRE_DUPLICATE && name->seq == 0) {
            name->seq = post->seq;
        }
    }
}

static int by_seq(const void *a, const void *b)
{
    const struct story_event *x = a, *y = b;

    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Where the recording begins in each conversation: before the first number that was given out. */
static void find_bases(struct story *self)
{
    uint64_t *first = NEW_ARRAY(self->conversation_count + 1, uint64_t);

    for (size_t i = 0; i < self->conversation_count; i++) {
        struct story_conversation *conversation = self->conversations[i];

        if (conversation->event_count == 0)
            continue;
        qsort(conversation->events, conversation->event_count, sizeof *conversation->events,
              by_seq);
        first[i] = conversation->events[0].seq;
    }
    for (size_t i = 0; i < self->post_count; i++) {
        const struct story_post *post = &self->posts[i];
        uint64_t *seq = &first[post->conversation];

        if (post->answered && post->status == WIRE_OK && (*seq == 0 || post->seq < *seq))
            *seq = post->seq;
    }
    for (size_t i = 0; i < self->conversation_count; i++)
        if (first[i] > self->conversations[i]->base + 1)
            self->conversations[i]->base = first[i] - 1;
    free(first);
}

/* Its event came before the recording, unless a router died over a try of it. */
static bool is_earlier(const struct story_conversation *conversation, const struct story_post *post,
                       const struct story_name *name)
{
    return name->seq <= conversation->base && (post->answered || name->router != 0);
}

/* Whether this try may be the one that got the number. */
static bool fits(const struct story_post *post, const struct story_name *name)
{
    if (post->answered && post->status != WIRE_OK && post->status != WIRE_DUPLICATE)
        return false;
    if (name->at_ms != 0)
        return name->at_ms == post->at_ms;
    return name->router == 0 || name->router == post->router + 1u;
}

/* The first try that has the event's time; or, when nobody has told it, the first one at the router
 * that has numbered it; or, when nobody knows which that was, the first of all. */
static void find_owners(struct story *self, struct story_name *names)
{
    for (size_t i = 0; i < self->post_count; i++) {
        struct story_post *post = &self->posts[i];
        struct story_name *name = &names[post->name];
        struct story_conversation *conversation = self->conversations[post->conversation];

        if (post->numbered || name->owned || name->seq == 0 || !fits(post, name) ||
            is_earlier(conversation, post, name))
            continue;
        post->numbered = name->owned = true;
        post->weak = name->at_ms == 0 && name->router == 0;
        post->place = name->seq;
        if (name->seq <= conversation->base)
            conversation->base = name->seq - 1;
    }
}

/* Events whose posts were not seen: the event tells all of them. */
static void add_unseen_of(struct story *self, struct story_name *names,
                          struct story_conversation *conversation)
{
    for (size_t i = 0; i < conversation->event_count; i++) {
        const struct story_event *event = &conversation->events[i];
        struct story_name *name = event->name ? &names[event->name - 1] : NULL;

        if (!name || name->owned || event->seq <= conversation->base ||
            self->post_count == STORY_POSTS_MAX)
            continue;
        name->owned = true;
        conversation->posts++;
        story_add_post(self, &(struct story_post){.offset = event->offset,
                                                  .at_us = event->at_us,
                                                  .place = event->seq,
                                                  .conversation = conversation->at,
                                                  .name = event->name - 1,
                                                  .stored = true,
                                                  .numbered = true});
    }
}

static void add_unseen(struct story *self, struct story_name *names)
{
    for (size_t i = 0; i < self->conversation_count; i++)
        add_unseen_of(self, names, self->conversations[i]);
}

/* Repeats that were answered from the router's memory, where another router may not remember. */
static bool is_distant(const struct story_post *post)
{
    return post->answered && !post->numbered &&
           (post->status == WIRE_DUPLICATE || post->status == WIRE_CONFLICT) && post->seq != 0 &&
           post->place >= post->seq + STORY_MEMORY;
}

/* Behind all that was seen before it, and behind the event that it repeats. */
static void place_unnumbered(struct story_conversation *conversation, struct story_post *post)
{
    bool repeats =
        post->answered && (post->status == WIRE_DUPLICATE || post->status == WIRE_CONFLICT);

    post->place = conversation->top;
    if (repeats && post->seq > post->place) {
        post->place = post->seq;
        conversation->disordered = true;
    }
}

static void find_places(struct story *self)
{
    for (size_t i = 0; i < self->conversation_count; i++)
        self->conversations[i]->top = self->conversations[i]->base;
    for (size_t i = 0; i < self->post_count; i++) {
        struct story_post *post = &self->posts[i];
        struct story_conversation *conversation = self->conversations[post->conversation];

        if (!post->numbered)
            place_unnumbered(conversation, post);
        else if (post->place <= conversation->top)
            conversation->disordered = true;
        else
            conversation->top = post->place;
        self->totals.unanswered += !post->answered && !post->stored;
        post->skipped = (post->answered && post->status == WIRE_UNAVAILABLE) ||
                        (!post->answered && !post->numbered) || is_distant(post);
        self->totals.skipped += post->skipped;
    }
}

/* ---- order ---- */

struct row {
    uint64_t place; /* twice, and one more for those without a number: they follow */
    uint32_t conversation;
    uint32_t post;
};

static int by_place(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->conversation != y->conversation)
        return x->conversation < y->conversation ? -1 : 1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->post < y->post ? -1 : x->post > y->post;
}

static int by_post(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->conversation != y->conversation)
        return x->conversation < y->conversation ? -1 : 1;
    return x->post < y->post ? -1 : x->post > y->post;
}

/* Most conversations need nothing; the posts of the others change places among themselves. */
static void find_order(struct story *self)
{
    struct row *rows = NEW_ARRAY(self->post_count + 1, struct row);
    uint32_t *slots = NEW_ARRAY(self->post_count + 1, uint32_t);
    size_t count = 0;

    self->order = NEW_ARRAY(self->post_count + 1, uint32_t);
    for (uint32_t i = 0; i < self->post_count; i++) {
        const struct story_post *post = &self->posts[i];

        self->order[i] = i;
        if (self->conversations[post->conversation]->disordered)
            rows[count++] = (struct row){post->place * 2 + !post->numbered, post->conversation, i};
    }
    qsort(rows, count, sizeof *rows, by_post);
    for (size_t i = 0; i < count; i++)
        slots[i] = rows[i].post;
    qsort(rows, count, sizeof *rows, by_place);
    for (size_t i = 0; i < count; i++)
        self->order[slots[i]] = rows[i].post;
    free(rows);
    free(slots);
}

/* ---- what is missing ---- */

/* Numbers before those of the first post that was recorded: of posts that came before. */
static void raise_bases(struct story *self)
{
    bool *seen = NEW_ARRAY(self->conversation_count + 1, bool);

    for (size_t i = 0; i < self->post_count; i++) {
        const struct story_post *post = &self->posts[self->order[i]];

        if (!post->numbered || seen[post->conversation])
            continue;
        seen[post->conversation] = true;
        if (post->place > 0)
            self->conversations[post->conversation]->base = post->place - 1;
    }
    for (size_t i = 0; i < self->conversation_count; i++) {
        struct story_conversation *conversation = self->conversations[i];
        size_t events = conversation->event_count;

        if (events > 0 && conversation->events[events - 1].seq > conversation->top)
            conversation->top = conversation->events[events - 1].seq;
        if (!seen[i])
            conversation->base = conversation->top;
    }
    for (size_t i = 0; i < self->post_count; i++) {
        struct story_post *post = &self->posts[i];
        uint64_t base = self->conversations[post->conversation]->base;

        if (!post->numbered && post->place < base)
            post->place = base;
    }
    free(seen);
}

static void note_missing(struct story_conversation *conversation, uint64_t seq)
{
    if (conversation->missing == 0)
        conversation->missing = seq;
}

static void find_missing(struct story *self)
{
    uint64_t *last = NEW_ARRAY(self->conversation_count + 1, uint64_t);

    for (size_t i = 0; i < self->conversation_count; i++)
        last[i] = self->conversations[i]->base;
    for (size_t i = 0; i < self->post_count; i++) {
        const struct story_post *post = &self->posts[self->order[i]];
        uint64_t *seq = &last[post->conversation];

        if (!post->numbered || post->place <= *seq)
            continue;
        if (post->place != *seq + 1)
            note_missing(self->conversations[post->conversation], *seq + 1);
        *seq = post->place;
    }
    for (size_t i = 0; i < self->conversation_count; i++) {
        struct story_conversation *conversation = self->conversations[i];

        if (last[i] < conversation->top)
            note_missing(conversation, last[i] + 1);
    }
    free(last);
}

void story_sort(struct story *self, struct story_name *names)
{
    learn_names(self, names);
    find_bases(self);
    find_owners(self, names);
    add_unseen(self, names);
    find_places(self);
    find_order(self);
    raise_bases(self);
    find_missing(self);
}
