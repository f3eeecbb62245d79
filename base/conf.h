/* The configuration: one ZPL file for all daemons, read through a typed table of keys. A key is
 * "section/name". A daemon called edge.2 looks for edge/port in this order: environment
 * PARLEY_EDGE_2_PORT, section edge.2, environment PARLEY_EDGE_PORT, section edge, the default. An
 * environment variable that ends in _FILE names a file with the value. An unknown section, an
 * unknown key in a section that the table knows, or a value of the wrong type is refused. */
#pragma once

#include "base/base.h"

enum conf_type { CONF_TYPE_END, CONF_TYPE_TEXT, CONF_TYPE_PATH, CONF_TYPE_NUMBER, CONF_TYPE_FLAG };

struct conf_key {
    const char *name; /* "section/name" */
    enum conf_type type;
    const char *fallback; /* as it would stand in the file */
    int64_t least, most;  /* numbers only */
    const char *help;
};

#define CONF_TEXT(name, fallback, help)            \
    {                                              \
        name, CONF_TYPE_TEXT, fallback, 0, 0, help \
    }
/* Relative ones start at the folder of the configuration file; "" stays "". */
#define CONF_PATH(name, fallback, help)            \
    {                                              \
        name, CONF_TYPE_PATH, fallback, 0, 0, help \
    }
#define CONF_NUMBER(name, fallback, least, most, help)       \
    {                                                        \
        name, CONF_TYPE_NUMBER, #fallback, least, most, help \
    }
/* yes or no */
#define CONF_FLAG(name, fallback, help)            \
    {                                              \
        name, CONF_TYPE_FLAG, fallback, 0, 0, help \
    }
#define CONF_END                              \
    {                                         \
        NULL, CONF_TYPE_END, NULL, 0, 0, NULL \
    }

struct conf;

/* Reads file (NULL: defaults and environment alone) for the daemon called name, with the keys of
 * base (those that all daemons share) and of table; both borrowed for the life of the result.
 * -EINVAL or -ENOENT, and *ret_why says in one sentence what is wrong and where (free()). */
int conf_new(struct conf **ret, const char *file, const char *name, const struct conf_key *table,
             char **ret_why) MUST_CHECK;
void conf_free(struct conf **self);

/* The value of a key of the table; asking for one that is not there, or with another type, is a bug
 * and aborts. Text and paths live as long as the configuration. */
const char *conf_text(struct conf *self, const char *key);
const char *conf_path(struct conf *self, const char *key);
int64_t conf_number(struct conf *self, const char *key);
bool conf_flag(struct conf *self, const char *key);

/* The text of a key, which need not be in the table, as it stands for another daemon of this
 * configuration (name: "edge.2"): unchecked, paths as written. free() it; NULL: an environment
 * variable names a file that cannot be read. */
char *conf_text_of(struct conf *self, const char *name, const struct conf_key *key);
