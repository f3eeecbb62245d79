/* A frame of every message type, filled with values that differ from field to field: for tests and
 * fuzz seeds. */
#pragma once

#include "base/wire.h"

/* Number of samples: one for each line of WIRE_MESSAGES. */
size_t wire_samples_count(void);
/* The frame of sample `which`, appended to out, and its type's name. */
const char *wire_samples_frame(size_t which, struct buf *out);
