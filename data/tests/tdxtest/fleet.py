#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many mock TDX hosts on one machine, each with a real sshd, D-Bus and fwupd.

All of them live in the mount, network and PID namespaces of the test, over a copy of this machine
that has the product installed; nothing is left behind, whatever happens.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Dict, Iterable, List, Optional

from tdxtest import tap
from tdxtest.images import BUILD, QUIRK, clean_env, run, signer_of, write_quirk
from tdxtest.testbed import PRELOAD, MockHost, start

# one host: its own files over those of the machine, the mock's kernel, the system's services
HOST = """
set -eu
hostname "$1"
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/sshd /run/lock
for name in etc var; do
    mkdir -p "$2/$name" "$2/$name.work"
    mount -t overlay overlay "/$name" -o "lowerdir=/$name,upperdir=$2/$name,workdir=$2/$name.work"
done
rm -rf /var/lib/fwupd/pending.db /etc/fwupd/remotes.d/*
mkdir -p /var/lib/fwupd/quirks.d /etc/fwupd/remotes.d
[ "$6" = False ] || cp -r "$3/remotes.d/." /etc/fwupd/remotes.d/
cp "$3/test.quirk" /var/lib/fwupd/quirks.d/
cp "$3/fwupd.conf" /etc/fwupd/fwupd.conf
chmod 640 /etc/fwupd/fwupd.conf
# what somebody has put into root's .bashrc is not for each command of each host
sed -i '/^root:/s,[^:]*$,/bin/sh,' /etc/passwd
[ -z "$5" ] || sed -i "s/^DisabledPlugins=/&$5;/" /etc/fwupd/fwupd.conf
mount --bind "$2/mock/sys" /sys
mount --bind "$2/mock/proc/cpuinfo" /proc/cpuinfo
dbus-daemon --system --nofork --nosyslog &
/usr/sbin/sshd -D -e -f "$3/sshd_config" -o "ListenAddress=$4" -o PidFile=/run/sshd.pid &
echo ready
wait
"""
SSHD_CONFIG = """Port 22
HostKey {folder}/hostkey
AuthorizedKeysFile {folder}/id.pub
StrictModes no
PermitRootLogin yes
UsePAM no
PasswordAuthentication no
MaxStartups 200
UseDNS no
Subsystem sftp internal-sftp
SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
"""
FWUPD_CONFIG = """[fwupd]
DisabledPlugins=cpu;uefi_capsule;uefi_dbx;msr;tpm
IdleTimeout=7200
UpdateMotd=false
OnlyTrusted=true
"""
PROGRAMS = ["unshare", "dbus-daemon", "fwupdmgr", "gcab", "jcat-tool", "zstd", "sshd", "ssh-keygen"]


def skip_reason(*programs: str) -> Optional[str]:
    """Why there can be no fleet here."""
    if os.geteuid() != 0:
        return "not root"
    if not Path("/dev/fuse").exists():
        return "no /dev/fuse"
    if PRELOAD:
        return "D-Bus starts fwupd, and without what a plugin with sanitizers needs"
    for program in [*PROGRAMS, *programs]:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            return f"no {program}"
    return None


def enter_namespace(*programs: str) -> None:
    """Runs this program again, with mounts, processes and a network that nobody else sees."""
    if os.environ.get("TDX_NAMESPACE") is None and skip_reason(*programs) is None:
        os.environ["TDX_NAMESPACE"] = "1"
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.execvp(command[0], [*command, sys.executable, "-B", *sys.argv])


def main(*programs: str) -> None:
    """Runs the tests of a program that needs a fleet, and these programs."""
    enter_namespace(*programs)
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    sys.exit(tap.run(sys.modules["__main__"]))


