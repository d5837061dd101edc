#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The part of contrib/upstream/check.sh that runs in its Debian, which is thrown away afterwards. There
# /project is this project, /tree the source of fwupd, and /kept what is kept for the next time.
#
# shellcheck disable=SC1091,SC2317 # tap.sh has check(), which calls what looks unreachable
set -eu
project=/project
source=/kept/source
build=/kept/build
plugin=plugins/tdx-module
version=$(sed -n "s/^  version: '\([^']*\)'.*/\1/p" /tree/meson.build | head -n 1)
. "$project/contrib/ci/tap.sh"

# no feature of fwupd that the plugin, its tests and its documentation can do without
options='--prefix=/usr --wrap-mode=nodownload -Dauto_features=disabled -Dwerror=true -Ddebug=false
 -Doptimization=0 -Dtests=true -Dman=true -Ddocs=enabled -Dintrospection=enabled -Dgnutls=enabled
 -Dsystemd=enabled -Dlvfs=disabled -Dmetainfo=false -Dbash_completion=false -Dfish_completion=false
 -Dfirmware-packager=false -Dplugin_uefi_capsule_splash=false -Dvendor_ids_dir=/usr/share/hwdata'

# the tree with these patches, in which what did not change since the last time keeps its time
apply()
{
    rm -rf "$tmp/tree"
    mkdir "$tmp/tree"
    tar -c -C /tree --exclude=./.git . | tar -x -C "$tmp/tree"
    cd "$tmp/tree"
    git apply "$@"
    rsync -rlp --checksum --delete ./ "$source/"
}

# the device of the next boot is a patch of its own
apply_without_boot()
{
    "$project/contrib/upstream/series.sh" /tree "$tmp/patches"
    apply "$tmp"/patches/000[13]-*.patch
}

apply_all()
{
    apply "$tmp"/patches/000[1-9]-*.patch
    diff -r "$project/$plugin" "$source/$plugin"
}

# what is kept was made with the same options, by the same tools
configure()
{
    { echo "$options" && dpkg-query --show; } >"$tmp/stamp"
    cmp "$tmp/stamp" /kept/stamp || {
        rm -rf "$build" /kept/stamp
        # shellcheck disable=SC2086 # a list
        meson setup "$build" "$source" $options
        cp "$tmp/stamp" /kept/stamp
    }
}

compile()
{
    ninja -C "$build" src/fwupd src/fwupdmgr src/fwupdtool "$plugin/tdx-module-self-test"
}

unit_tests()
{
    meson test -C "$build" --print-errorlogs "$@"
}

