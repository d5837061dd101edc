#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prints why there can be no mock host here, in one sentence with what to do, or nothing. Changes and
# installs nothing.
set -eu
if [ "$(id -u)" -ne 0 ]; then
    echo 'not root: the mock host is mounted, so run this as root'
elif ! command -v mount >/dev/null; then
    echo 'no mount: apt-get install mount'
elif ! [ -c /dev/fuse ]; then
    echo 'no /dev/fuse: load the module fuse, give a container --device /dev/fuse, or mount /dev in a chroot'
elif ! (: </dev/fuse) 2>/dev/null; then
    echo 'no access to /dev/fuse: give the container --device /dev/fuse'
elif ! mountpoint --quiet /; then
    echo 'no mounts in this chroot, as its folder is no mount point: mount --bind the folder on itself, and chroot again'
elif ! unshare --mount mount -t tmpfs none /mnt 2>/dev/null; then
    echo 'no mounts in a namespace of its own: give the container --cap-add SYS_ADMIN --security-opt apparmor=unconfined'
fi
