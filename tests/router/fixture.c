#include "tests/router/fixture.h"

#include "tests/lib/cmocka.h"

struct id person(unsigned which)
{
    struct id id = {{0}};

    id.bytes[0] = (uint8_t)which;
    id.bytes[1] = (uint8_t)(which >> 8);
    id.bytes[15] = 7;
    return id;
}

struct wire_bytes body_text(struct buf *buf, const char *text)
{
    struct wire_body_message body = {.text = wire_text(text)};

    buf_clear(buf);
    wire_body_message_encode(buf, &body);
    return wire_buf(buf);
}

struct wire_bytes body_reply(struct buf *buf, uint64_t reply_to)
{
    struct wire_body_message body = {.text = wire_text("yes"), .reply_to = reply_to};

    buf_clear(buf);
    wire_body_message_encode(buf, &body);
    return wire_buf(buf);
}

struct wire_bytes body_member(struct buf *buf, unsigned user, uint8_t role)
{
    struct wire_body_member body = {.user = person(user), .role = role};

    buf_clear(buf);
    wire_body_member_encode(buf, &body);
    return wire_buf(buf);
}

struct wire_bytes body_created(struct buf *buf, uint8_t kind, const unsigned *people, size_t count)
{
    struct wire_body_created body = {.kind = kind, .title = wire_text("us")};
    struct buf list;
    uint32_t members = 0;

    buf_init(&list, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        struct wire_member member = {.user = person(people[i]), .role = WIRE_ROLE_MEMBER};

        if (i == 0 && kind == WIRE_GROUP)
            member.role = WIRE_ROLE_OWNER;
        wire_member_add(&list, &members, &member);
    }
    body.members = wire_list_of(&list, members);
    buf_clear(buf);
    wire_body_created_encode(buf, &body);
    buf_done(&list);
    return wire_buf(buf);
}

struct id group(void)
{
    struct id creator = person(1);

    return id_of_conversation(&creator, "made", 4);
}

struct id pair(void)
{
    struct id one = person(1), other = person(2);

    return id_of_pair(&one, &other);
}

struct wire_head said_frame(const struct said *said, struct buf *buf, struct wire_bytes *ret_body)
{
    struct buf text;
    struct wire_post post = {.conversation = said->conversation,
                             .kind = said->kind ? said->kind : WIRE_KIND_MESSAGE_CREATED,
                             .actor = person(said->actor),
                             .client_id = wire_text(said->client_id ? said->client_id : ""),
                             .fingerprint = said->fingerprint,
                             .body = said->body};

    buf_init(&text, 1 << 20);
    if (id_is_zero(&post.conversation))
        post.conversation = group();
    if (post.body.len == 0)
        post.body = body_text(&text, "hello");
    buf_clear(buf);
    wire_post_encode(buf, &post);
    buf_done(&text);
    *ret_body = wire_buf(buf);
    return (struct wire_head){.type = WIRE_TYPE_POST,
                              .partition = (uint16_t)id_partition(&post.conversation),
                              .epoch = said->epoch,
                              .number = said->number,
                              .trace = said->trace,
                              .at_ms = said->at_ms};
}

struct post *said_post(const struct said *said)
{
    struct post *post = NULL;
    struct wire_bytes body;
    struct wire_head head;
    struct buf buf;

    buf_init(&buf, 1 << 20);
    head = said_frame(said, &buf, &body);
    assert_int_equal(post_new(&post, &head, body, said->edge), WIRE_OK);
    post->came_before = said->came_before;
    buf_done(&buf);
    return post;
}
