/* Events in order: a conversation is walked number by number; what a stream did not bring is
 * fetched from persist and walked the same way. Membership takes effect where it stands in the log.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "edge/api/interest_private.h"

#define PAGE 200 /* events of a page */

/* ---- whom an event concerns ---- */

/* The users that it makes members, one call each; *at starts at 0. */
struct newcomers {
    struct wire_list list; /* of conversation.created */
    struct id one;         /* of member.added */
    bool has_one;
};

static struct newcomers newcomers_of(const struct wire_event *event)
{
    struct newcomers who = {0};
    struct wire_body_created created;
    struct wire_body_member member;

    if (event->kind == WIRE_KIND_CONVERSATION_CREATED &&
        wire_body_created_decode(event->body, &created) == 0)
        who.list = created.members;
    if (event->kind == WIRE_KIND_MEMBER_ADDED &&
        wire_body_member_decode(event->body, &member) == 0) {
        who.one = member.user;
        who.has_one = true;
    }
    return who;
}

/* The next of them that has local sockets; NULL: no more. */
static struct follower *next_local(struct interest *self, struct newcomers *who)
{
    struct wire_member member;
    struct wire_bytes item;
    struct follower *user;

    if (who->has_one) {
        who->has_one = false;
        return idmap_find(&self->users, &who->one);
    }
    while (wire_list_next(&who->list, &item)) {
        if (wire_member_decode(item, &member) < 0)
            continue;
        user = idmap_find(&self->users, &member.user);
        if (user)
            return user;
    }
    return NULL;
}

static struct follower *removed_one(struct interest *self, const struct wire_event *event)
{
    struct wire_body_member member;

    if (event->kind != WIRE_KIND_MEMBER_REMOVED ||
        wire_body_member_decode(event->body, &member) < 0)
        return NULL;
    return idmap_find(&self->users, &member.user);
}

static void let_in(struct interest *self, struct channel *channel, const struct wire_event *event)
{
    struct newcomers who = newcomers_of(event);
    struct follower *user;

    while ((user = next_local(self, &who)) != NULL) {
        struct tie *tie = follower_find_tie(user, channel);

        follower_note_back(user, &channel->id);
        if (tie) {
            tie->doubt = false;
            channel_admit(self, channel, &channel->seats[tie->at], event->seq);
            continue;
        }
        if (event->kind == WIRE_KIND_MEMBER_ADDED)
            follower_added(self, user);
        if (follower_tie(self, user, channel, event->seq) < 0)
            follower_fail(self, user);
    }
}

static void let_out(struct interest *self, struct channel *channel, const struct wire_event *event)
{
    struct follower *user = removed_one(self, event);
    struct tie *tie = user && channel ? follower_find_tie(user, channel) : NULL;

    if (user)
        follower_note_gone(user, &event->conversation);
    if (tie)
        follower_untie(self, tie, user);
}

/* ---- one event ---- */

/* Returns false when there is nothing to send. */
static bool hand_to(struct interest *self, const struct follower *user,
                    const struct wire_event *event, void **rendered)
{
    for (struct interest_member *it = user->members; it; it = it->next) {
        if (!it->joined)
            continue;
        if (!*rendered)
            *rendered = self->spec.ops->render(self->spec.arg, event);
        if (!*rendered)
            return false;
        self->spec.ops->send(self->spec.arg, it->socket, *rendered);
        (*self->handed)++;
    }
    return true;
}

static void hand_out(struct interest *self, const struct channel *channel,
                     const struct wire_event *event)
{
    void *rendered = NULL;

    for (uint32_t i = 0; i < channel->seat_count; i++)
        if (channel->seats[i].from <= event->seq &&
            !hand_to(self, channel->seats[i].user, event, &rendered))
            break;
    if (rendered)
        self->spec.ops->release(self->spec.arg, rendered);
}

void interest_walk(struct interest *self, struct channel *channel, const struct wire_event *event)
{
    self->walking++;
    channel->seen = event->seq;
    if (channel->top < event->seq)
        channel->top = event->seq;
    let_in(self, channel, event);
    hand_out(self, channel, event);
    let_out(self, channel, event);
    self->walking--;
}

