/* The wire format between daemons: a fixed header, then one message of base/wire_schema.h. Integers
 * are little-endian. A decoded message borrows from the bytes it was decoded from. */
#pragma once

#include "base/buf.h"
#include "base/id.h"
#include "base/wire_enum.h"
#include "base/wire_schema.h"

#define WIRE_VERSION 1
#define WIRE_FRAME_MAX (16u << 20) /* bytes of one frame */

struct wire_bytes {
    const uint8_t *data;
    size_t len;
};

/* A list of records: `count` times a length (u32) and that many bytes. */
struct wire_list {
    const uint8_t *data;
    size_t len;
    uint32_t count;
};

typedef uint8_t wire_u8;
typedef uint16_t wire_u16;
typedef uint32_t wire_u32;
typedef uint64_t wire_u64;
typedef struct id wire_id;
typedef struct wire_bytes wire_bytes;
typedef struct wire_list wire_list;

enum wire_type {
#define WIRE_TYPE(name, NAME, number) WIRE_TYPE_##NAME = (number),
    WIRE_MESSAGES(WIRE_TYPE)
#undef WIRE_TYPE
};

#define WIRE_FIELD(kind, name) wire_##kind name;
struct wire_head {
    WIRE_HEAD(WIRE_FIELD)
};

#define WIRE_STRUCT(name, NAME, ...) \
    struct wire_##name {             \
        WIRE_##NAME(WIRE_FIELD)      \
    };
WIRE_RECORDS(WIRE_STRUCT)
WIRE_MESSAGES(WIRE_STRUCT)

/* For every record and message X:
 *   int wire_X_decode(struct wire_bytes in, struct wire_X *ret): -EPROTO when a field is cut short
 * or a list does not add up; fields missing at the end are zero, what follows the known ones is
 * ignored. ret is unchanged on failure. void wire_X_encode(struct buf *out, const struct wire_X
 * *in): appends; out->over tells when it did not fit. void wire_X_add(struct buf *list, uint32_t
 * *count, const struct wire_X *in): appends it to a list being made. */
#define WIRE_FUNCTIONS(name, NAME, ...)                                                 \
    int wire_##name##_decode(struct wire_bytes in, struct wire_##name *ret) MUST_CHECK; \
    void wire_##name##_encode(struct buf *out, const struct wire_##name *in);           \
    void wire_##name##_add(struct buf *list, uint32_t *count, const struct wire_##name *in);
WIRE_RECORDS(WIRE_FUNCTIONS)
WIRE_MESSAGES(WIRE_FUNCTIONS)

/* Takes the header off a frame; ret_body is what follows. -EPROTO: cut short or of another version.
 */
int wire_head_decode(struct wire_bytes frame, struct wire_head *ret, struct wire_bytes *ret_body)
    MUST_CHECK;
void wire_head_encode(struct buf *out,
                      const struct wire_head *in); /* writes WIRE_VERSION, whatever in says */

/* Steps through a list: true and the next record's bytes, or false at its end. */
bool wire_list_next(struct wire_list *list, struct wire_bytes *ret_item);
/* The list made by wire_X_add calls into buf. */
struct wire_list wire_list_of(const struct buf *buf, uint32_t count);

struct wire_bytes wire_bytes_of(const void *data, size_t len);
struct wire_bytes wire_text(const char *text);
struct wire_bytes wire_buf(const struct buf *buf);
bool wire_bytes_equal(struct wire_bytes a, struct wire_bytes b);
/* A copy as a C string (free()). */
char *wire_bytes_dup(struct wire_bytes bytes);

/* "post", "batch_answer", …; "?" for a number that is none. */
const char *wire_type_name(uint8_t type);
