#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds with warnings as errors and runs all tests: once as shipped, also in virtual machines, and
# once with the sanitizers, but for those of metadata and desktop. Then fuzzes each parser for a
# minute, tries the Debian package, and builds fwupd with the plugin in it.
set -eu
cd "$(dirname "$0")/.."
status=0

# Intel's own images, where they are at hand
if [ -z "${TDX_MODULE_BLOBS:-}" ] && [ -d ../shared/intel-tdx-blobs ]; then
    TDX_MODULE_BLOBS=$(realpath ../shared/intel-tdx-blobs)
    export TDX_MODULE_BLOBS
fi

# without these, tests of metadata, mirror, FAT, desktop, fleet and monitoring are skipped
contrib/ci/install.sh appstream at-spi2-core bash-completion dosfstools fusefat gnome-firmware imagemagick \
    jcat librsvg2-common mtools prometheus python3-jsonschema strace xdotool xvfb zstd \
    ansible-core ansible-lint iproute2 openssh-server prometheus-node-exporter
contrib/setup.sh build --werror
contrib/vm/setup.sh build || status=1
meson test -C build --print-errorlogs || status=1
# not judged, but run so that they do not rot
meson test -C build --benchmark --verbose || status=1
contrib/ci/lint.sh build || status=1

contrib/setup.sh build-sanitize --werror -Db_sanitize=address,undefined -Db_lundef=false \
    -Db_coverage=true
find build-sanitize -name '*.gcda' -delete
TDX_CAMPAIGN_POSITIONS=1000 \
TDX_PRELOAD=$(cc -print-file-name=libasan.so) \
ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 \
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    meson test -C build-sanitize --print-errorlogs --no-suite vm --no-suite choose \
    --no-suite gnome_firmware || status=1
gcovr --root . --filter plugins/tdx-module/ --exclude '.*self-test' build-sanitize

for engine in '' --afl; do
    # shellcheck disable=SC2086 # empty or an option
    contrib/fuzz/run.sh $engine "${TDX_FUZZ_SECONDS:-60}" || status=1
done

for flavour in 2.0.20 2.1.7; do
    contrib/ci/check-package.sh $flavour || status=1
done

# the first build of each takes five minutes
contrib/upstream/check.sh 2.0.20 || status=1
contrib/upstream/check.sh --if-built newest || status=1

/usr/bin/python3 -B contrib/ci/count-tests.py build build-sanitize
contrib/ci/cache.sh --prune 14
exit $status
