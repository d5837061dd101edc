#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the patch series that takes the plugin into fwupd's own tree.
#
# usage: contrib/ci/in-tree/series.sh SOURCE REPOSITORY OUTPUT
#
# SOURCE is what source.sh has downloaded, and is unpacked into REPOSITORY if that is not there.
# OUTPUT gets the series with its cover letter. REPOSITORY then has the tree with all patches, and
# files that did not change since the last time have kept their time.
set -eu
[ $# -eq 3 ] || { sed -n 's/^# \{0,1\}//;7p' "$0" >&2 && exit 2; }
here=$(realpath "$(dirname "$0")")
project=$(realpath "$here/../../..")
source=$(realpath "$1")
repository=$(realpath -m "$2")
output=$(realpath -m "$3")
plugin=plugins/tdx-module
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# the patches depend on nothing but the files, and on who is to be their author
GIT_AUTHOR_NAME=${GIT_AUTHOR_NAME:-The fwupd-plugin-tdx-module authors}
GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL:-tdx-module@localhost}
GIT_AUTHOR_DATE='2026-01-01T00:00:00Z'
GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME
GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
GIT_CONFIG_GLOBAL=/dev/null
GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL \
    GIT_COMMITTER_DATE GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM

# a repository with fwupd alone, with the patches that Debian has to build it there
unpack()
{
    rm -rf "$repository" "$repository.new"
    mkdir -p "$repository.new"
    cd "$repository.new"
    tar -xf "$source"/*.orig.tar.* --strip-components=1
    if [ -n "$(find "$source" -name '*.debian.tar.*')" ]; then
        tar -xf "$source"/*.debian.tar.* -C "$tmp"
        while read -r patch; do
            patch -s -p 1 <"$tmp/debian/patches/$patch"
        done <"$tmp/debian/patches/series"
    fi
    git init -q -b fwupd
    git config gc.auto 0
    git add -f .
    git commit -q -m fwupd
    mv "$repository.new" "$repository"
}

# commit the files in the plugin's folder that are named, with the message in the file $1
commit()
{
    message=$1
    shift
    for file; do
        mkdir -p "$(dirname "$plugin/$file")"
        cp -R "$project/$plugin/$file" "$plugin/$file"
    done
    git add -f .
    git commit -q -F "$here/$message.txt"
}

firmware()
{
    commit 1-firmware fu-tdx-module.rs fu-tdx-common.c fu-tdx-common.h fu-tdx-blob-firmware.c \
        fu-tdx-blob-firmware.h fu-tdx-sigstruct-firmware.c fu-tdx-sigstruct-firmware.h \
        tests/tdx-blob-v1.builder.xml tests/tdx-blob-v2.builder.xml tests/tdx-sigstruct.builder.xml
}

upload()
{
    commit 2-upload fu-fw-upload.rs fu-fw-upload.c fu-fw-upload.h
}

preflight()
{
    commit 3-preflight fu-tdx-host.c fu-tdx-host.h fu-tdx-preflight.c fu-tdx-preflight.h
}

# all that is left, and only now is it built
plugin()
{
    "$here/outside.py" . build
    rm -rf "$plugin"
    commit 4-plugin .
}

outside()
{
    "$here/outside.py" . sandbox owners fuzzers manual
    commit 5-outside
}

# the plugin's folder after each patch, for each-patch.py
export_steps()
{
    rm -rf "$repository.steps"
    for commit in $(git rev-list fwupd..HEAD); do
        step=$repository.steps/$(git rev-list --count "fwupd..$commit")
        mkdir -p "$step"
        git archive "$commit" "$plugin" | tar -x -C "$step"
    done
}

write_series()
{
    mkdir -p "$output"
    rm -f "$output"/*.patch
    git config branch.tdx-module.description "$(cat "$here/cover-letter.txt")"
    git format-patch -q --cover-letter --cover-from-description=subject -o "$output" fwupd
}

# they have to give the same tree elsewhere
check_series()
{
    git checkout -q --detach fwupd
    git am -q "$output"/000[1-9]-*.patch
    git diff --exit-code tdx-module
    diff -r "$project/$plugin" "$plugin"
}

[ -d "$repository" ] || unpack
cd "$repository"
git worktree prune
git worktree add -q --force -B tdx-module "$tmp/tree" fwupd
cd "$tmp/tree"
firmware
upload
preflight
plugin
outside
export_steps
write_series
check_series
cd "$repository"
git checkout -q --detach tdx-module
git worktree remove --force "$tmp/tree"
