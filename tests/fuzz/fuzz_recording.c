/* libFuzzer: any bytes as a recording: it is read to its end or to its damage, twice the same. And,
 * since hardly any bytes pass its checks, as what stands in the records of a whole one, from which
 * a story is made. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "admin/story.h"

#define FILE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_all(struct wire_bytes file, uint64_t *ret_last)
{
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(base_free_text) char *why = NULL;
    struct recording_record record, again;
    size_t count = 0;
    int rc;

    if (recording_open_memory(&reader, file, &why) < 0)
        return 0;
    while ((rc = recording_next(reader, &record)) == 1) {
        *ret_last = record.offset;
        count++;
    }
    if ((rc < 0) != (recording_damage(reader) != NULL))
        abort();
    if (count > 0 && recording_read_at(reader, *ret_last, &again) != 1)
        abort();
    return count;
}

static void put(struct buf *out, uint64_t value, size_t len)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    buf_put(out, bytes, len);
}

/* The file so far gets a record with a check that fits. */
static void add_record(struct buf *file, const struct buf *body)
{
    AUTO(buf_done) struct buf place;
    uLong crc;

    buf_init(&place, 16);
    put(&place, file->len, 8);
    put(&place, body->len, 4);
    crc = crc32(crc32(0, NULL, 0), place.data, (uInt)place.len);
    put(file, body->len, 4);
    put(file, crc32(crc, body->data, (uInt)body->len), 4);
    buf_put(file, body->data, body->len);
}

/* Each record: kind and router in a byte, a length in two, content. */
static void make_file(struct buf *file, const uint8_t *data, size_t size)
{
    AUTO(buf_done) struct buf body;

    buf_init(&body, FILE_MAX);
    buf_put(file, "parleyrc", 8);
    put(file, 1, 4);
    put(file, 1234, 8);
    put(file, crc32(crc32(0, NULL, 0), file->data, 20), 4);
    while (size > 3) {
        size_t len = (size_t)data[1] | (size_t)data[2] << 8;

        len = len < size - 3 ? len : size - 3;
        buf_clear(&body);
        put(&body, data[0] % 7, 1);
        put(&body, data[0] / 64, 8);
        put(&body, data[0], 8);
        buf_put(&body, data + 3, len);
        add_record(file, &body);
        data += 3 + len;
        size -= 3 + len;
    }
}

static void tell(const struct buf *file)
{
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(story_free) struct story *story = NULL;
    AUTO(base_free_text) char *why = NULL;

    if (recording_open_memory(&reader, wire_buf(file), &why) < 0 || story_new(&story, reader) < 0)
        abort();
    for (size_t i = 0; i < story->post_count; i++)
        if (story->order[i] >= story->post_count)
            abort();
    for (size_t i = 0; i < story->conversation_count; i++)
        if (story->conversations[i]->base > story->conversations[i]->top)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_done) struct buf made;
    struct wire_bytes file = wire_bytes_of(data, size);
    uint64_t first = 0, second = 0;

    if (read_all(file, &first) != read_all(file, &second) || first != second)
        abort();
    buf_init(&made, FILE_MAX);
    make_file(&made, data, size);
    tell(&made);
    return 0;
}
