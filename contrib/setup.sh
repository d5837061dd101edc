#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs what the build, the demo and the tests need (Debian 12 or 13, as root), makes the plugin
# SDK, and builds in a folder. Says nothing when there is nothing to do.
set -eu
cd "$(dirname "$0")/.."

case ${1:--h} in
-*)
    echo 'usage: contrib/setup.sh BUILD_FOLDER [MESON_OPTION...]' >&2
    exit 2
    ;;
esac

packages='ca-certificates dbus fuse3 fwupd gcab gcc gir1.2-umockdev-1.0 libc6-dev libfuse3-dev
 libglib2.0-dev libgnutls28-dev libjcat-dev libjson-glib-dev libssl-dev libumockdev-dev libxmlb-dev
 libzstd-dev meson ninja-build openssl pkg-config python3 python3-gi python3-jinja2 tar umockdev
 util-linux xz-utils'
# shellcheck disable=SC2086 # a list
contrib/ci/install.sh $packages

build=$1
shift
sdk=build/sdk
if [ ! -f $sdk/VERSION ] || [ ! -e $sdk/lib/libfwupdplugin.so ]; then
    contrib/sdk/make-sdk.sh
elif command -v dpkg-query >/dev/null &&
    installed=$(dpkg-query -W -f '${source:Upstream-Version}' fwupd) &&
    [ "$(cat $sdk/VERSION)" != "$installed" ]; then
    contrib/sdk/make-sdk.sh
fi
# the log is beside the folder, as there may be none yet
configure()
{
    meson setup "$@" "$build" >"$build.log" || { cat "$build.log" && exit 1; }
    rm "$build.log"
}

made_for=$build/meson-private/setup
wanted="$(cat $sdk/VERSION) $*"
if [ ! -f "$build/build.ninja" ]; then
    mkdir -p "$(dirname "$build")"
    configure "$@"
elif [ "$(cat "$made_for" 2>/dev/null)" != "$wanted" ]; then
    # the folder has more than what ninja has built, such as the SDK and packages
    ninja -C "$build" clean >/dev/null
    meson configure "$build" --clearcache
    configure --reconfigure "$@"
fi
echo "$wanted" >"$made_for"
ninja -n -C "$build" | grep -q 'no work to do' || ninja -C "$build"
