/* The SQLite store's tables, and every statement it runs. Conversations have integer ids; events
 * lie in the order (conversation, number), so that history is one range and a commit touches few
 * pages. */
#pragma once

/* clang-format off */

/* "Prly" in the file's header. */
#define SQLITE_APPLICATION_ID 0x50726c79

/* What brings a database from version i to i + 1. */
#define SQLITE_UPGRADES \
    "CREATE TABLE conversations(cid INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, " \
    "title BLOB NOT NULL, member_count INTEGER NOT NULL);" \
    "CREATE TABLE events(cid INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, actor BLOB NOT NULL, " \
    "client_id BLOB NOT NULL, key BLOB NOT NULL, fingerprint INTEGER NOT NULL, at_ms INTEGER NOT NULL, " \
    "messages INTEGER NOT NULL, last_message INTEGER NOT NULL, jobs INTEGER NOT NULL, body BLOB NOT NULL, " \
    "PRIMARY KEY(cid, seq)) WITHOUT ROWID;" \
    "CREATE UNIQUE INDEX events_by_key ON events(cid, key);" \
    "CREATE TABLE members(cid INTEGER NOT NULL, user BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, " \
    "role INTEGER NOT NULL, PRIMARY KEY(cid, user, first)) WITHOUT ROWID;" \
    "CREATE INDEX members_by_user ON members(user, last);" \
    "CREATE TABLE claims(role INTEGER NOT NULL, partition INTEGER NOT NULL, epoch INTEGER NOT NULL, " \
    "holder BLOB NOT NULL, PRIMARY KEY(role, partition, epoch)) WITHOUT ROWID;" \
    "CREATE TABLE users(id BLOB PRIMARY KEY, username BLOB NOT NULL UNIQUE, email BLOB UNIQUE, " \
    "display_name BLOB NOT NULL, password BLOB NOT NULL, created_ms INTEGER NOT NULL) WITHOUT ROWID;" \
    "CREATE TABLE sessions(id BLOB PRIMARY KEY, user BLOB NOT NULL, device BLOB NOT NULL, hash BLOB NOT NULL, " \
    "created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, revoked_ms INTEGER NOT NULL) WITHOUT ROWID;" \
    "CREATE INDEX sessions_by_user ON sessions(user, revoked_ms);" \
    "CREATE INDEX sessions_by_revocation ON sessions(revoked_ms) WHERE revoked_ms > 0;" \
    "CREATE TABLE spent(session BLOB NOT NULL, old_hash BLOB NOT NULL, new_hash BLOB NOT NULL, " \
    "idempotency BLOB NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY(session, old_hash)) WITHOUT ROWID;" \
    "CREATE INDEX spent_by_new ON spent(session, new_hash);" \
    "CREATE TABLE jobs(cid INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, dead INTEGER NOT NULL, " \
    "tries INTEGER NOT NULL, due_ms INTEGER NOT NULL, PRIMARY KEY(cid, seq, kind)) WITHOUT ROWID;" \
    "CREATE INDEX jobs_by_due ON jobs(kind, due_ms) WHERE dead = 0;" \
    "CREATE TABLE opened(one INTEGER PRIMARY KEY CHECK(one = 1), at_ms INTEGER NOT NULL);"

#define SQLITE_EVENT_COLUMNS \
    "seq, kind, actor, client_id, fingerprint, at_ms, messages, last_message, jobs, body"
#define SQLITE_CID "(SELECT cid FROM conversations WHERE id = ?)"
#define SQLITE_USER_COLUMNS "id, username, email, display_name, password, created_ms"
#define SQLITE_SESSION_COLUMNS "id, user, device, created_ms, used_ms, revoked_ms"

