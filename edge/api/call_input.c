/* Client ids, lists of people, page sizes, cursors. */
#include "edge/api/call_input.h"

#include <stdlib.h>
#include <string.h>

bool call_client_id(struct call *call, struct wire_bytes *ret)
{
    struct wire_bytes id = shape_text(call->input, "clientId");

    if (id.len == 0)
        id = wire_text(call->key);
    if (id.len == 0) {
        call_fail_member(call, "clientId", "clientId or an Idempotency-Key is missing");
        return false;
    }
    *ret = id;
    return true;
}

void call_own_id(struct call *call, const struct id *subject, char ret[CALL_OWN_ID])
{
    struct id id = call->key[0] ? id_of_client(subject, call->key, strlen(call->key)) : id_random();

    ret[0] = '\x01';
    id_to_text(&id, ret + 1);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

/* Sorted: the order in which people are named is no part of what was asked for, so a repeat with
 * another order is the same request. */
bool call_ids(struct call *call, const char *member, struct id **ret, size_t *ret_count)
{
    const json_t *array = json_object_get(call->input, member);
    size_t named = json_array_size(array), kept = 0;
    struct id *ids;

    if (named > call->api->limits.member_ids) {
        call_fail_member(call, member, "names too many");
        return false;
    }
    ids = NEW_ARRAY(named + 1, struct id);
    for (size_t i = 0; i < named; i++)
        if (id_from_text(&ids[kept], json_string_value(json_array_get(array, i))) == 0 &&
            !id_equal(&ids[kept], &call->claims.user))
            kept++;
    qsort(ids, kept, sizeof *ids, compare_ids);
    *ret = ids;
    *ret_count = 0;
    for (size_t i = 0; i < kept; i++)
        if (*ret_count == 0 || !id_equal(&ids[i], &ids[*ret_count - 1]))
            ids[(*ret_count)++] = ids[i];
    return true;
}

void call_lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

unsigned call_partition_of_login(const char *login)
{
    static const struct id nobody;
    struct id id = id_of_client(&nobody, login, strlen(login));

    return id_partition(&id);
}

uint32_t call_limit(const struct call *call, uint32_t fallback, uint32_t most)
{
    uint64_t limit = shape_number(call->input, "limit", fallback);

    return limit < most ? (uint32_t)limit : most;
}

void call_cursor_write(struct writer *to, struct wire_bytes cursor)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * CALL_CURSOR_MAX + 1];

    if (cursor.len == 0 || cursor.len > CALL_CURSOR_MAX) {
        writer_null(to);
        return;
    }
    for (size_t i = 0; i < cursor.len; i++) {
        text[2 * i] = digits[cursor.data[i] >> 4];
        text[2 * i + 1] = digits[cursor.data[i] & 15];
    }
    text[2 * cursor.len] = '\0';
    writer_plain(to, text);
}

bool call_cursor_read(struct call *call, struct call_cursor *ret)
{
    const char *text = shape_cstring(call->input, "cursor");
    size_t digits = strspn(text, "0123456789abcdef");

    ret->len = digits / 2;
    call->doubtful = "cursor"; /* what it says, persist knows */
    if (text[digits] || digits % 2 || ret->len > sizeof ret->bytes) {
        call_fail_member(call, "cursor", "cursor is none that this server gave");
        return false;
    }
    for (size_t i = 0; i < ret->len; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

        ret->bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}
