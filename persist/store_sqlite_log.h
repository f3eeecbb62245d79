/* Fewer, larger writes to SQLite's write-ahead log. SQLite writes each changed page there in two
 * pieces, and makes them durable with one sync per commit; here the pieces are gathered and written
 * together, at the latest when that sync comes. Reads of the log see what was gathered. Right only
 * with synchronous=FULL, where nobody is told of a commit before its sync. */
#pragma once

/* The name of the VFS for sqlite3_open_v2: the default one of the moment of the first call, but for
 * the log. */
const char *sqlite_log_vfs(void);
