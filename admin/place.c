/* Finds the configuration and reads from it what the command needs of every daemon. */
#include "admin/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/why.h"
#include "base/curve.h"

static const char *const roles[] = {"persist", "router", "notify", "scan", "edge"};
static const char *const usual_files[] = {"parley.cfg", "parley-data/parley.cfg"};
static const struct conf_key no_keys[] = {CONF_END};
static const struct conf_key edge_host = CONF_TEXT("edge/host", "127.0.0.1", "");
static const struct conf_key edge_port = CONF_TEXT("edge/port", "8080", "");
static const struct conf_key edge_tls_cert = CONF_TEXT("edge/tls_cert", "", "");

bool place_has_role(const char *name, const char *role)
{
    size_t len = strlen(role);

    return strncmp(name, role, len) == 0 && (name[len] == '\0' || name[len] == '.');
}

static int check_daemon(const char *name, char **ret_why)
{
    bool known = false;

    for (size_t i = 0; i < COUNT_OF(roles); i++)
        known = known || place_has_role(name, roles[i]);
    if (!known)
        return why_say(ret_why, -EINVAL,
                       "up/daemons: \"%s\" is none of persist, router, notify, scan, edge (a "
                       "second one is called edge.2)",
                       name);
    if (strlen(name) > TOPOLOGY_NAME_MAX || strpbrk(name, "/#\"'\\"))
        return why_say(ret_why, -EINVAL,
                       "up/daemons: \"%s\" is no good name (at most %d characters, no slash)", name,
                       TOPOLOGY_NAME_MAX);
    return 0;
}

int place_parse_daemons(const char *text, char names[][TOPOLOGY_NAME_MAX + 1], char **ret_why)
{
    AUTO(base_free_text) char *copy = base_strdup(text);
    char *rest = NULL;
    int count = 0;

    for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (check_daemon(word, ret_why) < 0)
            return -EINVAL;
        for (int i = 0; i < count; i++)
            if (strcmp(names[i], word) == 0)
                return why_say(ret_why, -EINVAL, "up/daemons names \"%s\" twice", word);
        if (count == PLACE_DAEMONS_MAX)
            return why_say(ret_why, -EINVAL, "up/daemons names more than %d daemons",
                           PLACE_DAEMONS_MAX);
        snprintf(names[count++], TOPOLOGY_NAME_MAX + 1, "%s", word);
    }
    return count ? count : why_say(ret_why, -EINVAL, "up/daemons names no daemon");
}

static const char *find_file(const char *file)
{
    if (file)
        return file;
    file = getenv("PARLEY_CONFIG");
    if (file && file[0])
        return file;
    for (size_t i = 0; i < COUNT_OF(usual_files); i++)
        if (access(usual_files[i], F_OK) == 0)
            return usual_files[i];
    return NULL;
}

int place_open(struct place **ret, const char *file, char **ret_why)
{
    AUTO(place_close) struct place *self = NEW(struct place);
    const char *slash;
    int rc;

    file = find_file(file);
    if (!file)
        return why_say(ret_why, -EINVAL,
                       "there is no ./%s and no ./%s: name the configuration by -c FILE or "
                       "$PARLEY_CONFIG",
                       usual_files[0], usual_files[1]);
    self->file = base_strdup(file);
    slash = strrchr(file, '/');
    self->folder = slash ? strndup(file, (size_t)(slash - file) + 1) : base_strdup("");
    rc = conf_new(&self->conf, file, "admin", no_keys, ret_why);
    if (rc < 0)
        return rc;
    rc = place_parse_daemons(conf_text(self->conf, "up/daemons"), self->daemons, ret_why);
    if (rc < 0)
        return rc;
    self->count = (size_t)rc;
    *ret = TAKE(self);
    return 0;
}

void place_close(struct place **self)
{
    if (!*self)
        return;
    curve_stop();
    conf_free(&(*self)->conf);
    free((*self)->folder);
    free((*self)->file);
    free(*self);
    *self = NULL;
}

const char *place_first(const struct place *self, const char *role)
{
    for (size_t i = 0; i < self->count; i++)
        if (place_has_role(self->daemons[i], role))
            return self->daemons[i];
    return NULL;
}

char *place_text(struct place *self, const char *daemon, const struct conf_key *key)
{
    return conf_text_of(self->conf, daemon, key);
}

char *place_path(struct place *self, const char *daemon, const struct conf_key *key)
{
    AUTO(base_free_text) char *text = conf_text_of(self->conf, daemon, key);
    char *path = NULL;

    if (!text || text[0] == '\0' || text[0] == '/')
        return TAKE(text);
    if (asprintf(&path, "%s%s", self->folder, text) < 0)
        abort();
    return path;
}

/* An address that means all of the machine's is no place to go to. */
static bool is_everywhere(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

char *place_url(struct place *self, const char *edge)
{
    AUTO(base_free_text) char *host = place_text(self, edge, &edge_host);
    AUTO(base_free_text) char *port = place_text(self, edge, &edge_port);
    AUTO(base_free_text) char *tls = place_text(self, edge, &edge_tls_cert);
    const char *name = !host || is_everywhere(host) ? "127.0.0.1" : host;
    bool v6 = strchr(name, ':') != NULL;
    char *url = NULL;

    if (asprintf(&url, "%s://%s%s%s:%s/", tls && tls[0] ? "https" : "http", v6 ? "[" : "", name,
                 v6 ? "]" : "", port ? port : "?") < 0)
        abort();
    return url;
}
