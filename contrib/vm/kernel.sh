#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prints three paths: the kernel of the VM, the test driver for it, and a folder with those of its own
# modules that tests need. What is not there yet is fetched and built, which needs Debian 12 or 13 and
# root.
set -eu
here=$(dirname "$(realpath "$0")")

# of Debian 13's backports: the first series with tdx-host's final ABI
version=7.3.4+deb13-cloud-amd64
# what vfat is made of
modules="fs/fat/fat fs/fat/vfat fs/nls/nls_ascii fs/nls/nls_cp437"
mirror=$("$here/../ci/mirror.sh")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
cache=$("$here/../ci/cache.sh")

die()
{
    echo "kernel: $1" >&2
    exit 2
}

# the kernel, and beside it what modules are built with, as the host's own tools may be too old;
# mmdebstrap gives apt a descriptor, which has to be below ten
fetch_kernel()
{
    "$here/../ci/install.sh" debian-archive-keyring mmdebstrap zstd
    echo "fetching Linux $version" >&2
    packages="base-files,binutils,coreutils,dash,diffutils,findutils,grep,make,mawk,sed,sparse"
    packages="$packages,linux-binary-$version,linux-headers-$version,linux-modules-$version"
    log=$(mmdebstrap --variant=extract --architectures=amd64 --include="$packages" \
        --aptopt='Acquire::Retries "3"' trixie "$1" - 2>&1 9>&- <<SOURCES
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
    unpack_kernel "$1/usr/lib/modules/$version"
    keep_modules "$1/usr/lib/modules/$version"
    chmod 755 "$1"
}

# print the number of $2 bytes at $3 in the kernel of folder $1
header()
{
    od -An -t "u$2" -j "$3" -N "$2" "$1/vmlinuz"
}

# QEMU boots this as well, and has no unpacking to emulate: setup_sects, payload_offset and
# payload_length of Linux' boot protocol, without the size behind the payload
unpack_kernel()
{
    start=$((($(header "$1" 1 0x1f1) + 1) * 512 + $(header "$1" 4 0x248)))
    tail -c "+$((start + 1))" "$1/vmlinuz" | head -c "$(($(header "$1" 4 0x24c) - 4))" |
        zstd -dcq >"$1/vmlinux"
}

# all others are not worth their place
keep_modules()
{
    mkdir "$1/kept"
    for module in $modules; do
        mv "$1/kernel/$module.ko.xz" "$1/kept"
    done
    rm -r "$1/kernel"
}

# with sparse, which the headers have no script to find with; it does not know __typeof_unqual__, nor
# that what is behind MODULE_LICENSE() and module_param() is constant
build_driver()
{
    echo "building the test driver" >&2
    cp "$here"/driver/* "$1"
    # shellcheck disable=SC2016 # expanded by the other shell
    unshare --mount sh -euc '
        mount -t proc proc "$1/proc"
        mount --bind "$2" "$1/mnt"
        chroot "$1" make -s -C "/usr/src/linux-headers-$3" M=/mnt W=1 KBUILD_CHECKSRC=1 \
            CF=-D__typeof_unqual__=__typeof__ modules
        chroot "$1" strip --strip-debug /mnt/tdx-host.ko
    ' build "$kernel" "$1" "$version" >"$1/log" 2>&1 || { cat "$1/log" >&2 && die "the test driver \
could not be built, see above"; }
    ! grep -v -e checker-valid.sh -e 'sparse is not' -e 'bad constant expression$' "$1/log" >&2 ||
        die "the test driver was built with what is above"
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

kernel=$cache/kernel-$version-$(sha256sum <"$0" | cut -c 1-8)
hash=$(cd "$here" && sha256sum kernel.sh driver/* | sha256sum | cut -c 1-16)
driver=$cache/driver-$version-$hash
make_once fetch_kernel "$kernel"
make_once build_driver "$driver"

echo "$kernel/usr/lib/modules/$version/vmlinux"
echo "$driver/tdx-host.ko"
echo "$kernel/usr/lib/modules/$version/kept"
