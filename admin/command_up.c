/* parley up: one command, a row of the table in main.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/first_start.h"
#include "admin/up.h"

/* The folder of this very program: the daemons lie beside it. */
static char *own_folder(void)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

    if (len <= 0)
        return NULL;
    path[len] = '\0';
    *strrchr(path, '/') = '\0';
    return base_strdup(path);
}

static int run(const struct command_line *line, struct place *place)
{
    AUTO(base_free_text) char *why = NULL;
    AUTO(base_free_text) char *programs = own_folder();
    int lock, rc;

    (void)line;
    if (!programs) {
        fprintf(stderr, "parley: cannot tell where the daemons' programs are\n");
        return EXIT_FAILURE;
    }
    lock = first_start_lock(place, &why);
    if (lock < 0 || first_start_prepare(place, &why) < 0) {
        fprintf(stderr, "parley: %s\n", why);
        return EXIT_FAILURE;
    }
    rc = up_run(place, programs);
    close(lock);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command command_up = {
    .name = "up",
    .arguments = "",
    .summary = "Start the daemons that up/daemons names and keep them running",
    .help = "Prints their logs, and a line \"Parley is ready: URL\" when all of them are. Starts "
            "again what dies.\nCtrl-C stops them in order; a second one kills them at once.\n",
    .run = run,
};