/* An event of a conversation that is not followed, or whose place in it is not known yet: false
 * when there is nothing to walk. */
static bool begin(struct interest *self, struct channel **channel, const struct wire_event *event)
{
    struct newcomers who = newcomers_of(event);

    if (!next_local(self, &who)) {
        let_out(self, *channel, event);
        if (*channel && (*channel)->top < event->seq)
            (*channel)->top = event->seq;
        return false;
    }
    if (!*channel)
        *channel = channel_new(self, &event->conversation);
    (*channel)->seen = event->seq - 1;
    return true;
}

void interest_on_deliver(struct interest *self, const struct bus_frame *frame)
{
    struct wire_deliver deliver;
    struct wire_event event;
    struct channel *channel;

    if (wire_deliver_decode(frame->body, &deliver) < 0 ||
        wire_event_decode(deliver.event, &event) < 0 || event.seq == 0)
        return;
    (*self->delivered)++;
    channel = idmap_find(&self->channels, &event.conversation);
    if ((!channel || channel->seen == SEEN_UNKNOWN) && !begin(self, &channel, &event))
        return;
    if (event.seq == channel->seen + 1) {
        interest_walk(self, channel, &event);
    } else if (event.seq > channel->seen) {
        if (channel->top < event.seq)
            channel->top = event.seq;
        if (channel->stage == STAGE_LIVE)
            channel_follow_up(self, channel);
    }
}

/* ---- what is missing ---- */

static void walk_page(struct interest *self, struct channel *channel, const struct wire_page *page)
{
    struct wire_list events = page->events;
    struct wire_event event;
    struct wire_bytes item;

    while (wire_list_next(&events, &item)) {
        if (wire_event_decode(item, &event) < 0 || event.seq <= channel->seen)
            continue;
        if (event.seq != channel->seen + 1)
            log_error("the log has a hole", "seq=%" PRIu64 " after=%" PRIu64, event.seq,
                      channel->seen);
        event.conversation = channel->id;
        (*self->fetched)++;
        interest_walk(self, channel, &event);
    }
    if (page->last_seq > channel->top)
        channel->top = page->last_seq;
}

static void on_page(void *arg, const struct wire_bytes *reply)
{
    struct fetch *fetch = arg;
    struct interest *self = fetch->interest;
    struct channel *channel = TAKE(fetch->channel);
    struct wire_events_reply events;
    struct wire_page page;
    uint64_t seen = channel ? channel->seen : 0;

    fetch->busy = false;
    if (!channel)
        return;
    channel->fetch = NULL;
    if (reply && wire_events_reply_decode(*reply, &events) == 0 && events.status == WIRE_OK &&
        wire_page_decode(events.page, &page) == 0)
        walk_page(self, channel, &page);
    if (channel->seen == seen && channel->seen < channel->top)
        interest_pause(self);
    if (channel->stage == STAGE_BEHIND)
        channel_follow_up(self, channel);
}

static bool fetch_page(struct interest *self, struct fetch *fetch, struct channel *channel)
{
    struct wire_events events = {
        .conversation = channel->id, .after = channel->seen, .limit = PAGE};

    buf_clear(&self->body);
    wire_events_encode(&self->body, &events);
    if (query_read(self->spec.query, id_partition(&channel->id), WIRE_TYPE_EVENTS, &self->body,
                   on_page, fetch) < 0)
        return false;
    list_remove(&channel->work);
    fetch->interest = self;
    fetch->busy = true;
    fetch->channel = channel;
    channel->fetch = fetch;
    return true;
}

void interest_fetch(struct interest *self)
{
    for (size_t i = 0; i < FETCHES; i++) {
        struct channel *channel;

        if (self->fetches[i].busy)
            continue;
        while ((channel = LIST_FIRST(&self->behind, struct channel, work)) != NULL &&
               (channel->seen >= channel->top || !channel->seat_count))
            channel_follow_up(self, channel);
        if (!channel)
            return;
        if (!fetch_page(self, &self->fetches[i], channel)) {
            interest_pause(self);
            return;
        }
    }
}
