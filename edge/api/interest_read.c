/* Memberships of local users: read when the first socket joins and again in a repair, a bounded
 * number at a time. Membership events are walked meanwhile; what a page says of the past does not
 * undo them. */
#include <errno.h>
#include <stdlib.h>

#include "edge/api/interest_private.h"

#define READS 64       /* users under way */
#define PAGE 1000      /* conversations of a page */
#define DISCOVERIES 64 /* under way */
#define GONE 256       /* removals remembered while a read is under way; more: it is begun anew */

void follower_want_read(struct interest *self, struct follower *user)
{
    if (user->reading)
        user->again = true;
    else if (list_empty(&user->work))
        list_append(&self->unread, &user->work);
    self->spec.pipes->wake(self->spec.pipes);
}

void follower_note_gone(struct follower *user, const struct id *conversation)
{
    if (!user->reading)
        return;
    if (!user->gone)
        user->gone = NEW_ARRAY(GONE, struct id);
    if (user->gone_count == GONE)
        user->again = true;
    else
        user->gone[user->gone_count++] = *conversation;
}

static bool has_gone(const struct follower *user, const struct id *conversation)
{
    for (uint32_t i = 0; i < user->gone_count; i++)
        if (id_equal(&user->gone[i], conversation))
            return true;
    return false;
}

void follower_note_back(struct follower *user, const struct id *conversation)
{
    for (uint32_t i = user->gone_count; i-- > 0;)
        if (id_equal(&user->gone[i], conversation))
            user->gone[i] = user->gone[--user->gone_count];
}

static bool has_joined(const struct follower *user)
{
    for (const struct interest_member *it = user->members; it; it = it->next)
        if (it->joined)
            return true;
    return false;
}

/* Somebody who gets events already is in a conversation that we had not heard of: the event that
 * added them was lost. From where they are a member is asked, for they get everything from there.
 */
struct discovery {
    struct list all;
    struct interest *interest;
    struct follower *user; /* NULL: has gone */
    struct id conversation;
};

/* -EAGAIN: persist did not say; -ENOENT: no member any more. */
static int first_event(const struct wire_bytes *reply, uint64_t *ret)
{
    struct wire_conversations_reply page;
    struct wire_conversation conversation;
    struct wire_member member;
    struct wire_bytes item;

    if (!reply || wire_conversations_reply_decode(*reply, &page) < 0)
        return -EAGAIN;
    if (page.status != WIRE_OK)
        return page.status == WIRE_NOT_FOUND ? -ENOENT : -EAGAIN;
    if (!wire_list_next(&page.conversations, &item) ||
        wire_conversation_decode(item, &conversation) < 0 ||
        wire_member_decode(conversation.self, &member) < 0 || member.from == 0)
        return -ENOENT;
    *ret = member.from;
    return 0;
}

static void take_discovery(struct interest *self, struct follower *user,
                           const struct id *conversation, uint64_t from)
{
    struct channel *channel = idmap_find(&self->channels, conversation);

    if (!channel)
        channel = channel_new(self, conversation);
    else if (follower_find_tie(user, channel))
        return; /* the event came meanwhile */
    if (channel->seen == SEEN_UNKNOWN)
        channel->seen = from - 1;
    follower_added(self, user);
    if (channel->seen >= from || follower_tie(self, user, channel, from) < 0)
        follower_fail(self, user); /* others have had events that were theirs too */
}

static void on_discovered(void *arg, const struct wire_bytes *reply)
{
    struct discovery *discovery = arg;
    struct interest *self = discovery->interest;
    struct follower *user = discovery->user;
    uint64_t from;
    int rc = first_event(reply, &from);

    if (user)
        user->pending--;
    if (user && rc == -EAGAIN) {
        interest_pause(self);
        follower_want_read(self, user);
    } else if (user && rc == 0) {
        take_discovery(self, user, &discovery->conversation, from);
    }
    if (user)
        follower_check(self, user);
    list_remove(&discovery->all);
    self->discoveries_count--;
    free(discovery);
}

static void discover(struct interest *self, struct follower *user, const struct id *conversation)
{
    struct wire_conversations ask = {.user = user->id, .id = *conversation, .limit = 1};
    struct discovery *discovery = NEW(struct discovery);

    discovery->interest = self;
    discovery->user = user;
    discovery->conversation = *conversation;
    list_init(&discovery->all);
    buf_clear(&self->body);
    wire_conversations_encode(&self->body, &ask);
    if (self->discoveries_count == DISCOVERIES ||
        query_read(self->spec.query, id_partition(conversation), WIRE_TYPE_CONVERSATIONS,
                   &self->body, on_discovered, discovery) < 0) {
        user->again = true;
        free(discovery);
        return;
    }
    user->pending++;
    self->discoveries_count++;
    list_append(&self->discoveries, &discovery->all);
}

