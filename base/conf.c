/* Configuration: zconfig reads the file, this checks it against the table, so that a typing error
 * is found at start. */
#include "base/conf.h"

#include <ctype.h>
#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define NAME_MAX_BYTES 32
#define SECRET_FILE_MAX 65536

/* Sections that some daemon owns; another one's keys are its own business. */
static const char *const sections[] = {"bus",    "store", "edge", "router", "persist",
                                       "notify", "scan",  "up",   "log"};

struct value {
    const struct conf_key *key;
    char *text;
    int64_t number;
};

struct conf {
    char name[NAME_MAX_BYTES + 1]; /* "edge.2" */
    char *folder;                  /* of the file, for relative paths */
    zconfig_t *root;
    const struct conf_key *tables[2];
    struct value *values;
    size_t count;
};

/* The keys that every daemon knows: all must agree on them. */
static const struct conf_key shared_keys[] = {
    CONF_PATH("bus/dir", "run", "folder of the ipc:// sockets between the daemons"),
    CONF_TEXT("bus/hosts", "",
              "daemons reached by tcp: \"edge.2=10.0.0.2:7000 …\", five ports each"),
    CONF_PATH("bus/keys", "secrets/bus", "folder of the keys that tcp takes"),
    CONF_TEXT("bus/workers", "persist",
              "persist workers and their partitions: \"persist.1:0-31 persist.2:32-63\""),
    CONF_NUMBER("bus/lease_ms", 1500, 300, 600000, "silence after which others take over"),
    CONF_TEXT("bus/jobs", "", "what a new message causes: \"webhook\" or nothing"),
    CONF_NUMBER("bus/high_water", 20000, 100, 10000000, "messages queued per peer and socket"),
    CONF_TEXT("up/daemons", "persist router notify scan edge", "what `parley up` starts"),
    CONF_TEXT("log/level", "info", "error, warn, info or debug"),
    CONF_END,
};

static int complain(char **ret_why, const char *format, ...) PRINTF_LIKE(2, 3);
static int complain(char **ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(ret_why, format, args) < 0)
        abort();
    va_end(args);
    return -EINVAL;
}

static const struct conf_key *find_key(const struct conf *self, const char *name)
{
    for (size_t t = 0; t < COUNT_OF(self->tables); t++)
        for (const struct conf_key *key = self->tables[t]; key && key->name; key++)
            if (strcmp(key->name, name) == 0)
                return key;
    return NULL;
}

static bool section_known(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(sections); i++)
        if (strlen(sections[i]) == len && strncmp(sections[i], name, len) == 0)
            return true;
    return false;
}

/* Does one of our keys stand in this section? Then all of its keys must be ours. */
static bool section_ours(const struct conf *self, const char *section, size_t len)
{
    for (size_t t = 0; t < COUNT_OF(self->tables); t++)
        for (const struct conf_key *key = self->tables[t]; key && key->name; key++)
            if (strncmp(key->name, section, len) == 0 && key->name[len] == '/')
                return true;
    return false;
}

static int check_section(struct conf *self, zconfig_t *section, const char *file, char **ret_why)
{
    const char *name = zconfig_name(section);
    size_t len = strcspn(name, ".");
    char full[128];

    if (!section_known(name, len))
        return complain(ret_why, "%s: there is no section \"%s\"", file, name);
    if (!section_ours(self, name, len))
        return 0;
    for (zconfig_t *item = zconfig_child(section); item; item = zconfig_next(item)) {
        snprintf(full, sizeof full, "%.*s/%s", (int)len, name, zconfig_name(item));
        if (!find_key(self, full))
            return complain(ret_why, "%s: there is no key \"%s\" in section \"%s\"", file,
                            zconfig_name(item), name);
    }
    return 0;
}

