#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Fetches upstream's source of fwupd from Debian, and prints the folder that it is in. That is kept
# for the next time, so do not change anything in it.
#
# usage: contrib/upstream/source.sh VERSION|newest
#
# The newest is the newest that can be had; standard error says which newer ones can not.
set -eu
[ $# -eq 1 ] || { echo "usage: contrib/upstream/source.sh VERSION|newest" >&2 && exit 2; }
here=$(realpath "$(dirname "$0")")
folder=$("$here/../ci/cache.sh")/upstream/source
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
    mirror=$("$here/../ci/mirror.sh")
    for suite in trixie trixie-backports sid experimental; do
        echo "deb-src [signed-by=$keyring] $mirror $suite main"
    done >"$folder/sources.list"
    apt get -qq update >&2 || [ -f "$folder/lists.stamp" ]
    touch "$folder/lists.stamp"
}

# make $folder/$1 from package $2; some backports have nothing but upstream's tarball in the archive
fetch()
{
    [ ! -d "$folder/$1" ] || return 0
    rm -rf "$folder/new"
    mkdir -p "$folder/new/tree"
    cd "$folder/new"
    apt get source -qq --download-only "fwupd=$2" >log 2>&1 || true
    tar -x -C tree --strip-components=1 -f "fwupd_$1".orig.tar.* 2>>log || return 1
    mv tree "$folder/$1"
}

"$here/../ci/install.sh" ca-certificates debian-archive-keyring dpkg-dev util-linux xz-utils
mkdir -p "$folder/lists/partial"
exec 8>"$folder/lock"
flock 8
update_lists
for package in $(apt cache madison fwupd | awk '/ Sources$/ { print $3 }' | sort -u -r -V); do
    upstream=${package%-*}
    [ "$1" = newest ] || [ "$1" = "$upstream" ] || continue
    if fetch "$upstream" "$package"; then
        echo "$folder/$upstream"
        exit 0
    fi
    echo "the source of fwupd $package could not be fetched" >&2
done
echo "no source of fwupd $1 could be fetched" >&2
exit 1
