#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Takes the plugin into fwupd's own tree, and builds and tests it there. See usage() below.
#
# shellcheck disable=SC1091,SC2034,SC2317 # tap.sh has check(), which calls what looks unreachable
set -eu
cd "$(dirname "$0")/../.."
here=contrib/ci/in-tree

usage()
{
    cat <<TEXT
usage: contrib/ci/in-tree.sh [--if-built] [--output FOLDER] VERSION

Adds plugins/tdx-module/ as it is, and the few lines outside of it, to fwupd's source; builds that
with the plugin built in; and runs there the plugin's self-tests, fwupd's test of all types, its
documentation, its checks of the source, the fuzzers, the faults of the mock kernel, and updates of
the mock host and recordings of it with those fwupdmgr, fwupdtool and daemon. As root. Prints TAP.

  VERSION          2.0.20 (Debian 12, or 13 if this is no Debian 12), 2.1.7 (Debian 13 backports),
                   or newest: the newest that Debian has the source of
  --if-built       nothing but SKIP, if that version was not built here before
  --output FOLDER  where the patch series for upstream goes, by default build/patches-VERSION

Before 2.1.7 the plugin is compiled with contrib/sdk/fu-compat.h; later ones get nothing. What was
fetched and built is kept in the folder that contrib/ci/cache.sh prints.
TEXT
}

die()
{
    echo "in-tree: $1" >&2
    exit 1
}

packages='ca-certificates clang-format dbus fuse3 gcab gcc gettext gi-docgen gir1.2-umockdev-1.0
 gobject-introspection libc6-dev libcurl4-gnutls-dev libfuse3-dev libgirepository1.0-dev
 libglib2.0-dev libgnutls28-dev libjcat-dev libjson-glib-dev liblzma-dev libsqlite3-dev libssl-dev
 libsystemd-dev libusb-1.0-0-dev libxmlb-dev libzstd-dev meson ninja-build pkg-config python3
 python3-gi python3-jinja2 systemd umockdev util-linux valac'

# where the source is from, and by that where it is built
choose()
{
    # shellcheck source=/dev/null
    host=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    case $version in
    2.0.20) [ "$host" = bookworm ] && suite=$host || suite=trixie ;;
    2.1.7) suite=trixie-backports ;;
    newest) ;;
    *) usage >&2 && exit 2 ;;
    esac
    # shellcheck disable=SC2086 # none for the newest
    found=$("$here/source.sh" "$cache/source" "$version" ${suite:-} 2>"$tmp/source") || {
        cat "$tmp/source" >&2
        echo "1..0 # SKIP there is no source of fwupd $version"
        exit 0
    }
    sed 's/^/# /' "$tmp/source"
    # shellcheck disable=SC2086 # three words
    set -- $found
    [ "$version" = "$1" ] || echo "# the newest source that can be had is $1, of $3"
    version=$1
    package=$2
    suite=$3
}

series()
{
    "$here/series.sh" "$cache/source/$package" "$folder/source" "$output"
}

# run the tests here or in that suite, and go on counting
run_inside()
{
    binds="$PWD:/project $folder:/in-tree"
    blobs=${TDX_MODULE_BLOBS:-../shared/intel-tdx-blobs}
    [ ! -d "$blobs" ] || binds="$binds $(realpath "$blobs"):/shared/intel-tdx-blobs"
    [ "$version" != 2.0.20 ] || packages="$packages libarchive-dev"
    case $suite in
    bookworm) ;;
    *) packages="$packages systemd-dev" ;;
    esac
    set -- /project/$here/inside.sh /in-tree "$number"
    case $version-$suite in
    "$version-$host")
        # shellcheck disable=SC2086 # a list
        contrib/ci/install.sh $packages
        "$here/inside.sh" "$folder" "$number"
        ;;
    2.0.20-trixie | 2.1.7-trixie-backports)
        # shellcheck disable=SC2046,SC2086 # lists
        contrib/ci/chroot.sh $(printf -- '--bind %s ' $binds) "$version" $packages -- "$@"
        ;;
    *) "$here/suite.sh" "$suite" "$package" "$packages" "$binds" "$@" ;;
    esac
}

if_built=
output=
while [ $# -gt 0 ]; do
    case $1 in
    --if-built) if_built=yes ;;
    --output)
        [ $# -gt 1 ] || { usage >&2 && exit 2; }
        output=$2
        shift
        ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) break ;;
    esac
    shift
done
[ $# -eq 1 ] || { usage >&2 && exit 2; }
[ "$(id -u)" -eq 0 ] || die "has to be run by root"
version=$1
suite=
contrib/ci/install.sh ca-certificates debian-archive-keyring dpkg-dev git patch util-linux xz-utils
cache=$(contrib/ci/cache.sh)/in-tree
mkdir -p "$cache"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
exec 9>"$cache/lock"
flock 9
choose
output=${output:-build/patches-$version}
folder=$cache/$package-$suite
if [ -n "$if_built" ] && [ ! -d "$folder/build" ]; then
    echo "1..0 # SKIP fwupd $version was not built here before: contrib/ci/in-tree.sh $version"
    exit 0
fi
mkdir -p "$folder"

number=0
failed=0
. contrib/ci/tap.sh
check "the patch series for fwupd $version is in $output" series
[ $failed -eq 0 ] || { plan && exit 1; }
find "$output" -name '*.patch' | sort | sed 's/^/# /'
run_inside
