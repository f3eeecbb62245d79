/* Users with local sockets and the conversations they are in: two compact arrays that name each
 * other's places, so that ties come and go without a search. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge/api/interest_private.h"

struct channel *channel_new(struct interest *self, const struct id *id)
{
    struct channel *channel = NEW(struct channel);

    channel->id = *id;
    channel->seen = SEEN_UNKNOWN;
    list_init(&channel->all);
    list_init(&channel->work);
    list_append(&self->all[id_partition(id)], &channel->all);
    idmap_add(&self->channels, &channel->id);
    channel_want(self, channel);
    return channel;
}

void channel_free(struct interest *self, struct channel *channel)
{
    while (channel->seat_count) {
        struct seat *seat = &channel->seats[channel->seat_count - 1];

        follower_untie(self, &seat->user->ties[seat->at], seat->user);
    }
    if (channel->fetch)
        channel->fetch->channel = NULL;
    idmap_remove(&self->channels, &channel->id);
    list_remove(&channel->all);
    list_remove(&channel->work);
    free(channel->seats);
    free(channel);
}

static uint32_t more_room(uint32_t room)
{
    return room ? room * 2 : 2;
}

struct tie *follower_find_tie(struct follower *user, const struct channel *channel)
{
    if (channel->seat_count < user->tie_count) {
        for (uint32_t i = 0; i < channel->seat_count; i++)
            if (channel->seats[i].user == user)
                return &user->ties[channel->seats[i].at];
        return NULL;
    }
    for (uint32_t i = 0; i < user->tie_count; i++)
        if (user->ties[i].channel == channel)
            return &user->ties[i];
    return NULL;
}

int follower_tie(struct interest *self, struct follower *user, struct channel *channel,
                 uint64_t from)
{
    if (follower_find_tie(user, channel))
        return 0;
    if (self->ties >= self->spec.limits.follows)
        return -ENOSPC;
    if (channel->seat_count == channel->seat_room) {
        channel->seat_room = more_room(channel->seat_room);
        channel->seats = base_realloc(channel->seats, channel->seat_room, sizeof *channel->seats);
    }
    if (user->tie_count == user->tie_room) {
        user->tie_room = more_room(user->tie_room);
        user->ties = base_realloc(user->ties, user->tie_room, sizeof *user->ties);
    }
    channel->seats[channel->seat_count] = (struct seat){user, from, user->tie_count};
    user->ties[user->tie_count] =
        (struct tie){.channel = channel, .at = channel->seat_count, .listed = true};
    channel->seat_count++;
    user->tie_count++;
    self->ties++;
    if (from == SEEN_UNKNOWN) {
        channel->pending++;
        user->pending++;
    }
    if (channel->stage == STAGE_LIVE)
        list_remove(&channel->work); /* from the empty ones */
    return 0;
}

void follower_untie(struct interest *self, struct tie *tie, struct follower *user)
{
    struct channel *channel = tie->channel;
    uint32_t seat_at = tie->at, tie_at = (uint32_t)(tie - user->ties);

    if (channel->seats[seat_at].from == SEEN_UNKNOWN) {
        channel->pending--;
        user->pending--;
    }
    if (seat_at != --channel->seat_count) { /* the last one takes its place */
        struct seat *moved = &channel->seats[seat_at];

        *moved = channel->seats[channel->seat_count];
        moved->user->ties[moved->at].at = seat_at;
    }
    if (tie_at != --user->tie_count) {
        struct tie *moved = &user->ties[tie_at];

        *moved = user->ties[user->tie_count];
        moved->channel->seats[moved->at].at = tie_at;
    }
    self->ties--;
    if (channel->seat_count == 0 && channel->stage == STAGE_LIVE)
        channel_follow_up(self, channel);
    follower_check(self, user);
}

struct follower *follower_new(struct interest *self, const struct id *id)
{
    struct follower *user = NEW(struct follower);

    user->id = *id;
    user->interest = self;
    list_init(&user->work);
    idmap_add(&self->users, &user->id);
    return user;
}

void follower_free(struct interest *self, struct follower *user)
{
    while (user->tie_count)
        follower_untie(self, &user->ties[user->tie_count - 1], user);
    if (user->reading) {
        query_cancel(self->spec.query, user->query);
        self->reads--;
    }
    follower_forget_discoveries(self, user);
    idmap_remove(&self->users, &user->id);
    list_remove(&user->work);
    free(user->ties);
    free(user->gone);
    free(user);
}

bool follower_is_known(const struct follower *user)
{
    return user->read && !user->pending && !user->reading && list_empty(&user->work);
}

void follower_check(struct interest *self, struct follower *user)
{
    if (!follower_is_known(user))
        return;
    for (struct interest_member *it = user->members; it; it = it->next)
        if (it->fn)
            list_append(&self->ready, &it->wait);
    self->spec.pipes->wake(self->spec.pipes);
}

void follower_fail(struct interest *self, struct follower *user)
{
    for (struct interest_member *it = user->members; it; it = it->next) {
        if (!it->fn && !it->joined)
            continue; /* has left, or was told */
        it->full = true;
        list_append(&self->ready, &it->wait);
    }
    self->spec.pipes->wake(self->spec.pipes);
}

void channel_admit(struct interest *self, struct channel *channel, struct seat *seat, uint64_t from)
{
    if (seat->from != SEEN_UNKNOWN)
        return;
    seat->from = from;
    channel->pending--;
    seat->user->pending--;
    follower_check(self, seat->user);
}

void channel_admit_all(struct interest *self, struct channel *channel)
{
    for (uint32_t i = 0; i < channel->seat_count && channel->pending; i++)
        channel_admit(self, channel, &channel->seats[i], channel->seen + 1);
}
