#!/bin/bash
# layering.sh [ROOT]        fails when a room of the program uses what is not its business, with file:line
# layering.sh --self-test   tries that it does
#
# 1. Includes of ours are written from the root; a daemon includes itself and base, base only itself.
# 2. Inside edge the layers are one-way: transport < socketio < api < the modules beside them.
# 3. A library's headers are included in its room only, and sockets are made in base/bus.c only.
set -euo pipefail

check() # ROOT
{
    local files

    cd "$1"
    mapfile -t files < <(find base edge router persist notify scan admin -name '*.[ch]' 2> /dev/null | sort)
    # shellcheck disable=SC2016
    awk '
        # The rooms of each library, as a pattern that the path of an including file must match.
        BEGIN {
            room["libwebsockets.h"] = "^edge/transport/"
            room["uv.h"] = "^edge/"
            room["jwt.h"] = "^edge/api/"
            room["argon2.h"] = "^edge/api/"
            room["jansson.h"] = "^(edge|notify|admin)/"
            room["hiredis"] = "^(router|edge)/"
            room["mongoc"] = "^persist/store_mongo"
            room["bson"] = "^persist/store_mongo"
            room["sqlite3.h"] = "^persist/store_sqlite"
            room["curl"] = "^notify/"
            room["zlib.h"] = "^base/recording"
            room["clamav.h"] = "^scan/"
            rank["transport"] = 1
            rank["socketio"] = 2
            rank["api"] = 3
        }
        function complain(what) {
            print FILENAME ":" FNR ": " what
            bad = 1
        }
        function layer_of(path,   parts, n) { # 4 for what lies beside the layers
            n = split(path, parts, "/")
            return n > 2 && parts[2] in rank ? rank[parts[2]] : 4
        }
        function check_ours(header,   from, to) {
            from = FILENAME
            sub("/.*", "", from)
            to = header
            sub("/.*", "", to)
            if (header !~ "/" || header ~ /^\./)
                complain("\"" header "\" is not written from the root")
            else if (to != "base" && to != from)
                complain(from " includes " to ": \"" header "\"")
            else if (from == "edge" && to == "edge" && layer_of(header) > layer_of(FILENAME) && !allowed_up(header))
                complain("a lower layer of edge includes a higher one: \"" header "\"")
        }
        # How the bus reaches libuv is a matter of its own, with no layer above or below it.
        function allowed_up(header) { return header == "edge/bus_uv.h" && layer_of(FILENAME) == rank["api"] }
        function check_library(header,   name, key) {
            name = header
            sub("/.*", "", name)
            for (key in room)
                if ((name == key || name == key ".h") && FILENAME !~ room[key])
                    complain("<" header "> has no business here (its room: " room[key] ")")
        }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            header = $0
            sub(/^[^"]*"/, "", header)
            sub(/".*/, "", header)
            check_ours(header)
        }
        /^[ \t]*#[ \t]*include[ \t]*</ {
            header = $0
            sub(/^[^<]*</, "", header)
            sub(/>.*/, "", header)
            check_library(header)
        }
        FILENAME != "base/bus.c" && /(^|[^a-z_])(zsock_new(_[a-z]+)?|zmq_socket)[ \t]*\(/ {
            complain("a socket is made here; base/bus.c makes them")
        }
        END { exit bad }' "${files[@]}"
}

expect() # WANTED-STATUS PATH LINE
{
    local status=0

    rm -rf "$tmp/root"
    mkdir -p "$tmp/root/base" "$(dirname "$tmp/root/$2")"
    echo '#include <stdio.h>' > "$tmp/root/base/base.c"
    printf '/* first */\n%s\n' "$3" > "$tmp/root/$2"
    (check "$tmp/root") > "$tmp/out" || status=$?
    if ((status != $1)) || { ((status)) && ! grep -q "^$2:2: " "$tmp/out"; }; then
        echo "layering.sh: '$3' in $2 should have ended with $1, not $status:" >&2
        cat "$tmp/out" >&2
        exit 1
    fi
}

self_test()
{
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    expect 0 persist/persist.c '#include "base/wire.h"'
    expect 0 persist/persist.c '#include "persist/store.h"'
    expect 1 persist/persist.c '#include "router/router.h"'
    expect 1 persist/persist.c '#include "persist.h"'
    expect 1 persist/persist.c '#include "../persist/store.h"'
    expect 1 base/wire.c '#include "edge/edge.h"'
    expect 0 edge/socketio/engineio.c '#include "edge/transport/lws.h"'
    expect 1 edge/transport/lws.c '#include "edge/socketio/engineio.h"'
    expect 1 edge/socketio/socketio.c '#include "edge/api/auth.h"'
    expect 1 edge/api/auth.c '#include "edge/edge.h"'
    expect 0 edge/edge.c '#include "edge/api/auth.h"'
    expect 0 edge/transport/lws.c '#include <libwebsockets.h>'
    expect 1 edge/api/auth.c '#include <libwebsockets.h>'
    expect 1 router/router.c '#include <jansson.h>'
    expect 0 persist/store_mongo.c '#include <mongoc/mongoc.h>'
    expect 1 persist/store_sqlite.c '#include <mongoc/mongoc.h>'
    expect 1 persist/persist.c '#  include <sqlite3.h>'
    expect 1 admin/admin.c '#include <curl/curl.h>'
    expect 1 router/router.c '    zsock_t *s = zsock_new_push("ipc://x");'
    expect 0 router/router.c '    zactor_t *a = zactor_new(f, NULL);'
}

if [[ ${1-} == --self-test ]]; then
    self_test
else
    check "${1:-$(dirname "$0")/..}"
fi
