/* Members and titles: written after the event that says so and before its answer. The event is
 * marked until then, so that a writer that starts finds what its predecessor left undone. Doing it
 * again changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "persist/store_mongo.h"

static int put_member(struct store_mongo *self, const struct wire_event *event,
                      const struct id *user, uint8_t role)
{
    bson_t doc = BSON_INITIALIZER;
    char c[MONGO_ID_TEXT], u[MONGO_ID_TEXT], key[MONGO_KEY_TEXT];
    int rc;

    mongo_hex(&event->conversation, c);
    mongo_hex(user, u);
    snprintf(key, sizeof key, "%s/%s/%llu", c, u, (unsigned long long)event->seq);
    BSON_APPEND_UTF8(&doc, "_id", key);
    BSON_APPEND_UTF8(&doc, "c", c);
    BSON_APPEND_UTF8(&doc, "u", u);
    mongo_put_number(&doc, "from", event->seq);
    mongo_put_number(&doc, "to", 0);
    BSON_APPEND_INT32(&doc, "role", role ? role : WIRE_ROLE_MEMBER);
    mongo_put_number(&doc, "role_seq", event->seq);
    rc = mongo_insert(self, MONGO_MEMBERS, &doc);
    bson_destroy(&doc);
    return rc == -EEXIST ? 0 : rc;
}

static bool note_open(void *arg, const struct wire_member *member)
{
    *(bool *)arg = *(bool *)arg || member->to == 0;
    return true;
}

/* One interval is open at a time. */
static int add_member(struct store_mongo *self, const struct wire_event *event,
                      const struct wire_body_member *body)
{
    bool open = false;
    int rc = mongo_intervals(&self->base, &event->conversation, &body->user, note_open, &open);

    return rc == 0 && !open ? put_member(self, event, &body->user, body->role) : rc;
}

/* {field: {$lt: seq}} */
static void put_before(bson_t *filter, const char *field, uint64_t seq)
{
    bson_t less;

    BSON_APPEND_DOCUMENT_BEGIN(filter, field, &less);
    mongo_put_number(&less, "$lt", seq);
    bson_append_document_end(filter, &less);
}

/* Sets the end or the role of the interval that is open. */
static int change_member(struct store_mongo *self, const struct wire_event *event,
                         const struct wire_body_member *body)
{
    bool ends = event->kind == WIRE_KIND_MEMBER_REMOVED;
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    int rc;

    mongo_put_id(&filter, "c", &event->conversation);
    mongo_put_id(&filter, "u", &body->user);
    mongo_put_number(&filter, "to", 0);
    put_before(&filter, ends ? "from" : "role_seq", event->seq);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    if (ends) {
        mongo_put_number(&set, "to", event->seq);
    } else {
        BSON_APPEND_INT32(&set, "role", body->role ? body->role : WIRE_ROLE_MEMBER);
        mongo_put_number(&set, "role_seq", event->seq);
    }
    bson_append_document_end(&update, &set);
    rc = mongo_update(self, MONGO_MEMBERS, &filter, &update, NULL);
    bson_destroy(&filter);
    bson_destroy(&update);
    return rc;
}

static int make_conversation(struct store_mongo *self, const struct wire_event *event)
{
    struct wire_body_created body;
    struct wire_bytes item;
    struct wire_member member;
    bson_t doc = BSON_INITIALIZER;
    int rc = wire_body_created_decode(event->body, &body);

    if (rc < 0)
        return rc;
    while (rc == 0 && wire_list_next(&body.members, &item)) {
        rc = wire_member_decode(item, &member);
        if (rc == 0)
            rc = put_member(self, event, &member.user, member.role);
    }
    mongo_put_id(&doc, "_id", &event->conversation);
    BSON_APPEND_INT32(&doc, "kind", body.kind);
    mongo_put_bytes(&doc, "title", body.title);
    mongo_put_number(&doc, "title_seq", event->seq);
    if (rc == 0)
        rc = mongo_insert(self, MONGO_CONVERSATIONS, &doc);
    bson_destroy(&doc);
    return rc == -EEXIST ? 0 : rc;
}

static int set_title(struct store_mongo *self, const struct wire_event *event)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    struct wire_body_updated body;
    int rc = wire_body_updated_decode(event->body, &body);

    if (rc < 0)
        return rc;
    mongo_put_id(&filter, "_id", &event->conversation);
    put_before(&filter, "title_seq", event->seq);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    mongo_put_bytes(&set, "title", body.title);
    mongo_put_number(&set, "title_seq", event->seq);
    bson_append_document_end(&update, &set);
    rc = mongo_update(self, MONGO_CONVERSATIONS, &filter, &update, NULL);
    bson_destroy(&filter);
    bson_destroy(&update);
    return rc;
}

