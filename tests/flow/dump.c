/* parley-dump CONFIG: for each conversation id on stdin, all that persist tells of it, as lines:
 * its log, its members, what each user who ever was a member may read, and how it stands in each
 * member's list. Two stores with the same lines have the same logs and projections. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ask.h"

#define TIMEOUT_MS 60000
#define USERS_MAX 4096
#define PAGE 200

struct dump {
    struct ask *ask;
    struct id conversation;
    char text[ID_TEXT];
    struct id users[USERS_MAX]; /* in the order in which the log names them */
    size_t user_count;
};

static void print_bytes(struct wire_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        printf("%02x", bytes.data[i]);
    printf("\n");
}

/* The reply's body; ends the program when there is none. */
static struct wire_bytes ask(const struct dump *self, enum wire_type type, struct buf *message)
{
    struct ask_question question = {ask_worker_of(self->ask, id_partition(&self->conversation)),
                                    type, message, TIMEOUT_MS};
    struct wire_bytes body = {0};
    int rc = ask_put(self->ask, &question, &body);

    if (rc < 0) {
        fprintf(stderr, "persist does not answer: %s\n", strerror(-rc));
        exit(EXIT_FAILURE);
    }
    buf_clear(message);
    return body;
}

static void note_user(struct dump *self, const struct id *user)
{
    for (size_t i = 0; i < self->user_count; i++)
        if (id_equal(&self->users[i], user))
            return;
    if (self->user_count < USERS_MAX)
        self->users[self->user_count++] = *user;
}

static void note_users(struct dump *self, const struct wire_event *event)
{
    struct wire_body_created created;
    struct wire_body_member changed;
    struct wire_member member;
    struct wire_bytes item;

    if (event->kind == WIRE_KIND_CONVERSATION_CREATED &&
        wire_body_created_decode(event->body, &created) == 0)
        while (wire_list_next(&created.members, &item))
            if (wire_member_decode(item, &member) == 0)
                note_user(self, &member.user);
    if (event->kind >= WIRE_KIND_MEMBER_ADDED && event->kind <= WIRE_KIND_MEMBER_UPDATED &&
        wire_body_member_decode(event->body, &changed) == 0)
        note_user(self, &changed.user);
}

/* A page of what this user may read (zero: everything): the last number; 0 at the end. */
static uint64_t dump_page(struct dump *self, const struct id *user, uint64_t after)
{
    AUTO(buf_done) struct buf message;
    struct wire_events wanted = {.conversation = self->conversation,
                                 .user = *user,
                                 .after = after,
                                 .limit = PAGE,
                                 .past = 1};
    struct wire_events_reply reply = {0};
    struct wire_page page = {0};
    struct wire_event event;
    struct wire_bytes item, body;

    buf_init(&message, 1024);
    wire_events_encode(&message, &wanted);
    body = ask(self, WIRE_TYPE_EVENTS, &message);
    if (wire_events_reply_decode(body, &reply) < 0 || reply.status != WIRE_OK ||
        wire_page_decode(reply.page, &page) < 0) {
        printf("%s none, status %u\n", self->text, reply.status);
        return 0;
    }
    while (wire_list_next(&page.events, &item)) {
        if (wire_event_decode(item, &event) < 0)
            exit(EXIT_FAILURE);
        after = event.seq;
        if (!id_is_zero(user)) {
            printf(" %" PRIu64, event.seq);
            continue;
        }
        note_users(self, &event);
        printf("%s event %" PRIu64 " ", self->text, event.seq);
        print_bytes(item);
    }
    return page.more ? after : 0;
}

static void dump_events(struct dump *self, const struct id *user)
{
    uint64_t after = 0;

    do
        after = dump_page(self, user, after);
    while (after);
}

static void dump_members(struct dump *self)
{
    AUTO(buf_done) struct buf message;
    struct wire_members wanted = {.conversation = self->conversation, .limit = PAGE};
    struct wire_members_reply reply;
    struct wire_member member;
    struct wire_bytes item;

    buf_init(&message, 1024);
    do {
        wire_members_encode(&message, &wanted);
        if (wire_members_reply_decode(ask(self, WIRE_TYPE_MEMBERS, &message), &reply) < 0)
            exit(EXIT_FAILURE);
        while (wire_list_next(&reply.members, &item)) {
            if (wire_member_decode(item, &member) < 0)
                exit(EXIT_FAILURE);
            wanted.after = member.user;
            printf("%s member ", self->text);
            print_bytes(item);
        }
    } while (reply.more);
}

static void dump_as_listed(struct dump *self, const struct id *user)
{
    AUTO(buf_done) struct buf message;
    struct wire_conversations wanted = {.user = *user, .id = self->conversation, .limit = 1};
    struct wire_conversations_reply reply;
    struct wire_bytes item;
    char text[ID_TEXT];

    id_to_text(user, text);
    buf_init(&message, 1024);
    wire_conversations_encode(&message, &wanted);
    if (wire_conversations_reply_decode(ask(self, WIRE_TYPE_CONVERSATIONS, &message), &reply) < 0)
        exit(EXIT_FAILURE);
    printf("%s as %s sees it, status %u: ", self->text, text, reply.status);
    if (wire_list_next(&reply.conversations, &item))
        print_bytes(item);
    else
        printf("none\n");
}

static void dump(struct dump *self)
{
    static const struct id everybody;

    self->user_count = 0;
    id_to_text(&self->conversation, self->text);
    dump_events(self, &everybody);
    dump_members(self);
    for (size_t i = 0; i < self->user_count; i++) {
        char text[ID_TEXT];

        id_to_text(&self->users[i], text);
        printf("%s %s may read", self->text, text);
        dump_events(self, &self->users[i]);
        printf("\n");
        dump_as_listed(self, &self->users[i]);
    }
}

int main(int argc, char **argv)
{
    AUTO(place_close) struct place *place = NULL;
    AUTO(ask_free) struct ask *asking = NULL;
    AUTO(base_free_text) char *why = NULL;
    struct dump *self = NEW(struct dump);
    char line[ID_TEXT + 1];

    if (argc != 2 || place_open(&place, argv[1], &why) < 0 || ask_new(&asking, place, &why) < 0) {
        fprintf(stderr, "parley-dump CONFIG: %s\n", why ? why : "ids of conversations on stdin");
        free(self);
        return EXIT_FAILURE;
    }
    self->ask = asking;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0')
            continue;
        if (id_from_text(&self->conversation, line) < 0) {
            fprintf(stderr, "no conversation's id: %s\n", line);
            free(self);
            return EXIT_FAILURE;
        }
        dump(self);
    }
    free(self);
    return EXIT_SUCCESS;
}
