/* A temporary folder with a configuration in it, and the installation that it describes. */
#pragma once

#include "admin/place.h"

struct folder {
    char path[64];
    struct place *place;
};

/* text: the configuration. */
void folder_make(struct folder *self, const char *text);
void folder_remove(struct folder *self);

/* Writes a file into it; a script of mode 0700 when it begins with "#!". */
void folder_write(const struct folder *self, const char *name, const char *text);
/* What a file of it holds (free()); NULL: it is not there. */
char *folder_read(const struct folder *self, const char *name);
