/* Allocation for every daemon: fails by ending the program, so that no caller has to go on without
 * memory. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(void)
{
    fputs("level=error msg=\"out of memory\"\n", stderr);
    abort();
}

void *base_alloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *base_realloc(void *p, size_t count, size_t size)
{
    void *grown = reallocarray(p, count ? count : 1, size ? size : 1);

    if (!grown)
        out_of_memory();
    return grown;
}

char *base_strdup(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        out_of_memory();
    return copy;
}

void base_free_text(char **text)
{
    free(*text);
    *text = NULL;
}
