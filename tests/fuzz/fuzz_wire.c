/* libFuzzer: any bytes as a frame; what decodes must encode to something stable. */
#include "tests/lib/wire_check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_bytes frame = wire_bytes_of(data, size);
    struct wire_bytes body = {0};

    if (size > WIRE_HEAD_BYTES)
        body = wire_bytes_of(data + WIRE_HEAD_BYTES, size - WIRE_HEAD_BYTES);
    if (wire_check_frame(frame) < 0 || wire_check_records(body) < 0)
        abort();
    return 0;
}
