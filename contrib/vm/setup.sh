#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes what contrib/vm/vm.py needs: the kernel, the test driver, and for each fwupd of Debian 13 a
# disk with our package, built for that fwupd. What did not change is not made again. As root.
#
# usage: contrib/vm/setup.sh [BUILD_FOLDER]
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "${1:-build}/vm"
output=$(realpath "${1:-build}/vm")
cache=$(contrib/ci/cache.sh)
guest_packages='dbus dosfstools e2fsprogs fdisk kmod polkitd python3 systemd systemd-sysv udev
 udisks2'

contrib/ci/install.sh e2fsprogs gcab qemu-system-x86 util-linux
mkdir -p "$cache/sdk"
exec 7>"$output/lock"
flock 7
work=$(mktemp -d "$output/setup.XXXXXX")
trap 'rm -rf "$work"' EXIT

# the sources without what is built from them or used by tests only
copy_sources()
{
    mkdir "$1"
    tar -c --exclude-vcs --exclude='./build*' --exclude=__pycache__ --exclude='./contrib/vm/[!R]*' \
        --exclude=./contrib/ci --exclude=./data . | tar -x -C "$1"
}

# the package for flavour $1, in folder $2
make_package()
{
    # shellcheck disable=SC2016 # for the inner shell
    contrib/ci/chroot.sh --bind "$work/source:/source" --bind "$cache/sdk:/sdk" \
        --bind "$2:/output" "$1" debhelper libfuse3-dev -- sh -euc '
        cd /source
        [ -f "/sdk/$1/VERSION" ] || contrib/sdk/make-sdk.sh --output "/sdk/$1"
        export DEB_BUILD_OPTIONS="nocheck parallel=2"
        contrib/debian/build.sh --source "/sdk/$1/source" --output /output' sh "$1"
}

# the disk for flavour $1 with the package of folder $2, there
make_disk()
{
    # shellcheck disable=SC2086 # a list
    contrib/ci/chroot.sh --plain --bind "$PWD/contrib/vm:/run/vm" --bind "$2:/run/output" \
        "$1" $guest_packages -- sh -euc \
        'exec /run/vm/rootfs.sh /run/output/fwupd-plugin-tdx-module_*.deb /run/output/disk'
}

make_flavour()
{
    # shellcheck disable=SC2086 # a list
    key=$(
        contrib/ci/chroot.sh "$1" debhelper libfuse3-dev
        contrib/ci/chroot.sh --plain "$1" $guest_packages
        echo "$sources"
        sha256sum contrib/vm/setup.sh contrib/vm/rootfs.sh
    )
    if [ -f "$output/$1.disk" ] && [ "$(cat "$output/$1.key" 2>/dev/null)" = "$key" ]; then
        return
    fi
    echo "making the package and the disk for fwupd $1"
    mkdir "$work/$1"
    if ! { make_package "$1" "$work/$1" && make_disk "$1" "$work/$1"; } >"$work/$1.log" 2>&1; then
        cat "$work/$1.log"
        exit 1
    fi
    mv "$work/$1/disk" "$output/$1.disk"
    echo "$key" >"$output/$1.key"
}

make_kernel()
{
    kernel=$(contrib/vm/kernel.sh)
    ln -sf "$kernel/vmlinux" "$kernel/tdx-host.ko" "$output"
    ln -sfn "$kernel/modules" "$output"
}

copy_sources "$work/source"
sources=$(cd "$work/source" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
make_kernel 7>&- &
jobs=$!
make_flavour 2.0.20 7>&- &
jobs="$jobs $!"
make_flavour 2.1.7 7>&- &
jobs="$jobs $!"
status=0
for job in $jobs; do
    wait "$job" || status=1
done
exit $status
