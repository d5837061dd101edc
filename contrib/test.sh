#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the tests. See usage() below.
set -eu
cd "$(dirname "$0")/.."

usage()
{
    cat <<TEXT
usage: contrib/test.sh [--all | SUITE...]

Builds with warnings as errors and runs the tests of what was built, in minutes: units, device, real
daemon, publishing, mirror and boot. Needs Debian 12 or 13; what is missing there it installs, as root.
The last line counts all tests, and above it is why some were skipped.

  --all  as CI does: those tests at full length, virtual machines, GNOME Firmware, fleets, linters, the
         sanitizers, fuzzing, the Debian package, fwupd with the plugin in it, and both commands of the
         README in a fresh Debian 13
  SUITE  only these of meson's suites, e.g. update
TEXT
}

# meson's suites with the sanitizers, but for those of metadata and desktop, and of what others reach too
sanitizers()
{
    contrib/setup.sh build-sanitize --werror -Db_sanitize=address,undefined -Db_lundef=false \
        -Db_coverage=true
    find build-sanitize -name '*.gcda' -delete
    TDX_CAMPAIGN_POSITIONS=1000 TDX_PRELOAD=$(cc -print-file-name=libasan.so) \
    ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        meson test -C build-sanitize --print-errorlogs --no-suite vm --no-suite choose \
        --no-suite gnome_firmware --no-suite fleet --no-suite monitoring --no-suite mirror \
        --no-suite boot_kill || status=1
    gcovr --root . --filter plugins/tdx-module/ --exclude '.*self-test' build-sanitize
}

# what a stranger does first, with nothing at hand
fresh()
{
    clone=$(mktemp -d)
    git ls-files -z | xargs -0 cp --parents -t "$clone"
    contrib/ci/chroot.sh --plain --bind "$clone:/mnt" 2.0.20 -- \
        sh -euc 'apt-get -qq update && cd /mnt && contrib/try.sh && contrib/test.sh' ||
        status=1
    rm -rf "$clone"
}

everything()
{
    contrib/ci/install.sh ansible-core ansible-lint at-spi2-core gcovr git gnome-firmware imagemagick \
        iproute2 librsvg2-common openssh-server prometheus prometheus-node-exporter xdotool xvfb
    contrib/vm/setup.sh build || status=1
    meson test -C build --print-errorlogs || status=1
    # not judged, but run so that they do not rot
    meson test -C build --benchmark --logbase benchmark --verbose || status=1
    contrib/ci/lint.sh build || status=1
    sanitizers
    contrib/fuzz/run.sh "${TDX_FUZZ_SECONDS:-10}" || status=1
    for flavour in 2.0.20 2.1.7; do
        contrib/ci/check-package.sh $flavour || status=1
    done
    # the first build takes five minutes
    contrib/upstream/check.sh newest || status=1
    fresh
    /usr/bin/python3 -B contrib/ci/count-tests.py build build-sanitize
    contrib/ci/cache.sh --prune 14
}

case $#${1:-} in
1--all) all=yes && shift ;;
1-h | 1--help) usage && exit 0 ;;
*-*) usage >&2 && exit 2 ;;
esac
reason=$(contrib/ci/needs.sh)
[ -z "$reason" ] || echo "tests with the mock host will be skipped: $reason" >&2
status=0

# Intel's own images, where they are at hand
if [ -z "${TDX_MODULE_BLOBS:-}" ] && [ -d ../shared/intel-tdx-blobs ]; then
    TDX_MODULE_BLOBS=$(realpath ../shared/intel-tdx-blobs)
    export TDX_MODULE_BLOBS
fi

# without these, tests of metadata, mirror, FAT and status are skipped
contrib/ci/install.sh appstream bash-completion dosfstools fusefat jcat libxml2-utils mtools \
    python3-jsonschema strace zstd
contrib/setup.sh build --werror
if [ -n "${all:-}" ]; then
    everything
else
    # they wait for daemons much of their time
    # shellcheck disable=SC2046 # a list
    meson test -C build --no-rebuild --setup quick --print-errorlogs --num-processes $((2 * $(nproc))) \
        ${1:+$(printf -- '--suite %s ' "$@")} || status=1
    /usr/bin/python3 -B contrib/ci/count-tests.py build
fi
exit $status
