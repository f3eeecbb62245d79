/* Is it JSON at all? Asked only when the parser has refused a text: what browsers write must not
 * end a connection, what nobody writes must. */
#include "edge/socketio/packet.h"

#include <string.h>

#define DEPTH 512

struct text {
    const char *at, *end;
    unsigned depth;
};

static bool value(struct text *in);

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static void skip_space(struct text *in)
{
    while (in->at < in->end && is_one_of(*in->at, " \t\r\n"))
        in->at++;
}

static bool take(struct text *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool word(struct text *in, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
        return false;
    in->at += len;
    return true;
}

static bool escape(struct text *in)
{
    if (in->at == in->end)
        return false;
    if (*in->at != 'u')
        return is_one_of(*in->at++, "\"\\/bfnrt");
    in->at++;
    for (int i = 0; i < 4; i++, in->at++) {
        if (in->at == in->end || !is_one_of(*in->at, "0123456789abcdefABCDEF"))
            return false;
    }
    return true;
}

static bool string(struct text *in)
{
    if (!take(in, '"'))
        return false;
    while (in->at < in->end) {
        unsigned char c = (unsigned char)*in->at++;

        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !escape(in)))
            return false;
    }
    return false;
}

static bool digits(struct text *in)
{
    const char *from = in->at;

    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    return in->at > from;
}

static bool number(struct text *in)
{
    take(in, '-');
    if (!take(in, '0') && !digits(in))
        return false;
    if (take(in, '.') && !digits(in))
        return false;
    if (take(in, 'e') || take(in, 'E')) {
        if (!take(in, '+'))
            take(in, '-');
        return digits(in);
    }
    return true;
}

static bool member(struct text *in, bool is_object)
{
    skip_space(in);
    if (is_object) {
        if (!string(in))
            return false;
        skip_space(in);
        if (!take(in, ':'))
            return false;
    }
    return value(in);
}

static bool members(struct text *in, char close)
{
    skip_space(in);
    if (take(in, close))
        return true;
    do {
        if (!member(in, close == '}'))
            return false;
    } while (take(in, ','));
    return take(in, close);
}

static bool value(struct text *in)
{
    bool ok;

    skip_space(in);
    if (in->at == in->end || ++in->depth > DEPTH)
        return false;
    switch (*in->at) {
    case '{':
    case '[':
        ok = members(in, *in->at++ == '{' ? '}' : ']');
        break;
    case '"':
        ok = string(in);
        break;
    case 't':
        ok = word(in, "true");
        break;
    case 'f':
        ok = word(in, "false");
        break;
    case 'n':
        ok = word(in, "null");
        break;
    default:
        ok = number(in);
    }
    in->depth--;
    skip_space(in);
    return ok;
}

bool packet_json_is_valid(const char *text, size_t len)
{
    struct text in = {.at = text, .end = text + len};

    return value(&in) && in.at == in.end;
}
