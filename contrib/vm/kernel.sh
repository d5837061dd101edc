#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prints a folder with the kernel of the VM, those of its modules that tests need, and the test driver
# for it. What is not there yet is fetched and built, as root.
set -eu
here=$(dirname "$(realpath "$0")")

# of Debian 13's backports: the first series with tdx-host's final ABI
version=7.3.4+deb13-cloud-amd64
packages="binutils linux-binary-$version linux-headers-$version linux-modules-$version make sparse
 xz-utils zstd"

# the part in Debian 13, where /mnt has the sources of the driver, and gets all the rest
inside()
{
    unpack_kernel "/usr/lib/modules/$version/vmlinuz" >/mnt/vmlinux
    # what vfat is made of
    for module in fs/fat/fat fs/fat/vfat fs/nls/nls_ascii fs/nls/nls_cp437; do
        cp "/usr/lib/modules/$version/kernel/$module.ko.xz" /mnt/modules
    done
    build_driver
}

# print the number of $2 bytes at $3 in the kernel $1
header()
{
    od -An -t "u$2" -j "$3" -N "$2" "$1"
}

# QEMU boots this as well, and has no unpacking to emulate: setup_sects, payload_offset and
# payload_length of Linux' boot protocol, without the size behind the payload
unpack_kernel()
{
    start=$((($(header "$1" 1 0x1f1) + 1) * 512 + $(header "$1" 4 0x248)))
    tail -c "+$((start + 1))" "$1" | head -c "$(($(header "$1" 4 0x24c) - 4))" | zstd -dcq
}

# with sparse, which does not know __typeof_unqual__, nor that what is behind MODULE_LICENSE() and
# module_param() is constant
build_driver()
{
    make -s -C "/usr/src/linux-headers-$version" M=/mnt W=1 KBUILD_CHECKSRC=1 \
        CF=-D__typeof_unqual__=__typeof__ modules >/mnt/log 2>&1 || { cat /mnt/log >&2 && exit 1; }
    if grep -v -e checker-valid.sh -e 'sparse is not' -e 'bad constant expression$' /mnt/log >&2; then
        exit 1
    fi
    strip --strip-debug /mnt/tdx-host.ko
}

if [ "${1:-}" = --inside ]; then
    inside
    exit
fi
cache=$("$here/../ci/cache.sh")
output=$cache/kernel-$version-$(cd "$here" && sha256sum kernel.sh driver/* | sha256sum | cut -c 1-16)
exec 7>"$cache/kernel.lock"
flock 7
# made beside its final place, so that an interrupted run leaves no half one
if [ ! -d "$output" ]; then
    echo "making Linux $version with the test driver" >&2
    rm -rf "$cache"/kernel-new.*
    work=$(mktemp -d "$cache/kernel-new.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/modules"
    cp "$here"/driver/* "$work"
    # shellcheck disable=SC2086 # a list
    "$here/../ci/chroot.sh" --plain --bind "$here:/run/vm" --bind "$work:/mnt" 2.1.7 $packages -- \
        /run/vm/kernel.sh --inside || {
        echo "kernel: that failed, see above; if Debian 13's backports have another version of Linux \
now, change it in contrib/vm/kernel.sh" >&2
        exit 2
    }
    chmod 755 "$work"
    mv "$work" "$output"
    trap - EXIT
fi
echo "$output"
