#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs a command as root in a folder with a Debian. What it writes outside of the folders INSIDE is
# gone afterwards.
#
# usage: contrib/ci/in-root.sh ROOT "OUTSIDE:INSIDE..." COMMAND...
set -eu
[ $# -ge 3 ] || { echo "usage: contrib/ci/in-root.sh ROOT \"OUTSIDE:INSIDE...\" COMMAND..." >&2 && exit 2; }
root=$1
binds=$2
shift 2

# not in /tmp, which may be too small or unfit for an overlay
work=$(mktemp -d "$(dirname "$root")/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/upper" "$work/work" "$work/root"
export binds root work
# shellcheck disable=SC2016 # for the inner shell
unshare --mount --pid --fork --kill-child sh -euc '
    mount -t overlay overlay "$work/root" \
        -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work"
    mount -t proc proc "$work/root/proc"
    mount --rbind /dev "$work/root/dev"
    cp /etc/resolv.conf "$work/root/etc/resolv.conf"
    for bind in $binds; do
        mkdir -p "$work/root${bind#*:}"
        mount --bind "${bind%%:*}" "$work/root${bind#*:}"
    done
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive chroot "$work/root" "$@"' sh "$@"
