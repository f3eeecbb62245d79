/* Who may do what, as tables. */
#include "tests/lib/cmocka.h"

#include "router/rules.h"
#include "tests/router/fixture.h"

enum {
    NOBODY = WIRE_ROLE_NONE,
    MEMBER = WIRE_ROLE_MEMBER,
    ADMIN = WIRE_ROLE_ADMIN,
    OWNER = WIRE_ROLE_OWNER
};

struct row {
    uint8_t kind;
    uint8_t actor, target, given;
    enum wire_result expected;
};

static enum wire_result check(const struct row *row, uint8_t conversation)
{
    struct rules_request request = {
        .kind = row->kind, .actor = person(1), .target = person(2), .role = row->given};
    struct rules_facts facts = {
        .conversation = conversation, .head = 10, .actor = row->actor, .target = row->target};

    return rules_check(&request, &facts);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (check(&rows[i], WIRE_GROUP) != rows[i].expected)
            fail_msg("row %zu: %d instead of %d", i, check(&rows[i], WIRE_GROUP), rows[i].expected);
}

static void test_every_member_may_write(void **state)
{
    static const struct row rows[] = {
        {WIRE_KIND_MESSAGE_CREATED, NOBODY, 0, 0, WIRE_NOT_FOUND},
        {WIRE_KIND_MESSAGE_CREATED, MEMBER, 0, 0, WIRE_OK},
        {WIRE_KIND_MESSAGE_CREATED, ADMIN, 0, 0, WIRE_OK},
        {WIRE_KIND_MESSAGE_CREATED, OWNER, 0, 0, WIRE_OK},
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows));
}

static void test_owners_and_admins_add_and_only_owners_give_more_than_membership(void **state)
{
    static const struct row rows[] = {
        {WIRE_KIND_MEMBER_ADDED, NOBODY, NOBODY, MEMBER, WIRE_NOT_FOUND},
        {WIRE_KIND_MEMBER_ADDED, MEMBER, NOBODY, MEMBER, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_ADDED, ADMIN, NOBODY, MEMBER, WIRE_OK},
        {WIRE_KIND_MEMBER_ADDED, ADMIN, NOBODY, ADMIN, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_ADDED, ADMIN, NOBODY, OWNER, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_ADDED, OWNER, NOBODY, ADMIN, WIRE_OK},
        {WIRE_KIND_MEMBER_ADDED, OWNER, NOBODY, OWNER, WIRE_OK},
        {WIRE_KIND_MEMBER_ADDED, OWNER, MEMBER, MEMBER, WIRE_DUPLICATE},
        {WIRE_KIND_MEMBER_ADDED, MEMBER, MEMBER, MEMBER, WIRE_FORBIDDEN},
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows));
}

static void test_owners_and_admins_remove_those_below_them(void **state)
{
    static const struct row rows[] = {
        {WIRE_KIND_MEMBER_REMOVED, NOBODY, MEMBER, 0, WIRE_NOT_FOUND},
        {WIRE_KIND_MEMBER_REMOVED, MEMBER, MEMBER, 0, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_REMOVED, MEMBER, NOBODY, 0, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_REMOVED, ADMIN, MEMBER, 0, WIRE_OK},
        {WIRE_KIND_MEMBER_REMOVED, ADMIN, ADMIN, 0, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_REMOVED, ADMIN, OWNER, 0, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_REMOVED, OWNER, ADMIN, 0, WIRE_OK},
        {WIRE_KIND_MEMBER_REMOVED, OWNER, OWNER, 0, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_REMOVED, OWNER, NOBODY, 0, WIRE_DUPLICATE},
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows));
}

