#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reboots: the TDX module of the BIOS is back, and the release that was installed is applied."""

import shutil
import subprocess
import time
from pathlib import Path

import guest
from guest import GuestCase, client, run

BIOS = "1.5.06"
NEW = "1.5.16"
UNIT = "tdx-module-reapply.service"
STORE_PATH_UNIT = "tdx-module-store.path"
STORE_UNIT = "tdx-module-store.service"
STATE = Path("/var/lib/tdx-module")
KEPT = Path("/var/lib/tdx-test/kept")
SEEN = Path("/var/lib/tdx-test/seen")
# stands for what starts guests
LIBVIRTD = f"""[Unit]
Description=What the virtual machine manager finds

[Service]
Type=oneshot
ExecStart=sh -c 'cp {guest.DEVICE}/version {SEEN}'

[Install]
WantedBy=multi-user.target
"""
# unsigned cabinets are trusted without it only as long as a remote has them
TRUST_UNSIGNED = """[fwupd]
OnlyTrusted=false
"""


def set_bios(version: str) -> None:
    """What the next boots start with."""
    options = f"bios_version={version} install_version={NEW}\n"
    Path("/etc/tdx-host").write_text(options, encoding="utf-8")


def cabinet() -> Path:
    (path,) = STATE.glob("*.cab")
    return path


def journal(unit: str = UNIT) -> str:
    """Of this boot."""
    return run("journalctl", "--boot", "--output=cat", f"--unit={unit}")


class BootCase(GuestCase):
    """The machine has come up."""

    def assert_booted(self, version: str, updates_left: str) -> None:
        """Whatever has happened, the boot is fine, and guests are started on this version."""
        self.assertEqual(guest.attr("version"), version)
        self.assertEqual(guest.attr("num_remaining_updates"), updates_left)
        self.assertEqual(SEEN.read_text(encoding="utf-8").strip(), version)
        SEEN.unlink()
        self.assertEqual(run("systemctl", "--failed", "--plain", "--no-legend"), "")
        self.assertNotIn("ordering cycle", run("journalctl", "--boot", "--output=cat"))


class UpdateTest(BootCase):
    """An update from a remote is stored by itself, then the remote is gone."""

    def test_update(self) -> None:
        enabled = subprocess.run(
            ["systemctl", "is-enabled", UNIT], stdout=subprocess.PIPE, text=True, check=False
        )
        self.assertEqual(enabled.stdout.strip(), "disabled")
        self.assert_packaged(UNIT, STORE_PATH_UNIT, STORE_UNIT)
        set_bios(BIOS)
        Path("/etc/systemd/system/libvirtd.service").write_text(LIBVIRTD, encoding="utf-8")
        run("systemctl", "enable", "libvirtd.service")
        run("systemctl", "enable", "--now", UNIT)
        self.assertEqual(guest.unit_property(STORE_PATH_UNIT, "ActiveState"), "active")
        guest.load_driver()
        guest.make_remote()
        self.wait_for_device(BIOS)
        guest.offer("made-1.5.16.bin")
        self.wait_for_release(NEW)
        client.fwupdmgr("update", check=0)
        self.assertEqual(guest.attr("version"), NEW)
        guest.wait_for(lambda: list(STATE.glob("*.cab")), "the stored release")

        # the end of fwupd is not a reason to start it again
        guest.wait_for(
            lambda: guest.unit_property(STORE_UNIT, "ActiveState") == "inactive",
            "the end of storing",
        )
        self.assertIn(f"stored TDX module {NEW}", journal(STORE_UNIT))
        guest.stop_daemon()
        time.sleep(10)
        self.assertNotEqual(guest.unit_property("fwupd.service", "ActiveState"), "active")

        self.assertEqual(guest.unit_property(STORE_PATH_UNIT, "ActiveState"), "active")
        shutil.rmtree(guest.REMOTE)
        Path("/etc/fwupd/remotes.d/test.conf").unlink()
        Path("/etc/fwupd/fwupd.conf").write_text(TRUST_UNSIGNED, encoding="utf-8")


class RebootTest(BootCase):
    """It is back, before the virtual machine manager starts, for one update."""

    def test_reboot(self) -> None:
        self.assert_booted(NEW, "9")
        self.assertIn(f"TDX module {NEW} has been applied again, {BIOS} was running", journal())
        self.assertEqual(guest.uploads(), 1)
        run("systemctl", "restart", UNIT)
        self.assertIn(f"nothing to do: TDX module {NEW} is running", journal())
        self.assertEqual(guest.uploads(), 1)
        shutil.copy(cabinet(), KEPT)
        data = cabinet().read_bytes()
        cabinet().write_bytes(data[: len(data) // 2])


class DamagedTest(BootCase):
    """A cabinet that is not what it was is not used, nor one that is gone, and the boot goes on."""

    def test_damaged(self) -> None:
        self.assert_booted(BIOS, "10")
        self.assertIn("is damaged", journal())
        path = cabinet()
        path.unlink()
        run("systemctl", "restart", UNIT)
        self.assertIn("No such file or directory", journal())
        self.assertEqual(guest.attr("version"), BIOS)
        shutil.copy(KEPT, path)
        set_bios("1.5.24")


class NewerTest(BootCase):
    """A newer one of the BIOS stays."""

    def test_newer(self) -> None:
        self.assert_booted("1.5.24", "10")
        self.assertIn("nothing to do: TDX module 1.5.24 is running", journal())
        set_bios(BIOS)
        run("systemctl", "disable", "--now", UNIT)
        for unit in UNIT, STORE_PATH_UNIT:
            self.assertEqual(guest.unit_property(unit, "ActiveState"), "inactive")


class DisabledTest(BootCase):
    """Switched off, nothing is applied."""

    def test_disabled(self) -> None:
        self.assert_booted(BIOS, "10")
        self.assertEqual(guest.uploads(), 0)
        self.assertNotIn("TDX module", journal())
        self.assertIn(f"would install {NEW}", run("tdx-module-reapply", "status"))


STAGES = [UpdateTest, RebootTest, DamagedTest, NewerTest, DisabledTest]
