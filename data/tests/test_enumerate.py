#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the real daemon shows of every kind of host."""

from tdxtest.testbed import TestbedCase, main


class EnumerateTest(TestbedCase):
    """A host that cannot be updated is shown, with the reason."""

    def assert_blocked(self, *options: str, reason: str, version: str = "1.5.06") -> dict:
        with self.subTest(options=options):
            bed = self.make_testbed(*options)
            device = bed.device()
            self.assertEqual(device.get("Version"), version)
            self.assertNotIn("updatable", device["Flags"])
            self.assertIn("updatable-hidden", device["Flags"])
            self.assertIn(reason, device["UpdateError"])

            # nobody gets around it
            bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"])
            self.assertEqual(bed.fwupdmgr("update", "--force").returncode, 0)
            cabinet = str(bed.cabinets / "good.bin.cab")
            for flags in ["--force"], ["--force", "--ignore-requirements"]:
                self.assertNotEqual(bed.fwupdmgr("install", cabinet, *flags).returncode, 0)
            self.assertEqual(bed.mock.writes(), {"loading": 0, "data": 0, "uploads": 0})
            return {d["Name"]: d for d in bed.devices()}

    def test_reasons(self) -> None:
        devices = self.assert_blocked("--erratum", reason="SEAMRET_INVD_VMCS")
        self.assertNotIn("P-SEAMLDR", devices)
        self.assert_blocked("--no-upload", reason="no firmware upload")
        self.assert_blocked("--no-seamldr", reason="no version of the P-SEAMLDR")
        self.assert_blocked("--remaining=0", reason="0 updates left")
        self.assert_blocked("--online=0-2", reason="CPU 3 is offline")
        self.assert_blocked("--online=0,2", reason="CPU 1,3 is offline")
        self.assert_blocked("--cpu=0x806F8", "--cpu=0xC06F2", reason="0x806f0, 0xc06f0")
        self.assert_blocked("--vendor=AuthenticAMD", reason="AuthenticAMD")

    def test_lost(self) -> None:
        bed = self.make_testbed("--lost")
        device = bed.device()
        self.assertNotIn("Version", device)
        self.assertIn("TDX module is lost", device["UpdateError"])
        self.assertIn("reboot", device["UpdateError"])

    def test_layouts(self) -> None:
        for kernel in ["v2", "v3", "v4", "v6", "v7", "v8", "v9", "v10", "mainline"]:
            with self.subTest(kernel=kernel):
                bed = self.make_testbed(f"--kernel={kernel}", "--seamldr=2.0.03")
                self.assertIn("updatable", bed.device()["Flags"])
                self.assertEqual(bed.device("P-SEAMLDR")["Version"], "2.0.03")
                names = [d["Name"] for d in bed.devices()]
                self.assertEqual(names, ["P-SEAMLDR", "TDX Module"])

    def test_hotplug(self) -> None:
        """The driver is loaded after fwupd has started, removed, and loaded again."""
        bed = self.make_testbed("--absent")
        self.assertEqual(bed.devices(), [])
        for _ in range(2):
            bed.mock.set(absent="0")
            bed.uevent("add")
            bed.wait_for(lambda: len(bed.devices()) == 2, "the device")
            self.assertEqual(bed.device()["Version"], "1.5.06")
            self.assertIn("updatable", bed.device()["Flags"])
            bed.uevent("remove")
            bed.mock.set(absent="1")
            bed.wait_for(lambda: not bed.devices(), "the removal")

    def test_late_attributes(self) -> None:
        """The kernel announces the device before it has its attributes."""
        bed = self.make_testbed("--absent")
        bed.mock.set(late_attrs_ms="400", absent="0")
        bed.uevent("add")
        bed.wait_for(lambda: len(bed.devices()) == 2, "the device")
        self.assertIn("updatable", bed.device()["Flags"])

    def test_mended(self) -> None:
        """What an operator mends is seen without a restart."""
        bed = self.make_testbed("--online=0-2")
        self.assertIn("CPU 3 is offline", bed.device()["UpdateError"])
        bed.mock.set(online="0-1")
        bed.wait_for(lambda: "CPU 2-3" in bed.device()["UpdateError"], "the other reason")
        bed.mock.set(online="0-3")
        bed.wait_for(lambda: "updatable" in bed.device()["Flags"], "the cure")
        self.assertNotIn("UpdateError", bed.device())

    def test_without_udev_backend(self) -> None:
        """Stock fwupd 2.0.20 beside libusb before 1.0.27 has no udev backend."""
        bed = self.make_testbed("--install-version=1.5.16", real_paths=True)
        self.assertEqual([d["Name"] for d in bed.devices()], ["P-SEAMLDR", "TDX Module"])
        bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"])
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], "1.5.16")


if __name__ == "__main__":
    main()
