#!/bin/sh
# A store that does not sync: parley-persist on a disk that says yes to every sync, and forgets what it had in its buffer
# when the process is killed.
here=$(dirname "$0")
PARLEY_VFS_LIE=1 LD_PRELOAD="$here/libparley-vfs.so${LD_PRELOAD:+:$LD_PRELOAD}" ASAN_OPTIONS="verify_asan_link_order=0:$ASAN_OPTIONS"
export PARLEY_VFS_LIE LD_PRELOAD ASAN_OPTIONS
exec "$here/parley-persist.honest" "$@"
