#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the real daemon shows of every kind of host."""

from typing import Optional

from tdxtest.testbed import NO_WRITES, TestbedCase, main


class EnumerateTest(TestbedCase):
    """A host that cannot be updated is shown, with the reason."""

    def assert_shown(self, bed, reason: str, version: Optional[str]) -> None:
        """The device is there, and nobody gets around the reason."""
        device = bed.device()
        self.assertIsNotNone(device)
        self.assertEqual(device.get("Version"), version)
        self.assertNotIn("updatable", device["Flags"])
        self.assertIn("updatable-hidden", device["Flags"])
        self.assertRegex(device["UpdateError"], reason)
        # without a GUID it is not known what there is for it
        known = "Guid" in device
        folder = None if known else bed.tmp
        cabinet = str(bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"], folder=folder))
        bed.fwupdmgr("update", "--force", check=0 if known else 2)
        for flags in [], ["--force"], ["--force", "--ignore-requirements"]:
            self.assertNotEqual(bed.fwupdmgr("install", cabinet, *flags).returncode, 0)
        self.assertEqual(bed.mock.writes(), NO_WRITES)

    def assert_blocked(self, *options: str, reason: str, version: Optional[str] = "1.5.06") -> None:
        with self.subTest(options=options):
            bed = self.make_testbed(*options, only_trusted=False)
            self.assert_shown(bed, reason, version)

    def assert_unreadable(self, attr: str, reason: str, version: Optional[str] = "1.5.06") -> None:
        """A file that cannot be read when the daemon starts."""
        with self.subTest(attr=attr):
            bed = self.make_testbed(only_trusted=False)
            bed.stop_daemon()
            bed.mock.set(attr_errno=attr)
            bed.start_daemon()
            self.assert_shown(bed, reason, version)

    def test_reasons(self) -> None:
        """What lasts until a reset."""
        self.assert_blocked("--erratum", reason="SEAMRET_INVD_VMCS.*install newer microcode")
        self.assert_blocked("--no-upload", reason="no tdx_module in /sys/class/firmware.*Linux 7.2")
        self.assert_blocked("--no-seamldr", reason="no version of the P-SEAMLDR.*Linux 7.2")
        self.assert_blocked("--remaining=0", reason="0 updates left.*reset the host")
        lost = "TDX module is lost, and all TDs with it; only a full reset"
        self.assert_blocked("--lost", reason=lost, version=None)

    def test_unreadable(self) -> None:
        """The reason has the file and its error, and is not that the kernel is too old."""
        eio = "version: .*Input/output error"
        self.assert_unreadable("version:read:EIO", f"running TDX module .*{eio}", version=None)
        self.assert_unreadable("seamldr_version:read:EIO", f"no version of the P-SEAMLDR .*{eio}")
        self.assert_unreadable(
            "num_remaining_updates:read:EIO", "updates left is not known .*Input/output error"
        )

    def test_unknown_cpu(self) -> None:
        """No image is for such a host, but it is shown all the same."""
        self.assert_blocked("--cpu=0x806F8", "--cpu=0xC06F2", reason="0x806f0 and 0xc06f0")
        self.assert_unreadable("cpuinfo:open:ENOENT", "ProcSubset=all.*/proc/cpuinfo")
        self.assert_unreadable("cpuinfo:open:EACCES", "/proc/cpuinfo.*Permission denied")

    def test_layouts(self) -> None:
        for kernel in ["v2", "v3", "v4", "v6", "v7", "v9", "v10", "mainline"]:
            with self.subTest(kernel=kernel):
                bed = self.make_testbed(f"--kernel={kernel}", "--seamldr=2.0.03")
                (device,) = bed.devices()
                self.assertEqual(device["Name"], "TDX Module")
                self.assertEqual(device["VersionBootloader"], "2.0.03")
                self.assertIn("updatable", device["Flags"])

    def test_hotplug(self) -> None:
        """The driver is loaded after fwupd has started, removed, and loaded again."""
        bed = self.make_testbed("--absent")
        self.assertEqual(bed.devices(), [])
        for _ in range(2):
            bed.load_driver()
            bed.wait_for(bed.devices, "the device")
            self.assertEqual(bed.device()["Version"], "1.5.06")
            self.assertIn("updatable", bed.device()["Flags"])
            bed.unload_driver()
            bed.wait_for(lambda: not bed.devices(), "the removal")

    def test_late_attributes(self) -> None:
        """The kernel announces the device before it has its attributes."""
        bed = self.make_testbed("--absent")
        bed.mock.set(late_attrs_ms="400")
        bed.load_driver()
        bed.wait_for(bed.devices, "the device")
        self.assertIn("updatable", bed.device()["Flags"])

    def test_passing(self) -> None:
        """What an operator can mend is no property of the device: the update says it."""
        for online in "0-2", "0,2":
            with self.subTest(online=online):
                bed = self.make_testbed(f"--online={online}", "--install-version=1.5.16")
                bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"])
                self.assertIn("updatable", bed.device()["Flags"])
                self.assertNotIn("UpdateError", bed.device())
                done = bed.fwupdmgr("update", check=1)
                self.assertIn(f"CPUs {online} are online, and an update needs all of 0-3", done.stdout)
                self.assertIn("switch SMT on", done.stdout)
                self.assertEqual(bed.mock.writes(), NO_WRITES)
                self.assertIn("updatable", bed.device()["Flags"])
                bed.mock.set(online="0-3")
                bed.fwupdmgr("update", check=0)
                self.assertEqual(bed.device()["Version"], "1.5.16")
                self.assertNotIn("UpdateError", bed.device())

    def test_without_udev_backend(self) -> None:
        """Stock fwupd 2.0.20 beside libusb before 1.0.27 has no udev backend."""
        bed = self.make_testbed("--install-version=1.5.16", real_paths=True)
        self.assertEqual([d["Name"] for d in bed.devices()], ["TDX Module"])
        bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"])
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], "1.5.16")


if __name__ == "__main__":
    main()
