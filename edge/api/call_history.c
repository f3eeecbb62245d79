/* What was said: one message, a page of messages, a page of the log. */
#include "edge/api/calls.h"
#include "edge/api/write.h"

#define MESSAGES 50
#define MESSAGES_MOST 200
#define EVENTS 200
#define EVENTS_MOST 1000

static bool read_page(struct call *call, const struct wire_bytes *bytes, struct wire_page *ret)
{
    struct wire_events_reply reply = {0};

    if (CALL_FAILED(call, events_reply, bytes, &reply))
        return false;
    if (wire_page_decode(reply.page, ret) == 0)
        return true;
    call_fail_busy(call, "the store's answer cannot be read");
    return false;
}

static void ask(struct call *call, const struct wire_events *query, call_reply_fn *then)
{
    CALL_ASK(call, id_partition(&query->conversation), events, EVENTS, query, then);
}

/* ---- one message ---- */

static void on_message(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_page page = {0};
    struct wire_event event;
    struct wire_bytes item;
    struct writer to;

    if (!read_page(call, bytes, &page))
        return;
    if (!wire_list_next(&page.events, &item) || wire_event_decode(item, &event) < 0) {
        call_fail(call, WIRE_NOT_FOUND, "there is no such message, or it is not yours");
        return;
    }
    to = call_write(call);
    write_message(&to, &event);
    call_answer(call, CALL_DONE, &to);
}

static void run_message(struct call *call)
{
    struct wire_events query = {.user = call->claims.user, .limit = 1, .messages = 1};
    uint64_t seq;

    shape_message(call->input, "messageId", &query.conversation, &seq);
    query.after = seq - 1;
    query.before = seq + 1;
    ask(call, &query, on_message);
}

static const struct shape_member message_shape[] = {
    {.name = "messageId", .type = SHAPE_MESSAGE, .required = true},
    SHAPE_DONE,
};

const struct call_spec call_message = {false, CALL_RATE_OTHER, message_shape, run_message};

/* ---- a page of messages ---- */

/* The numbers of the first and last of a page; 0 when it is empty. */
static void ends(struct wire_list events, uint64_t *ret_first, uint64_t *ret_last)
{
    struct wire_event event;
    struct wire_bytes item;

    *ret_first = *ret_last = 0;
    while (wire_list_next(&events, &item)) {
        if (wire_event_decode(item, &event) < 0)
            continue;
        *ret_first = *ret_first ? *ret_first : event.seq;
        *ret_last = event.seq;
    }
}

static void write_cursor(struct writer *to, const char *name, bool there, uint64_t seq)
{
    writer_name(to, name);
    if (there && seq)
        writer_number(to, seq);
    else
        writer_null(to);
}

static void on_messages(struct call *call, const struct wire_bytes *bytes)
{
    bool has_after = shape_has(call->input, "after");
    bool has_before = shape_has(call->input, "before");
    struct wire_page page = {0};
    uint64_t first, last;
    struct writer to;

    if (!read_page(call, bytes, &page))
        return;
    ends(page.events, &first, &last);
    to = call_write(call);
    writer_open_object(&to);
    writer_name(&to, "messages");
    write_messages(&to, page.events);
    write_cursor(&to, "nextCursor", has_after ? page.more || has_before : has_before, last);
    write_cursor(&to, "prevCursor",
                 has_after ? shape_number(call->input, "after", 0) > 0 : page.more, first);
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

static void run_messages(struct call *call)
{
    struct wire_events query = {.conversation = shape_id(call->input, "conversationId"),
                                .user = call->claims.user,
                                .after = shape_number(call->input, "after", 0),
                                .before = shape_number(call->input, "before", 0),
                                .limit = call_limit(call, MESSAGES, MESSAGES_MOST),
                                .newest = !shape_has(call->input, "after"),
                                .messages = 1};

    ask(call, &query, on_messages);
}

static const struct shape_member messages_shape[] = {
    CALL_CONVERSATION_MEMBER,
    {.name = "before", .type = SHAPE_NUMBER, .least = 1, .most = INT64_MAX},
    {.name = "after", .type = SHAPE_NUMBER, .most = INT64_MAX},
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_messages = {false, CALL_RATE_OTHER, messages_shape, run_messages};

/* ---- the log ---- */

static void on_events(struct call *call, const struct wire_bytes *bytes)
{
    struct wire_page page = {0};
    struct writer to;

    if (!read_page(call, bytes, &page))
        return;
    to = call_write(call);
    writer_open_object(&to);
    writer_name(&to, "events");
    write_events(&to, page.events);
    writer_name(&to, "lastSeq");
    writer_number(&to, page.last_seq);
    writer_name(&to, "more");
    writer_bool(&to, page.more);
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

/* Former members may read up to their own removal, as sync lets them. */
static void run_events(struct call *call)
{
    struct wire_events query = {.conversation = shape_id(call->input, "conversationId"),
                                .user = call->claims.user,
                                .after = shape_number(call->input, "after", 0),
                                .limit = call_limit(call, EVENTS, EVENTS_MOST),
                                .past = 1};

    ask(call, &query, on_events);
}

static const struct shape_member events_shape[] = {
    CALL_CONVERSATION_MEMBER,
    {.name = "after", .type = SHAPE_NUMBER, .most = INT64_MAX},
    CALL_LIMIT_MEMBER,
    SHAPE_DONE,
};

const struct call_spec call_events = {false, CALL_RATE_OTHER, events_shape, run_events};
