/* Joining and leaving, and what is due: the front of interest (its insides: interest_private.h). */
#include "edge/api/interest.h"

#include <stdlib.h>

#include "base/clock.h"
#include "edge/api/interest_private.h"

static void init_lists(struct interest *self)
{
    for (size_t i = 0; i < ID_PARTITIONS; i++) {
        list_init(&self->all[i]);
        list_init(&self->wanted[i]);
    }
    for (size_t i = 0; i < TOPOLOGY_WORKERS_MAX; i++)
        list_init(&self->head[i]);
    list_init(&self->requests);
    list_init(&self->heads);
    list_init(&self->behind);
    list_init(&self->unread);
    list_init(&self->discoveries);
    list_init(&self->joining);
    list_init(&self->ready);
    list_init(&self->left);
    list_init(&self->empty);
}

int interest_new(struct interest **ret, const struct interest_spec *spec)
{
    struct interest *self = NEW(struct interest);

    self->spec = *spec;
    init_lists(self);
    idmap_init(&self->channels);
    idmap_init(&self->users);
    buf_init(&self->ids, 1u << 20);
    buf_init(&self->body, 1u << 20);
    buf_init(&self->frame, 2u << 20);
    self->delivered = stat_counter(spec->pipes->stats, "events_delivered");
    self->handed = stat_counter(spec->pipes->stats, "events_sent");
    self->fetched = stat_counter(spec->pipes->stats, "events_fetched");
    self->lost = stat_counter(spec->pipes->stats, "sockets_lost");
    *ret = self;
    return 0;
}

static void forget(struct interest *self, struct interest_member *member)
{
    struct follower *user = member->user;
    struct interest_member **at = &user->members;

    while (*at != member)
        at = &(*at)->next;
    *at = member->next;
    list_remove(&member->wait);
    free(member);
    if (!user->members)
        follower_free(self, user);
}

void interest_free(struct interest **self)
{
    struct interest *it = TAKE(*self);
    struct follower *user;
    struct channel *channel;
    size_t at;

    if (!it)
        return;
    while (at = 0, (user = idmap_next(&it->users, &at)) != NULL)
        while (user->members->next)
            forget(it, user->members);
    while (at = 0, (user = idmap_next(&it->users, &at)) != NULL)
        forget(it, user->members);
    while (at = 0, (channel = idmap_next(&it->channels, &at)) != NULL)
        channel_free(it, channel);
    interest_ask_free(it);
    interest_read_free(it);
    idmap_done(&it->channels);
    idmap_done(&it->users);
    buf_done(&it->ids);
    buf_done(&it->body);
    buf_done(&it->frame);
    free(it);
}

void interest_join(struct interest *self, struct interest_member **ret, const struct id *id,
                   void *socket, interest_joined_fn *fn, void *arg)
{
    struct interest_member *member = NEW(struct interest_member);
    struct follower *user = idmap_find(&self->users, id);

    if (!user) {
        user = follower_new(self, id);
        follower_want_read(self, user);
    }
    member->user = user;
    member->next = user->members;
    user->members = member;
    member->socket = socket;
    member->fn = fn;
    member->arg = arg;
    member->due_ms = clock_monotonic_ms() + self->spec.limits.join_ms;
    list_init(&member->wait);
    list_append(&self->joining, &member->wait);
    *ret = member;
    follower_check(self, user);
}

void interest_leave(struct interest *self, struct interest_member **member)
{
    struct interest_member *it = TAKE(*member);

    if (!it)
        return;
    it->joined = false;
    it->fn = NULL;
    list_append(&self->left, &it->wait);
    if (self->walking)
        self->spec.pipes->wake(self->spec.pipes); /* who is handed an event now is not touched */
    else
        forget(self, it);
}

/* Whoever was added and removed again within a hole of the stream has missed that, and no list of
 * memberships shows it. It matters when they are added once more, and their device, which has seen
 * nothing of the conversation, would take this for the beginning. */
