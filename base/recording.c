/* Recordings: written and read as a stream, checked record by record. */
#include "base/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define VERSION 1
#define HEAD_BYTES 8   /* length, check */
#define FIXED_BYTES 17 /* of a body: kind, router, time */
#define BODY_MAX (FIXED_BYTES + WIRE_FRAME_MAX)
#define FILE_BUFFER (1u << 20)

static const char magic[8] = {'p', 'a', 'r', 'l', 'e', 'y', 'r', 'c'};

static void put(uint8_t *to, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static uint32_t check_of(uint64_t offset, const uint8_t *body, size_t len)
{
    uint8_t place[12];
    uLong crc = crc32(0, NULL, 0);

    put(place, offset, 8);
    put(place + 8, len, 4);
    crc = crc32(crc, place, sizeof place);
    return (uint32_t)crc32(crc, body, (uInt)len);
}

/* ---- writing ---- */

struct recording_writer {
    FILE *file;
    uint64_t size;
    uint64_t counts[RECORDING_KINDS];
    struct buf body;
};

static int write_all(struct recording_writer *self, const void *data, size_t len)
{
    if (fwrite(data, 1, len, self->file) != len)
        return errno ? -errno : -EIO;
    self->size += len;
    return 0;
}

static int write_header(struct recording_writer *self, uint64_t wall_ms)
{
    uint8_t header[RECORDING_HEADER_BYTES];

    memcpy(header, magic, sizeof magic);
    put(header + 8, VERSION, 4);
    put(header + 12, wall_ms, 8);
    put(header + 20, crc32(crc32(0, NULL, 0), header, 20), 4);
    return write_all(self, header, sizeof header);
}

int recording_create(struct recording_writer **ret, const char *path, uint64_t wall_ms)
{
    AUTO(recording_abandon) struct recording_writer *self = NEW(struct recording_writer);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc;

    buf_init(&self->body, BODY_MAX);
    if (fd < 0)
        return -errno;
    self->file = fdopen(fd, "w");
    if (!self->file) {
        rc = -errno;
        close(fd);
        return rc;
    }
    setvbuf(self->file, NULL, _IOFBF, FILE_BUFFER);
    rc = write_header(self, wall_ms);
    if (rc == 0)
        *ret = TAKE(self);
    return rc;
}

static int write_record(struct recording_writer *self, const struct recording_record *record)
{
    uint8_t fixed[FIXED_BYTES], head[HEAD_BYTES];
    int rc;

    fixed[0] = (uint8_t)record->kind;
    put(fixed + 1, record->router, 8);
    put(fixed + 9, record->at_us, 8);
    buf_clear(&self->body);
    buf_put(&self->body, fixed, sizeof fixed);
    if (record->content.len && buf_put(&self->body, record->content.data, record->content.len) < 0)
        return -EMSGSIZE;
    put(head, self->body.len, 4);
    put(head + 4, check_of(self->size, self->body.data, self->body.len), 4);
    rc = write_all(self, head, sizeof head);
    return rc < 0 ? rc : write_all(self, self->body.data, self->body.len);
}

int recording_add(struct recording_writer *self, const struct recording_record *record)
{
    int rc = write_record(self, record);

    if (rc == 0)
        self->counts[record->kind]++;
    return rc;
}

int recording_add_lost(struct recording_writer *self, uint64_t router, uint64_t at_us,
                       uint64_t frames)
{
    uint8_t content[8];
    struct recording_record record = {.kind = RECORDING_LOST, .router = router, .at_us = at_us};
    int rc;

    put(content, frames, 8);
    record.content = wire_bytes_of(content, sizeof content);
    rc = write_record(self, &record);
    if (rc == 0)
        self->counts[RECORDING_LOST] += frames;
    return rc;
}

int recording_flush(struct recording_writer *self)
{
    return fflush(self->file) == 0 ? 0 : -errno;
}

static int write_end(struct recording_writer *self)
{
    uint8_t content[8 * (RECORDING_KINDS - 1)];
    struct recording_record record = {.kind = RECORDING_END};

    for (size_t i = 1; i < RECORDING_KINDS; i++)
        put(content + 8 * (i - 1), self->counts[i], 8);
    record.content = wire_bytes_of(content, sizeof content);
    return write_record(self, &record);
}

int recording_finish(struct recording_writer **writer)
{
    AUTO(recording_abandon) struct recording_writer *self = TAKE(*writer);
    int rc = write_end(self);

    if (rc == 0)
        rc = recording_flush(self);
    if (rc == 0 && fsync(fileno(self->file)) < 0)
        rc = -errno;
    if (fclose(TAKE(self->file)) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

void recording_abandon(struct recording_writer **writer)
{
    struct recording_writer *self = TAKE(*writer);

    if (!self)
        return;
    if (self->file)
        fclose(self->file);
    buf_done(&self->body);
    free(self);
}

const uint64_t *recording_counts(const struct recording_writer *self)
{
    return self->counts;
}

uint64_t recording_size(const struct recording_writer *self)
{
    return self->size;
}

/* ---- reading ---- */

struct recording_reader {
    FILE *file;
    uint64_t wall_ms;
    uint64_t at;       /* offset of the next record */
    uint64_t position; /* of the file itself */
    uint64_t counts[RECORDING_KINDS];
    struct buf body;
    bool ended;
    uint64_t damaged_at;
    char damage[160];
};

/* How much of len could be read at this offset. */
static size_t read_at(struct recording_reader *self, uint64_t offset, void *to, size_t len)
{
    size_t got;

    if (offset != self->position && fseeko(self->file, (off_t)offset, SEEK_SET) != 0)
        return 0;
    got = fread(to, 1, len, self->file);
    self->position = offset + got;
    return got;
}

static int damaged(struct recording_reader *self, uint64_t offset, const char *what)
{
    if (self->damage[0])
        return -EPROTO;
    self->damaged_at = offset;
    snprintf(self->damage, sizeof self->damage, "at byte %" PRIu64 ": %s", offset, what);
    return -EPROTO;
}

static const char *read_header(struct recording_reader *self)
{
    uint8_t header[RECORDING_HEADER_BYTES] = {0};
    size_t got = read_at(self, 0, header, sizeof header);

    if (got < sizeof header || memcmp(header, magic, sizeof magic) != 0)
        return got < sizeof magic || memcmp(header, magic, sizeof magic) == 0
                   ? "it is too short for a recording: cut off in its header"
                   : "it is no recording";
    if (get(header + 8, 4) != VERSION)
        return "it is a recording of another version, or its header is damaged";
    if (get(header + 20, 4) != crc32(crc32(0, NULL, 0), header, 20))
        return "its header is damaged";
    self->wall_ms = get(header + 12, 8);
    self->at = sizeof header;
    return NULL;
}

static int open_file(struct recording_reader **ret, FILE *file, char **ret_why)
{
    AUTO(recording_close) struct recording_reader *self = NULL;
    const char *trouble;

    if (!file) {
        int rc = -errno;

        *ret_why = base_strdup(strerror(-rc));
        return rc;
    }
    self = NEW(struct recording_reader);
    self->file = file;
    buf_init(&self->body, BODY_MAX);
    trouble = read_header(self);
    if (trouble) {
        *ret_why = base_strdup(trouble);
        return -EPROTO;
    }
    *ret = TAKE(self);
    return 0;
}

int recording_open(struct recording_reader **ret, const char *path, char **ret_why)
{
    FILE *file = fopen(path, "re");

    if (file)
        setvbuf(file, NULL, _IOFBF, FILE_BUFFER);
    return open_file(ret, file, ret_why);
}

int recording_open_memory(struct recording_reader **ret, struct wire_bytes file, char **ret_why)
{
    static char nothing[1];

    /* read only: nobody writes through the pointer */
    return open_file(
        ret,
        fmemopen(file.len ? (void *)(uintptr_t)file.data : nothing, file.len ? file.len : 1, "r"),
        ret_why);
}

void recording_close(struct recording_reader **reader)
{
    struct recording_reader *self = TAKE(*reader);

    if (!self)
        return;
    fclose(self->file);
    buf_done(&self->body);
    free(self);
}

uint64_t recording_wall_ms(const struct recording_reader *self)
{
    return self->wall_ms;
}

/* The body at offset into self->body; *ret_len is that of the record. NULL, or what is wrong. */
static const char *read_body(struct recording_reader *self, uint64_t offset, size_t *ret_len)
{
    uint8_t head[HEAD_BYTES];
    size_t got = read_at(self, offset, head, sizeof head), len;

    if (got == 0)
        return "the recording is cut off: its end record is missing";
    if (got < sizeof head)
        return "the recording is cut off in the head of a record";
    len = get(head, 4);
    if (len < FIXED_BYTES || len > BODY_MAX)
        return "damaged: this cannot be the length of a record";
    buf_clear(&self->body);
    buf_reserve(&self->body, len);
    self->body.len = read_at(self, offset + sizeof head, self->body.data, len);
    if (self->body.len < len)
        return "the recording is cut off in a record, or the record's length is damaged";
    if (get(head + 4, 4) != check_of(offset, self->body.data, len))
        return "damaged: a record's check does not fit";
    *ret_len = sizeof head + len;
    return NULL;
}

static struct recording_record decode(const struct recording_reader *self, uint64_t offset)
{
    const uint8_t *body = self->body.data;

    return (struct recording_record){
        .kind = body[0],
        .offset = offset,
        .router = get(body + 1, 8),
        .at_us = get(body + 9, 8),
        .content = wire_bytes_of(body + FIXED_BYTES, self->body.len - FIXED_BYTES)};
}

static int check_end(struct recording_reader *self, const struct recording_record *record)
{
    uint8_t more;

    if (record->content.len < (size_t)8 * (RECORDING_KINDS - 1))
        return damaged(self, record->offset, "damaged: the end record is too short");
    for (size_t i = 1; i < RECORDING_KINDS; i++)
        if (get(record->content.data + 8 * (i - 1), 8) != self->counts[i])
            return damaged(self, record->offset, "damaged: records are missing before the end");
    if (read_at(self, self->at, &more, 1) != 0)
        return damaged(self, self->at, "damaged: there is something behind the end");
    self->ended = true;
    return 0;
}

/* Whether the record is for the caller. */
static bool count(struct recording_reader *self, const struct recording_record *record)
{
    if (record->kind < RECORDING_IN || record->kind >= RECORDING_END)
        return false;
    if (record->kind != RECORDING_LOST)
        self->counts[record->kind]++;
    else
        self->counts[RECORDING_LOST] += recording_lost_of(record);
    return true;
}

uint64_t recording_lost_of(const struct recording_record *record)
{
    return record->content.len >= 8 ? get(record->content.data, 8) : 0;
}

int recording_next(struct recording_reader *self, struct recording_record *ret)
{
    while (!self->ended && !self->damage[0]) {
        size_t len;
        const char *trouble = read_body(self, self->at, &len);
        struct recording_record record;

        if (trouble)
            return damaged(self, self->at, trouble);
        record = decode(self, self->at);
        self->at += len;
        if (record.kind == RECORDING_END)
            return check_end(self, &record);
        if (count(self, &record)) {
            *ret = record;
            return 1;
        }
    }
    return self->ended ? 0 : -EPROTO;
}

const char *recording_damage(const struct recording_reader *self)
{
    return self->damage[0] ? self->damage : NULL;
}

uint64_t recording_damage_offset(const struct recording_reader *self)
{
    return self->damaged_at;
}

int recording_read_at(struct recording_reader *self, uint64_t offset, struct recording_record *ret)
{
    size_t len;
    const char *trouble = read_body(self, offset, &len);

    if (trouble)
        return damaged(self, offset, trouble);
    *ret = decode(self, offset);
    return 1;
}