/* Name, text. Parameters are bound in the order of their question marks. */
#define SQLITE_STATEMENTS(X) \
    X(BEGIN_READ, "BEGIN") \
    X(BEGIN_WRITE, "BEGIN IMMEDIATE") \
    X(COMMIT, "COMMIT") \
    X(ROLLBACK, "ROLLBACK") \
    X(OPENED, "INSERT OR REPLACE INTO opened VALUES(1, ?)") \
    \
    X(CID, "SELECT cid, kind FROM conversations WHERE id = ?") \
    X(CONVERSATION_PUT, "INSERT INTO conversations(id, kind, title, member_count) VALUES(?, 0, x'', 0) RETURNING cid") \
    X(CONVERSATION_GET, "SELECT kind, title, member_count FROM conversations WHERE id = ?") \
    X(CONVERSATION_MAKE, "UPDATE conversations SET kind = ?, title = ? WHERE cid = ?") \
    X(CONVERSATION_TITLE, "UPDATE conversations SET title = ? WHERE cid = ?") \
    X(CONVERSATION_COUNT, "UPDATE conversations SET member_count = member_count + ? WHERE cid = ?") \
    X(HEAD, "SELECT seq, messages, last_message, at_ms FROM events WHERE cid = ? ORDER BY seq DESC LIMIT 1") \
    \
    X(EVENT_PUT, "INSERT INTO events(cid, seq, kind, actor, client_id, key, fingerprint, at_ms, messages, " \
      "last_message, jobs, body) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(cid, key) DO NOTHING") \
    X(EVENT_AT, "SELECT seq, kind, key, fingerprint FROM events WHERE cid = ? AND seq = ?") \
    X(EVENT_BY_KEY, "SELECT seq, kind, key, fingerprint FROM events WHERE cid = ? AND key = ?") \
    X(EVENTS_UP, "SELECT " SQLITE_EVENT_COLUMNS " FROM events WHERE cid = " SQLITE_CID " AND seq BETWEEN ? AND ? " \
      "ORDER BY seq LIMIT ?") \
    X(EVENTS_DOWN, "SELECT " SQLITE_EVENT_COLUMNS " FROM events WHERE cid = " SQLITE_CID " AND seq BETWEEN ? AND ? " \
      "ORDER BY seq DESC LIMIT ?") \
    X(MESSAGES_UP, "SELECT " SQLITE_EVENT_COLUMNS " FROM events WHERE cid = " SQLITE_CID " AND seq BETWEEN ? AND ? " \
      "AND kind = 7 ORDER BY seq LIMIT ?") \
    X(MESSAGES_DOWN, "SELECT " SQLITE_EVENT_COLUMNS " FROM events WHERE cid = " SQLITE_CID " AND seq BETWEEN ? AND ? " \
      "AND kind = 7 ORDER BY seq DESC LIMIT ?") \
    \
    X(MEMBER_PUT, "INSERT INTO members(cid, user, first, last, role) SELECT ?1, ?2, ?3, 0, ?4 " \
      "WHERE NOT EXISTS(SELECT 1 FROM members WHERE cid = ?1 AND user = ?2 AND last = 0)") \
    X(MEMBER_END, "UPDATE members SET last = ? WHERE cid = ? AND user = ? AND last = 0") \
    X(MEMBER_ROLE, "UPDATE members SET role = ? WHERE cid = ? AND user = ? AND last = 0") \
    X(INTERVALS, "SELECT user, role, first, last FROM members WHERE cid = " SQLITE_CID " AND user = ? ORDER BY first") \
    X(MEMBERS, "SELECT user, role, first, last FROM members WHERE cid = " SQLITE_CID " AND user > ? AND last = 0 " \
      "ORDER BY user LIMIT ?") \
    X(MEMBERSHIPS, "SELECT c.id FROM members m JOIN conversations c ON c.cid = m.cid " \
      "WHERE m.user = ? AND m.last = 0 AND c.id > ? ORDER BY c.id LIMIT ?") \
    \
    X(CLAIM, "INSERT INTO claims(role, partition, epoch, holder) VALUES(?, ?, ?, ?)") \
    X(CLAIM_PRUNE, "DELETE FROM claims WHERE role = ? AND partition = ? AND epoch < ?") \
    X(HOLDINGS, "SELECT partition, max(epoch), holder FROM claims WHERE role = ? GROUP BY partition ORDER BY partition") \
    \
    X(USER_PUT, "INSERT INTO users(id, username, email, display_name, password, created_ms) VALUES(?, ?, ?, ?, ?, ?)") \
    X(USER_BY_ID, "SELECT " SQLITE_USER_COLUMNS " FROM users WHERE id = ?") \
    X(USER_BY_NAME, "SELECT " SQLITE_USER_COLUMNS " FROM users WHERE username = ?") \
    X(USER_BY_EMAIL, "SELECT " SQLITE_USER_COLUMNS " FROM users WHERE email = ?") \
    X(USER_FIND, "SELECT " SQLITE_USER_COLUMNS " FROM users WHERE username >= ? AND username < ? " \
      "ORDER BY username LIMIT ?") \
    X(USER_UPDATE, "UPDATE users SET display_name = ? WHERE id = ?") \
    \
    X(SESSION_PUT, "INSERT INTO sessions(id, user, device, hash, created_ms, used_ms, revoked_ms) " \
      "VALUES(?, ?, ?, ?, ?, ?, ?)") \
    X(SESSION_GET, "SELECT " SQLITE_SESSION_COLUMNS " FROM sessions WHERE id = ?") \
    X(SESSIONS_OF, "SELECT " SQLITE_SESSION_COLUMNS " FROM sessions WHERE user = ? AND revoked_ms = 0 LIMIT ?") \
    X(SESSIONS_REVOKED_OF, "SELECT " SQLITE_SESSION_COLUMNS " FROM sessions WHERE user = ? AND revoked_ms >= ? LIMIT ?") \
    X(SESSIONS_REVOKED, "SELECT " SQLITE_SESSION_COLUMNS " FROM sessions WHERE revoked_ms > 0 AND revoked_ms >= ? " \
                                                           "ORDER BY revoked_ms LIMIT ?") \
    X(SESSION_REVOKE, "UPDATE sessions SET revoked_ms = ? WHERE id = ? AND user = ? AND revoked_ms = 0") \
    X(SESSIONS_REVOKE, "UPDATE sessions SET revoked_ms = ? WHERE user = ? AND revoked_ms = 0") \
    X(SESSION_USED, "UPDATE sessions SET used_ms = max(used_ms, ?) WHERE id = ?") \
    X(SESSION_FIRST, "SELECT created_ms FROM sessions WHERE id = ? AND hash = ?") \
    X(SPENT_PUT, "INSERT INTO spent(session, old_hash, new_hash, idempotency, at_ms) VALUES(?, ?, ?, ?, ?)") \
    X(SPENT_GET, "SELECT new_hash, idempotency, at_ms FROM spent WHERE session = ? AND old_hash = ?") \
    X(SPENT_NEW, "SELECT at_ms FROM spent WHERE session = ? AND new_hash = ?") \
    \
    X(JOB_PUT, "INSERT INTO jobs(cid, seq, kind, dead, tries, due_ms) VALUES(?, ?, ?, 0, 0, ?)") \
    X(JOBS, "SELECT c.id, j.seq, j.tries FROM jobs j JOIN conversations c ON c.cid = j.cid " \
      "WHERE j.kind = ? AND j.dead = 0 AND j.due_ms <= ? ORDER BY j.due_ms LIMIT ?") \
    X(JOB_DONE, "DELETE FROM jobs WHERE cid = " SQLITE_CID " AND seq = ? AND kind = ?") \
    X(JOB_RETRY, "UPDATE jobs SET tries = max(tries, ?), due_ms = ? WHERE cid = " SQLITE_CID " AND seq = ? AND kind = ?") \
    X(JOB_DEAD, "UPDATE jobs SET dead = 1 WHERE cid = " SQLITE_CID " AND seq = ? AND kind = ?")
