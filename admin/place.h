/* An installation, as its configuration file tells: which daemons there are and where they listen.
 */
#pragma once

#include "base/conf.h"
#include "base/topology.h"

#define PLACE_DAEMONS_MAX 64

struct place {
    char *file;   /* the configuration */
    char *folder; /* the file's, with a slash at its end; "" for the current one */
    struct conf *conf;
    char daemons[PLACE_DAEMONS_MAX][TOPOLOGY_NAME_MAX + 1]; /* of up/daemons */
    size_t count;
};

/* Reads the configuration: file, or when that is NULL $PARLEY_CONFIG, ./parley.cfg or
 * ./parley-data/parley.cfg. A negative errno, and *ret_why (free()) says in a sentence why. */
int place_open(struct place **ret, const char *file, char **ret_why) MUST_CHECK;
void place_close(struct place **self);

/* "edge" and "edge.2" have the role edge. */
bool place_has_role(const char *name, const char *role);
/* The first daemon of a role; NULL: up/daemons has none. */
const char *place_first(const struct place *self, const char *role);

/* The value of a daemon's key as its configuration has it, relative paths made so from here
 * (free()); NULL: it cannot be read. */
char *place_text(struct place *self, const char *daemon, const struct conf_key *key);
char *place_path(struct place *self, const char *daemon, const struct conf_key *key);

/* Where an edge is reached from this machine: "http://127.0.0.1:8080/" (free()). */
char *place_url(struct place *self, const char *edge);

/* Splits "persist router edge.2" into names: the count, or -EINVAL with a sentence: a role that
 * does not exist, a name twice, too many. */
int place_parse_daemons(const char *text, char names[][TOPOLOGY_NAME_MAX + 1], char **ret_why)
    MUST_CHECK;
