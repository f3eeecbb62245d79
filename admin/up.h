/* The supervisor: starts the daemons that the configuration names, starts again what dies, stops
 * them in order. */
#pragma once

#include "admin/place.h"

/* Runs until SIGINT, SIGTERM or SIGHUP (0), or until a daemon turns out to be unable to start
 * (-ECANCELED, having said why). programs: the folder of the daemons' programs. A second signal
 * kills what still runs. */
int up_run(struct place *place, const char *programs) MUST_CHECK;
