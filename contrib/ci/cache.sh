#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prints the folder in which the scripts keep what they have fetched and built, and makes it if it is
# not there: $TDX_CACHE, or else fwupd-plugin-tdx-module in the user's cache.
#
# usage: contrib/ci/cache.sh [--prune DAYS]
#
# With --prune nothing is printed: each Debian in there that no script has used for so many days is
# removed, each kernel that was made so many days ago, and what scripts that were killed have left. As
# root.
set -eu

# the lock of a Debian is written whenever it is used
prune()
{
    # shellcheck disable=SC2016 # for the inner shell
    find "$cache" -maxdepth 1 -name 'chroot-*.lock' -mtime "+$1" \
        -exec flock --nonblock --conflict-exit-code 0 {} sh -c 'rm -rf "${1%.lock}" "$1"' rm {} \;
    find "$cache" -maxdepth 1 -name 'kernel-*' -type d -mtime "+$1" -exec rm -rf {} +
    find "$cache" -maxdepth 1 \( -name 'run.??????' -o -name 'chroot-*.??????' \) -mtime +1 \
        -exec rm -rf {} +
}

cache=$(realpath -m "${TDX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fwupd-plugin-tdx-module}")
case ${1:-} in
'')
    mkdir -p "$cache"
    echo "$cache"
    ;;
--prune)
    [ $# -eq 2 ] || { echo "usage: contrib/ci/cache.sh [--prune DAYS]" >&2 && exit 2; }
    [ ! -d "$cache" ] || prune "$2"
    ;;
*) echo "usage: contrib/ci/cache.sh [--prune DAYS]" >&2 && exit 2 ;;
esac
