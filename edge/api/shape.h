/* What a call accepts, declared as a table of members; one check for all of them. Members that the
 * table does not name are ignored, null is as good as absent, and nothing is changed. */
#pragma once

#include <jansson.h>

#include "base/wire.h"

enum shape_type {
    SHAPE_END,
    SHAPE_TEXT,    /* least … most bytes of UTF-8 that pass fits */
    SHAPE_CHOICE,  /* one of the words in choices */
    SHAPE_NUMBER,  /* a whole number, least … most */
    SHAPE_FLAG,    /* true or false */
    SHAPE_ID,      /* an id; a text that cannot be one is not_found, for ids are opaque */
    SHAPE_MESSAGE, /* a message's id; likewise */
    SHAPE_IDS,     /* least … most ids; likewise */
    SHAPE_OBJECT,  /* at most `most` members; the caller looks inside */
};

struct shape_member {
    const char *name;
    enum shape_type type;
    bool required;
    uint64_t least, most;
    bool (*fits)(const char *text, size_t len); /* NULL: any text */
    const char *fits_help;                      /* "printable ASCII" */
    const char *const *choices;                 /* ends with NULL */
};

#define SHAPE_DONE   \
    {                \
        .name = NULL \
    }

struct shape_error {
    enum wire_result code; /* WIRE_INVALID or WIRE_NOT_FOUND */
    const char *member;    /* borrowed from the table */
    char message[200];
};

/* True when input (an object) fits; else ret says which member does not, and why. */
bool shape_check(const struct shape_member *shape, const json_t *input, struct shape_error *ret)
    MUST_CHECK;

/* Whether the member was given (null is not). */
bool shape_has(const json_t *input, const char *name);
/* The value of a checked member: "" or empty, 0, false when it was not given. */
struct wire_bytes shape_text(const json_t *input, const char *name);
const char *shape_cstring(const json_t *input, const char *name); /* of text without NUL: all is */
uint64_t shape_number(const json_t *input, const char *name, uint64_t fallback);
struct id shape_id(const json_t *input, const char *name);
void shape_message(const json_t *input, const char *name, struct id *ret_conversation,
                   uint64_t *ret_seq);

/* For `fits`. */
bool shape_is_printable_ascii(const char *text, size_t len);
bool shape_is_username(const char *text, size_t len); /* a-z 0-9 . _ - */
bool shape_is_email(const char *text, size_t len); /* one @, something on both sides, no spaces */
bool shape_is_line(const char *text, size_t len);  /* no control characters, not only spaces */
