#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds an fwupd tree with the plugin in it, and tests the plugin there. For contrib/ci/in-tree.sh.
#
# usage: contrib/ci/in-tree/inside.sh FOLDER NUMBER
#
# FOLDER has the tree in source/, from series.sh, and keeps the build for the next time. Prints TAP
# that goes on after NUMBER. What a failed check printed follows it.
#
# shellcheck disable=SC1091,SC2034,SC2317 # tap.sh has check(), which calls what looks unreachable
set -eu
here=$(realpath "$(dirname "$0")")
project=$(realpath "$here/../../..")
folder=$(realpath "$1")
number=$2
source=$folder/source
build=$folder/build
plugin=plugins/tdx-module
version=$(sed -n "s/^  version: '\([^']*\)'.*/\1/p" "$source/meson.build" | head -n 1)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
. "$here/../tap.sh"

# no feature of fwupd that the plugin, its tests and its documentation can do without
options='--prefix=/usr --wrap-mode=nodownload -Dauto_features=disabled -Dwerror=true -Ddebug=false
 -Doptimization=0 -Dtests=true -Dman=true -Ddocs=enabled -Dintrospection=enabled -Dgnutls=enabled
 -Dsystemd=enabled -Dlvfs=disabled -Dmetainfo=false -Dbash_completion=false -Dfish_completion=false
 -Dfirmware-packager=false -Dplugin_uefi_capsule_splash=false -Dvendor_ids_dir=/usr/share/hwdata'

# the names of fwupd 2.1.7 for older ones
use_compat()
{
    mkdir -p "$folder/compat"
    for file in "$here/cc-compat.sh" "$project/contrib/sdk/fu-compat.h"; do
        cmp -s "$file" "$folder/compat/${file##*/}" || cp "$file" "$folder/compat/"
    done
    cc=$folder/compat/cc-compat.sh
}

# fwupd 2.1.7 builds systemd-pcrlock where there is this header, but not with that of systemd 257;
# only in a root that is thrown away
leave_out_pcrlock()
{
    [ "$folder" != /in-tree ] || grep -qs sd_varlink_interface_free /usr/include/systemd/*.h ||
        rm -f /usr/include/systemd/sd-varlink.h
}

# what is kept was made with the same options, by the same tools
configure()
{
    {
        echo "$options" "$cc"
        cc --version
        meson --version
        pkg-config --modversion glib-2.0 gnutls libsystemd xmlb
    } >"$tmp/stamp"
    if ! cmp -s "$tmp/stamp" "$folder/stamp"; then
        rm -rf "$build" "$folder/stamp"
        # shellcheck disable=SC2086 # a list
        CC=$cc meson setup "$build" "$source" $options
        cp "$tmp/stamp" "$folder/stamp"
    fi
}

compile()
{
    ninja -C "$build" src/fwupd src/fwupdmgr src/fwupdtool "$gtype_test" \
        "$plugin/tdx-module-self-test"
}

each_patch()
{
    "$here/each-patch.py" "$build" "$folder/source.steps"
}

built_in()
{
    mkdir -p "$tmp/var/lib/fwupd" "$tmp/var/cache/fwupd"
    FWUPD_LOCALSTATEDIR=$tmp/var FWUPD_LIBDIR_PKG=$tmp \
        "$build/src/fwupdtool" get-plugins --json >"$tmp/plugins"
    /usr/bin/python3 - "$tmp/plugins" <<TEXT
import json, sys
plugins = json.load(open(sys.argv[1]))["Plugins"]
flags = [plugin["Flags"] for plugin in plugins if plugin["Name"] == "tdx_module"]
assert flags == [["ready"]], flags
TEXT
}

self_tests()
{
    meson test -C "$build" --no-rebuild --print-errorlogs tdx-module-self-test
}

# meson sets what it needs, but runs all of the older one's tests
gtypes()
{
    G_DEBUG=fatal-criticals G_MESSAGES_DEBUG=all G_TEST_SRCDIR=$source/src \
        G_TEST_BUILDDIR=$build/src FWUPD_LOCALSTATEDIR=/tmp/fwupd-self-test/var LC_ALL=C.UTF-8 \
        "$build/$gtype_test" -p "$gtype_case" >"$tmp/gtypes" 2>&1 || tail -n 100 "$tmp/gtypes"
    rm -rf /tmp/fwupd-self-test
    grep "^ok .*$gtype_case" "$tmp/gtypes"
    for gtype in FuTdxModuleDevice FuTdxSeamldrDevice FuTdxBlobFirmware FuTdxSigstructFirmware; do
        grep -m 1 "loading $gtype\$" "$tmp/gtypes"
    done
}

documentation()
{
    ninja -C "$build" docs/libfwupdplugin docs/index.html
    page=$build/docs/libfwupdplugin/tdx-module-README.html
    grep 'Plugin: Intel TDX Module' "$page"
    grep 'com.intel.tdx-module' "$page"
    grep 'tdx-module-README.html' "$build/docs/libfwupdplugin/index.html"
}

# the build does not know that the page depends on the plugin
manual()
{
    rm -f "$build/docs/fwupd.conf.5" "$build/docs/fwupd.conf.md"
    ninja -C "$build" docs/fwupd.conf.5 docs/fwupd.conf.md
    grep 'RequireNoGuests=false' "$build/docs/fwupd.conf.5"
    grep 'RequireNoGuests=false' "$build/docs/fwupd.conf.md"
}

sandbox()
{
    grep '^ReadWritePaths=\(.* \)\?-/sys/devices/faux\( .*\)\?$' "$build/data/fwupd.service"
}

upstream_checks()
{
    cd "$source"
    set -- "$plugin"/*.c "$plugin"/*.h
    /usr/bin/python3 -B contrib/ci/check-source.py "$@"
    /usr/bin/python3 -B contrib/ci/check-license.py "$@"
    /usr/bin/python3 -B contrib/ci/check-headers.py
    /usr/bin/python3 -B contrib/ci/check-quirks.py
    /usr/bin/python3 -B contrib/ci/check-potfiles.py
    /usr/bin/python3 -B contrib/ci/check-unused.py "$build/$plugin"
    clang-format --dry-run --Werror "$@"
}

fuzzers()
{
    CC=$cc PYTHONDONTWRITEBYTECODE=1 "$here/fuzzers.py" "$source" "$build" "$tmp/fuzz"
}

# the mock host, what makes images for it, and the test that needs no daemon
test_tools()
{
    mkdir -p "$folder/lib/fwupd-$version"
    ln -sf "$build/libfwupd/libfwupd.so.3" "$folder/lib/"
    ln -sf "$build/libfwupdplugin/libfwupdplugin.so" "$folder/lib/fwupd-$version/"
    [ -f "$folder/sdk/VERSION" ] || "$project/contrib/sdk/make-sdk.sh" --source "$source" \
        --libdir "$folder/lib/fwupd-$version" --output "$folder/sdk"
    { echo "$project" && cat "$tmp/stamp"; } >"$tmp/tools.stamp"
    if ! cmp -s "$tmp/tools.stamp" "$folder/tools.stamp"; then
        rm -rf "$folder/tools" "$folder/tools.stamp"
        meson setup "$folder/tools" "$project" -Dsdk="$folder/sdk"
        cp "$tmp/tools.stamp" "$folder/tools.stamp"
    fi
    ninja -C "$folder/tools" data/tests/make-tdx-blob data/tests/mock-tdx-host data/tests/test-faults
}

# with the libraries of this tree; where there can be no mock host it fails, and shows why
faults()
{
    program=$folder/tools/data/tests/test-faults
    ldd "$program" | tee "$tmp/libraries"
    for library in libfwupd/libfwupd.so.3 libfwupdplugin/libfwupdplugin.so; do
        found=$(sed -n "s,^\t${library#*/} => \(.*\) (0x.*,\1,p" "$tmp/libraries")
        [ "$(realpath "$found")" = "$(realpath "$build/$library")" ]
    done
    rc=0
    "$program" --tap >"$tmp/faults" || rc=$?
    cat "$tmp/faults"
    grep '^ok .* /faults/matrix$' "$tmp/faults"
    return "$rc"
}

