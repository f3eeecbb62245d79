/* Sentences of any length; running out of memory ends the program, as everywhere. */
#include "admin/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int why_say(char **ret_why, int rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(ret_why, format, args) < 0)
        abort();
    va_end(args);
    return rc;
}
