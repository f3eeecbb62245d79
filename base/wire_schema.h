/* The schema of every message between daemons, and of the records inside them: one line each.
 * Struct, encoder and decoder follow from it (wire.h, wire.c). Kinds: u8 u16 u32 u64, id (16
 * bytes), bytes (a view), list (of records). A message grows only at its end. Times are
 * milliseconds since 1970. */
#pragma once

/* clang-format off */

/* In front of every message. sender: hash of the daemon's name; boot: random per start; number: of the stream it is
 * part of; trace: ties a reply to its request; deadline_ms, at_ms: wall clock. */
#define WIRE_HEAD_BYTES 56
#define WIRE_HEAD(X)                                                                               \
    X(u8, version) X(u8, type) X(u16, partition) X(u32, epoch) X(u64, sender) X(u64, boot)         \
    X(u64, number) X(u64, trace) X(u64, deadline_ms) X(u64, at_ms)

/* ---- records: parts of messages, and what stores keep ---- */

/* A durable event of a conversation. messages: how many messages the conversation has so far, this
 * one included; last_message: the number of the newest of them; jobs: what it causes (enum
 * wire_job_kind); body by kind, below. */
#define WIRE_EVENT(X)                                                                              \
    X(id, conversation) X(u64, seq) X(u8, kind) X(id, actor) X(bytes, client_id)                   \
    X(u64, fingerprint) X(u64, at_ms) X(u64, messages) X(u64, last_message) X(u32, jobs)           \
    X(bytes, body)

/* Bodies: of message.created (attachments: ids; thread, reply_to: numbers in the same conversation,
 * 0 none), … */
#define WIRE_BODY_MESSAGE(X) X(bytes, text) X(list, attachments) X(u64, thread) X(u64, reply_to)
/* … of conversation.created (kind: enum wire_conversation_kind; members: records member, the
 * creator's too), … */
#define WIRE_BODY_CREATED(X) X(u8, kind) X(bytes, title) X(list, members)
/* … of conversation.updated, … */
#define WIRE_BODY_UPDATED(X) X(bytes, title)
/* … of member.added, .removed, .updated. */
#define WIRE_BODY_MEMBER(X) X(id, user) X(u8, role)

/* from, to: the numbers between which the membership holds, both included; to 0: still; role 0: no
 * member. */
#define WIRE_MEMBER(X) X(id, user) X(u8, role) X(u64, from) X(u64, to)
#define WIRE_ITEM(X) X(id, id)
#define WIRE_POSITION(X) X(id, conversation) X(u64, seq)
#define WIRE_HOLDING(X) X(u16, partition) X(u32, epoch) X(u8, role) X(bytes, holder)
#define WIRE_RECENT(X) X(id, key) X(u64, fingerprint) X(u64, seq)
#define WIRE_USER(X)                                                                               \
    X(id, id) X(bytes, username) X(bytes, email) X(bytes, display_name) X(bytes, password)         \
    X(u64, created_ms)
#define WIRE_SESSION(X)                                                                            \
    X(id, id) X(id, user) X(bytes, device) X(u64, created_ms) X(u64, used_ms) X(u64, revoked_ms)
/* A conversation as its members see it: last, last_message are records event (empty: none); members
 * at most 50; self: the asker's own membership. */
#define WIRE_CONVERSATION(X)                                                                       \
    X(id, id) X(u8, kind) X(bytes, title) X(u64, member_count) X(list, members) X(bytes, self)     \
    X(bytes, last) X(bytes, last_message)
/* A page of one conversation's log: last_seq is the conversation's. */
#define WIRE_PAGE(X) X(id, conversation) X(u64, last_seq) X(u8, more) X(list, events)
#define WIRE_COUNTER(X) X(bytes, name) X(u64, value)
/* A durable job: of which event, of which kind (one bit of enum wire_job_kind), how often it was
 * tried before. */
#define WIRE_JOB(X) X(id, conversation) X(u64, seq) X(u32, kind) X(u32, tries) X(bytes, event)
#define WIRE_VERDICT(X) X(u8, answer) X(u64, seq) X(u64, of)

/* One frame of a recording: kind is enum recording_kind; at_us by the router's monotonic clock. */
#define WIRE_RECORDED(X) X(u8, kind) X(u64, at_us) X(bytes, frame)

#define WIRE_RECORDS(M)                                                                            \
    M(event, EVENT) M(body_message, BODY_MESSAGE) M(body_created, BODY_CREATED)                    \
    M(body_updated, BODY_UPDATED) M(body_member, BODY_MEMBER) M(member, MEMBER) M(item, ITEM)      \
    M(position, POSITION) M(holding, HOLDING) M(recent, RECENT) M(user, USER) M(session, SESSION)  \
    M(conversation, CONVERSATION) M(page, PAGE) M(counter, COUNTER) M(job, JOB)                    \
    M(verdict, VERDICT) M(recorded, RECORDED)

