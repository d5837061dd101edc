#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Takes the plugin into fwupd's own tree, and builds and tests it there. See usage() below.
set -eu

usage()
{
    cat <<TEXT
usage: contrib/upstream/check.sh [--fixes] TREE|VERSION|newest

Applies the patch series to a copy of an fwupd source tree, builds that with the plugin built in,
and runs what inside.sh has: tests of the plugin and of fwupd, and the tests of this project with those
fwupdmgr, fwupdtool and daemon. As root. Prints TAP. fwupd's checks of the source are in
contrib/ci/lint.sh BUILD_FOLDER TREE.

  TREE        an unpacked source tree, which is not changed; VERSION is fetched from Debian, newest
              is the newest that can be
  --fixes     applies and tests the patches in contrib/upstream/fwupd instead

This is done in a Debian 13 for fwupd 2.1.7, and in a sid for later ones. What was fetched and built is
kept in the folder that contrib/ci/cache.sh prints, so that only the first time takes long.
TEXT
}

packages='clang-format codespell dbus fuse3 gcab gettext gi-docgen gir1.2-umockdev-1.0 git
 gobject-introspection libarchive-dev libcurl4-gnutls-dev libfuse3-dev libgirepository1.0-dev
 liblzma-dev libsqlite3-dev libssl-dev libsystemd-dev libusb-1.0-0-dev patch python3-gi rsync systemd
 systemd-dev umockdev valac'

inside=inside.sh
while [ $# -gt 0 ]; do
    case $1 in
    --fixes) inside=fwupd/check.sh ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) break ;;
    esac
    shift
done
[ $# -eq 1 ] || { usage >&2 && exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "check: has to be run by root" >&2 && exit 1; }
[ ! -d "$1" ] || set -- "$(realpath "$1")"
cd "$(dirname "$0")/../.."
case $1 in
*/*) tree=$1 ;;
*)
    tree=$(contrib/upstream/source.sh "$1") || {
        echo "1..0 # SKIP there is no source of fwupd $1, see above"
        exit 0
    }
    ;;
esac
version=$(sed -n "s/^  version: '\([^']*\)'.*/\1/p" "$tree/meson.build" | head -n 1)
[ -n "$version" ] || { echo "check: $tree has no source of fwupd" >&2 && exit 1; }
case $version in
2.0.* | 2.1.[0-6]) echo "check: fwupd is $version, needed is 2.1.7 or later" >&2 && exit 2 ;;
2.1.7) flavour=2.1.7 ;;
*) flavour=sid packages="$packages cargo gitleaks rustc" ;;
esac
folder=$(contrib/ci/cache.sh)/upstream/$version
mkdir -p "$folder"
exec 7>"$folder/lock"
flock 7
echo "# fwupd $version, in the Debian of contrib/ci/chroot.sh $flavour"
blobs=${TDX_MODULE_BLOBS:-../shared/intel-tdx-blobs}
set --
[ ! -d "$blobs" ] || set -- --bind "$(realpath "$blobs"):/shared/intel-tdx-blobs"
# shellcheck disable=SC2086 # a list
exec contrib/ci/chroot.sh --bind "$PWD:/project" --bind "$tree:/tree" --bind "$folder:/kept" \
    "$@" "$flavour" $packages -- "/project/contrib/upstream/$inside"
