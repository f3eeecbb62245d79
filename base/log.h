/* One line per event on stderr: key=value, levels as below. Library code never logs; the handler
 * that decides does, once, with ids. Never message text, tokens or keys. */
#pragma once

#include "base/base.h"

enum log_level {
    LEVEL_ERROR, /* someone must act */
    LEVEL_WARN,  /* handled */
    LEVEL_INFO,  /* life cycle */
    LEVEL_DEBUG, /* per message */
};

/* Who speaks; copied. Before it is called lines carry no name. */
void log_init(const char *name, enum log_level level);
enum log_level log_level(void);

/* Writes one line: `at=… level=… who=… msg="EVENT" FIELDS`. fields is a printf format of key=value
 * pairs, or "" for none. Safe from any thread; a line is one write(). Longer than 2,000 bytes is
 * cut with "…". */
void log_line(enum log_level level, const char *event, const char *fields, ...) PRINTF_LIKE(3, 4);

#define log_error(event, ...) log_line(LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_line(LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_line(LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)                          \
    do {                                               \
        if (log_level() >= LEVEL_DEBUG)                \
            log_line(LEVEL_DEBUG, event, __VA_ARGS__); \
    } while (0)

/* text with quotes, backslashes and control characters made harmless, for use as a value; a view of
 * a buffer of the calling thread, which the eighth later call overwrites. At most 300 bytes of it.
 */
const char *log_quote(const char *text);