static int mark_done(struct store_mongo *self, const struct wire_event *event)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    char key[MONGO_KEY_TEXT];
    int rc;

    mongo_event_id(&event->conversation, event->seq, key);
    BSON_APPEND_UTF8(&filter, "_id", key);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    BSON_APPEND_INT32(&set, "project", 0);
    bson_append_document_end(&update, &set);
    rc = mongo_update(self, MONGO_EVENTS, &filter, &update, NULL);
    bson_destroy(&filter);
    bson_destroy(&update);
    return rc;
}

int mongo_project(struct store_mongo *self, const struct wire_event *event)
{
    struct wire_body_member body;
    int rc;

    if (event->kind == WIRE_KIND_CONVERSATION_CREATED) {
        rc = make_conversation(self, event);
    } else if (event->kind == WIRE_KIND_CONVERSATION_UPDATED) {
        rc = set_title(self, event);
    } else {
        rc = wire_body_member_decode(event->body, &body);
        if (rc == 0)
            rc = event->kind == WIRE_KIND_MEMBER_ADDED ? add_member(self, event, &body)
                                                       : change_member(self, event, &body);
    }
    return rc == 0 ? mark_done(self, event) : rc;
}

struct catching_up {
    struct store_mongo *store;
    int rc;
};

static bool project_one(void *arg, const bson_t *doc)
{
    struct catching_up *self = arg;
    struct wire_event event = mongo_read_event(doc);

    self->rc = mongo_project(self->store, &event);
    return self->rc == 0;
}

int mongo_catch_up(struct store_mongo *self, const struct id *conversation)
{
    struct catching_up catching_up = {.store = self};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    if (conversation)
        mongo_put_id(&filter, "c", conversation);
    BSON_APPEND_INT32(&filter, "project", 1);
    rc = mongo_each(self, MONGO_EVENTS, &filter, (struct mongo_page){.sort = "s"}, project_one,
                    &catching_up);
    bson_destroy(&filter);
    return rc < 0 ? rc : catching_up.rc;
}

int mongo_settle(struct store *base, const struct id *conversation)
{
    return mongo_catch_up(mongo_of(base), conversation);
}

/* ---- asking ---- */

struct telling {
    store_member_fn *member;
    store_id_fn *id;
    void *arg;
};

static bool tell_member(void *arg, const bson_t *doc)
{
    const struct telling *self = arg;
    struct wire_member member = {
        .user = mongo_id(doc, "u"),
        .role = (uint8_t)mongo_number(doc, "role"),
        .from = mongo_number(doc, "from"),
        .to = mongo_number(doc, "to"),
    };

    return self->member(self->arg, &member);
}

static bool tell_conversation(void *arg, const bson_t *doc)
{
    const struct telling *self = arg;
    struct id id = mongo_id(doc, "c");

    return self->id(self->arg, &id);
}

int mongo_intervals(struct store *base, const struct id *conversation, const struct id *user,
                    store_member_fn *fn, void *arg)
{
    struct telling telling = {.member = fn, .arg = arg};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    mongo_put_id(&filter, "c", conversation);
    mongo_put_id(&filter, "u", user);
    rc = mongo_each(mongo_of(base), MONGO_MEMBERS, &filter, (struct mongo_page){.sort = "from"},
                    tell_member, &telling);
    bson_destroy(&filter);
    return rc;
}

/* {field: id, to: 0, other: {$gt: after}} */
static void put_open(bson_t *filter, const char *field, const struct id *id, const char *other,
                     const struct id *after)
{
    bson_t more;

    mongo_put_id(filter, field, id);
    mongo_put_number(filter, "to", 0);
    BSON_APPEND_DOCUMENT_BEGIN(filter, other, &more);
    mongo_put_id(&more, "$gt", after);
    bson_append_document_end(filter, &more);
}

int mongo_members(struct store *base, const struct id *conversation, const struct id *after,
                  uint32_t limit, store_member_fn *fn, void *arg)
{
    struct telling telling = {.member = fn, .arg = arg};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    put_open(&filter, "c", conversation, "u", after);
    rc = mongo_each(mongo_of(base), MONGO_MEMBERS, &filter, (struct mongo_page){"u", limit},
                    tell_member, &telling);
    bson_destroy(&filter);
    return rc;
}

int mongo_memberships(struct store *base, const struct id *user, const struct id *after,
                      uint32_t limit, store_id_fn *fn, void *arg)
{
    struct telling telling = {.id = fn, .arg = arg};
    bson_t filter = BSON_INITIALIZER;
    int rc;

    put_open(&filter, "u", user, "c", after);
    rc = mongo_each(mongo_of(base), MONGO_MEMBERS, &filter, (struct mongo_page){"c", limit},
                    tell_conversation, &telling);
    bson_destroy(&filter);
    return rc;
}
