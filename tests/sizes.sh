#!/bin/bash
# sizes.sh              fails when a function, file or header of ours is too long, with file:line
# sizes.sh --self-test  tries that it does
# The tests themselves are not measured; a schema (one table, declared once) may be as long as a file.
set -euo pipefail

readonly MAX_FUNCTION=60 MAX_FILE=500 MAX_HEADER=120

# A function is what lies between a lone { and a lone } in the first column (clang-format sees to that), together with
# the lines of its signature.
measure() # FILE…
{
    # shellcheck disable=SC2016
    awk -v max_function=$MAX_FUNCTION -v max_file=$MAX_FILE -v max_header=$MAX_HEADER '
        function end_of_file(name, lines) {
            if (name ~ /\.h$/ && name !~ /_schema\.h$/ && lines > max_header)
                complain(name, 1, "header of " lines " lines, " max_header " allowed")
            else if (lines > max_file)
                complain(name, 1, "file of " lines " lines, " max_file " allowed")
        }
        function complain(name, line, what) {
            print name ":" line ": " what
            bad = 1
        }
        FNR == 1 {
            if (NR > 1)
                end_of_file(file, lines)
            file = FILENAME
            inside = 0
            start = 1
        }
        { lines = FNR }
        !inside && (/^$/ || /^#/ || /;$/ || /\*\/$/ || /^}/) { start = FNR + 1 }
        /^{$/ && !inside { inside = 1 }
        /^}/ && inside {
            inside = 0
            if (FNR - start + 1 > max_function)
                complain(FILENAME, start, "function of " FNR - start + 1 " lines, " max_function " allowed")
            start = FNR + 1
        }
        END {
            end_of_file(file, lines)
            exit bad
        }' "$@"
}

lines() { yes "$1" | head -n "$2"; } # yes ends by a closed pipe

expect() # WANTED-STATUS NAME
{
    local status=0

    measure "$tmp/$2" > "$tmp/out" || status=$?
    if ((status != $1)); then
        echo "sizes.sh: $2 should have ended with $1, not $status" >&2
        exit 1
    fi
}

self_test()
{
    set +o pipefail
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    { printf 'int x;\n\nint\nf(void)\n{\n'; lines '    g();' 55; echo '}'; } > "$tmp/long_enough.c"
    { printf 'int x;\n\nint f(void)\n{\n'; lines '    g();' 58; printf '}\nint h(void)\n{\n}\n'; } > "$tmp/long_function.c"
    lines 'int x;' 501 > "$tmp/long_file.c"
    lines 'int x;' 121 > "$tmp/long_header.h"
    lines 'int x;' 120 > "$tmp/header.h"
    expect 0 long_enough.c
    expect 0 header.h
    expect 1 long_function.c
    grep -q 'long_function.c:3: function of 61 lines' "$tmp/out" || { cat "$tmp/out"; exit 1; }
    expect 1 long_file.c
    expect 1 long_header.h
    cp "$tmp/long_header.h" "$tmp/wire_schema.h"
    expect 0 wire_schema.h
    lines '    X(u64, a)' 501 > "$tmp/wire_schema.h"
    expect 1 wire_schema.h
}

cd "$(dirname "$0")/.."
if [[ ${1-} == --self-test ]]; then
    self_test
else
    mapfile -t files < <(find base edge router persist notify scan admin -name '*.[ch]' | sort)
    measure "${files[@]}"
fi
