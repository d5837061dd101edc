#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs a command in a suite of Debian that contrib/ci/chroot.sh does not have. Like there, the suite
# is kept for the next time and never changed, and only what is in the folders INSIDE is shared.
#
# usage: contrib/ci/in-tree/suite.sh SUITE KEY "PACKAGES" "OUTSIDE:INSIDE..." COMMAND...
#
# Another KEY makes another one, with what the suite has then.
set -eu
[ $# -ge 5 ] || { sed -n 's/^# \{0,1\}//;8p' "$0" >&2 && exit 2; }
here=$(realpath "$(dirname "$0")")
suite=$1
# shellcheck disable=SC2086 # a list
packages=$(printf '%s\n' $3 | sort -u | paste -s -d,)
binds=$4
cache=$("$here/../cache.sh")
root=$cache/suite-$suite-$(printf '%s %s' "$2" "$packages" | sha256sum | cut -c 1-12)
shift 4

make_root()
{
    mirror=$("$here/../mirror.sh")
    set -- "deb $mirror $suite main"
    case $suite in
    experimental) set -- "deb $mirror sid main" "$@" ;;
    *-backports) set -- "deb $mirror ${suite%-backports} main" "$@" ;;
    esac

    # the lists of sid are valid for a week only, and a mirror may be older
    mmdebstrap --quiet --mode=root --format=directory --variant=apt --architectures=amd64 \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg --include="$packages" \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        "$suite" "$root.new" "$@" >&2
    mv "$root.new" "$root"
}

"$here/../install.sh" debian-archive-keyring mmdebstrap util-linux
exec 9>"$root.lock"
flock 9
if [ ! -d "$root" ]; then
    echo "making a Debian $suite" >&2
    rm -rf "$root.new"
    make_root
fi
exec 9>&-

exec "$here/../in-root.sh" "$root" "$binds" "$@"
