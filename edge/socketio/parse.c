/* Reads what has one meaning to everybody: objects, arrays, words, short whole numbers, strings
 * without \u. At the first thing beyond that it gives up, and the library decides about the whole
 * text, from its beginning. */
#include "edge/socketio/parse.h"

#include <string.h>

#include "base/base.h"
#include "edge/transport/utf8.h"

#define DEPTH 16  /* deeper is the library's */
#define DIGITS 15 /* of a number; longer is the library's */
#define ONES 0x0101010101010101ULL
#define HIGH_BITS (0x80 * ONES)

struct input {
    const char *at, *end;
    unsigned depth;
};

static json_t *read_value(struct input *in);

static void skip_space(struct input *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\r' || *in->at == '\n'))
        in->at++;
}

static bool take(struct input *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* ---- strings ---- */

/* High bits of the bytes that are zero; a byte above such a one may be named too. */
static uint64_t zeros(uint64_t eight)
{
    return (eight - ONES) & ~eight & HIGH_BITS;
}

/* The first quote, backslash or control character, or end. */
static const char *find_special(const char *at, const char *end)
{
    for (uint64_t eight; end - at >= (ptrdiff_t)sizeof eight; at += sizeof eight) {
        memcpy(&eight, at, sizeof eight);
        if (((eight - 0x20 * ONES) & ~eight & HIGH_BITS) | zeros(eight ^ ('"' * ONES)) |
            zeros(eight ^ ('\\' * ONES)))
            break;
    }
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* The quote that ends the string which begins at at; NULL: there is none, or something is in
 * between that is the library's. */
static const char *find_end(const char *at, const char *end)
{
    for (;;) {
        at = find_special(at, end);
        if (at == end || (*at == '\\' && end - at < 2))
            return NULL;
        if (*at == '"')
            return at;
        if (*at != '\\' || !at[1] || !strchr("\"\\/bfnrt", at[1]))
            return NULL;
        at += 2;
    }
}

static char unescaped(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

static json_t *unescape(const char *at, const char *end)
{
    AUTO(base_free_text) char *text = base_alloc((size_t)(end - at), 1);
    char *to = text;

    while (at < end) {
        const char *escape = find_special(at, end);

        memcpy(to, at, (size_t)(escape - at));
        to += escape - at;
        at = escape;
        if (at == end)
            break;
        *to++ = unescaped(at[1]);
        at += 2;
    }
    return json_stringn_nocheck(text, (size_t)(to - text));
}

static json_t *read_string(struct input *in)
{
    const char *from = in->at + 1, *end = find_end(from, in->end);

    if (!end)
        return NULL;
    in->at = end + 1;
    return memchr(from, '\\', (size_t)(end - from))
               ? unescape(from, end)
               : json_stringn_nocheck(from, (size_t)(end - from));
}

/* ---- objects and arrays ---- */

/* A name of simple characters; its length, or 0. */
static size_t read_name(struct input *in, const char **ret)
{
    const char *end;

    skip_space(in);
    if (!take(in, '"'))
        return 0;
    end = find_special(in->at, in->end);
    if (end == in->end || *end != '"')
        return 0;
    *ret = in->at;
    in->at = end + 1;
    skip_space(in);
    return take(in, ':') ? (size_t)(end - *ret) : 0;
}

static bool read_member(struct input *in, json_t *object)
{
    const char *name = NULL;
    size_t len = read_name(in, &name);
    json_t *value = len ? read_value(in) : NULL;

    return value && json_object_setn_new_nocheck(object, name, len, value) == 0;
}

static bool read_item(struct input *in, json_t *array)
{
    json_t *value = read_value(in);

    return value && json_array_append_new(array, value) == 0;
}

/* What lies between the brackets, and the closing one. */
static json_t *read_many(struct input *in, json_t *into, char close,
                         bool (*read_one)(struct input *in, json_t *into))
{
    bool good;

    in->at++;
    in->depth++;
    skip_space(in);
    good = take(in, close);
    if (!good && in->depth <= DEPTH) {
        do
            good = read_one(in, into);
        while (good && take(in, ','));
        good = good && take(in, close);
    }
    in->depth--;
    if (good)
        return into;
    json_decref(into);
    return NULL;
}

/* ---- numbers and words ---- */

static json_t *read_number(struct input *in)
{
    bool negative = take(in, '-');
    const char *from = in->at;
    json_int_t value = 0;
    size_t digits;

    while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && in->at - from <= DIGITS)
        value = value * 10 + (*in->at++ - '0');
    digits = (size_t)(in->at - from);
    if (digits == 0 || digits > DIGITS || (*from == '0' && (digits > 1 || negative)))
        return NULL;
    if (in->at < in->end && memchr(".eE", *in->at, 3))
        return NULL;
    return json_integer(negative ? -value : value);
}

static json_t *read_word(struct input *in, const char *word, json_t *value)
{
    size_t len = strlen(word);

    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
        return NULL;
    in->at += len;
    return value;
}

static json_t *read_value(struct input *in)
{
    json_t *value;

    skip_space(in);
    if (in->at == in->end)
        return NULL;
    switch (*in->at) {
    case '{':
        value = read_many(in, json_object(), '}', read_member);
        break;
    case '[':
        value = read_many(in, json_array(), ']', read_item);
        break;
    case '"':
        value = read_string(in);
        break;
    case 't':
        value = read_word(in, "true", json_true());
        break;
    case 'f':
        value = read_word(in, "false", json_false());
        break;
    case 'n':
        value = read_word(in, "null", json_null());
        break;
    default:
        value = read_number(in);
    }
    skip_space(in);
    return value;
}

json_t *parse_json(const char *text, size_t len)
{
    struct input in = {.at = text, .end = text + len};
    bool is_many = len && (text[0] == '[' || text[0] == '{');
    json_t *value = is_many && utf8_is_valid(text, len) ? read_value(&in) : NULL;

    if (value && in.at == in.end)
        return value;
    json_decref(value);
    return json_loadb(text, len, 0, NULL);
}
