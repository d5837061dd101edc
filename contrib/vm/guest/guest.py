#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine that a test runs on: the test driver, the stock daemon and a remote."""

import hashlib
import json
import shutil
import subprocess
import time
import unittest
from pathlib import Path
from typing import Callable, List, Tuple

from tdxtest.fwupdmgr import Client
from tdxtest.schema import find_differences

TEST = Path("/test")
DEVICE = Path("/sys/devices/faux/tdx_host")
RECORDS = Path("/sys/kernel/debug/tdx_host")
REMOTE = Path("/var/lib/tdx-test/remote")
QUIRKS = Path("/var/lib/fwupd/quirks.d")
DROP_INS = Path("/etc/systemd/system/fwupd.service.d")
CPUINFO = Path("/run/cpuinfo")
SCHEMA = Path("/usr/share/fwupd-plugin-tdx-module/tdx-module-status.schema.json")
PAGE = 4096

client = Client()
client.timeout = 300


def run(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.5)


def unload_driver() -> None:
    if DEVICE.exists():
        run("rmmod", "tdx_host")


def load_driver(**options: str) -> None:
    """Loading the driver is a boot of the host: the module of the BIOS runs."""
    unload_driver()
    defaults = {"bios_version": "1.5.06", "install_version": "1.5.16"}
    params = [f"{key}={value}" for key, value in {**defaults, **options}.items()]
    run("insmod", str(TEST / "tdx-host.ko"), *params)


def attr(name: str) -> str:
    return (DEVICE / name).read_text(encoding="utf-8").strip()


def uploads() -> int:
    return int((RECORDS / "uploads").read_text(encoding="utf-8"))


def images() -> List[str]:
    """The images at hand: ours, and Intel's where the host has them."""
    return sorted(path.name for path in TEST.glob("*.bin"))


def offer(*names: str) -> None:
    """Makes the remote hold the cabinets of these images, and nothing else."""
    shutil.rmtree(REMOTE, ignore_errors=True)
    REMOTE.mkdir(parents=True)
    for name in names:
        shutil.copy(TEST / f"{name}.cab", REMOTE)


def make_remote() -> None:
    """Enables the remote, and lets the plugin take images that are signed by tests."""
    offer()
    Path("/etc/fwupd/remotes.d/test.conf").write_text(
        f"[fwupd Remote]\nEnabled=true\nTitle=Test\nMetadataURI=file://{REMOTE}\n",
        encoding="utf-8",
    )
    QUIRKS.mkdir(parents=True, exist_ok=True)
    shutil.copy(TEST / "test-signer.quirk", QUIRKS)


def unit_property(unit: str, name: str) -> str:
    return run("systemctl", "show", "--value", f"--property={name}", unit).strip()


def stop_daemon() -> None:
    """The next question to the daemon starts it again."""
    run("systemctl", "stop", "fwupd.service")


def replace_cpuinfo(text: str) -> None:
    """Shows the daemon CPUs that this machine has not."""
    CPUINFO.write_text(text, encoding="utf-8")
    stop_daemon()
    run("mount", "--bind", str(CPUINFO), "/proc/cpuinfo")


def restore_cpuinfo() -> None:
    run("umount", "/proc/cpuinfo")
    stop_daemon()


def set_drop_ins(**texts: str) -> None:
    """Changes the unit of the daemon; a drop-in without text is as if it was not installed."""
    shutil.rmtree(DROP_INS, ignore_errors=True)
    DROP_INS.mkdir()
    for name, text in texts.items():
        path = DROP_INS / f"{name.replace('_', '-')}.conf"
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.symlink_to("/dev/null")
    run("systemctl", "daemon-reload")
    stop_daemon()


def remove_drop_ins() -> None:
    if DROP_INS.exists():
        shutil.rmtree(DROP_INS)
        run("systemctl", "daemon-reload")
        stop_daemon()


def ask_status(*options: str) -> Tuple[int, dict]:
    """The exit status of tdx-module-status, and what it says."""
    command = ["tdx-module-status", "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    report = json.loads(done.stdout)
    differences = find_differences(report, json.loads(SCHEMA.read_text(encoding="utf-8")))
    if differences:
        raise AssertionError(f"not as in {SCHEMA}: {differences}")
    return done.returncode, report


class GuestCase(unittest.TestCase):
    """What all tests want to see."""

    def wait_for_device(self, version: str) -> None:
        wait_for(
            lambda: (client.device() or {}).get("Version") == version,
            f"the device with version {version}",
        )

    def wait_for_release(self, version: str) -> None:
        wait_for(lambda: client.has_release(version), f"the release {version}")

    def assert_packaged(self, *units: str) -> None:
        """What runs is what administrators get."""
        paths = run("systemctl", "show", "--value", "--property=FragmentPath", *units).split()
        self.assertEqual(paths, [f"/usr/lib/systemd/system/{unit}" for unit in units])

    def assert_status(self, state: str, exit_status: int) -> dict:
        """What tdx-module-status says, which knows all that it wants to."""
        returncode, report = ask_status()
        self.assertEqual(report["state"], state, report["verdict"])
        self.assertEqual(report["unknown"], [])
        self.assertEqual(returncode, exit_status)
        return report

    def assert_untouched(self, version: str = "1.5.06") -> None:
        """Nothing reached the kernel."""
        self.assertEqual(uploads(), 0)
        self.assertEqual(attr("version"), version)

    def assert_installed(self, name: str) -> None:
        """The driver and the P-SEAMLDR behind it have seen this image, once."""
        pages = sha256((TEST / name).read_bytes()[PAGE:])
        self.assertEqual(uploads(), 1)
        self.assertEqual(sha256((RECORDS / "pages").read_bytes()), pages)
        self.assertEqual(sha256((RECORDS / "data").read_bytes()[PAGE:]), pages)
