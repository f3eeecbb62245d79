/* Turns files into verdicts: a bounded queue in front of one worker, with a deadline per scan. */
#pragma once

#include "base/service.h"
#include "scan/engine.h"

struct scan;

/* The keys that scan_new reads. */
#define SCAN_KEYS                                                                              \
    CONF_PATH("scan/database", "",                                                             \
              "signatures: a file or folder, /var/lib/clamav say (none: our own, which knows"  \
              " the EICAR test file only)"),                                                   \
        CONF_NUMBER("scan/file_bytes", 104857600, 1024, 2147483647, "largest file, in bytes"), \
        CONF_NUMBER("scan/total_bytes", 419430400, 1024, 2147483646,                           \
                    "the same with all that is packed in it"),                                 \
        CONF_NUMBER("scan/depth", 12, 1, 100, "archives in archives"),                         \
        CONF_NUMBER("scan/files", 10000, 1, 1000000, "files in an archive"),                   \
        CONF_NUMBER("scan/deadline_ms", 15000, 100, 600000, "longest scan"),                   \
        CONF_NUMBER("scan/queue", 64, 1, 10000, "files that may wait")

/* service is borrowed. A negative errno, logged. A scan that does not end, long after its deadline,
 * ends the process: it cannot be interrupted otherwise. */
int scan_new(struct scan **ret, struct service *service, const struct engine_ops *engine)
    MUST_CHECK;
void scan_free(struct scan **self);
