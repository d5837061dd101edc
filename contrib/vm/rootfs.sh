#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the disk of the guest from the system that this runs in: a Debian with systemd and fwupd as
# they are shipped, and our package. See contrib/vm/setup.sh.
#
# usage: rootfs.sh PACKAGE.deb IMAGE
set -eu
units=/etc/systemd/system

apt-get -qq install -y --no-install-recommends "$1" >/dev/null
apt-get clean
rm -rf /var/lib/apt/lists/*

echo tdx-host >/etc/hostname
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
mkdir -p /boot/efi /test /etc/systemd/journald.conf.d

# what only costs time here, or waits for a network; each process costs half a second. A test that
# needs udisks2 unmasks it
for unit in apt-daily.timer apt-daily-upgrade.timer dev-hugepages.mount dev-mqueue.mount \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer fwupd-refresh.timer \
    getty@tty1.service ldconfig.service modprobe@configfs.service modprobe@drm.service \
    modprobe@efi_pstore.service modprobe@fuse.service modprobe@sd_mod.service serial-getty@ttyS0.service \
    run-lock.mount sys-fs-fuse-connections.mount sys-kernel-tracing.mount systemd-firstboot.service \
    systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-journal-flush.service \
    systemd-modules-load.service systemd-networkd.service systemd-random-seed.service \
    systemd-remount-fs.service systemd-sysctl.service systemd-sysusers.service \
    systemd-tmpfiles-setup-dev-early.service systemd-tmpfiles-setup-dev.service \
    systemd-udev-load-credentials.service systemd-update-done.service systemd-update-utmp.service \
    systemd-user-sessions.service tmp.mount udisks2.service; do
    ln -sf /dev/null "$units/$unit"
done
mkdir -p /etc/systemd/system-generators
for generator in /usr/lib/systemd/system-generators/*; do
    case $generator in
    *-debug-generator | *-fstab-generator) ;;
    *) ln -s /dev/null "/etc/systemd/system-generators/${generator##*/}" ;;
    esac
done

# to look at all devices takes half of the boot
mkdir -p $units/systemd-udev-trigger.service.d
cat >$units/systemd-udev-trigger.service.d/few.conf <<TEXT
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=block --subsystem-match=faux \\
    --subsystem-match=firmware --subsystem-match=virtio-ports
TEXT

# the journal is then in the file that the host keeps, whatever becomes of this machine
cat >/etc/systemd/journald.conf.d/console.conf <<TEXT
[Journal]
Storage=volatile
ForwardToConsole=yes
MaxLevelConsole=info
RateLimitBurst=0
TEXT

cat >$units/tdx-host.service <<TEXT
[Unit]
Description=Load the test driver at boot, with the options in /etc/tdx-host
DefaultDependencies=no
Before=sysinit.target
ConditionPathExists=/etc/tdx-host

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=sh -c 'exec insmod /test/tdx-host.ko \$(cat /etc/tdx-host)'

[Install]
WantedBy=sysinit.target
TEXT

cat >$units/tdx-test.service <<TEXT
[Unit]
Description=Run the test
After=multi-user.target
FailureAction=poweroff-force

[Service]
Type=exec
ExecStart=/usr/bin/python3 -B /test/run.py

[Install]
WantedBy=multi-user.target
TEXT
systemctl enable -q tdx-host.service tdx-test.service

# what the daemon makes when it is first started, and that takes long here: a key, and a cache
fwupdtool self-sign tdx-host >/dev/null

# an EFI system partition, and behind it this system without what is mounted on it
truncate --size=1G "$2"
sfdisk --quiet "$2" <<TEXT
label: gpt
start=1MiB, size=63MiB, type=uefi
start=64MiB, size=959MiB, type=linux
TEXT
mkfs.vfat -F 32 -s 1 -n ESP --offset 2048 "$2" $((63 << 10)) >/dev/null
mount --bind / /mnt
mke2fs -q -t ext4 -O ^has_journal -L root -E offset=$((64 << 20)) -d /mnt "$2" 959M
