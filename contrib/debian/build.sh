#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the Debian packages, source and binary, for the fwupd that is installed. See usage() below.
set -eu
cd "$(dirname "$0")/../.."

usage()
{
    cat <<EOF
usage: contrib/debian/build.sh --output DIR [--source DIR]

Builds fwupd-plugin-tdx-module for the fwupd that is installed (Debian 13). As root it also installs
what the build needs.

  --output DIR  where the packages go
  --source DIR  an unpacked source tree of that fwupd; default: that of build/sdk, or fetched
EOF
}

die()
{
    echo "build.sh: $1" >&2
    exit 1
}

output=
source=
while [ $# -gt 0 ]; do
    case $1 in
    --output | --source) [ $# -gt 1 ] || { usage >&2 && exit 2; } ;;
    esac
    case $1 in
    --output) output=$2 && shift ;;
    --source) source=$(realpath "$2") && shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
[ -n "$output" ] || { usage >&2 && exit 2; }

name=$(sed -n '1s/ .*//p' contrib/debian/changelog)
packaged=$(sed -n '1s/.*(\(.*\)).*/\1/p' contrib/debian/changelog)
version=$(sed -n "s/^  version: '\([^']*\)'.*/\1/p" meson.build | head -n 1)
[ "${packaged%-*}" = "$version" ] ||
    die "contrib/debian/changelog is for $packaged, but meson.build for $version"
fwupd=$(dpkg-query -W -f '${source:Upstream-Version}' fwupd 2>/dev/null) ||
    die "fwupd is not installed: apt-get install fwupd"
version=$version+fwupd$fwupd

# everything is made in a copy, so that nothing is left behind in this tree
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name-$version
mkdir "$tree"
tar -c --exclude-vcs --exclude='./build*' --exclude=__pycache__ . | tar -x -C "$tree"

if ! dpkg-checkbuilddeps contrib/debian/control >/dev/null 2>&1; then
    [ "$(id -u)" -eq 0 ] || dpkg-checkbuilddeps contrib/debian/control
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=400 update
    mkdir "$work/deps"
    ln -s "$PWD/contrib/debian" "$work/deps/debian"
    apt-get -qq -o DPkg::Lock::Timeout=400 build-dep -y --no-install-recommends "$work/deps" >/dev/null
fi

# Debian ships no headers of libfwupdplugin. A build has no network, so the source package contains
# those of the fwupd it is for, as a second tarball.
if [ -z "$source" ]; then
    sdk=$PWD/build/sdk
    if [ ! -f "$sdk/VERSION" ] || [ "$(cat "$sdk/VERSION")" != "$fwupd" ]; then
        sdk=$work/sdk
        contrib/sdk/make-sdk.sh --output "$sdk" >/dev/null
    fi
    source=$(realpath "$sdk/source")
fi
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l contrib/debian/changelog -S Timestamp)
export SOURCE_DATE_EPOCH

# make the tarball $2 of folder $1
pack()
{
    tar -c -J -f "$work/${name}_$version.$2.tar.xz" -C "$(dirname "$1")" --sort=name \
        --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX --mtime="@$SOURCE_DATE_EPOCH" \
        "$(basename "$1")"
}
pack "$tree" orig
mkdir "$tree/fwupd"
(cd "$source" && find . -maxdepth 2 \( -path ./COPYING -o -path ./meson.build \
    -o -path './libfwupd*/*' \( -name '*.h' -o -name '*.in' -o -name '*.py' -o -name '*.rs' \) \) \
    -exec cp --parents -t "$tree/fwupd" {} +)
pack "$tree/fwupd" orig-fwupd

cp -R contrib/debian "$tree/debian"
rm "$tree/debian/build.sh"
chmod -R u=rwX,go=rX "$tree"
sed -i "1s/($packaged)/($version-${packaged##*-})/" "$tree/debian/changelog"
(cd "$tree" && dpkg-buildpackage --no-sign)

mkdir -p "$output"
find "$work" -maxdepth 1 -type f -exec cp -t "$output" {} +
