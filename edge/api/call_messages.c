/* A message on its way out: one post to a router, answered when it is durable. A repeat is answered
 * with what stands in the log. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "edge/api/calls.h"
#include "edge/api/render.h"
#include "edge/api/write.h"

#define ATTACHMENTS_MOST 16

struct sending {
    struct wire_post post; /* client_id and body borrow from the call and from below */
    struct buf body;
    uint8_t durability;
    bool resent;
};

static void sending_done(void *state)
{
    buf_done(&((struct sending *)state)->body);
}

void call_fail_conflict(struct call *call, const struct id *conversation, uint64_t seq)
{
    call_fail_with(
        call, &(struct call_error){.code = WIRE_CONFLICT,
                                   .message = "this clientId was used before for something else",
                                   .details = json_pack("{s:o}", "messageId",
                                                        render_message_id(conversation, seq))});
}

static void succeed(struct call *call, enum call_outcome outcome, const struct wire_event *event)
{
    const struct sending *state = call->state;
    struct writer to = call_write(call);

    writer_open_object(&to);
    writer_name(&to, "message");
    write_message(&to, event);
    writer_name(&to, "durability");
    writer_plain(&to, render_durability(state->durability));
    writer_close_object(&to);
    call_answer(call, outcome, &to);
}

static void on_original(struct call *call, const struct wire_bytes *bytes)
{
    const struct sending *state = call->state;
    struct wire_events_reply reply = {0};
    struct wire_page page = {0};
    struct wire_event event;
    struct wire_bytes item;

    if (CALL_FAILED(call, events_reply, bytes, &reply))
        return;
    if (wire_page_decode(reply.page, &page) == 0 && wire_list_next(&page.events, &item) &&
        wire_event_decode(item, &event) == 0)
        succeed(call, state->resent ? CALL_CREATED : CALL_REPEATED, &event);
    else
        call_fail(call, WIRE_NOT_FOUND, "the message is not yours to see any more");
}

static void fetch_original(struct call *call, uint64_t seq)
{
    const struct sending *state = call->state;
    struct wire_events query = {.conversation = state->post.conversation,
                                .user = call->claims.user,
                                .after = seq - 1,
                                .limit = 1,
                                .past = 1}; /* who has left since gets the first answer, too */

    CALL_ASK(call, id_partition(&query.conversation), events, EVENTS, &query, on_original);
}

static void on_answer(struct call *call, const struct wire_answer *answer, bool resent)
{
    struct sending *state = call->state;
    struct wire_event event = {.conversation = state->post.conversation,
                               .seq = answer->seq,
                               .kind = state->post.kind,
                               .actor = state->post.actor,
                               .client_id = state->post.client_id,
                               .at_ms = answer->at_ms,
                               .body = state->post.body};

    state->durability = answer->durability;
    state->resent = resent;
    if (answer->status == WIRE_CONFLICT)
        call_fail_conflict(call, &state->post.conversation, answer->seq);
    else if (answer->status == WIRE_OK)
        succeed(call, CALL_CREATED, &event);
    else if (answer->seq == 0)
        call_fail_busy(call, "the first answer cannot be found");
    else
        fetch_original(call, answer->seq);
}

/* The number of another message of the same conversation; false: the call has been answered. */
static bool number_of(struct call *call, const char *member, const struct id *conversation,
                      uint64_t *ret)
{
    struct id other;

    if (!shape_has(call->input, member))
        return true;
    shape_message(call->input, member, &other, ret);
    call->doubtful = member; /* whether there is such a number yet, the router knows */
    if (id_equal(&other, conversation))
        return true;
    call_fail(call, WIRE_NOT_FOUND, "there is no such message in this conversation");
    return false;
}

/* There are none to be had yet, so whatever is named does not exist. */
static bool check_attachments(struct call *call)
{
    if (json_array_size(json_object_get(call->input, "attachmentIds")) == 0)
        return true;
    call_fail(call, WIRE_NOT_FOUND, "attachmentIds: there is no such attachment");
    return false;
}

static bool check_text(struct call *call)
{
    size_t len = shape_text(call->input, "text").len;
    char message[80];

    if (len == 0) {
        call_fail_member(call, "text", "text must not be empty");
        return false;
    }
    if (len <= call->api->limits.text_bytes)
        return true;
    snprintf(message, sizeof message, "text must be at most %zu bytes",
             call->api->limits.text_bytes);
    call_fail_with(call, &(struct call_error){.code = WIRE_TOO_LARGE,
                                              .message = message,
                                              .details = json_pack("{s:s}", "member", "text")});
    return false;
}

static void run_send(struct call *call)
{
    struct sending *state = call_state(call, sizeof *state, sending_done);
    struct wire_post *post = &state->post;
    struct wire_body_message message = {.text = shape_text(call->input, "text")};

    buf_init(&state->body, WIRE_FRAME_MAX);
    post->conversation = shape_id(call->input, "conversationId");
    post->kind = WIRE_KIND_MESSAGE_CREATED;
    post->actor = call->claims.user;
    if (!call_client_id(call, &post->client_id) || !check_attachments(call) || !check_text(call) ||
        !number_of(call, "threadId", &post->conversation, &message.thread) ||
        !number_of(call, "replyToId", &post->conversation, &message.reply_to))
        return;
    wire_body_message_encode(&state->body, &message);
    post->body = wire_buf(&state->body);
    post->fingerprint = id_fingerprint(post->kind, state->body.data, state->body.len);
    call_post(call, post, on_answer);
}

static const struct shape_member send_shape[] = {
    CALL_CONVERSATION_MEMBER,
    CALL_CLIENT_ID_MEMBER,
    {"text", SHAPE_TEXT, false, 0, SIZE_MAX, NULL, NULL, NULL},
    {.name = "attachmentIds", .type = SHAPE_IDS, .most = ATTACHMENTS_MOST},
    {.name = "threadId", .type = SHAPE_MESSAGE},
    {.name = "replyToId", .type = SHAPE_MESSAGE},
    SHAPE_DONE,
};

const struct call_spec call_message_send = {false, CALL_RATE_MESSAGE, send_shape, run_send};
