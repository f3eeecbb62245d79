/* wire_seeds DIR: writes a frame of every message type there, as the fuzzer's seeds. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/wire_samples.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: wire_seeds DIR\n", stderr);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < wire_samples_count(); i++) {
        AUTO(buf_done) struct buf frame;
        char path[4096];
        const char *name;
        FILE *file;

        buf_init(&frame, 65536);
        name = wire_samples_frame(i, &frame);
        snprintf(path, sizeof path, "%s/%s", argv[1], name);
        file = fopen(path, "wb");
        if (!file || fwrite(frame.data, 1, frame.len, file) != frame.len || fclose(file) != 0) {
            perror(path);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
