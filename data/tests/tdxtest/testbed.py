#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A mock TDX host with the real fwupd daemon and client on a private D-Bus.

Everything lives in a temporary folder and in a mount namespace of its own, so nothing is left
behind on the machine, whatever happens.
"""

import atexit
import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import List, Optional

import gi
from tdxtest import tap
from tdxtest.fwupdmgr import Client
from tdxtest.images import (
    BUILD,
    QUIRK,
    SOURCE,
    clean_env,
    make_cabinet,
    make_image,
    run,
    signer_of,
    write_quirk,
)

gi.require_version("UMockdev", "1.0")
from gi.repository import Gio, GLib, UMockdev  # pylint: disable=wrong-import-position

FWUPD_NAME = "org.freedesktop.fwupd"
FWUPD = os.environ.get("TDX_FWUPD", "/usr/libexec/fwupd/fwupd")
PRELOAD = os.environ.get("TDX_PRELOAD", "")  # what a plugin built with sanitizers needs
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
  </policy>
</busconfig>
"""
FWUPD_CONFIG = """[fwupd]
DisabledPlugins=cpu;uefi_capsule;uefi_dbx
IdleTimeout=0
UpdateMotd=false
OnlyTrusted={only_trusted}
{config}
"""
REMOTE_CONFIG = """[fwupd Remote]
Enabled=true
Title=TDX modules
MetadataURI=file://{path}
"""
# what `control/writes` has when the kernel was not touched
NO_WRITES = {"loading": 0, "data": 0, "uploads": 0}


@functools.lru_cache(maxsize=None)
def skip_reason() -> Optional[str]:
    """Why a testbed cannot be made here."""
    reason = run(SOURCE / "contrib/ci/needs.sh").strip()
    if reason:
        return reason
    for program in ["unshare", "dbus-daemon", "umockdev-wrapper", "fwupdmgr", "fwupdtool", "gcab"]:
        if shutil.which(program) is None:
            return f"no {program}"
    return None


def enter_namespace() -> None:
    """Runs this program again, with mounts that nobody else sees."""
    if os.environ.get("TDX_NAMESPACE") is None and skip_reason() is None:
        os.environ["TDX_NAMESPACE"] = "1"
        command = ["unshare", "--mount", "--propagation", "private", "umockdev-wrapper"]
        os.execvp(command[0], [*command, sys.executable, "-B", *sys.argv])


def start(*command, **kwargs) -> subprocess.Popen:
    """Starts a program that ends with this one, however this one ends."""
    args = ["setpriv", "--pdeathsig", "TERM", *[str(arg) for arg in command]]
    return subprocess.Popen(args, **{"env": clean_env(), **kwargs})


def start_mock(env: dict, name: str, *args: object) -> subprocess.Popen:
    """Starts a service on the bus of that environment."""
    program = [sys.executable, "-B", SOURCE / "data/tests/tdxtest" / name, *args]
    mock = start(*program, env=env, stdout=subprocess.PIPE, text=True)
    if mock.stdout.readline().strip() != "ready":
        raise RuntimeError(f"{name} did not start")
    return mock


# kept from being collected, which would warn
SERVANTS: List[subprocess.Popen] = []


@functools.lru_cache(maxsize=None)
def start_bus() -> Path:
    """One for all daemons of this program, which ends with it; gives its socket."""
    folder = Path(tempfile.mkdtemp(prefix="tdx-bus-"))
    folder.chmod(0o755)  # ordinary users, too
    atexit.register(shutil.rmtree, folder)
    path = folder / "bus"
    config = folder / "bus.conf"
    config.write_text(BUS_CONFIG.format(path=path), encoding="utf-8")
    # says its address when it can be reached
    args = ["--nofork", f"--config-file={config}", "--print-address"]
    bus = start("dbus-daemon", *args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    bus.stdout.readline()
    env = {**clean_env(), "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={path}"}
    SERVANTS.extend([bus, start_mock(env, "mock_polkit.py")])
    return path


@functools.lru_cache(maxsize=None)
def kept() -> Path:
    """A folder for what the first daemon makes once in its life: a key, and the names of vendors."""
    folder = Path(tempfile.mkdtemp(prefix="tdx-kept-"))
    atexit.register(shutil.rmtree, folder)
    return folder


@functools.lru_cache(maxsize=None)
def connect() -> Gio.DBusConnection:
    """This program, on its bus."""
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
    flags |= Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    address = f"unix:path={start_bus()}"
    return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)


def call(service: str, interface: str, method: str, *args: str):
    """Asks with texts for one value."""
    texts = GLib.Variant(f"({'s' * len(args)})", args)
    where = [service, "/", interface, method]
    return connect().call_sync(*where, texts, None, Gio.DBusCallFlags.NONE, -1, None).unpack()[0]


def has_owner(name: str) -> bool:
    """If that service can be reached."""
    return call("org.freedesktop.DBus", "org.freedesktop.DBus", "NameHasOwner", name)


