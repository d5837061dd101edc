#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Fetches a source package of fwupd from Debian, as far as the archive has it.
#
# usage: contrib/ci/in-tree/source.sh VERSION|newest FOLDER
#
# Prints its upstream version and the suite that it is in. FOLDER/VERSION gets what was downloaded,
# and a version that is already there is not fetched again. For `newest` it says on standard error
# which newer ones could not be had.
set -eu
[ $# -eq 2 ] || { sed -n 's/^# \{0,1\}//;7p' "$0" >&2 && exit 2; }
here=$(realpath "$(dirname "$0")")
wanted=$1
mkdir -p "$2"
folder=$(realpath "$2")
suites='bookworm trixie trixie-backports testing sid experimental'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

apt()
{
    command=$1
    shift
    "apt-$command" -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$folder/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o APT::Sandbox::User=root "$@"
}

update_lists()
{
    [ -z "$(find "$folder/lists.stamp" -mmin -60 2>/dev/null)" ] || return 0
    mirror=$("$here/../mirror.sh")
    mkdir -p "$folder/lists/partial"
    for suite in $suites; do
        echo "deb-src [signed-by=$keyring] $mirror $suite main"
    done >"$folder/sources.list"
    apt get -qq update >&2
    touch "$folder/lists.stamp"
}

# print `UPSTREAM PACKAGE SUITE` for each that Debian has, the newest first
list()
{
    apt cache madison fwupd | awk '/ Sources$/ {
        suite = $6
        sub("/.*", "", suite)
        upstream = $3
        sub("-[^-]*$", "", upstream)
        print upstream, $3, suite
    }' | sort -u -k 3 | sort -r -V -k 2,2
}

# only upstream's tarball is needed; some backports have no other file left in the archive
fetch()
{
    done=$folder/$1
    [ ! -d "$done" ] || return 0
    work=$(mktemp -d "$done.XXXXXX")
    (cd "$work" && apt get source -qq --download-only "fwupd=$2" >log 2>&1) || true
    if [ -z "$(find "$work" -name '*.orig.tar.*' ! -name '*.asc')" ]; then
        rm -rf "$work"
        return 1
    fi
    # it may come without Debian's patches, but not with a part of them
    [ -n "$(find "$work" -name '*.dsc')" ] || rm -f "$work"/*.debian.tar.*
    chmod 755 "$work"
    mv "$work" "$done"
}

update_lists
list >"$folder/versions"
while read -r upstream package suite; do
    [ "$wanted" = newest ] || [ "$wanted" = "$upstream" ] || continue
    if fetch "$upstream" "$package"; then
        echo "$upstream $suite"
        exit 0
    fi
    echo "the source of fwupd $package of $suite could not be fetched" >&2
done <"$folder/versions"
echo "no source of fwupd $wanted could be fetched" >&2
exit 1
