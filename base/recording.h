/* A recording: the frames that entered and left routers, in a file that shows when it is damaged.
 *
 * All integers are little-endian.
 *
 *   file   = header, records, end record; nothing behind it
 *   header = "parleyrc" (8 bytes), version u32 (1), wall clock at the start u64 (ms since 1970),
 *            check u32 of these 20 bytes
 *   record = length u32 (of the body), check u32, body
 *   body   = kind u8, router u64 (its boot), time u64 (µs since the start), content
 *   check  = zlib's crc32 of: the record's offset in the file u64, its length u32, its body; so a
 *            record that has moved is damaged, too
 *
 * Content by kind: in, out: a wire frame (base/wire.h); in is a post or a revoke as an edge sent
 * it, out an answer (the header's sender and boot are those of the edge that it is for) or a
 * deliver. snapshot: a wire record_state frame, what the router knew of a conversation at that
 * place in the file. begin: the router's name; another process or another start of it speaks from
 * here on. lost: u64, at least that many frames of this router are missing here, since the recorder
 * was too slow. stored: a deliver frame of an event that no router told (lost, or the router died
 * or had just started), read from the store when the recording ended. end: for each kind, ascending
 * from in to stored, u64, how many records came before (of lost: how many frames).
 *
 * Kinds that a reader does not know are skipped, and it does not count them. */
#pragma once

#include "base/wire.h"

#define RECORDING_HEADER_BYTES 24
#define RECORDING_RECORD_BYTES 25 /* of a record without its content */

enum recording_kind {
    RECORDING_IN = 1,
    RECORDING_OUT = 2,
    RECORDING_SNAPSHOT = 3,
    RECORDING_BEGIN = 4,
    RECORDING_LOST = 5,
    RECORDING_STORED = 6,
    RECORDING_END = 7, /* written and read here; callers never see it */
};
#define RECORDING_KINDS RECORDING_END /* counts[kind] of those before it */

struct recording_record {
    enum recording_kind kind;
    uint64_t offset; /* in the file; read only */
    uint64_t router;
    uint64_t at_us;
    struct wire_bytes content;
};

/* ---- writing ---- */

struct recording_writer;

/* Makes the file. -EEXIST: there is one already; else -errno as open. */
int recording_create(struct recording_writer **ret, const char *path, uint64_t wall_ms) MUST_CHECK;
/* -errno as write: the file is of no more use than up to there. -EMSGSIZE: more than a frame. */
int recording_add(struct recording_writer *self, const struct recording_record *record) MUST_CHECK;
int recording_add_lost(struct recording_writer *self, uint64_t router, uint64_t at_us,
                       uint64_t frames) MUST_CHECK;
/* What was added stands in the file should this process die now. */
int recording_flush(struct recording_writer *self) MUST_CHECK;
/* Writes the end, has it all on disk, closes. */
int recording_finish(struct recording_writer **self) MUST_CHECK;
/* Closes without an end. */
void recording_abandon(struct recording_writer **self);
/* By kind, as in the end record. */
const uint64_t *recording_counts(const struct recording_writer *self);
uint64_t recording_size(const struct recording_writer *self); /* bytes */

/* ---- reading ---- */

struct recording_reader;

/* -errno as open; -EPROTO: it is no recording, or of another version. *ret_why (free()) says so. */
int recording_open(struct recording_reader **ret, const char *path, char **ret_why) MUST_CHECK;
/* The same from memory, borrowed. */
int recording_open_memory(struct recording_reader **ret, struct wire_bytes file, char **ret_why)
    MUST_CHECK;
void recording_close(struct recording_reader **self);
uint64_t recording_wall_ms(const struct recording_reader *self);

/* 1: the next record, which borrows from the reader until the next call; 0: the end, and nothing
 * is missing; -EPROTO: from here on it is cut off or damaged, recording_damage says how and where.
 * After 0 and -EPROTO it stays so. */
int recording_next(struct recording_reader *self, struct recording_record *ret) MUST_CHECK;
/* How many frames a record of the kind lost tells of. */
uint64_t recording_lost_of(const struct recording_record *record);
/* NULL: none was found; else a sentence with the offset; borrowed. */
const char *recording_damage(const struct recording_reader *self);
uint64_t recording_damage_offset(const struct recording_reader *self);

/* The record that was found at this offset before. As recording_next; where recording_next goes on
 * does not change. */
int recording_read_at(struct recording_reader *self, uint64_t offset, struct recording_record *ret)
    MUST_CHECK;
