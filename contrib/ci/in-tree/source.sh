#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Fetches a source package of fwupd from Debian, as far as the archive has it.
#
# usage: contrib/ci/in-tree/source.sh FOLDER newest
#        contrib/ci/in-tree/source.sh FOLDER VERSION SUITE
#
# Prints the upstream version, the version of the package, and the suite that it is in. What was
# downloaded is in FOLDER/PACKAGE_VERSION, and is not fetched again, nor changed. For `newest`,
# standard error says which newer ones could not be had.
set -eu
[ $# -ge 2 ] || { sed -n 's/^# \{0,1\}//;7,8p' "$0" >&2 && exit 2; }
here=$(realpath "$(dirname "$0")")
mkdir -p "$1"
folder=$(realpath "$1")
wanted=$2
wanted_suite=${3:-}
suites='bookworm trixie trixie-backports testing sid experimental'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# the lists of sid are valid for a week only, and a mirror may be older
apt()
{
    command=$1
    shift
    "apt-$command" -o Dir::Etc::SourceList="$folder/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$folder/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root "$@"
}

update_lists()
{
    [ -z "$(find "$folder/lists.stamp" -mmin -60 2>/dev/null)" ] || return 0
    mirror=$("$here/../mirror.sh")
    mkdir -p "$folder/lists/partial"
    for suite in $suites; do
        echo "deb-src [signed-by=$keyring] $mirror $suite main"
    done >"$folder/sources.list"
    apt get -qq update >&2 || [ -f "$folder/versions" ]
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
    }' | sort -u | sort -r -V -k 2,2
}

# only upstream's tarball is needed; some backports have no other file left in the archive
fetch()
{
    done=$folder/$1
    [ ! -d "$done" ] || return 0
    work=$(mktemp -d "$done.XXXXXX")
    (cd "$work" && apt get source -qq --download-only "fwupd=$1" >log 2>&1) || true
    if [ -z "$(find "$work" -name '*.orig.tar.*' ! -name '*.asc')" ]; then
        rm -rf "$work"
        return 1
    fi
    # it may come without Debian's patches, but not with a part of them
    [ -n "$(find "$work" -name '*.dsc')" ] || rm -f "$work"/*.debian.tar.*
    chmod 755 "$work"
    mv "$work" "$done"
}

exec 8>"$folder/lock"
flock 8
update_lists
list >"$folder/versions"
while read -r upstream package suite; do
    [ "$wanted" = newest ] || [ "$wanted $wanted_suite" = "$upstream $suite" ] || continue
    if fetch "$package"; then
        echo "$upstream $package $suite"
        exit 0
    fi
    echo "the source of fwupd $package of $suite could not be fetched" >&2
done <"$folder/versions"
echo "no source of fwupd $wanted could be fetched" >&2
exit 1