void follower_added(struct interest *self, const struct follower *user)
{
    for (struct interest_member *it = user->members; it; it = it->next) {
        if (!it->joined || it->repair == self->repair)
            continue;
        it->repair = self->repair;
        if (self->spec.ops->behind)
            self->spec.ops->behind(self->spec.arg, it->socket);
    }
}

static void tell(struct interest *self, struct interest_member *member, enum wire_result result)
{
    interest_joined_fn *fn = TAKE(member->fn);

    list_remove(&member->wait);
    if (fn) {
        member->joined = result == WIRE_OK;
        member->repair = self->repair;
        fn(member->arg, result);
    } else if (result != WIRE_OK && member->joined) {
        member->joined = false;
        (*self->lost)++;
        if (self->spec.ops->lost)
            self->spec.ops->lost(self->spec.arg, member->socket);
    }
}

/* Back among those that join, ordered by when they are due. */
static void join_again(struct interest *self, struct interest_member *member)
{
    struct list *at = &self->joining;

    while (at->prev != &self->joining &&
           LIST_ITEM(at->prev, struct interest_member, wait)->due_ms > member->due_ms)
        at = at->prev;
    list_append(at, &member->wait); /* in front of at */
}

/* Of a router that is not heard nobody knows what it has told the others: who joins waits; and may
 * then have to wait for more. */
static void tell_ready(struct interest *self)
{
    struct interest_member *member;

    while ((member = LIST_FIRST(&self->ready, struct interest_member, wait)) != NULL) {
        if (member->full)
            tell(self, member, WIRE_UNAVAILABLE);
        else if (links_trouble(self->spec.links))
            return;
        else if (follower_is_known(member->user))
            tell(self, member, WIRE_OK);
        else
            join_again(self, member);
    }
}

void interest_turn(struct interest *self)
{
    struct interest_member *member;

    while ((member = LIST_FIRST(&self->left, struct interest_member, wait)) != NULL)
        forget(self, member);
    tell_ready(self);
    if (self->paused_ms > clock_monotonic_ms())
        return;
    interest_read(self);
    interest_ask(self);
    interest_fetch(self);
}

static void give_up_overdue(struct interest *self, struct list *waiting, uint64_t now)
{
    for (;;) {
        struct interest_member *member = LIST_FIRST(waiting, struct interest_member, wait);

        if (!member || member->due_ms > now)
            break;
        tell(self, member, WIRE_UNAVAILABLE);
    }
}

void interest_tick(struct interest *self)
{
    uint64_t now = clock_monotonic_ms();

    give_up_overdue(self, &self->joining, now);
    interest_ask_tick(self, now);
    interest_drop_empty(self, now);
    interest_turn(self);
    give_up_overdue(self, &self->ready, now);
}

static bool is_whole(const struct tie *tie)
{
    const struct channel *channel = tie->channel;
    const struct seat *seat = &channel->seats[tie->at];

    return channel->stage == STAGE_LIVE && channel->doubt == DOUBT_NONE && !tie->doubt &&
           seat->from <= channel->seen + 1;
}

bool interest_standings(struct interest *self, const struct id *id, interest_standing_fn *fn,
                        void *arg)
{
    const struct follower *user = idmap_find(&self->users, id);

    if (!user || !follower_is_known(user) || links_trouble(self->spec.links))
        return false;
    for (uint32_t i = 0; i < user->tie_count; i++) {
        const struct tie *tie = &user->ties[i];

        fn(arg, &(struct interest_standing){tie->channel->id, tie->channel->seen, is_whole(tie)});
    }
    return true;
}

uint64_t interest_seen(const struct interest *self, const struct id *conversation)
{
    const struct channel *channel = idmap_find(&self->channels, conversation);

    return channel && channel->seen != SEEN_UNKNOWN ? channel->seen : 0;
}

size_t interest_conversations(const struct interest *self)
{
    return self->channels.count;
}

size_t interest_users(const struct interest *self)
{
    return self->users.count;
}
