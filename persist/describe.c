/* Puts a conversation's record together: its row, some members, its last event and message. */
#include "persist/describe.h"

#include <errno.h>

#include "persist/page.h"

#define MEMBERS_SHOWN 50
#define PART_MAX (2u << 20)

struct description {
    struct buf members, self, last, last_message;
    uint32_t member_count;
};

static bool add_member(void *arg, const struct wire_member *member)
{
    struct description *self = arg;

    wire_member_add(&self->members, &self->member_count, member);
    return true;
}

static bool keep_event(void *arg, const struct wire_event *event)
{
    wire_event_encode(arg, event);
    return false;
}

static int read_event(struct store *store, const struct id *conversation, uint64_t seq,
                      struct buf *record)
{
    struct store_range range = {
        .conversation = *conversation, .first = seq, .last = seq, .limit = 1};

    return store->ops->events(store, &range, keep_event, record);
}

static int gather(struct store *store, const struct id *conversation, const struct id *user,
                  struct description *self)
{
    struct id nobody = {0};
    struct page_sight sight;
    struct store_head head;
    int rc = page_sight(store, conversation, user, &sight);

    if (rc == 0 && !sight.current)
        rc = -ENOENT;
    if (rc == 0)
        rc = store->ops->head(store, conversation, &head);
    if (rc == 0)
        rc = store->ops->members(store, conversation, &nobody, MEMBERS_SHOWN, add_member, self);
    if (rc == 0)
        rc = read_event(store, conversation, head.seq, &self->last);
    if (rc == 0 && head.last_message >= sight.self.from)
        rc = read_event(store, conversation, head.last_message, &self->last_message);
    if (rc == 0)
        wire_member_encode(&self->self, &sight.self);
    return rc;
}

static void done(struct description *self)
{
    buf_done(&self->members);
    buf_done(&self->self);
    buf_done(&self->last);
    buf_done(&self->last_message);
}

int describe_conversation(struct store *store, const struct id *conversation, const struct id *user,
                          struct buf *list, uint32_t *count)
{
    AUTO(done) struct description self = {0};
    struct store_conversation row;
    struct wire_conversation record;
    int rc;

    buf_init(&self.members, PART_MAX);
    buf_init(&self.self, PART_MAX);
    buf_init(&self.last, PART_MAX);
    buf_init(&self.last_message, PART_MAX);
    rc = gather(store, conversation, user, &self);
    if (rc == 0)
        rc = store->ops->conversation(store, conversation, &row);
    if (rc < 0)
        return rc;
    record = (struct wire_conversation){
        .id = *conversation,
        .kind = row.kind,
        .title = row.title,
        .member_count = row.member_count,
        .members = wire_list_of(&self.members, self.member_count),
        .self = wire_buf(&self.self),
        .last = wire_buf(&self.last),
        .last_message = wire_buf(&self.last_message),
    };
    wire_conversation_add(list, count, &record);
    return 0;
}
