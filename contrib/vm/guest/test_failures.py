#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operator sees when the kernel says no, and on hosts that cannot be updated."""

from pathlib import Path

import guest
from guest import GuestCase, client

IMAGE = "made-1.5.16.bin"
PHASES = ["preparing", "transferring", "programming"]
ERRORS = [
    "hw-error",
    "timeout",
    "user-abort",
    "device-busy",
    "invalid-file-size",
    "read-write-error",
    "flash-wearout",
    "firmware-invalid",
    "unknown-error",
]
PARAMETERS = Path("/sys/module/tdx_host/parameters")


def setUpModule() -> None:  # pylint: disable=invalid-name
    guest.make_remote()
    guest.offer(IMAGE)


def set_parameter(name: str, value: str) -> None:
    (PARAMETERS / name).write_text(f"{value}\n", encoding="utf-8")


def clear_records() -> None:
    (guest.RECORDS / "log").write_text("clear", encoding="utf-8")


class DriverCase(GuestCase):
    """A host that has just been booted."""

    def load(self, **options: str) -> None:
        self.addCleanup(guest.unload_driver)
        guest.load_driver(**options)

    def assert_update_fails(self, *texts: str) -> None:
        done = client.fwupdmgr("update", check=1)
        for text in texts:
            self.assertIn(text, done.stdout)

    def assert_history_has(self, text: str) -> None:
        self.assertIn(text, client.history()[0]["UpdateError"])

    def assert_blocked(self, reason: str) -> None:
        """The device is shown with the reason, and nobody gets around it."""
        guest.wait_for(lambda: reason in (client.device() or {}).get("UpdateError", ""), reason)
        self.assertNotIn("updatable", client.device()["Flags"])
        cabinet = str(guest.REMOTE / f"{IMAGE}.cab")
        done = client.fwupdmgr("install", cabinet, "--force")
        self.assertNotEqual(done.returncode, 0)


class MatrixTest(DriverCase):
    """Each error in each phase: nothing was changed, or everything is lost."""

    def test_matrix(self) -> None:
        self.load()
        self.wait_for_release("1.5.16")
        for phase in PHASES:
            for error in ERRORS:
                with self.subTest(fault=f"{phase}:{error}"):
                    set_parameter("fault", f"{phase}:{error}")
                    clear_records()
                    self.assert_update_fails(f"'{phase}:{error}'", "nothing was changed")
                    self.assertEqual(guest.uploads(), 1)
                    self.assertEqual(guest.attr("version"), "1.5.06")
            self.assert_history_has(f"'{phase}:{ERRORS[-1]}'")
        self.assert_status("failed", 6)
        set_parameter("fault", "")
        client.fwupdmgr("update", check=0)
        self.assertEqual(guest.attr("version"), "1.5.16")

    def test_lost(self) -> None:
        for phase in PHASES:
            with self.subTest(phase=phase):
                self.load(fault=f"{phase}:firmware-invalid", lost="1")
                self.wait_for_release("1.5.16")
                self.assert_update_fails("TDX module is lost", "a full reset of the host", phase)
                self.assert_history_has("TDX module is lost")
                self.assertEqual(guest.uploads(), 1)
                self.assertNotIn("Version", client.device())
                self.assert_blocked("TDX module is lost")
                self.assertEqual(self.assert_status("lost", 10)["resets"], ["module_lost"])
                self.assertEqual(guest.uploads(), 1)

    def test_unexpected_version(self) -> None:
        self.load(wrong_version="1.5.14")
        self.wait_for_release("1.5.16")
        self.assert_update_fails("1.5.14 is running after the update, expected 1.5.16")

    def test_nothing_written(self) -> None:
        self.load(write_zero="1")
        self.wait_for_release("1.5.16")
        self.assert_update_fails("'transferring:read-write-error'", "nothing was changed")