class MockHost:
    """The mock kernel with the simulated P-SEAMLDR behind it."""

    def __init__(self, mountpoint: Path, *options: str) -> None:
        self.root = mountpoint
        self.root.mkdir()
        self.device = self.root / "sys/devices/faux/tdx_host"
        program = BUILD / "data/tests/mock-tdx-host"
        self.process = start(program, *options, mountpoint, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("the mock TDX host did not start")

    def attr(self, name: str) -> str:
        return (self.device / name).read_text(encoding="utf-8").strip()

    def set(self, **values: str) -> None:
        text = "".join(f"{key.replace('_', '-')}={value}\n" for key, value in values.items())
        (self.root / "control/set").write_text(text, encoding="utf-8")

    def writes(self) -> dict:
        """How often `loading` and `data` were written, and how many uploads reached the kernel."""
        text = (self.root / "control/writes").read_text(encoding="utf-8")
        return {key: int(value) for key, value in (kv.split("=") for kv in text.split())}

    def log(self) -> str:
        return (self.root / "control/log").read_text(encoding="utf-8")

    def received(self) -> bytes:
        return (self.root / "control/received").read_bytes()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()


class Testbed(Client):
    """The mock host, the bus and the daemon."""

    def __init__(
        self,
        *mock_options: str,
        config: str = "",
        only_trusted: bool = True,
        real_paths: bool = False,
    ) -> None:
        """With real_paths the mock is mounted over /sys, and there are no uevents."""
        self.tmp = Path(tempfile.mkdtemp(prefix="tdx-testbed-"))
        self.cabinets = self.tmp / "cabinets"
        self.quirks = self.tmp / "var/lib/fwupd/quirks.d"
        for name in ["cabinets", "images", "etc/fwupd/remotes.d", "etc/pki/fwupd", "run/lock"]:
            (self.tmp / name).mkdir(parents=True)
        for name in ["etc/pki/fwupd-metadata", "var/lib/fwupd/quirks.d", "var/cache/fwupd"]:
            (self.tmp / name).mkdir(parents=True)
        self.daemon: Optional[subprocess.Popen] = None
        self.log = self.tmp / "daemon.log"
        signers = ["--signer=" + signer_of()]
        quirk = QUIRK.read_text(encoding="utf-8")
        signers += [
            "--signer=" + line.split("=")[1].strip()
            for line in quirk.splitlines()
            if line.startswith("TdxModuleSigners")
        ]
        self.mock = MockHost(self.tmp / "host", *signers, *mock_options)
        self.umockdev = None if real_paths else UMockdev.Testbed.new()
        self.mounts = self._mount_mock()
        self.trust(signer_of())
        self._write_config(config, only_trusted)
        self._start_first_daemon()

    def _start_first_daemon(self) -> None:
        """It has what the first of all has made, which took most of that one's time."""
        made = ["lib/fwupd/pki/secret.key", "lib/fwupd/pki/client.pem"]
        made += ["cache/fwupd/quirks.db"]  # not from 2.1 on
        files = {self.tmp / "var" / name: kept() / Path(name).name for name in made}
        (self.tmp / "var/lib/fwupd/pki").mkdir()
        for path, copy in files.items():
            if copy.exists():
                shutil.copy2(copy, path)
        self.start_daemon()
        for path, copy in files.items():
            if path.exists():
                shutil.copy2(path, copy)

    def _mount_mock(self) -> List[str]:
        if self.umockdev is None:
            mounts = {"sys": "/sys", "proc/cpuinfo": "/proc/cpuinfo"}
        else:
            root = self.umockdev.get_root_dir()
            mounts = {"sys": f"{root}/sys", "proc": f"{root}/proc"}
            Path(mounts["proc"]).mkdir(exist_ok=True)
        for source, target in mounts.items():
            run("mount", "--bind", self.mock.root / source, target)
        return list(mounts.values())

    def _write_config(self, config: str, only_trusted: bool) -> None:
        text = FWUPD_CONFIG.format(config=config, only_trusted=str(only_trusted).lower())
        path = self.tmp / "etc/fwupd/fwupd.conf"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o640)
        self.set_remote(self.cabinets)

    def set_remote(self, path: Path) -> None:
        """A folder of cabinets, or the metadata of one; for a daemon that is started later."""
        (self.tmp / "etc/fwupd/remotes.d/tdx.conf").write_text(
            REMOTE_CONFIG.format(path=path), encoding="utf-8"
        )

    def wait_for(self, ready, what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come within {seconds} s")
            time.sleep(0.02)

    @property
    def env(self) -> dict:
        return {
            **clean_env(),
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={start_bus()}",
            "FWUPD_DATADIR_QUIRKS": str(SOURCE / "plugins/tdx-module"),
            "FWUPD_LIBDIR_PKG": str(BUILD / "plugins/tdx-module"),
            "FWUPD_LOCALSTATEDIR": f"{self.tmp}/var",
            "FWUPD_LOCKDIR": f"{self.tmp}/run/lock",
            "FWUPD_MACHINE_KIND": "physical",
            "FWUPD_POLKIT_NOCHECK": "1",
            "FWUPD_RUNDIR": f"{self.tmp}/run",
            "FWUPD_SYSCONFDIR": f"{self.tmp}/etc",
            "LC_ALL": "C.UTF-8",
            "XDG_CACHE_HOME": f"{self.tmp}/var/cache",
        }

    def trust(self, signer: str, name: str = "test-signer") -> None:
        """Lets the plugin take images of another key; it reads this when the daemon starts."""
        write_quirk(self.quirks / f"{name}.quirk", signer)

    @property
    def on_host(self) -> List[str]:
        """What runs a program so that it sees the mock host."""
        command = ["env"]
        preload = [PRELOAD] if PRELOAD else []
        if self.umockdev is not None:
            command.append(f"UMOCKDEV_DIR={self.umockdev.get_root_dir()}")
            preload.append("libumockdev-preload.so.0")
        return [*command, f"LD_PRELOAD={':'.join(preload)}"]

    def fwupdtool(self, *args: str) -> subprocess.CompletedProcess:
        """Does what the daemon does, which must not run then."""
        return self.run_tool(*self.on_host, "fwupdtool", *args)

    def start_daemon(self) -> None:
        with self.log.open("w", encoding="utf-8") as log:
            command = [*self.on_host, FWUPD, "--verbose", "--no-timestamp"]
            self.daemon = start(*command, env=self.env, stdout=log, stderr=log)
        self.wait_for(lambda: self.daemon.poll() is not None or self._is_ready(), "the daemon")
        if self.daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended: {self.daemon_log()[-2000:]}")

    def _is_ready(self) -> bool:
        """It says so before D-Bus knows it, and here nobody starts it on demand."""
        return "ready for requests" in self.daemon_log() and has_owner(FWUPD_NAME)

    def stop_daemon(self, sig: int = signal.SIGTERM) -> None:
        if self.daemon is None:
            return
        daemon, self.daemon = self.daemon, None
        daemon.send_signal(sig)
        try:
            daemon.wait(timeout=30)
        except subprocess.TimeoutExpired as error:
            daemon.kill()
            daemon.wait(timeout=30)
            raise RuntimeError(f"the daemon did not end: {self.daemon_log()[-2000:]}") from error

    def daemon_log(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def device_updates_left(self) -> str:
        for name in ["num_remaining_updates", "seamldr/num_remaining_updates"]:
            if (self.mock.device / name).exists():
                return self.mock.attr(name)
        raise AssertionError("no num_remaining_updates")

    def image(self, name: str, *options: str, **kwargs: Path) -> Path:
        return make_image(self.tmp / "images" / name, *options, **kwargs)

    def cabinet(
        self,
        image: Path,
        version: str,
        fms: List[str],
        folder: Optional[Path] = None,
        **kwargs: str,
    ) -> Path:
        """Packs an image for the remote of this testbed."""
        cabinet = make_cabinet(self.tmp / "images", image, version, fms, **kwargs)
        target = Path(shutil.move(cabinet, (folder or self.cabinets) / cabinet.name))
        if folder is None:
            self.wait_for(lambda: self.has_release(version), f"the release {version}")
        return target

    def set_read_only(self, read_only: bool) -> None:
        """As the sandbox of a systemd unit does."""
        for target in self.mounts:
            run("mount", "-o", f"remount,bind,{'ro' if read_only else 'rw'}", target)

    def hears_uevents(self) -> bool:
        """From 2.1 on fwupd takes them of the kernel only."""
        properties = "org.freedesktop.DBus.Properties"
        return call(FWUPD_NAME, properties, "Get", FWUPD_NAME, "DaemonVersion").startswith("2.0.")

    def load_driver(self) -> None:
        self.mock.set(absent="0")
        self._tell_daemon("add")

    def unload_driver(self) -> None:
        self._tell_daemon("remove")

    def _tell_daemon(self, action: str) -> None:
        """As the kernel does; what fwupd does not hear it sees when it is started again."""
        hears = self.hears_uevents()
        self.umockdev.uevent("/sys/devices/faux/tdx_host", action)
        if action == "remove":
            self.mock.set(absent="1")
        if not hears:
            self.stop_daemon()
            self.start_daemon()

    def stop(self) -> None:
        try:
            self.stop_daemon()
        finally:
            self._clean_up()

    def _clean_up(self) -> None:
        for target in self.mounts:
            run("umount", "--lazy", target)
        self.mock.stop()
        shutil.rmtree(self.tmp)


class TestbedCase(unittest.TestCase):
    """A test that needs a testbed, or says why there is none."""

    def make_testbed(self, *mock_options: str, **kwargs) -> Testbed:
        reason = skip_reason()
        if reason is not None:
            self.skipTest(reason)
        bed = Testbed(*mock_options, **kwargs)
        self.addCleanup(bed.stop)
        return bed


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    enter_namespace()
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    sys.exit(tap.run(sys.modules["__main__"]))
