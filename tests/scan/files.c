/* Among them archives, made by hand: a local header, the member, a directory of one entry. */
#include "tests/scan/files.h"

#include "tests/lib/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

void files_make(struct files *self)
{
    strcpy(self->folder, "/tmp/parley-scan-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void files_remove(struct files *self)
{
    nftw(self->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *files_write(struct files *self, const char *name, const struct buf *content)
{
    static char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content->data, content->len), content->len);
    close(fd);
    return path;
}

void files_put_eicar(struct buf *out)
{
    buf_put_text(out, "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD");
    buf_put_text(out, "-ANTIVIRUS-TEST-FILE!$H+H*");
}

static uint32_t crc32_of(const struct buf *content)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < content->len; i++) {
        crc ^= content->data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

static void put_number(struct buf *out, uint32_t number, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)((uint64_t)number >> 8 * i);

        buf_put(out, &byte, 1);
    }
}

/* ---- a compressor for one kind of content: many spaces, then a short text ---- */

struct bits {
    struct buf *out;
    uint8_t byte;
    int used;
};

static void put_bit(struct bits *self, unsigned bit)
{
    self->byte |= (uint8_t)(bit << self->used);
    if (++self->used < 8)
        return;
    buf_put(self->out, &self->byte, 1);
    *self = (struct bits){.out = self->out};
}

/* Huffman codes stand with their highest bit first. */
static void put_code(struct bits *self, unsigned code, int bits)
{
    while (bits-- > 0)
        put_bit(self, code >> bits & 1);
}

static void put_literal(struct bits *self, uint8_t byte)
{
    assert_true(byte < 144);
    put_code(self, 0x30u + byte, 8);
}

/* One deflate block with the fixed codes: a space, "258 more of the byte before" as often as that
 * fits, the rest byte by byte. */
static void put_deflated(struct buf *out, const struct buf *content, size_t spaces)
{
    struct bits bits = {.out = out};
    size_t at = 1;

    put_bit(&bits, 1); /* the last block */
    put_bit(&bits, 1); /* fixed codes: 01, lowest bit first */
    put_bit(&bits, 0);
    put_literal(&bits, ' ');
    for (; at + 258 <= spaces; at += 258) {
        put_code(&bits, 0xc5, 8); /* length 258 */
        put_code(&bits, 0, 5);    /* distance 1 */
    }
    for (; at < content->len; at++)
        put_literal(&bits, content->data[at]);
    put_code(&bits, 0, 7); /* the end */
    while (bits.used != 0)
        put_bit(&bits, 0);
}

/* ---- the archive ---- */

struct member {
    const char *name;
    uint32_t method; /* 0 stored, 8 deflated */
    uint32_t crc;
    uint32_t size;
    struct buf *packed;
};

/* What the local header and the directory's entry have in common: version … length of extra. */
static void put_facts(struct buf *out, const struct member *member)
{
    put_number(out, 20, 2);
    put_number(out, 0, 2); /* flags */
    put_number(out, member->method, 2);
    put_number(out, 0, 4); /* time, date */
    put_number(out, member->crc, 4);
    put_number(out, (uint32_t)member->packed->len, 4);
    put_number(out, member->size, 4);
    put_number(out, (uint32_t)strlen(member->name), 2);
    put_number(out, 0, 2);
}

static void put_archive(struct buf *out, const struct member *member)
{
    size_t directory, end;

    put_number(out, 0x04034b50, 4);
    put_facts(out, member);
    buf_put_text(out, member->name);
    buf_put(out, member->packed->data, member->packed->len);
    directory = out->len;
    put_number(out, 0x02014b50, 4);
    put_number(out, 20, 2);
    put_facts(out, member);
    put_number(out, 0, 8); /* comment, disk, attributes */
    put_number(out, 0, 2);
    put_number(out, 0, 4); /* where the local header is */
    buf_put_text(out, member->name);
    end = out->len;
    put_number(out, 0x06054b50, 4);
    put_number(out, 0, 4);
    put_number(out, 1, 2);
    put_number(out, 1, 2);
    put_number(out, (uint32_t)(end - directory), 4);
    put_number(out, (uint32_t)directory, 4);
    put_number(out, 0, 2);
}

void files_pack(struct buf *content)
{
    struct buf archive;
    struct member member = {.name = "inside",
                            .crc = crc32_of(content),
                            .size = (uint32_t)content->len,
                            .packed = content};

    buf_init(&archive, content->max);
    put_archive(&archive, &member);
    buf_done(content);
    *content = archive;
}

void files_squeeze(struct buf *content, size_t spaces)
{
    struct buf archive, packed;
    struct member member = {.name = "inside",
                            .method = 8,
                            .crc = crc32_of(content),
                            .size = (uint32_t)content->len,
                            .packed = &packed};

    buf_init(&archive, content->max);
    buf_init(&packed, content->max);
    put_deflated(&packed, content, spaces);
    put_archive(&archive, &member);
    buf_done(&packed);
    buf_done(content);
    *content = archive;
}