/* ---- edge → router by PUSH, numbered per edge boot, partition and epoch ---- */
/* A client's mutation; the event that may become of it has the header's at_ms. Answered by
 * `answer`, same trace. */
#define WIRE_POST(X)                                                                               \
    X(id, conversation) X(u8, kind) X(id, actor) X(bytes, client_id) X(u64, fingerprint)           \
    X(bytes, body)
/* A session has ended (session zero: all of the user's); told to every edge, then answered. */
#define WIRE_REVOKE(X) X(id, user) X(id, session)

/* ---- edge → router by DEALER ---- */
/* Every 250 ms: I am here, this is my name, I have your stream up to received (0: nothing yet,
 * welcome me). */
#define WIRE_ALIVE(X) X(bytes, name) X(u64, received)
/* Conversations whose events I want (on 1) or no longer (on 0); reset 1: forget what I wanted of
 * these partitions first (a mask). Confirmed by `interested`, same trace. */
#define WIRE_INTEREST(X) X(u8, on) X(u64, reset) X(list, conversations)

/* ---- router → edge, numbered per router boot and edge boot ---- */
#define WIRE_WELCOME(X) X(bytes, name) X(list, holdings)
#define WIRE_HEARTBEAT(X) X(u64, sent)
#define WIRE_INTERESTED(X) X(u8, status)
/* What became of a post: status ok (stored at seq), duplicate (stood at seq already), or an error;
 * seq with conflict is the original's. */
#define WIRE_ANSWER(X) X(u8, status) X(u64, seq) X(u64, at_ms) X(u64, messages) X(u8, durability)
/* One durable event. */
#define WIRE_DELIVER(X) X(bytes, event)
/* The partition's next frame must have this number: go back to it. */
#define WIRE_GAP(X) X(u64, expected)
#define WIRE_REVOKED(X) X(id, user) X(id, session)

/* ---- router → persist by DEALER; each answered with the same trace ---- */
/* Insert role/partition/epoch+1 for those of the masks that the holder may have now: see
 * persist/fence.h. It may have nothing. */
#define WIRE_CLAIM(X) X(u8, role) X(u64, partitions) X(bytes, holder) X(u64, standby)
#define WIRE_CLAIMED(X) X(u8, status) X(list, holdings)
/* I (still) hold these: finish what you have in hand, refuse lower epochs from now on, then answer.
 * lost: a mask of those whose epoch is over. */
#define WIRE_ANNOUNCE(X) X(list, holdings)
#define WIRE_ANNOUNCED(X) X(u8, status) X(u8, durability) X(u64, lost)
/* A conversation's state for the router, the memberships of the users asked for, and what stands
 * under the key asked for (zero: none is), however old it is. kind 0: there is none. */
#define WIRE_LOAD(X) X(id, conversation) X(list, users) X(id, key)
#define WIRE_LOADED(X)                                                                             \
    X(u8, status) X(u8, kind) X(u64, head) X(u64, messages) X(u64, last_message) X(list, recents)  \
    X(list, members) X(bytes, known)
/* events: records `append`. Answered by one verdict each, in order. */
#define WIRE_BATCH(X) X(list, events)
#define WIRE_BATCH_ANSWER(X) X(u8, status) X(list, verdicts)

/* ---- persist → persist by DEALER ---- */
/* A standby asks a worker's endpoint whether anybody serves there; answered by the daemon's own
 * loop, whatever its store does. epoch: of its claim, 0 none yet. */
#define WIRE_SLOT(X) X(bytes, asker)
#define WIRE_SLOT_IS(X) X(bytes, holder) X(u32, epoch)

/* ---- queries: edge, notify, scan, admin → persist; each reply has the query's trace ---- */
#define WIRE_HOLDERS(X) X(u8, role)
#define WIRE_HOLDERS_REPLY(X) X(u8, status) X(bytes, detail) X(list, holdings)
#define WIRE_USER_ADD(X) X(bytes, user)
/* detail: the member that is taken (username, email) when status is conflict. */
#define WIRE_USER_ADD_REPLY(X) X(u8, status) X(bytes, detail)
/* By id, or (id zero) by login: username or e-mail address. */
#define WIRE_USER_GET(X) X(id, id) X(bytes, login)
#define WIRE_USER_REPLY(X) X(u8, status) X(bytes, user)
#define WIRE_USER_FIND(X) X(bytes, prefix) X(u32, limit)
#define WIRE_USERS_REPLY(X) X(u8, status) X(list, users)
#define WIRE_USER_UPDATE(X) X(id, id) X(bytes, display_name)
/* hash: SHA-256 of the session's refresh secret. */
#define WIRE_SESSION_ADD(X) X(bytes, session) X(bytes, hash)
#define WIRE_STATUS_REPLY(X) X(u8, status) X(bytes, detail)
/* Exchanges hash old for new. ok; duplicate: old was exchanged for new under the same idempotency
 * hash within 30 s (at_ms says when: answer the same pair); unauthorized: unknown or revoked, or
 * old was used before, in which case the whole family is revoked now (detail "reused"). */
