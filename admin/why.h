/* A sentence for people about what went wrong, beside the error that the program acts on. */
#pragma once

#include "base/base.h"

/* Puts the text into *ret_why (free()) and returns rc. */
int why_say(char **ret_why, int rc, const char *format, ...) PRINTF_LIKE(3, 4);
