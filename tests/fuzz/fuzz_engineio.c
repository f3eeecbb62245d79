/* libFuzzer: any bytes as a long-polling payload; the packets that decode encode to a payload that
 * decodes to the same packets. */
#include <stdlib.h>
#include <string.h>

#include "edge/socketio/polling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Re-encodes the packets up to the first malformed one; how many there were. */
static size_t encode_again(const void *payload, size_t size, struct buf *out)
{
    AUTO(polling_done) struct polling_reader reader;
    struct polling_packet packet;
    size_t count = 0;

    polling_init(&reader, payload, size);
    while (polling_next(&reader, &packet) == 1) {
        char *content = base_alloc(1, packet.len + 1);

        content[0] = packet.type;
        if (packet.len)
            memcpy(content + !packet.binary, packet.data, packet.len);
        polling_put(out, packet.binary, content, packet.len + !packet.binary);
        free(content);
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_done) struct buf once;
    AUTO(buf_done) struct buf twice;
    size_t count;

    buf_init(&once, 1u << 20);
    buf_init(&twice, 1u << 20);
    count = encode_again(data, size, &once);
    if (count == 0)
        return 0;
    if (encode_again(once.data, once.len, &twice) != count || once.len != twice.len ||
        memcmp(once.data, twice.data, once.len) != 0)
        abort();
    return 0;
}