#define WIRE_SESSION_ROTATE(X)                                                                     \
    X(id, session) X(bytes, old_hash) X(bytes, new_hash) X(bytes, idempotency) X(u64, now_ms)      \
    X(u64, max_age_ms)
#define WIRE_SESSION_ROTATE_REPLY(X) X(u8, status) X(bytes, detail) X(u64, at_ms) X(id, user)
#define WIRE_SESSION_REVOKE(X) X(id, user) X(id, session) X(u64, now_ms)
#define WIRE_SESSION_LIST(X) X(id, user) X(u64, revoked_since_ms)
#define WIRE_SESSIONS_REPLY(X) X(u8, status) X(list, sessions)
/* A user's memberships, current ones only, ascending by conversation, after the given one. */
#define WIRE_MEMBERSHIPS(X) X(id, user) X(id, after) X(u32, limit)
#define WIRE_MEMBERSHIPS_REPLY(X) X(u8, status) X(u8, more) X(list, conversations)
#define WIRE_HEADS(X) X(list, conversations)
#define WIRE_HEADS_REPLY(X) X(u8, status) X(list, positions)
/* A page of a log, ascending, clipped to the user's membership (user zero: the whole log, for
 * edges). after, before: exclusive, 0 none; newest 1: the page's end is what counts; messages 1:
 * message.created only; past 1: former members may ask too. not_found: no such conversation, or not
 * the user's. */
#define WIRE_EVENTS(X)                                                                             \
    X(id, conversation) X(id, user) X(u64, after) X(u64, before) X(u32, limit) X(u8, newest)       \
    X(u8, messages) X(u8, past)
#define WIRE_EVENTS_REPLY(X) X(u8, status) X(bytes, page)
/* Newest activity first; cursor: what the last reply's next was, empty at first. id non-zero: that
 * one alone. */
#define WIRE_CONVERSATIONS(X) X(id, user) X(id, id) X(bytes, cursor) X(u32, limit)
#define WIRE_CONVERSATIONS_REPLY(X) X(u8, status) X(list, conversations) X(bytes, next)
/* Current members ascending by user id, after the given one. */
#define WIRE_MEMBERS(X) X(id, conversation) X(id, user) X(id, after) X(u32, limit)
#define WIRE_MEMBERS_REPLY(X) X(u8, status) X(u8, more) X(list, members)
/* What the user missed: pages for conversations with events past their cursor, at most limit events
 * in all; joined: conversations that the cursors lack (their pages start at 0 and are in pages
 * too); left: items. */
#define WIRE_SYNC(X) X(id, user) X(list, cursors) X(u32, limit)
#define WIRE_SYNC_REPLY(X) X(u8, status) X(u8, more) X(list, pages) X(list, joined) X(list, left)

/* ---- jobs: notify, scan → persist ---- */
#define WIRE_JOBS_CLAIM(X) X(u32, kind) X(u32, limit) X(u64, lease_ms)
#define WIRE_JOBS_REPLY(X) X(u8, status) X(list, jobs)
/* state: enum wire_job_state; retry_ms: when it is due again. */
#define WIRE_JOB_SETTLE(X)                                                                         \
    X(id, conversation) X(u64, seq) X(u32, kind) X(u8, state) X(u64, retry_ms)
/* router → notify, scan: there may be jobs of these kinds. */
#define WIRE_WAKE(X) X(u32, jobs)

/* ---- admin → every daemon's control socket ---- */
#define WIRE_STATUS(X) X(u8, detail)
#define WIRE_STATUS_IS(X)                                                                          \
    X(bytes, name) X(bytes, version) X(u64, pid) X(u64, up_ms) X(u8, ready) X(bytes, health)       \
    X(list, counters)
/* To an edge: make this user (password as typed, or empty: none yet); answered by status_reply,
 * detail = user id. */
#define WIRE_ADMIN_USER(X)                                                                         \
    X(bytes, username) X(bytes, email) X(bytes, display_name) X(bytes, password)
/* To an edge: a token for the user of this login; detail of the reply is "userId token". */
#define WIRE_ADMIN_TOKEN(X) X(bytes, login)
/* To scan: a verdict for this file; detail of the reply: "clean", "infected NAME" or why not. */
#define WIRE_ADMIN_SCAN(X) X(bytes, path)

/* To a router: from now on tell me what enters and leaves of these partitions, by record_chunk
 * frames, numbered from 1. status_reply conflict: another one records. */
