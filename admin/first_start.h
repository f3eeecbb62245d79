/* What an installation needs before its first daemon starts, and what keeps a second supervisor
 * away from it. */
#pragma once

#include "admin/place.h"

/* Makes the folder of the sockets and, for every edge whose key file (edge/jwt_key) is not there, a
 * key of 32 random bytes in hex, readable by its owner alone. A negative errno with a sentence. */
int first_start_prepare(struct place *place, char **ret_why) MUST_CHECK;

/* Locks the installation for the life of this process: a file descriptor. -EBUSY and who has it, or
 * another errno, with a sentence. */
int first_start_lock(struct place *place, char **ret_why) MUST_CHECK;
