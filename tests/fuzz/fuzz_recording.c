/* libFuzzer: any bytes as a recording: it is read to its end or to its damage, twice the same. */
#include <stdlib.h>
#include <string.h>

#include "base/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_all(struct wire_bytes file, uint64_t *ret_last)
{
    AUTO(recording_close) struct recording_reader *reader = NULL;
    AUTO(base_free_text) char *why = NULL;
    struct recording_record record, again;
    size_t count = 0;
    int rc;

    if (recording_open_memory(&reader, file, &why) < 0)
        return 0;
    while ((rc = recording_next(reader, &record)) == 1) {
        *ret_last = record.offset;
        count++;
    }
    if ((rc < 0) != (recording_damage(reader) != NULL))
        abort();
    if (count > 0 && recording_read_at(reader, *ret_last, &again) != 1)
        abort();
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_bytes file = wire_bytes_of(data, size);
    uint64_t first = 0, second = 0;

    if (read_all(file, &first) != read_all(file, &second) || first != second)
        abort();
    return 0;
}
