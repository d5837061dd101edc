#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian 13 with one of its two versions of fwupd, or sid, in a folder. See usage() below.
set -eu
here=$(realpath "$(dirname "$0")")
mirror=$("$here/mirror.sh")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
build_packages='ca-certificates dpkg-dev gcc libc6-dev libglib2.0-dev libgnutls28-dev libjcat-dev
 libjson-glib-dev libxmlb-dev libzstd-dev meson ninja-build pkg-config python3 python3-jinja2
 tar xz-utils'

usage()
{
    cat <<TEXT
usage: contrib/ci/chroot.sh [--plain] FLAVOUR [PACKAGE...]
       contrib/ci/chroot.sh [--plain] [--bind OUTSIDE:INSIDE]... FLAVOUR [PACKAGE...] -- COMMAND...

Makes a Debian with fwupd, all that is needed to build the plugin, and the PACKAGEs, and prints
the name of its folder. That is kept for the next time, so do not change anything in it. With
COMMAND nothing is printed: COMMAND runs there as root, and what it writes outside of the folders
INSIDE is gone afterwards.

  FLAVOUR                 2.0.20 (Debian 13), 2.1.7 (Debian 13 backports), or sid as it was when
                          this was first asked for it
  --plain                 without what is needed to build the plugin
  --bind OUTSIDE:INSIDE   a folder that COMMAND shares with the outside

All that is kept is in the folder that contrib/ci/cache.sh prints.
TEXT
}

die()
{
    echo "chroot: $1" >&2
    exit 1
}

# print the version of fwupd that Debian has in suite $1 now
debian_version()
{
    lists=$cache/lists
    mkdir -p "$lists/partial"
    for name in trixie trixie-backports; do
        echo "deb [arch=amd64 signed-by=$keyring] $mirror $name main"
    done >"$cache/sources.list"
    suite=$1
    set -- -o Dir::Etc::SourceList="$cache/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o APT::Architecture=amd64 -o APT::Sandbox::User=root
    if [ -z "$(find "$cache/lists.stamp" -mmin -60 2>/dev/null)" ]; then
        apt-get -qq "$@" update >&2 && touch "$cache/lists.stamp"
    fi
    apt-cache "$@" madison fwupd | awk -v suite="$suite/main" '$6 == suite { print $3; exit }'
}

# make the folder $1 with the packages in $2, pinned by the file $3; what is downloaded is kept
make_root()
{
    mkdir -p "$cache/debs"
    export cache
    # the lists of sid are valid for a week only, and a mirror may be older
    valid=true
    case $suite in
    sid) valid=false && set -- "$@" sid "deb $mirror sid main" ;;
    *) set -- "$@" trixie "deb $mirror trixie main" "deb $mirror trixie-backports main" ;;
    esac
    # shellcheck disable=SC2016 # mmdebstrap's own variables
    mmdebstrap --quiet --mode=root --format=directory --variant=apt --architectures=amd64 \
        --keyring="$keyring" --include="$2" --skip=essential/unlink,cleanup/apt/lists \
        --aptopt="Acquire::Check-Valid-Until \"$valid\"" \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\" && \
            cp '$3' \"\$1/etc/apt/preferences.d/fwupd\"" \
        --setup-hook='mkdir -p "$1/var/cache/apt/archives" &&
            find "$cache/debs" -name "*.deb" -exec cp -lf -t "$1/var/cache/apt/archives" {} +' \
        --customize-hook='cd "$1/var/cache/apt/archives" &&
            find . -name "*.deb" -links 1 -exec mv -f -t "$cache/debs" {} + &&
            rm -f ./*.deb' \
        "$4" "$1" "$5" ${6:+"$6"} >&2
}

binds=
packages=$build_packages
while [ $# -gt 0 ]; do
    case $1 in
    --plain) packages= ;;
    --bind)
        [ $# -gt 1 ] || die "--bind needs OUTSIDE:INSIDE"
        binds="$binds $2"
        shift
        ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || { usage >&2 && exit 2; }
flavour=$1
shift
case $flavour in
2.0.20) suite=trixie ;;
2.1.7) suite=trixie-backports ;;
sid) suite=sid ;;
*) die "FLAVOUR is '$flavour', expected 2.0.20, 2.1.7 or sid" ;;
esac
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    packages="$packages $1"
    shift
done
[ "$(id -u)" -eq 0 ] || die "has to be run by root"
"$here/install.sh" debian-archive-keyring mmdebstrap util-linux

cache=$("$here/cache.sh")
exec 9>"$cache/lock"
flock 9
[ "$suite" = sid ] && version=sid || version=$(debian_version "$suite")
case $version in
"$flavour"-* | sid) ;;
*) die "$suite of Debian has fwupd ${version:-of no version}, expected $flavour: the flavours in \
this script have to follow" ;;
esac
# shellcheck disable=SC2086 # a list
packages=$(printf '%s\n' $packages fwupd | sort -u | paste -s -d,)
key=$(printf '%s %s' "$packages" "$(sha256sum <"$0")" | sha256sum | cut -c 1-12)
root=$cache/chroot-$version-$key
exec 8>"$root.lock"
exec 9>&-

# made beside its final place, so that an interrupted run leaves no half system behind
flock 8
if [ ! -d "$root" ]; then
    echo "making a Debian $suite with fwupd $version" >&2
    work=$(mktemp -d "$root.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    printf 'Package: src:fwupd\nPin: release n=%s\nPin-Priority: 990\n' "$suite" \
        >"$work/preferences"
    make_root "$work/root" "$packages" "$work/preferences"
    mv "$work/root" "$root"
    rm -rf "$work"
    trap - EXIT
fi
exec 8>&-
if [ $# -eq 0 ]; then
    echo "$root"
else
    shift
    exec "$here/in-root.sh" "$root" "$binds" "$@"
fi
