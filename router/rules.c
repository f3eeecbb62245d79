/* The rules that the router holds every post against, once it knows the conversation and the roles.
 */
#include "router/rules.h"

#include <string.h>

bool rules_is_barrier(uint8_t kind)
{
    return kind == WIRE_KIND_CONVERSATION_CREATED || kind == WIRE_KIND_MEMBER_ADDED ||
           kind == WIRE_KIND_MEMBER_REMOVED || kind == WIRE_KIND_MEMBER_UPDATED;
}

static bool is_role(uint8_t role)
{
    return role >= WIRE_ROLE_MEMBER && role <= WIRE_ROLE_OWNER;
}

static enum wire_result parse_message(const struct wire_post *post, struct rules_request *request)
{
    struct wire_body_message body;

    if (wire_body_message_decode(post->body, &body) < 0)
        return WIRE_INVALID;
    request->refers_to = body.thread > body.reply_to ? body.thread : body.reply_to;
    return WIRE_OK;
}

static enum wire_result parse_updated(const struct wire_post *post)
{
    struct wire_body_updated body;

    return wire_body_updated_decode(post->body, &body) < 0 ? WIRE_INVALID : WIRE_OK;
}

static enum wire_result parse_member(const struct wire_post *post, struct rules_request *request)
{
    struct wire_body_member body;

    if (wire_body_member_decode(post->body, &body) < 0 || id_is_zero(&body.user))
        return WIRE_INVALID;
    if (post->kind != WIRE_KIND_MEMBER_REMOVED && !is_role(body.role))
        return WIRE_INVALID;
    request->target = body.user;
    request->role = body.role;
    return WIRE_OK;
}

/* Every member has a role, and the creator of a group is among them, as its owner. */
static bool group_is_right(const struct wire_post *post, struct wire_list members)
{
    struct id expected =
        id_of_conversation(&post->actor, post->client_id.data, post->client_id.len);
    struct wire_bytes item;
    bool has_creator = false;

    while (wire_list_next(&members, &item)) {
        struct wire_member member;

        if (wire_member_decode(item, &member) < 0 || !is_role(member.role) ||
            id_is_zero(&member.user))
            return false;
        if (id_equal(&member.user, &post->actor) && member.role == WIRE_ROLE_OWNER)
            has_creator = true;
    }
    return has_creator && id_equal(&expected, &post->conversation);
}

static bool pair_is_right(const struct wire_post *post, struct wire_list members)
{
    struct wire_member one, other;
    struct wire_bytes item;
    struct id expected;

    if (members.count != 2)
        return false;
    if (!wire_list_next(&members, &item) || wire_member_decode(item, &one) < 0 ||
        !wire_list_next(&members, &item) || wire_member_decode(item, &other) < 0)
        return false;
    if (id_is_zero(&one.user) || id_is_zero(&other.user) || id_equal(&one.user, &other.user) ||
        !is_role(one.role) || !is_role(other.role))
        return false;
    if (!id_equal(&one.user, &post->actor) && !id_equal(&other.user, &post->actor))
        return false;
    expected = id_of_pair(&one.user, &other.user);
    return id_equal(&expected, &post->conversation);
}

static enum wire_result parse_created(const struct wire_post *post, struct rules_request *request)
{
    struct wire_body_created body;
    bool right;

    if (wire_body_created_decode(post->body, &body) < 0)
        return WIRE_INVALID;
    right = body.kind == WIRE_GROUP    ? group_is_right(post, body.members)
            : body.kind == WIRE_DIRECT ? pair_is_right(post, body.members)
                                       : false;
    if (!right)
        return WIRE_INVALID;
    request->created_kind = body.kind;
    request->members = body.members;
    return WIRE_OK;
}

enum wire_result rules_parse(const struct wire_post *post, struct rules_request *ret)
{
    struct rules_request request = {.kind = post->kind, .actor = post->actor};
    enum wire_result result = WIRE_INVALID;

    if (id_is_zero(&post->actor) || post->client_id.len == 0)
        return WIRE_INVALID;
    switch (post->kind) {
    case WIRE_KIND_MESSAGE_CREATED:
        result = parse_message(post, &request);
        break;
    case WIRE_KIND_CONVERSATION_CREATED:
        result = parse_created(post, &request);
        break;
    case WIRE_KIND_CONVERSATION_UPDATED:
        result = parse_updated(post);
        break;
    case WIRE_KIND_MEMBER_ADDED:
    case WIRE_KIND_MEMBER_REMOVED:
    case WIRE_KIND_MEMBER_UPDATED:
        result = parse_member(post, &request);
        break;
    default:
        break;
    }
    if (result == WIRE_OK)
        *ret = request;
    return result;
}

/* Owners and admins add members; only an owner makes others than plain ones. */
static enum wire_result check_added(const struct rules_request *request,
                                    const struct rules_facts *facts)
{
    if (facts->actor < WIRE_ROLE_ADMIN)
        return WIRE_FORBIDDEN;
    if (request->role > WIRE_ROLE_MEMBER && facts->actor < WIRE_ROLE_OWNER)
        return WIRE_FORBIDDEN;
    return facts->target == WIRE_ROLE_NONE ? WIRE_OK : WIRE_DUPLICATE;
}

/* Everybody may leave; owners and admins remove those below them. */
static enum wire_result check_removed(const struct rules_request *request,
                                      const struct rules_facts *facts)
{
    if (id_equal(&request->actor, &request->target))
        return WIRE_OK;
    if (facts->actor < WIRE_ROLE_ADMIN || facts->target >= facts->actor)
        return WIRE_FORBIDDEN;
    return facts->target == WIRE_ROLE_NONE ? WIRE_DUPLICATE : WIRE_OK;
}

static enum wire_result check_updated(const struct rules_request *request,
                                      const struct rules_facts *facts)
{
    if (facts->actor < WIRE_ROLE_OWNER)
        return WIRE_FORBIDDEN;
    if (facts->target == WIRE_ROLE_NONE)
        return WIRE_NOT_FOUND;
    return facts->target == request->role ? WIRE_DUPLICATE : WIRE_OK;
}

/* Leaving again is a repeat; anything else is not this person's conversation. */
static enum wire_result check_stranger(const struct rules_request *request,
                                       const struct rules_facts *facts)
{
    bool leaves_again = request->kind == WIRE_KIND_MEMBER_REMOVED && facts->actor_left &&
                        id_equal(&request->actor, &request->target);

    return leaves_again ? WIRE_DUPLICATE : WIRE_NOT_FOUND;
}

enum wire_result rules_check(const struct rules_request *request, const struct rules_facts *facts)
{
    if (request->kind == WIRE_KIND_CONVERSATION_CREATED)
        return WIRE_OK;
    if (facts->conversation == 0)
        return WIRE_NOT_FOUND;
    if (facts->actor == WIRE_ROLE_NONE)
        return check_stranger(request, facts);
    if (request->kind == WIRE_KIND_MESSAGE_CREATED)
        return request->refers_to <= facts->head ? WIRE_OK : WIRE_INVALID;
    if (facts->conversation != WIRE_GROUP)
        return WIRE_FORBIDDEN;
    switch (request->kind) {
    case WIRE_KIND_MEMBER_ADDED:
        return check_added(request, facts);
    case WIRE_KIND_MEMBER_REMOVED:
        return check_removed(request, facts);
    case WIRE_KIND_MEMBER_UPDATED:
        return check_updated(request, facts);
    default:
        return facts->actor >= WIRE_ROLE_ADMIN ? WIRE_OK : WIRE_FORBIDDEN;
    }
}