static int read_file(struct conf *self, const char *file, char **ret_why)
{
    const char *slash = strrchr(file, '/');

    if (access(file, R_OK) < 0) {
        complain(ret_why, "cannot read the configuration %s: %s", file, strerror(errno));
        return -ENOENT;
    }
    free(self->folder);
    self->folder = slash ? strndup(file, (size_t)(slash - file) + 1) : base_strdup("");
    self->root = zconfig_load(file);
    if (!self->root)
        return complain(ret_why, "%s is not in the ZPL format (indent by 4 spaces, name = value)",
                        file);
    for (zconfig_t *section = zconfig_child(self->root); section; section = zconfig_next(section)) {
        int rc = check_section(self, section, file, ret_why);

        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The file that NAME_FILE names, without its last line end. */
static char *read_secret(const char *path)
{
    AUTO(buf_done) struct buf content;
    size_t len;
    uint8_t *to;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    buf_init(&content, SECRET_FILE_MAX + 1);
    if (fd < 0)
        return NULL;
    to = buf_reserve(&content, SECRET_FILE_MAX + 1);
    got = read(fd, to, SECRET_FILE_MAX);
    close(fd);
    if (got < 0)
        return NULL;
    len = (size_t)got;
    while (len && (to[len - 1] == '\n' || to[len - 1] == '\r'))
        len--;
    to[len] = '\0';
    return base_strdup((const char *)to);
}

/* PARLEY_EDGE_2_PORT for section edge.2 and key port. 1: found; 0: not; or a complaint. */
static int from_environment(const char *section, const char *name, char **ret, char **ret_why)
{
    char variable[160], file_variable[168];
    const char *value;

    snprintf(variable, sizeof variable, "PARLEY_%s_%s", section, name);
    for (char *c = variable; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    snprintf(file_variable, sizeof file_variable, "%s_FILE", variable);
    value = getenv(variable);
    if (value) {
        *ret = base_strdup(value);
        return 1;
    }
    value = getenv(file_variable);
    if (!value)
        return 0;
    *ret = read_secret(value);
    return *ret ? 1 : complain(ret_why, "%s: cannot read %s", file_variable, value);
}

static char *from_file(struct conf *self, const char *section, const char *name)
{
    zconfig_t *found = self->root ? zconfig_child(self->root) : NULL;

    for (; found; found = zconfig_next(found)) {
        if (strcmp(zconfig_name(found), section) != 0)
            continue;
        for (zconfig_t *item = zconfig_child(found); item; item = zconfig_next(item))
            if (strcmp(zconfig_name(item), name) == 0)
                return base_strdup(zconfig_value(item) ? zconfig_value(item) : "");
    }
    return NULL;
}

/* The text of a key for a daemon, from the nearest source that has it. */
static int look_up(struct conf *self, const struct conf_key *key, const char *daemon, char **ret,
                   char **ret_why)
{
    const char *slash = strchr(key->name, '/');
    size_t len = (size_t)(slash - key->name);
    const char *name = slash + 1;
    char section[NAME_MAX_BYTES + 1];
    bool instance = strncmp(daemon, key->name, len) == 0 && daemon[len] == '.';
    int rc;

    if (instance) {
        rc = from_environment(daemon, name, ret, ret_why);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        *ret = from_file(self, daemon, name);
        if (*ret)
            return 0;
    }
    snprintf(section, sizeof section, "%.*s", (int)len, key->name);
    rc = from_environment(section, name, ret, ret_why);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    *ret = from_file(self, section, name);
    if (!*ret)
        *ret = base_strdup(key->fallback);
    return 0;
}

static int check_number(struct value *value, char **ret_why)
{
    char *end = NULL;

    errno = 0;
    value->number = strtoll(value->text, &end, 10);
    if (errno || end == value->text || *end)
        return complain(ret_why, "%s must be a number, not \"%s\"", value->key->name, value->text);
    if (value->number < value->key->least || value->number > value->key->most)
        return complain(ret_why, "%s must be from %lld to %lld, not %s", value->key->name,
                        (long long)value->key->least, (long long)value->key->most, value->text);
    return 0;
}

static int check_value(struct conf *self, struct value *value, char **ret_why)
{
    char *full = NULL;

    switch (value->key->type) {
    case CONF_TYPE_NUMBER:
        return check_number(value, ret_why);
    case CONF_TYPE_FLAG:
        value->number = strcmp(value->text, "yes") == 0;
        if (!value->number && strcmp(value->text, "no") != 0)
            return complain(ret_why, "%s must be yes or no, not \"%s\"", value->key->name,
                            value->text);
        return 0;
    case CONF_TYPE_PATH:
        if (value->text[0] == '\0' || value->text[0] == '/')
            return 0;
        if (asprintf(&full, "%s%s", self->folder, value->text) < 0)
            abort();
        free(value->text);
        value->text = full;
        return 0;
    case CONF_TYPE_TEXT:
    case CONF_TYPE_END:
        return 0;
    }
    return 0;
}

static int read_values(struct conf *self, char **ret_why)
{
    for (size_t t = 0; t < COUNT_OF(self->tables); t++)
        for (const struct conf_key *key = self->tables[t]; key && key->name; key++) {
            struct value *value;
            int rc;

            self->values = base_realloc(self->values, self->count + 1, sizeof *self->values);
            value = &self->values[self->count];
            *value = (struct value){.key = key};
            rc = look_up(self, key, self->name, &value->text, ret_why);
            if (rc < 0)
                return rc;
            self->count++;
            rc = check_value(self, value, ret_why);
            if (rc < 0)
                return rc;
        }
    return 0;
}

int conf_new(struct conf **ret, const char *file, const char *name, const struct conf_key *table,
             char **ret_why)
{
    AUTO(conf_free) struct conf *self = NEW(struct conf);
    int rc = 0;

    *ret_why = NULL;
    if (strlen(name) > NAME_MAX_BYTES)
        return complain(ret_why, "a daemon's name has at most %d characters", NAME_MAX_BYTES);
    snprintf(self->name, sizeof self->name, "%s", name);
    self->tables[0] = shared_keys;
    self->tables[1] = table;
    self->folder = base_strdup("");
    if (file)
        rc = read_file(self, file, ret_why);
    if (rc == 0)
        rc = read_values(self, ret_why);
    if (rc == 0)
        *ret = TAKE(self);
    return rc;
}

void conf_free(struct conf **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < (*self)->count; i++)
        free((*self)->values[i].text);
    free((*self)->values);
    free((*self)->folder);
    zconfig_destroy(&(*self)->root);
    free(*self);
    *self = NULL;
}

static const struct value *value_of(const struct conf *self, const char *key, enum conf_type type)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->values[i].key->name, key) == 0 && self->values[i].key->type == type)
            return &self->values[i];
    fprintf(stderr, "level=error msg=\"no such configuration key\" key=%s\n", key);
    abort();
}

const char *conf_text(struct conf *self, const char *key)
{
    return value_of(self, key, CONF_TYPE_TEXT)->text;
}

const char *conf_path(struct conf *self, const char *key)
{
    return value_of(self, key, CONF_TYPE_PATH)->text;
}

int64_t conf_number(struct conf *self, const char *key)
{
    return value_of(self, key, CONF_TYPE_NUMBER)->number;
}

bool conf_flag(struct conf *self, const char *key)
{
    return value_of(self, key, CONF_TYPE_FLAG)->number != 0;
}

char *conf_text_of(struct conf *self, const char *name, const struct conf_key *key)
{
    char *text = NULL;
    AUTO(base_free_text) char *why = NULL;

    return look_up(self, key, name, &text, &why) < 0 ? NULL : text;
}