static void test_only_owners_change_roles(void **state)
{
    static const struct row rows[] = {
        {WIRE_KIND_MEMBER_UPDATED, MEMBER, MEMBER, ADMIN, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_UPDATED, ADMIN, MEMBER, ADMIN, WIRE_FORBIDDEN},
        {WIRE_KIND_MEMBER_UPDATED, OWNER, MEMBER, ADMIN, WIRE_OK},
        {WIRE_KIND_MEMBER_UPDATED, OWNER, ADMIN, ADMIN, WIRE_DUPLICATE},
        {WIRE_KIND_MEMBER_UPDATED, OWNER, NOBODY, ADMIN, WIRE_NOT_FOUND},
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows));
}

static void test_owners_and_admins_change_the_title(void **state)
{
    static const struct row rows[] = {
        {WIRE_KIND_CONVERSATION_UPDATED, NOBODY, 0, 0, WIRE_NOT_FOUND},
        {WIRE_KIND_CONVERSATION_UPDATED, MEMBER, 0, 0, WIRE_FORBIDDEN},
        {WIRE_KIND_CONVERSATION_UPDATED, ADMIN, 0, 0, WIRE_OK},
        {WIRE_KIND_CONVERSATION_UPDATED, OWNER, 0, 0, WIRE_OK},
    };

    (void)state;
    check_rows(rows, COUNT_OF(rows));
}

static void test_everybody_may_leave_and_leaving_again_is_a_repeat(void **state)
{
    struct rules_request request = {
        .kind = WIRE_KIND_MEMBER_REMOVED, .actor = person(1), .target = person(1)};
    struct rules_facts facts = {.conversation = WIRE_GROUP, .actor = MEMBER, .target = MEMBER};

    (void)state;
    assert_int_equal(rules_check(&request, &facts), WIRE_OK);
    facts.actor = facts.target = OWNER;
    assert_int_equal(rules_check(&request, &facts), WIRE_OK);
    facts.actor = facts.target = NOBODY;
    assert_int_equal(rules_check(&request, &facts), WIRE_NOT_FOUND);
    facts.actor_left = true;
    assert_int_equal(rules_check(&request, &facts), WIRE_DUPLICATE);
}

static void test_a_direct_conversation_takes_messages_and_nothing_else(void **state)
{
    static const uint8_t kinds[] = {WIRE_KIND_MEMBER_ADDED, WIRE_KIND_MEMBER_REMOVED,
                                    WIRE_KIND_MEMBER_UPDATED, WIRE_KIND_CONVERSATION_UPDATED};
    struct row row = {.kind = WIRE_KIND_MESSAGE_CREATED, .actor = MEMBER, .given = MEMBER};

    (void)state;
    assert_int_equal(check(&row, WIRE_DIRECT), WIRE_OK);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        row.kind = kinds[i];
        assert_int_equal(check(&row, WIRE_DIRECT), WIRE_FORBIDDEN);
        assert_int_equal(check(&row, 0), WIRE_NOT_FOUND);
    }
}

static void test_a_reply_to_what_does_not_stand_yet_is_invalid(void **state)
{
    struct rules_request request = {.kind = WIRE_KIND_MESSAGE_CREATED, .refers_to = 11};
    struct rules_facts facts = {.conversation = WIRE_GROUP, .head = 10, .actor = MEMBER};

    (void)state;
    assert_int_equal(rules_check(&request, &facts), WIRE_INVALID);
    request.refers_to = 10;
    assert_int_equal(rules_check(&request, &facts), WIRE_OK);
}

/* ---- what a post must be ---- */

static enum wire_result parse(struct said said, struct rules_request *ret)
{
    struct buf buf;
    struct wire_bytes body;
    struct wire_post post;
    enum wire_result result;

    buf_init(&buf, 1 << 20);
    said_frame(&said, &buf, &body);
    assert_int_equal(wire_post_decode(body, &post), 0);
    result = rules_parse(&post, ret);
    buf_done(&buf);
    return result;
}

