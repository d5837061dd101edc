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
mkdir -p /test /var/log/journal /etc/systemd/journald.conf.d

# what only costs time here, or waits for a network; each process costs half a second
for unit in apt-daily.timer apt-daily-upgrade.timer dev-hugepages.mount dev-mqueue.mount \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer fwupd-refresh.timer \
    getty@tty1.service ldconfig.service modprobe@configfs.service modprobe@drm.service \
    modprobe@efi_pstore.service modprobe@fuse.service serial-getty@ttyS0.service \
    sys-fs-fuse-connections.mount sys-kernel-tracing.mount systemd-firstboot.service \
    systemd-hwdb-update.service systemd-journal-catalog-update.service \
    systemd-modules-load.service systemd-networkd.service systemd-random-seed.service \
    systemd-sysctl.service systemd-sysusers.service systemd-tmpfiles-setup-dev-early.service \
    systemd-udev-load-credentials.service systemd-update-done.service \
    systemd-update-utmp.service; do
    ln -sf /dev/null "$units/$unit"
done
mkdir -p /etc/systemd/system-generators
for generator in /usr/lib/systemd/system-generators/*; do
    case $generator in
    *-debug-generator | *-fstab-generator) ;;
    *) ln -s /dev/null "/etc/systemd/system-generators/${generator##*/}" ;;
    esac
done

# the journal is then in the file that the host keeps, whatever becomes of this machine
cat >/etc/systemd/journald.conf.d/console.conf <<TEXT
[Journal]
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

# this system without what is mounted on it
mount --bind / /mnt
mke2fs -q -t ext4 -O ^has_journal -L root -d /mnt "$2" 1G
