#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The part of contrib/upstream/check.sh --fixes that runs in its Debian. The tests of each patch have
# to fail without the rest of it, each patch has to build and pass on its own, and all of fwupd's
# tests have to pass with all patches.
#
# shellcheck disable=SC1091,SC2154,SC2317 # tap.sh has check(), which calls what looks unreachable
set -eu
source=/kept/fixes/source
build=/kept/fixes/build
. /project/contrib/ci/tap.sh

# the tree as it was, with these patches; what does not change keeps its time
prepare()
{
    mkdir -p "$source"
    rsync -rlp --checksum --delete --exclude=/.git /tree/ "$source/"
    cd "$source"
    [ $# -eq 0 ] || git apply "$@"
}

configure()
{
    prepare
    [ -f "$build/build.ninja" ] || meson setup "$build" "$source" --wrap-mode=nodownload \
        -Dauto_features=disabled -Dwerror=true -Doptimization=0 -Dtests=true -Dman=false \
        -Ddocs=disabled -Dintrospection=disabled -Dgnutls=enabled -Dsystemd=enabled \
        -Dlvfs=disabled -Dmetainfo=false -Dfirmware-packager=false \
        -Dplugin_uefi_capsule_splash=false -Dvendor_ids_dir=/usr/share/hwdata
    ninja -C "$build"
}

# the test program that patch $1 is for, if there is one
program()
{
    sed -n 's,^+++ b/\(.*-test\)\.c$,\1,p' "$1" | sed 's,^libfwupdplugin/fu-,libfwupdplugin/fwupdplugin-,'
}

unpatched()
{
    test=$(program "$1")
    if [ -z "$test" ]; then
        prepare
        ninja -C "$build"
        fails ninja -C "$build" -t missingdeps
    else
        prepare --include='*-test.c' --include=libfwupdplugin/meson.build "$1"
        ninja -C "$build" "$test"
        fails meson test -C "$build" --no-rebuild "${test##*/}"
    fi
}

patched()
{
    prepare "$1"
    ninja -C "$build"
    test=$(program "$1")
    if [ -z "$test" ]; then
        ninja -C "$build" -t missingdeps
    else
        meson test -C "$build" --no-rebuild --print-errorlogs "${test##*/}"
    fi
}

series()
{
    prepare "$@"
    ninja -C "$build"
    meson test -C "$build" --no-rebuild --print-errorlogs
}

check 'fwupd is built as it is' configure
[ "$failed" -eq 0 ] || plan
for patch in /project/contrib/upstream/fwupd/*.patch; do
    name=$(basename "$patch" .patch)
    check "$name: its test fails without it" unpatched "$patch"
    check "$name: alone it builds and passes" patched "$patch"
done
check "all tests of fwupd pass with all patches" series /project/contrib/upstream/fwupd/*.patch
plan