class BlockedTest(DriverCase):
    """Nothing reaches the kernel that the P-SEAMLDR would refuse."""

    def assert_reasons(self, *codes: str) -> None:
        reasons = self.assert_status("blocked", 4)["reasons"]
        self.assertEqual([reason["code"] for reason in reasons], [*codes])

    def test_offline_cpu(self) -> None:
        online = Path("/sys/devices/system/cpu/cpu1/online")
        if not online.exists():
            self.skipTest("there is only one CPU")
        self.load()
        self.wait_for_release("1.5.16")
        self.addCleanup(online.write_text, "1", encoding="utf-8")
        online.write_text("0", encoding="utf-8")
        present = Path("/sys/devices/system/cpu/present").read_text(encoding="utf-8").strip()
        self.assert_reasons("cpu-offline")
        self.assert_update_fails(f"are online, and an update needs all of {present}")
        self.assertIn("updatable", client.device()["Flags"])
        self.assert_untouched()
        online.write_text("1", encoding="utf-8")
        client.fwupdmgr("update", check=0)
        self.assert_installed(IMAGE)

    def test_no_updates_left(self) -> None:
        self.load(remaining="0")
        self.assert_blocked("0 updates left")
        self.assert_reasons("remaining-updates")
        self.assert_untouched()

    def test_erratum(self) -> None:
        """The kernel hides the upload, and only /proc/cpuinfo says why."""
        self.load(erratum="1")
        self.assert_blocked("no version of the P-SEAMLDR")
        self.assertNotIn("VersionBootloader", client.device())
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        guest.replace_cpuinfo(
            "".join(
                f"{line} seamret_invd_vmcs\n" if line.startswith("bugs") else f"{line}\n"
                for line in text.splitlines()
            )
        )
        self.addCleanup(guest.restore_cpuinfo)
        self.assert_blocked("SEAMRET_INVD_VMCS")
        self.assert_reasons("cpu-erratum")
        self.assert_untouched()


class AskTest(DriverCase):
    """What else a host can be for tdx-module-status, before anything has failed on it."""

    def test_others(self) -> None:
        self.load()
        self.addCleanup(guest.offer, IMAGE)
        guest.offer()
        guest.stop_daemon()
        self.wait_for_device("1.5.06")
        self.assert_status("no_release", 5)
        guest.run("systemctl", "kill", "--signal=STOP", "fwupd.service")
        self.addCleanup(guest.run, "systemctl", "kill", "--signal=CONT", "fwupd.service")
        returncode, report = guest.ask_status("--timeout=2")
        self.assertEqual((returncode, report["state"]), (9, "unknown"), report["verdict"])
        guest.run("systemctl", "kill", "--signal=CONT", "fwupd.service")
        guest.offer(IMAGE)
        self.load(bios_version="1.5.24")
        guest.wait_for(lambda: guest.ask_status()[1]["state"] == "newer", "the older release")
        self.assert_status("newer", 0)

    def test_no_plugin(self) -> None:
        self.load()
        config = Path("/etc/fwupd/fwupd.conf")
        text = config.read_text(encoding="utf-8")
        self.addCleanup(guest.stop_daemon)
        self.addCleanup(config.write_text, text, encoding="utf-8")
        config.write_text(f"{text}\n[fwupd]\nDisabledPlugins=tdx_module\n", encoding="utf-8")
        guest.stop_daemon()
        self.assert_status("no_plugin", 7)


class KernelTest(DriverCase):
    """The other kernels that a user may run, and drivers that come and go."""

    def test_layouts(self) -> None:
        for layout, header in ("v3", 1), ("v4", 1), ("v9", 2):
            with self.subTest(layout=layout):
                self.load(layout=layout)
                self.wait_for_release("1.5.16")
                self.assertIn("VersionBootloader", client.device())
                client.fwupdmgr("update", check=0)
                self.assertEqual(client.device()["Version"], "1.5.16")
                self.assertEqual(guest.uploads(), 1)
                self.assertEqual((guest.RECORDS / "data").read_bytes()[:2], bytes([0, header]))

    def test_driver_comes_and_goes(self) -> None:
        self.assertIsNone(client.device())
        daemon = guest.unit_property("fwupd.service", "MainPID")
        for _ in range(2):
            self.load(late_ms="1000")
            self.wait_for_release("1.5.16")
            guest.unload_driver()
            guest.wait_for(lambda: client.device() is None, "the removal")
            self.assert_status("no_tdx", 8)
        self.assertEqual(guest.unit_property("fwupd.service", "MainPID"), daemon)

    def test_driver_goes_during_update(self) -> None:
        """The kernel ends the upload first; what is left is told as it is."""
        self.load(delay_ms="3000")
        self.wait_for_release("1.5.16")
        with client.start_update() as update:
            guest.wait_for(lambda: guest.uploads() == 1, "the upload")
            guest.unload_driver()
            out = update.communicate()[0]
        self.assertNotEqual(update.returncode, 0, out)
        # whichever file is gone first
        self.assertRegex(out, "version .* cannot be read after the update|updates left is not known")
        guest.wait_for(lambda: client.device() is None, "the removal")
