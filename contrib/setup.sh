#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs what the build, the demo and the tests need (Debian 12 or 13, as root), makes the plugin
# SDK, and builds in a folder.
#
# usage: contrib/setup.sh BUILD_FOLDER [MESON_OPTION...]
set -eu
cd "$(dirname "$0")/.."

packages='ca-certificates clang-format dbus fuse3 fwupd gcab gcc gcovr gir1.2-umockdev-1.0 libc6-dev
 libfuse3-dev libglib2.0-dev libgnutls28-dev libjcat-dev libjson-glib-dev libssl-dev
 libumockdev-dev libxmlb-dev libzstd-dev meson ninja-build openssl pkg-config python3 python3-gi
 python3-jinja2 tar umockdev util-linux xz-utils'
# shellcheck disable=SC2086 # a list
contrib/ci/install.sh $packages

installed=$(dpkg-query -W -f '${source:Upstream-Version}' fwupd)
if [ ! -f build/sdk/VERSION ] || [ "$(cat build/sdk/VERSION)" != "$installed" ]; then
    rm -rf build build-sanitize
    contrib/sdk/make-sdk.sh
fi
build=$1
shift
if [ -f "$build/build.ninja" ]; then
    meson configure "$build" "$@"
else
    meson setup "$build" "$@" >/dev/null || { cat "$build/meson-logs/meson-log.txt" && exit 1; }
fi
ninja -C "$build"
