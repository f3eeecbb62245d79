# Sourced by the shell commands of this repository: how they speak, and how they run something long.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

die()
{
    say "$(basename "$0"): $*"
    exit 1
}

# Every ten seconds, how long it has taken and the last line of a log; ends with the command that started it.
report_progress() # LOG
{
    local started=$SECONDS last

    while sleep 10 && kill -0 $$ 2> /dev/null; do
        last=$(tail -c 2000 "$1" 2> /dev/null | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c -90) || last=
        say "    $((SECONDS - started)) s: $last"
    done
}

# Runs a command with its output in a log; the log's end is shown when it fails. Returns the command's status.
run_step() # TITLE LOG COMMAND…
{
    local title=$1 log=$2 started=$SECONDS status=0 reporter

    shift 2
    mkdir -p "$(dirname "$log")"
    : > "$log"
    say "$title …"
    report_progress "$log" &
    reporter=$!
    "$@" > "$log" 2>&1 || status=$?
    kill "$reporter" 2> /dev/null || true
    wait "$reporter" 2> /dev/null || true
    if ((status != 0)); then
        grep -E ' error: |^FAILED|^CMake Error' "$log" | head -n 20 >&2 || true
        tail -n 30 "$log" >&2
        say "$title: failed (status $status); all of it is in $log"
    elif ((SECONDS - started > 1)); then
        say "    done in $((SECONDS - started)) s"
    fi
    return "$status"
}

# Whether the program's version is at least the one wanted: version_at_least 18 "$(node --version)"
version_at_least() # WANTED TEXT
{
    local found

    found=$(grep -oE '[0-9]+(\.[0-9]+)*' <<< "$2" | head -n 1) || return 1
    [[ $(printf '%s\n%s\n' "$1" "$found" | sort -V | head -n 1) == "$1" ]]
}
