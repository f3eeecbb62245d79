/* The numbers that stand in messages and records: never used again for something else. */
#pragma once

/* Of events; in records for ever. */
enum wire_kind {
    WIRE_KIND_VOID = 1,
    WIRE_KIND_CONVERSATION_CREATED = 2,
    WIRE_KIND_CONVERSATION_UPDATED = 3,
    WIRE_KIND_MEMBER_ADDED = 4,
    WIRE_KIND_MEMBER_REMOVED = 5,
    WIRE_KIND_MEMBER_UPDATED = 6,
    WIRE_KIND_MESSAGE_CREATED = 7,
};

enum wire_conversation_kind { WIRE_DIRECT = 1, WIRE_GROUP = 2 };
enum wire_role { WIRE_ROLE_NONE, WIRE_ROLE_MEMBER, WIRE_ROLE_ADMIN, WIRE_ROLE_OWNER };
enum wire_durability { WIRE_DURABILITY_FSYNC = 1, WIRE_DURABILITY_MAJORITY = 2 };

/* Who holds partitions. */
enum wire_daemon_role { WIRE_ROUTER = 1, WIRE_PERSIST = 2 };

/* Bits of a mask. */
enum wire_job_kind { WIRE_JOB_WEBHOOK = 1 };
enum wire_job_state { WIRE_JOB_DONE = 1, WIRE_JOB_RETRY = 2, WIRE_JOB_DEAD = 3 };

/* What a client sees of it is in the protocol's words. duplicate is also good: it stood already.
 * unavailable: outcome unknown or store away, ask again. fenced: the epoch is over. */
enum wire_result {
    WIRE_OK = 0,
    WIRE_DUPLICATE = 1,
    WIRE_INVALID = 2,
    WIRE_UNAUTHORIZED = 3,
    WIRE_FORBIDDEN = 4,
    WIRE_NOT_FOUND = 5,
    WIRE_CONFLICT = 6,
    WIRE_TOO_LARGE = 7,
    WIRE_UNAVAILABLE = 8,
    WIRE_FENCED = 9,
};

/* Persist's answer to one event of a batch.
 * same: it stood there already, an earlier try of this batch; duplicate of, conflict with: the
 * client id stands at number `of` (conflict: with another fingerprint) and a void is at seq;
 * refused: breaks a rule of the store, a void is at seq; gap: seq−1 is not there, send again from
 * `of`+1; taken: another event has the number, load the conversation again; fenced: the epoch is
 * over for this partition. */
enum wire_verdict_kind {
    WIRE_ANSWER_STORED = 1,
    WIRE_ANSWER_SAME = 2,
    WIRE_ANSWER_DUPLICATE_OF = 3,
    WIRE_ANSWER_CONFLICT_WITH = 4,
    WIRE_ANSWER_REFUSED = 5,
    WIRE_ANSWER_GAP = 6,
    WIRE_ANSWER_TAKEN = 7,
    WIRE_ANSWER_FENCED = 8,
};