class Host:
    """A mock host that can be reached with ssh."""

    def __init__(
        self,
        folder: Path,
        name: str,
        address: str,
        *options: str,
        kernel: str,
        disabled: str,
        remotes: bool,
    ) -> None:
        self.name = name
        self.address = address
        self.gone = False
        self.folder = folder / "hosts" / name
        self.folder.mkdir()
        self.mock = MockHost(self.folder / "mock", "--signer=" + signer_of(), *options)
        command = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"]
        # another name for the kernel is all that can be had without another kernel
        command = [*kernel.split(), *command, "--propagation", "private", "sh", "-c", HOST, "sh"]
        with (self.folder / "log").open("w", encoding="utf-8") as log:
            args = [*command, name, self.folder, folder, address, disabled, str(remotes)]
            self.process = start(*args, stdout=log, stderr=log)

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.log()}")
        return "ready\n" in self.log()

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def version(self) -> str:
        """Of the running TDX module, as the kernel says."""
        try:
            return self.mock.attr("version")
        except OSError as error:
            return os.strerror(error.errno)

    def uploads(self) -> int:
        return self.mock.writes()["uploads"]

    def was_touched(self) -> bool:
        return any(self.mock.writes().values())

    def disconnect(self) -> None:
        """As if somebody had pulled the cable, and the plug."""
        self.gone = True
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.disconnect()
        if self.mock.process.poll() is None:
            self.mock.stop()


class Fleet:
    """Hosts that share a remote; each has an address of its own in one private network."""

    def __init__(self, *remotes: str) -> None:
        """With these remotes, each as the text of its configuration."""
        self.folder = Path(tempfile.mkdtemp(prefix="tdx-fleet-"))
        self.hosts: Dict[str, Host] = {}
        # an overlay wants a file system that is not one itself
        run("mount", "-t", "tmpfs", "tmpfs", self.folder)
        for name in ["hosts", "remotes.d", "upper", "work"]:
            (self.folder / name).mkdir()
        run("ip", "link", "set", "lo", "up")
        self._install()
        self._write_config(remotes)
        self.pki = self.folder / "pki"
        self.key = self.folder / "id"
        for name in ["id", "hostkey"]:
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name)

    def _install(self) -> None:
        """Puts what is built where its package would, for this namespace only."""
        env = {**clean_env(), "DESTDIR": str(self.folder / "product")}
        command = ["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"]
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        lower = f"lowerdir={self.folder}/product/usr:/usr"
        run("mount", "-t", "overlay", "overlay", "/usr", "-o", lower)

    def _write_config(self, remotes: List[str]) -> None:
        files = {"sshd_config": SSHD_CONFIG.format(folder=self.folder), "fwupd.conf": FWUPD_CONFIG}
        files.update({f"remotes.d/tdx-{i}.conf": text for i, text in enumerate(remotes)})
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        write_quirk(self.folder / "test.quirk", signer_of())

    def add(
        self,
        name: str,
        *options: str,
        kernel: str = "",
        disabled: str = "",
        remotes: bool = True,
    ) -> Host:
        """Starts a host with these options of the mock; `kernel` is a program that runs it, and
        `disabled` a plugin that fwupd does not load."""
        number = len(self.hosts) + 1
        address = f"127.0.{1 + number // 250}.{1 + number % 250}"
        host = Host(self.folder, name, address, *options, kernel=kernel, disabled=disabled, remotes=remotes)
        self.hosts[name] = host
        return host

    def wait(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not all(host.is_ready() for host in self.hosts.values() if not host.gone):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all hosts were up within {seconds} s")
            time.sleep(0.05)

    def wake(self, hosts: Iterable[Host]) -> None:
        """Lets D-Bus start the daemons, not all at once: it gives up after 25 s."""
        names = [host.name for host in hosts]
        if not self.pki.exists():
            self._wake(names[0])
            self.ssh(names[0], f"cp -r /var/lib/fwupd/pki {self.pki}")
        with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
            list(pool.map(self._wake, names))

    def _wake(self, name: str) -> None:
        # fwupd makes an RSA key at its first start, which takes longer than all the rest of it
        key = f"[ ! -d {self.pki} ] || cp -rn {self.pki} /var/lib/fwupd/"
        for _ in range(5):
            if self.ssh(name, f"{key}; fwupdmgr get-plugins --json").returncode == 0:
                return
        raise RuntimeError(f"fwupd does not answer on {name}: {self.hosts[name].log()}")

    def ssh(self, name: str, *command: str) -> subprocess.CompletedProcess:
        args = ["ssh", "-F", "none", "-i", self.key, "-o", "StrictHostKeyChecking=no"]
        args += ["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        args += [f"root@{self.hosts[name].address}", *command]
        return subprocess.run(
            args, env=clean_env(), stdout=subprocess.PIPE, text=True, timeout=120, check=False
        )

    def stop(self) -> None:
        for host in self.hosts.values():
            host.stop()
        run("umount", "--lazy", "/usr")
        run("umount", "--lazy", self.folder)
        shutil.rmtree(self.folder)
