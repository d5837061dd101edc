#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prints two paths, the kernel of the VM and the test driver for it. What is not there yet is fetched
# and built, which needs Debian 12 or 13 and root.
set -eu
here=$(dirname "$(realpath "$0")")

# of Debian 13's backports: the first series with tdx-host's final ABI
version=7.3.4+deb13-cloud-amd64
mirror=$("$here/../ci/mirror.sh")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=$("$here/../ci/cache.sh")

die()
{
    echo "kernel: $1" >&2
    exit 2
}

# the kernel, and beside it what modules are built with, as the host's own tools may be too old
fetch_kernel()
{
    "$here/../ci/install.sh" debian-archive-keyring mmdebstrap
    echo "fetching Linux $version" >&2
    packages="base-files,binutils,coreutils,dash,diffutils,findutils,grep,make,mawk,sed"
    packages="$packages,linux-binary-$version,linux-headers-$version"
    log=$(mmdebstrap --variant=extract --architectures=amd64 --include="$packages" \
        --aptopt='Acquire::Retries "3"' trixie "$1" - 2>&1 <<SOURCES
deb [signed-by=$keyring] $mirror trixie main
deb [signed-by=$keyring] $mirror trixie-backports main
SOURCES
    ) || {
        echo "$log" >&2
        die "Linux $version could not be fetched, see above: if Debian 13's backports have another \
version now, change it in contrib/vm/kernel.sh"
    }

    # nothing was configured, so there are no alternatives
    ln -sf mawk "$1/usr/bin/awk"
    mkdir -p "$1/mnt"
    chmod 755 "$1"
}

build_driver()
{
    echo "building the test driver" >&2
    cp "$here"/driver/* "$1"
    # shellcheck disable=SC2016 # expanded by the other shell
    unshare --mount sh -euc '
        mount -t proc proc "$1/proc"
        mount --bind "$2" "$1/mnt"
        chroot "$1" make -s -C "/usr/src/linux-headers-$3" M=/mnt W=1 modules >&2
        chroot "$1" strip --strip-debug /mnt/tdx-host.ko
    ' build "$kernel" "$1" "$version" || die "the test driver could not be built, see above"
    chmod 755 "$1"
}

# make $2 by the function $1, beside its final place so that an interrupted run leaves no half one
make_once()
{
    [ ! -d "$2" ] || return 0
    [ "$(id -u)" -eq 0 ] || die "$2 is missing, and only root can make it"
    rm -rf "$cache"/kernel-new.*
    work=$(mktemp -d "$cache/kernel-new.XXXXXX")
    "$1" "$work"
    mv "$work" "$2"
    work=
}

# only one run at a time fetches and builds; the kernel lets go of the lock when it ends
exec 9>"$cache/kernel.lock"
flock 9
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

hash=$(cd "$here" && sha256sum kernel.sh driver/* | sha256sum | cut -c 1-16)
kernel=$cache/kernel-$version
driver=$cache/driver-$version-$hash
make_once fetch_kernel "$kernel"
make_once build_driver "$driver"

echo "$kernel/usr/lib/modules/$version/vmlinuz"
echo "$driver/tdx-host.ko"
