/* What this machine can do at the best, measured in the same run as everything else. */
#pragma once

/* Appends of 200 bytes, each followed by fdatasync, per second, to a file in dir. */
double limits_syncs(const char *dir, double seconds);
/* Messages of 200 bytes per second through one loopback TCP connection, a write() each. */
double limits_writes(double seconds);
