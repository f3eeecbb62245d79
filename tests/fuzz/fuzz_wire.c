/* libFuzzer: any bytes as a frame; what decodes must encode to something stable. */
#include "tests/lib/wire_check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (wire_check_frame(wire_bytes_of(data, size)) < 0)
        abort();
    return 0;
}