# run test_$1.py with the programs of this tree, with no module of the plugin where they look for
# some; the case $2 must not be skipped
project_test()
{
    [ -z "$(find "$folder/tools" -name '*tdx_module*.so')" ]
    PATH=$build/src:$PATH
    for program in fwupdmgr fwupdtool; do
        [ "$(command -v "$program")" = "$build/src/$program" ]
    done
    rc=0
    TDX_FWUPD=$build/src/fwupd TDX_BUILD=$folder/tools TDX_SDK=$folder/sdk \
        /usr/bin/python3 -B "$project/data/tests/test_$1.py" >"$tmp/$1" ||
        rc=$?
    cat "$tmp/$1"
    grep "^ok .* - $2\$" "$tmp/$1"
    return "$rc"
}

# name what a check was made without
skipped()
{
    grep '^ok .*# SKIP' "$tmp/$1" | sed 's/^ok [0-9]* \(- \)\?/# without /' || true
}

gtype_test=src/fu-engine-gtypes-test
gtype_case='/fwupd/engine/gtypes'
cc=cc
compat=
if dpkg --compare-versions "$version" lt 2.1.7; then
    gtype_test=src/fu-self-test
    gtype_case='/fwupd/engine{plugin-gtypes}'
    compat=' with fu-compat.h'
    # emulations are archives, which later ones read by themselves
    options="$options -Dlibarchive=enabled"
    use_compat
fi

leave_out_pcrlock
check "fwupd $version is configured" configure
check "it is built with the plugin$compat, with warnings as errors" compile
[ $failed -eq 0 ] || { plan && exit 1; }
check 'the plugin compiles after each patch' each_patch
check 'the plugin is built in' built_in
check "the plugin's self-tests" self_tests
check "fwupd's test of all types of firmware and devices" gtypes
check "fwupd's documentation has the plugin" documentation
check "fwupd's manual page has its configuration" manual
check 'the daemon may write to the device' sandbox
check "fwupd's own checks of the source" upstream_checks
check 'the fuzzers of OSS-Fuzz' fuzzers
check 'the mock host is built' test_tools
check 'the plugin takes each fault of the kernel as it should' faults
skipped faults
check 'updates of the mock host with fwupdmgr and the daemon of this tree' \
    project_test update UpdateTest.test_mainline
skipped update
check 'recordings are replayed with fwupdtool, and with the daemon, of this tree' \
    project_test emulation OfflineTest.test_update
skipped emulation
plan
exit $failed
