/* The log of every daemon: a line per event to stderr, in one write so that lines of several
 * processes never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2000
#define QUOTE_MAX_BYTES 300
#define QUOTE_BUFFERS 8

static char log_name[40];
static enum log_level log_most = LEVEL_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_init(const char *name, enum log_level level)
{
    snprintf(log_name, sizeof log_name, "%s", name);
    log_most = level;
}

enum log_level log_level(void)
{
    return log_most;
}

static size_t put_head(char *line, size_t room, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm parts;
    char stamp[24];
    int len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
    len = snprintf(line, room, "at=%s.%03ldZ level=%s%s%s msg=\"%s\"", stamp, now.tv_nsec / 1000000,
                   level_names[level], log_name[0] ? " who=" : "", log_name, event);
    return len < (int)room ? (size_t)len : room - 1;
}

void log_line(enum log_level level, const char *event, const char *fields, ...)
{
    char line[LINE_MAX_BYTES + 8];
    va_list args;
    size_t len;

    if (level > log_most)
        return;
    len = put_head(line, LINE_MAX_BYTES, level, event);
    if (fields[0] && len < LINE_MAX_BYTES - 1) {
        int more;

        line[len++] = ' ';
        va_start(args, fields);
        more = vsnprintf(line + len, LINE_MAX_BYTES - len, fields, args);
        va_end(args);
        len += more > 0 ? (size_t)more : 0;
    }
    if (len >= LINE_MAX_BYTES) {
        len = LINE_MAX_BYTES - 1;
        memcpy(line + len, "…", 3);
        len += 3;
    }
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nobody is left to tell */
}

const char *log_quote(const char *text)
{
    static _Thread_local char buffers[QUOTE_BUFFERS][QUOTE_MAX_BYTES + 4];
    static _Thread_local unsigned next;
    char *out = buffers[next++ % QUOTE_BUFFERS];
    size_t len = 0;

    out[len++] = '"';
    for (; text && *text && len < QUOTE_MAX_BYTES; text++)
        out[len++] = (unsigned char)*text < 0x20 || *text == 0x7f ? ' '
                     : *text == '"' || *text == '\\'              ? '\''
                                                                  : *text;
    out[len++] = '"';
    out[len] = '\0';
    return out;
}
