/* The door for everything a client says: types, sizes and characters are checked here, by table. */
#include "edge/api/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool refuse(struct shape_error *ret, const struct shape_member *member, const char *why)
{
    ret->code = WIRE_INVALID;
    ret->member = member->name;
    snprintf(ret->message, sizeof ret->message, "%s %s", member->name, why);
    return false;
}

static bool refuse_range(struct shape_error *ret, const struct shape_member *member,
                         const char *unit)
{
    char why[100];

    if (member->least == 0)
        snprintf(why, sizeof why, "must be at most %" PRIu64 "%s", member->most, unit);
    else
        snprintf(why, sizeof why, "must be %" PRIu64 " to %" PRIu64 "%s", member->least,
                 member->most, unit);
    return refuse(ret, member, why);
}

static bool is_within(const struct shape_member *member, uint64_t value)
{
    return value >= member->least && value <= member->most;
}

static bool not_found(struct shape_error *ret, const struct shape_member *member, const char *text)
{
    ret->code = WIRE_NOT_FOUND;
    ret->member = member->name;
    snprintf(ret->message, sizeof ret->message, "%s: there is no \"%.60s\"", member->name, text);
    return false;
}

static bool check_text(const struct shape_member *member, const json_t *value,
                       struct shape_error *ret)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    char why[100];

    if (!text)
        return refuse(ret, member, "must be a string");
    if (memchr(text, '\0', len))
        return refuse(ret, member, "must not contain NUL");
    if (!is_within(member, len))
        return refuse_range(ret, member, " bytes");
    if (!member->fits || member->fits(text, len))
        return true;
    snprintf(why, sizeof why, "must be %s", member->fits_help);
    return refuse(ret, member, why);
}

static bool check_choice(const struct shape_member *member, const json_t *value,
                         struct shape_error *ret)
{
    const char *text = json_string_value(value);
    char why[100] = "must be one of";

    for (const char *const *choice = member->choices; *choice; choice++) {
        size_t used = strlen(why);

        if (text && strcmp(text, *choice) == 0)
            return true;
        snprintf(why + used, sizeof why - used, " %s", *choice);
    }
    return refuse(ret, member, why);
}

static bool check_number(const struct shape_member *member, const json_t *value,
                         struct shape_error *ret)
{
    if (!json_is_integer(value))
        return refuse(ret, member, "must be a whole number");
    if (json_integer_value(value) < 0 || !is_within(member, (uint64_t)json_integer_value(value)))
        return refuse_range(ret, member, "");
    return true;
}

static bool check_id(const struct shape_member *member, const json_t *value,
                     struct shape_error *ret)
{
    const char *text = json_string_value(value);
    struct id id;

    if (!text)
        return refuse(ret, member, "must be a string");
    if (json_string_length(value) != strlen(text) || id_from_text(&id, text) < 0 || id_is_zero(&id))
        return not_found(ret, member, text);
    return true;
}

static bool check_message(const struct shape_member *member, const json_t *value,
                          struct shape_error *ret)
{
    const char *text = json_string_value(value);
    struct id conversation;
    uint64_t seq;

    if (!text)
        return refuse(ret, member, "must be a string");
    if (json_string_length(value) != strlen(text) ||
        id_message_from_text(&conversation, &seq, text) < 0 || seq == 0 || seq > INT64_MAX)
        return not_found(ret, member, text);
    return true;
}

static bool check_ids(const struct shape_member *member, const json_t *value,
                      struct shape_error *ret)
{
    size_t at;
    json_t *item;

    if (!json_is_array(value))
        return refuse(ret, member, "must be an array");
    if (!is_within(member, json_array_size(value)))
        return refuse_range(ret, member, " ids");
    json_array_foreach(value, at, item)
    {
        if (!check_id(member, item, ret))
            return false;
    }
    return true;
}

static bool check_object(const struct shape_member *member, const json_t *value,
                         struct shape_error *ret)
{
    if (!json_is_object(value))
        return refuse(ret, member, "must be an object");
    if (!is_within(member, json_object_size(value)))
        return refuse_range(ret, member, " members");
    return true;
}

static bool check_member(const struct shape_member *member, const json_t *value,
                         struct shape_error *ret)
{
    switch (member->type) {
    case SHAPE_TEXT:
        return check_text(member, value, ret);
    case SHAPE_CHOICE:
        return check_choice(member, value, ret);
    case SHAPE_NUMBER:
        return check_number(member, value, ret);
    case SHAPE_FLAG:
        return json_is_boolean(value) || refuse(ret, member, "must be true or false");
    case SHAPE_ID:
        return check_id(member, value, ret);
    case SHAPE_MESSAGE:
        return check_message(member, value, ret);
    case SHAPE_IDS:
        return check_ids(member, value, ret);
    case SHAPE_OBJECT:
        return check_object(member, value, ret);
    case SHAPE_END:
        break;
    }
    return true;
}

bool shape_check(const struct shape_member *shape, const json_t *input, struct shape_error *ret)
{
    for (; shape && shape->name; shape++) {
        const json_t *value = json_object_get(input, shape->name);

        if (value && !json_is_null(value)) {
            if (!check_member(shape, value, ret))
                return false;
        } else if (shape->required) {
            return refuse(ret, shape, "is missing");
        }
    }
    return true;
}

bool shape_has(const json_t *input, const char *name)
{
    const json_t *value = json_object_get(input, name);

    return value && !json_is_null(value);
}

struct wire_bytes shape_text(const json_t *input, const char *name)
{
    const json_t *value = json_object_get(input, name);

    return wire_bytes_of(json_string_value(value), json_string_length(value));
}

const char *shape_cstring(const json_t *input, const char *name)
{
    const char *text = json_string_value(json_object_get(input, name));

    return text ? text : "";
}

uint64_t shape_number(const json_t *input, const char *name, uint64_t fallback)
{
    const json_t *value = json_object_get(input, name);

    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : fallback;
}

struct id shape_id(const json_t *input, const char *name)
{
    struct id id = {0};

    if (id_from_text(&id, shape_cstring(input, name)) < 0)
        return (struct id){0};
    return id;
}

void shape_message(const json_t *input, const char *name, struct id *ret_conversation,
                   uint64_t *ret_seq)
{
    if (id_message_from_text(ret_conversation, ret_seq, shape_cstring(input, name)) < 0) {
        *ret_conversation = (struct id){0};
        *ret_seq = 0;
    }
}

bool shape_is_printable_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return true;
}

bool shape_is_username(const char *text, size_t len)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

bool shape_is_email(const char *text, size_t len)
{
    const char *at = memchr(text, '@', len);

    if (!at || at == text || at == text + len - 1 || strchr(at + 1, '@'))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

bool shape_is_line(const char *text, size_t len)
{
    bool visible = false;

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
        visible |= text[i] != ' ';
    }
    return visible;
}