#define WIRE_RECORD_START(X) X(u64, partitions)
/* To a router, at least once a second while it records: so many bytes of chunk frames have come;
 * stop 1: no more. To one that does not record for the sender (any more) it is a record_start, so
 * that one which was started anew loses little; or, with stop 1, answered by status_reply
 * not_found. */
#define WIRE_RECORD_MORE(X) X(u64, received) X(u8, stop) X(u64, partitions)
/* name: the router's; lost: so many frames are missing behind those of the list (records
 * `recorded`); last 1: it has stopped. */
#define WIRE_RECORD_CHUNK(X) X(bytes, name) X(u64, lost) X(u8, last) X(list, frames)
/* In a recording: what the router knows of a conversation. stored: as the store has it; head: with
 * the numbers given out since. members: those whom it knows, not all there are. */
#define WIRE_RECORD_STATE(X)                                                                       \
    X(id, conversation) X(u8, kind) X(u64, stored) X(u64, head) X(u64, messages)                   \
    X(u64, last_message) X(list, members)

/* What a batch holds, in its list. */
#define WIRE_APPEND(X) X(u32, epoch) X(bytes, event)

/* Every message: lower-case name, upper-case name, its number on the wire (never used again for
 * another). */
#define WIRE_MESSAGES(M)                                                                           \
    M(post, POST, 1) M(revoke, REVOKE, 2) M(alive, ALIVE, 3) M(interest, INTEREST, 4)              \
    M(welcome, WELCOME, 5) M(heartbeat, HEARTBEAT, 6) M(interested, INTERESTED, 7)                 \
    M(answer, ANSWER, 8) M(deliver, DELIVER, 9) M(gap, GAP, 10) M(revoked, REVOKED, 11)            \
    M(claim, CLAIM, 20) M(                   claimed, CLAIMED, 21) M(announce, ANNOUNCE, 22)       \
    M(announced, ANNOUNCED, 23) M(load, LOAD, 24) M(loaded, LOADED, 25) M(batch, BATCH, 26)        \
    M(                                          batch_answer, BATCH_ANSWER, 27)                    \
    M(append, APPEND, 28) M(slot, SLOT, 29) M(slot_is, SLOT_IS, 30)                                \
    M(holders, HOLDERS, 40) M(holders_reply, HOLDERS_REPLY, 41)              \
    M(user_add, USER_ADD, 42) M(user_add_reply, USER_ADD_REPLY, 43) M(user_get, USER_GET, 44)      \
    M(user_reply, USER_REPLY, 45) M(user_find, USER_FIND, 46) M(users_reply, USERS_REPLY, 47)      \
    M(user_update, USER_UPDATE, 48)                                                                \
    M(                                      session_add,                                                                                        SESSION_ADD, 49) \
    M(status_reply, STATUS_REPLY,                                                                         50) \
    M(session_rotate, SESSION_ROTATE, 51)                                                          \
    M(session_rotate_reply, SESSION_ROTATE_REPLY,                                                         52) \
    M(session_revoke, SESSION_REVOKE,                                                                     53) \
    M(session_list, SESSION_LIST, 54)                                                              \
    M(sessions_reply, SESSIONS_REPLY,                                                                     55) \
    M(memberships, MEMBERSHIPS, 56)                                                                \
    M(memberships_reply, MEMBERSHIPS_REPLY,                                                               57) \
    M(heads, HEADS, 58)                                                                            \
    M(heads_reply, HEADS_REPLY,                                                                           59) \
    M(events, EVENTS,                                                                                     60) \
    M(events_reply, EVENTS_REPLY, 61) M(conversations, CONVERSATIONS, 62)                          \
    M(                                                                  conversations_reply, CONVERSATIONS_REPLY,                                                           63) \
    M(members, MEMBERS, 64)                                                                        \
    M(members_reply, MEMBERS_REPLY,                                                                       65) \
    M(sync, SYNC,                                                                                         66) \
    M(sync_reply, SYNC_REPLY, 67)                                                                  \
    M(jobs_claim, JOBS_CLAIM,                                                                             80) \
    M(jobs_reply, JOBS_REPLY, 81)                                                                  \
    M(job_settle, JOB_SETTLE,                                                                             82) \
    M(wake, WAKE,                                                                                         83) \
    M(status, STATUS, 100) M(status_is, STATUS_IS, 101)                                            \
    M(admin_user, ADMIN_USER,                                                                             102) \
    M(admin_token,                                                                                        ADMIN_TOKEN, 103) \
    M(admin_scan,                                                                                         ADMIN_SCAN, 104)  \
    M(record_start, RECORD_START, 110) M(record_more, RECORD_MORE, 111)                            \
    M(record_chunk, RECORD_CHUNK, 112) M(record_state, RECORD_STATE, 113)
