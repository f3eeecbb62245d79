/* Members and numbers of one conversation, as the store told them and as stored events change them.
 */
#include "router/conversation_state.h"

#include <stdlib.h>

#define LOAD_USERS_MAX 64
#define LOAD_RECENTS_MAX 256

static bool is_known(struct conversation *self, const struct id *user)
{
    return id_is_zero(user) || memory_members_find(&self->members, user);
}

/* Is what is remembered all that there is? */
static bool remembers_all(const struct conversation *self)
{
    return self->kind == 0 || self->head <= self->recents.count;
}

bool conversation_may_know(const struct conversation *self, const struct post *post,
                           const struct rules_facts *facts)
{
    bool is_stranger = facts->actor == WIRE_ROLE_NONE && !facts->actor_left;

    return !post->is_looked_up && !is_stranger && !remembers_all(self);
}

bool conversation_knows(struct conversation *self, const struct post *post)
{
    if (post->request.kind == WIRE_KIND_CONVERSATION_CREATED || self->kind == 0)
        return true;
    return is_known(self, &post->meaning.actor) && is_known(self, &post->meaning.target);
}

struct rules_facts conversation_facts(struct conversation *self, const struct post *post)
{
    struct rules_facts facts = {.conversation = self->kind, .head = self->head};
    const struct memory_member *member = memory_members_find(&self->members, &post->meaning.actor);

    facts.actor = member ? member->role : WIRE_ROLE_NONE;
    facts.actor_left = member && member->left;
    member = memory_members_find(&self->members, &post->meaning.target);
    facts.target = member ? member->role : WIRE_ROLE_NONE;
    return facts;
}

/* ---- stored events ---- */

static void remember_role(struct conversation *self, const struct id *user, uint8_t role)
{
    struct memory_member member = {.user = *user, .role = role, .left = role == WIRE_ROLE_NONE};

    memory_members_put(&self->members, &member);
}

/* Strangers that were asked for before may be members now: all of them are asked for again, but for
 * as many of the first members as are worth the room. Who is named twice has the first role, as in
 * the store. */
static void apply_created(struct conversation *self, const struct post *post)
{
    struct wire_list members = post->meaning.members;
    struct wire_bytes item;
    struct wire_member member;
    unsigned left = MEMORY_MEMBERS_MAX / 2;

    self->kind = post->meaning.created_kind;
    memory_members_clear(&self->members);
    for (; left > 0 && wire_list_next(&members, &item); left--)
        if (wire_member_decode(item, &member) == 0 && !is_known(self, &member.user))
            remember_role(self, &member.user, member.role);
}

void conversation_apply(struct conversation *self, const struct post *post)
{
    switch (post->request.kind) {
    case WIRE_KIND_CONVERSATION_CREATED:
        apply_created(self, post);
        break;
    case WIRE_KIND_MEMBER_ADDED:
    case WIRE_KIND_MEMBER_UPDATED:
        remember_role(self, &post->meaning.target, post->meaning.role);
        break;
    case WIRE_KIND_MEMBER_REMOVED:
        remember_role(self, &post->meaning.target, WIRE_ROLE_NONE);
        break;
    default:
        break;
    }
}

/* ---- loads ---- */

static void add_user(struct conversation *self, struct buf *list, uint32_t *count,
                     const struct id *user)
{
    struct wire_item item = {.id = *user};

    if (!is_known(self, user))
        wire_item_add(list, count, &item);
}

struct wire_load conversation_load_request(struct load *load, struct buf *list)
{
    struct conversation *self = CONTAINER_OF(load, struct conversation, load);
    struct wire_load request = {.conversation = self->id};
    struct post *post;
    uint32_t count = 0;
    unsigned left = LOAD_USERS_MAX;

    TAILQ_FOREACH(post, &self->waiting, entry)
    {
        if (left-- == 0)
            break;
        add_user(self, list, &count, &post->meaning.actor);
        add_user(self, list, &count, &post->meaning.target);
    }
    post = TAILQ_FIRST(&self->waiting);
    if (post && self->is_loaded)
        request.key = post->name.key;
    request.users = wire_list_of(list, count);
    return request;
}

static int by_seq(const void *a, const void *b)
{
    const struct memory_recent *x = a, *y = b;

    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Ascending, whatever order they came in: the oldest are the first to be forgotten. */
static void learn_recents(struct conversation *self, struct wire_list list)
{
    struct memory_recent recents[LOAD_RECENTS_MAX];
    struct wire_bytes item;
    size_t count = 0;

    while (count < LOAD_RECENTS_MAX && wire_list_next(&list, &item)) {
        struct wire_recent recent;

        if (wire_recent_decode(item, &recent) == 0)
            recents[count++] =
                (struct memory_recent){recent.key, recent.fingerprint, recent.seq, recent.seq};
    }
    qsort(recents, count, sizeof *recents, by_seq);
    for (size_t i = 0; i < count; i++)
        memory_recents_add(&self->recents, &recents[i]);
}

static void learn_members(struct conversation *self, struct wire_list list)
{
    struct wire_bytes item;
    struct wire_member found;

    while (wire_list_next(&list, &item))
        if (wire_member_decode(item, &found) == 0) {
            struct memory_member member = {.user = found.user,
                                           .role = found.to ? WIRE_ROLE_NONE : found.role,
                                           .left = found.to != 0};

            memory_members_put(&self->members, &member);
        }
}

/* Whom the store did not name among those asked for is no member. */
static void learn_absent(struct conversation *self, const struct id *user)
{
    struct memory_member stranger = {.user = *user};

    if (!is_known(self, user))
        memory_members_put(&self->members, &stranger);
}

/* The request asked for the first post's client id: it is still the first. */
static void learn_known(struct conversation *self, struct post *first, struct wire_bytes known)
{
    struct wire_recent recent;

    first->is_looked_up = true;
    if (known.len > 0 && wire_recent_decode(known, &recent) == 0)
        memory_recents_add(&self->recents, &(struct memory_recent){recent.key, recent.fingerprint,
                                                                   recent.seq, self->head});
}

void conversation_learn(struct conversation *self, const struct wire_loaded *loaded)
{
    struct post *first = TAILQ_FIRST(&self->waiting);

    if (self->is_loaded && first)
        learn_known(self, first, loaded->known);
    if (!self->is_loaded) {
        self->kind = loaded->kind;
        self->head = loaded->head;
        self->messages = loaded->messages;
        self->last_message = loaded->last_message;
        self->stored_messages = loaded->messages;
        self->stored_last = loaded->last_message;
        self->is_loaded = true;
        learn_recents(self, loaded->recents);
    }
    learn_members(self, loaded->members);
    if (first && first->request.kind != WIRE_KIND_CONVERSATION_CREATED) {
        learn_absent(self, &first->meaning.actor);
        learn_absent(self, &first->meaning.target);
    }
}