static void test_a_group_has_the_id_that_follows_from_its_creator_and_client_id(void **state)
{
    static const unsigned people[] = {1, 2, 3}, others[] = {2, 1, 3};
    struct rules_request request;
    struct buf buf;
    struct said said = {.kind = WIRE_KIND_CONVERSATION_CREATED, .actor = 1, .client_id = "made"};

    (void)state;
    buf_init(&buf, 4096);
    said.body = body_created(&buf, WIRE_GROUP, people, 3);
    assert_int_equal(parse(said, &request), WIRE_OK);
    assert_int_equal(request.created_kind, WIRE_GROUP);
    said.client_id = "other";
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.client_id = "made";
    said.actor = 2;
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.actor = 1;
    said.body = body_created(&buf, WIRE_GROUP, others, 3); /* somebody else owns it */
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.body = body_created(&buf, 9, people, 3);
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    buf_done(&buf);
}

static void test_a_direct_conversation_has_the_id_of_its_pair(void **state)
{
    static const unsigned people[] = {1, 2}, strangers[] = {3, 4}, alone[] = {1, 1},
                          three[] = {1, 2, 3};
    struct rules_request request;
    struct buf buf;
    struct said said = {.conversation = pair(),
                        .kind = WIRE_KIND_CONVERSATION_CREATED,
                        .actor = 2,
                        .client_id = "any"};

    (void)state;
    buf_init(&buf, 4096);
    said.body = body_created(&buf, WIRE_DIRECT, people, 2);
    assert_int_equal(parse(said, &request), WIRE_OK);
    said.body = body_created(&buf, WIRE_DIRECT, strangers, 2);
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.body = body_created(&buf, WIRE_DIRECT, alone, 2);
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.body = body_created(&buf, WIRE_DIRECT, three, 3);
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.body = body_created(&buf, WIRE_DIRECT, people, 2);
    said.conversation = group();
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    buf_done(&buf);
}

static void test_kinds_that_clients_cannot_ask_for_are_invalid(void **state)
{
    struct rules_request request;
    struct said said = {.kind = WIRE_KIND_VOID, .actor = 1, .client_id = "a"};

    (void)state;
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.kind = 200;
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.kind = WIRE_KIND_MESSAGE_CREATED;
    assert_int_equal(parse(said, &request), WIRE_OK);
    said.client_id = "";
    assert_int_equal(parse(said, &request), WIRE_INVALID);
}

static void test_a_role_that_does_not_exist_is_invalid(void **state)
{
    struct rules_request request;
    struct buf buf;
    struct said said = {.kind = WIRE_KIND_MEMBER_ADDED, .actor = 1, .client_id = "a"};

    (void)state;
    buf_init(&buf, 4096);
    said.body = body_member(&buf, 2, 0);
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.body = body_member(&buf, 2, 4);
    assert_int_equal(parse(said, &request), WIRE_INVALID);
    said.body = body_member(&buf, 2, WIRE_ROLE_OWNER);
    assert_int_equal(parse(said, &request), WIRE_OK);
    said.kind = WIRE_KIND_MEMBER_REMOVED;
    said.body = body_member(&buf, 2, 0);
    assert_int_equal(parse(said, &request), WIRE_OK);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member_may_write),
        cmocka_unit_test(test_owners_and_admins_add_and_only_owners_give_more_than_membership),
        cmocka_unit_test(test_owners_and_admins_remove_those_below_them),
        cmocka_unit_test(test_only_owners_change_roles),
        cmocka_unit_test(test_owners_and_admins_change_the_title),
        cmocka_unit_test(test_everybody_may_leave_and_leaving_again_is_a_repeat),
        cmocka_unit_test(test_a_direct_conversation_takes_messages_and_nothing_else),
        cmocka_unit_test(test_a_reply_to_what_does_not_stand_yet_is_invalid),
        cmocka_unit_test(test_a_group_has_the_id_that_follows_from_its_creator_and_client_id),
        cmocka_unit_test(test_a_direct_conversation_has_the_id_of_its_pair),
        cmocka_unit_test(test_kinds_that_clients_cannot_ask_for_are_invalid),
        cmocka_unit_test(test_a_role_that_does_not_exist_is_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
