/* parley keys: one command, a row of the table in main.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "base/curve.h"

struct tally {
    const char *folder;
    int made, kept;
};

/* A name becomes a file's: only those that daemons may have. */
static int check(const char *name)
{
    char names[PLACE_DAEMONS_MAX][TOPOLOGY_NAME_MAX + 1];
    AUTO(base_free_text) char *why = NULL;
    int rc = strcmp(name, "admin") == 0 ? 1 : place_parse_daemons(name, names, &why);

    if (rc < 0)
        fprintf(stderr, "parley: no key for \"%s\": it is no daemon's name\n", name);
    return rc < 0 ? rc : 0;
}

static int make(struct tally *self, const char *name)
{
    int rc = check(name);

    if (rc < 0)
        return rc;
    rc = curve_make(self->folder, name);
    if (rc < 0) {
        fprintf(stderr, "parley: no key for %s in %s: %s\n", name, self->folder, strerror(-rc));
        return rc;
    }
    if (rc > 0)
        printf("made %s/%s.cert\n", self->folder, name);
    *(rc > 0 ? &self->made : &self->kept) += 1;
    return 0;
}

/* Everybody whom the configuration knows: what is started here, what is elsewhere, the operator. */
static int make_all(struct tally *self, struct place *place)
{
    AUTO(base_free_text) char *hosts = base_strdup(conf_text(place->conf, "bus/hosts"));
    char *rest = NULL;
    int rc = make(self, "admin");

    for (size_t i = 0; i < place->count && rc == 0; i++)
        rc = make(self, place->daemons[i]);
    for (char *word = strtok_r(hosts, " \t", &rest); word && rc == 0;
         word = strtok_r(NULL, " \t", &rest)) {
        word[strcspn(word, "=")] = '\0';
        rc = make(self, word);
    }
    return rc;
}

static int run(const struct command_line *line, struct place *place)
{
    struct tally self = {.folder = conf_path(place->conf, "bus/keys")};
    int rc = 0;

    for (int i = 0; i < line->arg_count && rc == 0; i++)
        rc = make(&self, line->args[i]);
    if (line->arg_count == 0)
        rc = make_all(&self, place);
    if (rc < 0)
        return EXIT_FAILURE;
    printf("%d made, %d there already. Every host needs all .cert files, and of the .cert_secret "
           "files those of its own daemons and admin's.\n",
           self.made, self.kept);
    return EXIT_SUCCESS;
}

const struct command command_keys = {
    .name = "keys",
    .arguments = "[NAME...]",
    .least = 0,
    .most = -1,
    .summary = "Make the keys that daemons on several hosts know each other by",
    .help = "Without names: for every daemon that the configuration names (up/daemons, bus/hosts) "
            "and for this command.\nKeys that are there are kept.\n",
    .run = run,
};