void follower_forget_discoveries(struct interest *self, const struct follower *user)
{
    for (struct list *at = self->discoveries.next; at != &self->discoveries; at = at->next)
        if (LIST_ITEM(at, struct discovery, all)->user == user)
            LIST_ITEM(at, struct discovery, all)->user = NULL;
}

void interest_read_free(struct interest *self)
{
    while (!list_empty(&self->discoveries)) {
        struct discovery *discovery = LIST_FIRST(&self->discoveries, struct discovery, all);

        list_remove(&discovery->all);
        free(discovery);
    }
}

static int take_membership(struct interest *self, struct follower *user, const struct id *id)
{
    struct channel *channel = idmap_find(&self->channels, id);
    struct tie *tie = channel ? follower_find_tie(user, channel) : NULL;

    if (tie) {
        tie->listed = true;
        tie->doubt = false;
        return 0;
    }
    if (has_gone(user, id))
        return 0;
    if (has_joined(user)) {
        discover(self, user, id);
        return 0;
    }
    if (!channel)
        channel = channel_new(self, id);
    else if (channel->stage == STAGE_LIVE)
        channel_ask_head(self, channel); /* as far as we know: they may be newer than what we saw */
    return follower_tie(self, user, channel, SEEN_UNKNOWN);
}

static int take_page(struct interest *self, struct follower *user, struct wire_list list)
{
    struct wire_item membership;
    struct wire_bytes item;
    int rc = 0;

    while (rc == 0 && wire_list_next(&list, &item)) {
        rc = wire_item_decode(item, &membership);
        if (rc < 0)
            break;
        user->after = membership.id;
        rc = take_membership(self, user, &membership.id);
    }
    return rc;
}

static void end_read(struct interest *self, struct follower *user)
{
    user->reading = false;
    self->reads--;
    free(TAKE(user->gone));
    user->gone_count = 0;
    if (user->again)
        follower_want_read(self, user);
    else
        follower_check(self, user);
    self->spec.pipes->wake(self->spec.pipes);
}

/* What the read does not list may be over: known when all events up to now are walked. */
static void doubt_unlisted(struct interest *self, struct follower *user)
{
    for (uint32_t i = 0; i < user->tie_count; i++) {
        struct channel *channel = user->ties[i].channel;

        if (user->ties[i].listed)
            continue;
        user->ties[i].doubt = true;
        channel->doubt = DOUBT_NEW;
        if (channel->stage == STAGE_LIVE)
            channel_follow_up(self, channel);
    }
}

static bool ask_page(struct interest *self, struct follower *user);

static void on_page(void *arg, const struct wire_bytes *reply)
{
    struct follower *user = arg;
    struct interest *self = user->interest;
    struct wire_memberships_reply page;
    int rc;

    if (!reply || wire_memberships_reply_decode(*reply, &page) < 0 || page.status != WIRE_OK) {
        user->again = true;
        interest_pause(self);
        end_read(self, user);
        return;
    }
    rc = take_page(self, user, page.conversations);
    if (rc == 0 && page.more && page.conversations.count && ask_page(self, user))
        return;
    if (rc == 0 && page.more) {
        user->again = true;
    } else if (rc == 0) {
        doubt_unlisted(self, user);
        user->read = true;
    } else if (rc == -ENOSPC) {
        follower_fail(self, user);
    } else {
        user->again = true;
    }
    end_read(self, user);
}

static bool ask_page(struct interest *self, struct follower *user)
{
    struct wire_memberships memberships = {user->id, user->after, PAGE};

    buf_clear(&self->body);
    wire_memberships_encode(&self->body, &memberships);
    user->query = query_read(self->spec.query, id_partition(&user->id), WIRE_TYPE_MEMBERSHIPS,
                             &self->body, on_page, user);
    return user->query > 0;
}

void interest_read(struct interest *self)
{
    struct follower *user;

    while (self->reads < READS &&
           (user = LIST_FIRST(&self->unread, struct follower, work)) != NULL) {
        user->after = (struct id){0};
        if (!ask_page(self, user)) {
            interest_pause(self);
            return;
        }
        list_remove(&user->work);
        user->reading = true;
        user->again = false;
        self->reads++;
        for (uint32_t i = 0; i < user->tie_count; i++)
            user->ties[i].listed = false;
    }
}
