/* The holes of a recording: events that nobody told, since frames were lost, or their router died
 * before it did or was recorded only after its start. The store has them. */
#pragma once

#include "admin/ask.h"
#include "base/recording.h"

/* Reads the recording at path as far as it is written, asks persist for what is missing, and adds
 * it. *ret: how many events. -errno: it could not be written (-EIO and so on) or not be asked
 * (-ETIMEDOUT). */
int fill_holes(struct recording_writer *writer, const char *path, struct ask *ask, uint64_t at_us,
               uint64_t *ret) MUST_CHECK;
