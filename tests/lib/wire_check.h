/* The one property of the wire codec: what decodes encodes to something that decodes and encodes to
 * itself. */
#pragma once

#include "base/wire.h"

/* 0: refused; 1: decoded and stable; -1: the property does not hold. */
int wire_check_frame(struct wire_bytes frame);

/* The same for every kind of record, each tried on these bytes: -1 when one breaks the property. */
int wire_check_records(struct wire_bytes in);
