/* Dice for daemons that are wrong now and then. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>

/* True one time in so many. */
static inline bool chance(long one_in)
{
    return random() % one_in == 0;
}