# those of the plugin have to be among them
all_types()
{
    G_MESSAGES_DEBUG=all unit_tests "$@"
    types=$(sed -n 's/^G_DECLARE_[A-Z]*_TYPE(\(Fu[A-Za-z]*\(Device\|Firmware\)\),.*/\1/p' \
        "$source/$plugin"/*.h)
    [ -n "$types" ]
    for gtype in $types; do
        grep -a -m 1 "loading $gtype\$" "$build/meson-logs/testlog.txt"
    done
}

# the build does not know that the manual page depends on the plugin
generated()
{
    rm -f "$build/docs/fwupd.conf.5" "$build/docs/fwupd.conf.md"
    ninja -C "$build" docs/libfwupdplugin docs/index.html docs/fwupd.conf.5 docs/fwupd.conf.md
    cd "$build"
    grep 'Plugin: Intel TDX Module' docs/libfwupdplugin/tdx-module-README.html
    grep 'com.intel.tdx-module' docs/libfwupdplugin/tdx-module-README.html
    grep 'tdx-module-README.html' docs/libfwupdplugin/index.html
    grep 'RequireNoGuests=false' docs/fwupd.conf.5
    grep 'RequireNoGuests=false' docs/fwupd.conf.md
    grep '^ReadWritePaths=\(.* \)\?-/sys/devices/faux\( .*\)\?$' data/fwupd.service
}

# as contrib/ci/oss-fuzz.py makes it: without GnuTLS, and only of what is marked for that
fuzzer()
{
    grep 'Fuzzer("tdx-blob", srcdir="tdx-module"),' contrib/ci/oss-fuzz.py
    { sed '/HAVE_GNUTLS/d' "$build/config.h" && echo '#define HAVE_FUZZER'; } >"$tmp/config.h"
    structs=$build/$plugin/libfu_plugin_tdx_module.a.p
    sources=$(sed -n -e "s,^ *'\([^']*\.c\)'.*# fuzzing$,$plugin/\1,p" \
        -e "s,^ *'\([^']*\)\.rs'.*# fuzzing$,$structs/\1-struct.c,p" "$plugin/meson.build")
    for kind in generate firmware; do
        sed -e 's/@FIRMWARENEW@/g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL)/' \
            -e 's/@GTYPE@/FU_TYPE_TDX_BLOB_FIRMWARE/' \
            -e "s,@INCLUDE@,$plugin/fu-tdx-blob-firmware.h," \
            "libfwupdplugin/fu-fuzzer-$kind.c.in" >"$tmp/$kind.c"
        # shellcheck disable=SC2046,SC2086 # lists
        cc -DG_LOG_DOMAIN='"FuPluginTdxModule"' -o "$tmp/$kind" "$tmp/$kind.c" $sources \
            -I"$tmp" -I. -Ilibfwupd -Ilibfwupdplugin -I"$build" -I"$build/libfwupd" \
            -I"$build/libfwupdplugin" -I"$structs" -L"$build/libfwupdplugin" -L"$build/libfwupd" \
            -lfwupdplugin -lfwupd -Wl,-rpath,"$build/libfwupd:$build/libfwupdplugin" \
            $(pkg-config --cflags --libs gio-unix-2.0 gmodule-2.0 json-glib-1.0 libusb-1.0 xmlb) \
            $([ "$kind" = generate ] || echo libfwupdplugin/fu-fuzzer-main.c)
    done
    "$tmp/generate" "$plugin/tests/tdx-blob.builder.xml" "$tmp/seed.bin"
    "$tmp/firmware" "$tmp/seed.bin"
}

# the mock host, what makes images for it, and the test that needs no daemon
test_tools()
{
    mkdir -p "/kept/lib/fwupd-$version"
    ln -sf "$build/libfwupd/libfwupd.so.3" /kept/lib/
    ln -sf "$build/libfwupdplugin/libfwupdplugin.so" "/kept/lib/fwupd-$version/"
    "$project/contrib/sdk/make-sdk.sh" --source "$source" --libdir "/kept/lib/fwupd-$version" \
        --output /kept/sdk
    rm -rf /kept/tools
    meson setup /kept/tools "$project" -Dsdk=/kept/sdk
    ninja -C /kept/tools data/tests/make-tdx-blob data/tests/mock-tdx-host data/tests/test-faults \
        data/tests/test-signer.pem
    [ -z "$(find /kept/tools -name '*tdx_module*.so')" ]
}

# a program that prints TAP, in which the case $1 must not be skipped
tap_test()
{
    wanted=$1
    shift
    rc=0
    "$@" >"$tmp/output" || rc=$?
    cat "$tmp/output"
    grep "^ok .* $wanted\$" "$tmp/output"
    return "$rc"
}

# with the libraries of this tree; where there can be no mock host it fails, and shows why
faults()
{
    program=/kept/tools/data/tests/test-faults
    ldd "$program" | tee "$tmp/libraries"
    [ "$(grep -c 'libfwupd.* => /kept/' "$tmp/libraries")" = 2 ]
    tap_test /faults/matrix "$program" --tap
}

# test_$1.py with the programs of this tree
project_test()
{
    PATH=$build/src:$PATH
    [ "$(command -v fwupdmgr) $(command -v fwupdtool)" = "$build/src/fwupdmgr $build/src/fwupdtool" ]
    tap_test "- $2" env TDX_FWUPD="$build/src/fwupd" TDX_BUILD=/kept/tools TDX_SDK=/kept/sdk \
        /usr/bin/python3 -B "$project/data/tests/test_$1.py"
}

# name what the last check was made without
skipped()
{
    sed -n 's/^ok [0-9]* \(- \)\?\(.*# SKIP\)/# without \2/p' "$tmp/output"
}

# fwupd 2.1.7 builds systemd-pcrlock where there is this header, but not with that of systemd 257
grep -qs sd_varlink_interface_free /usr/include/systemd/*.h ||
    rm -f /usr/include/systemd/sd-varlink.h

check "the patch series goes on top of fwupd $version, without the one for the boot" apply_without_boot
check 'it is configured' configure
[ $failed -eq 0 ] || plan
cd "$source"
check "the plugin's self-test, with warnings as errors" unit_tests tdx-module-self-test
check 'the whole series goes on top' apply_all
check 'it is built with the plugin' compile
[ $failed -eq 0 ] || plan
check "the plugin's self-test" unit_tests tdx-module-self-test
check "fwupd's test of all types of firmware and devices" all_types fu-engine-gtypes-test
check "fwupd's tests of engine, udev, plugins and quirks" unit_tests fu-engine-test \
    fu-engine-udev-test fu-plugin-list-test fwupdplugin-plugin-test fwupdplugin-quirks-test
check "documentation, manual page and the daemon's sandbox have the plugin" generated
set -- meson format --check-only --configuration meson.format
what='meson format changes nothing in the plugin'
if "$@" plugins/bnr-dp/meson.build >/dev/null 2>&1; then
    check "$what" "$@" "$plugin/meson.build"
else
    skip "$what" 'this version of meson does in a file of upstream'
fi
check 'the fuzzer of OSS-Fuzz' fuzzer
check 'the mock host is built, and no module of the plugin but what is built in' test_tools
check 'the plugin takes each fault of the kernel as it should' faults
skipped
check 'updates of the mock host with fwupdmgr and the daemon of this tree' \
    project_test update UpdateTest.test_mainline
skipped
check 'recordings are replayed with fwupdtool, and with the daemon, of this tree' \
    project_test emulation OfflineTest.test_update
skipped
plan
