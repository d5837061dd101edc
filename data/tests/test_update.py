#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Updates with the real fwupd daemon and client on every kind of kernel."""

import unittest
from pathlib import Path

from tdxtest.fwupdmgr import SUCCESS
from tdxtest.images import real_images, to_header_v2
from tdxtest.testbed import TestbedCase, main, sha256


class UpdateTest(TestbedCase):
    """A newer TDX module arrives in the kernel, in the form that the kernel takes."""

    def update(self, bed, old: str, new: str) -> None:
        left = int(bed.device_updates_left())
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.mock.attr("version"), new)
        self.assertEqual(bed.device()["Version"], new)
        self.assertEqual(int(bed.device_updates_left()), left - 1)
        history = bed.history()[0]
        self.assertEqual(history["UpdateState"], SUCCESS)
        self.assertEqual(history["Version"], old)
        self.assertEqual(history["Releases"][0]["Version"], new)

    def bed_15(self, *options: str, **kwargs):
        bed = self.make_testbed("--cpu=0x806F8", "--install-version=1.5.16", *options, **kwargs)
        image = bed.image("tdx_module_1.5.16.bin", "--header-v1")
        bed.cabinet(image, "1.5.16", ["806F0", "C06F0", "A06F0"])
        return bed, image.read_bytes()

    def test_mainline(self) -> None:
        bed, image = self.bed_15("--kernel=mainline")
        self.update(bed, "1.5.06", "1.5.16")
        self.assertEqual(bed.mock.received(), to_header_v2(image))
        self.assertEqual(bed.mock.writes()["uploads"], 1)

    def test_v9(self) -> None:
        bed, image = self.bed_15("--kernel=v9")
        self.update(bed, "1.5.06", "1.5.16")
        self.assertEqual(bed.mock.received(), to_header_v2(image))

    def test_v4(self) -> None:
        bed, image = self.bed_15("--kernel=v4")
        self.update(bed, "1.5.06", "1.5.16")
        self.assertEqual(bed.mock.received(), image)
        self.assertEqual(bed.mock.writes()["uploads"], 1)

    def test_v3(self) -> None:
        bed, image = self.bed_15("--kernel=v3", "--seamldr-unpadded")
        self.assertTrue((bed.mock.device / "firmware/seamldr_upload").is_dir())
        self.update(bed, "1.5.06", "1.5.16")
        self.assertEqual(bed.mock.received(), image)

    def test_v8(self) -> None:
        """The header of Linux 7.2 is refused once, which costs nothing."""
        bed, image = self.bed_15("--kernel=v8")
        self.update(bed, "1.5.06", "1.5.16")
        self.assertEqual(bed.mock.received(), image)
        self.assertEqual(bed.mock.writes()["uploads"], 2)

    def test_embedded_version(self) -> None:
        bed = self.make_testbed("--cpu=0xA06D1", "--running=2.0.04", "--seamldr=2.0.00")
        cpus = ["--cpu=0xA06D0", "--cpu=0xA06E0"]
        image = bed.image(
            "module.bin", "--version=2.0.08", "--embed-version", "--svn=0x0305", *cpus
        )
        bed.cabinet(image, "2.0.08", ["A06D0", "A06E0"])
        self.update(bed, "2.0.04", "2.0.08")

    def test_two_in_a_row(self) -> None:
        bed = self.make_testbed("--running=1.5.06", "--install-version=1.5.13")
        image = bed.image("first.bin", "--version=1.5.13", "--svn=0x010a")
        bed.cabinet(image, "1.5.13", ["806F0"])
        self.update(bed, "1.5.06", "1.5.13")
        self.assertIn("TDX\\SERIES_1.5&VER_1.5.13", bed.device()["InstanceIds"])
        self.assertNotIn("TDX\\SERIES_1.5&VER_1.5.06", bed.device()["InstanceIds"])

        bed.mock.set(install_version="1.5.16")
        bed.cabinet(bed.image("second.bin"), "1.5.16", ["806F0"])
        self.update(bed, "1.5.13", "1.5.16")

        # the newest is running
        left = bed.device_updates_left()
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device_updates_left(), left)

    def test_reinstall(self) -> None:
        """Refused, as it would cost an update, unless the user asks for just that."""
        bed, _image = self.bed_15()
        bed.fwupdmgr("update", check=0)
        cabinet = str(bed.cabinets / "tdx_module_1.5.16.bin.cab")
        self.assertIn("already installed", bed.fwupdmgr("install", cabinet, check=1).stdout)
        self.assertEqual(bed.device_updates_left(), "9")
        bed.fwupdmgr("install", cabinet, "--allow-reinstall", check=0)
        self.assertEqual(bed.device_updates_left(), "8")
        self.assertEqual(bed.mock.attr("version"), "1.5.16")
        self.assertIn("costs one of the 9 updates", bed.daemon_log())

    def test_downgrade(self) -> None:
        bed = self.make_testbed("--running=1.5.16", only_trusted=False)
        image = bed.image("old.bin", "--version=1.5.13", "--svn=0x010b")
        cabinet = str(bed.cabinet(image, "1.5.13", ["806F0"], folder=bed.tmp))
        done = bed.fwupdmgr("install", cabinet, "--allow-older", check=1)
        self.assertIn("1.5.13 < 1.5.16", done.stdout)
        done = bed.fwupdmgr("install", cabinet, "--allow-older", "--force", check=1)
        # the daemon of fwupd 2.1 does not let a client force anything
        self.assertRegex(done.stdout, "a downgrade at run time is not possible|1.5.13 < 1.5.16")
        self.assertEqual(bed.mock.writes()["uploads"], 0)

    def test_last_update(self) -> None:
        bed, _image = self.bed_15("--remaining=1")
        self.update(bed, "1.5.06", "1.5.16")
        bed.wait_for(lambda: "UpdateError" in bed.device(), "the reason")
        self.assertIn("0 updates left", bed.device()["UpdateError"])

    def test_text(self) -> None:
        """What a user reads before and after."""
        bed, _image = self.bed_15()
        device = bed.device()
        self.assertEqual(device["Vendor"], "Intel")
        self.assertEqual(device["VendorIds"], ["PCI:0x8086"])
        self.assertEqual(device["Protocols"], ["com.intel.tdx-module"])
        self.assertEqual(device["InstanceIds"][0], "TDX\\SERIES_1.5&FMS_806F0")
        self.assertIn("updatable", device["Flags"])
        seamldr = bed.device("P-SEAMLDR")
        self.assertEqual(seamldr["Version"], "1.5.06")
        self.assertEqual(seamldr["InstanceIds"], ["TDX\\SEAMLDR", "TDX\\SEAMLDR&SERIES_1.5"])
        self.assertNotIn("updatable", seamldr["Flags"])
        self.assertIn("1.5.16", bed.fwupdmgr("get-updates", check=0).stdout)
        details = bed.json("get-details", str(bed.cabinets / "tdx_module_1.5.16.bin.cab"))
        self.assertEqual(details["Devices"][0]["Name"], "TDX Module")
        self.assertEqual(details["Devices"][0]["Releases"][0]["Version"], "1.5.16")
        bed.fwupdmgr("update", check=0)
        self.assertIn("1.5.16", bed.fwupdmgr("get-history", check=0).stdout)


class RealImageTest(TestbedCase):
    """The same with Intel's own images, where they are at hand."""

    def image(self, version: str) -> Path:
        folder = real_images()
        if folder is None:
            self.skipTest("no real images, see TDX_MODULE_BLOBS")
        return folder / f"tdx_module_{version}.blob"

    def update(self, image: Path, old: str, new: str, fms: str, *options: str):
        bed = self.make_testbed(f"--running={old}", *options)
        bed.cabinet(image, new, [fms])
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], new)
        self.assertEqual(bed.mock.attr("version"), new)
        return bed

    def test_sapphire_rapids(self) -> None:
        image = self.image("1.5.16")
        bed = self.update(image, "1.5.06", "1.5.16", "806F0", "--cpu=0x806F8")
        expected = to_header_v2(image.read_bytes())
        self.assertEqual(sha256(bed.mock.received()), sha256(expected))
        self.assertEqual(expected[2:4], b"\x3a\xc5")

    def test_granite_rapids(self) -> None:
        image = self.image("2.0.08")
        options = ["--cpu=0xA06D1", "--seamldr=2.0.00"]
        bed = self.update(image, "2.0.04", "2.0.08", "A06D0", *options)
        self.assertEqual(sha256(bed.mock.received()), sha256(to_header_v2(image.read_bytes())))

    def test_old_kernels(self) -> None:
        image = self.image("1.5.16")
        for kernel, uploads in {"v3": 1, "v4": 1, "v8": 2}.items():
            with self.subTest(kernel=kernel):
                bed = self.update(image, "1.5.06", "1.5.16", "806F0", f"--kernel={kernel}")
                self.assertEqual(sha256(bed.mock.received()), sha256(image.read_bytes()))
                self.assertEqual(bed.mock.writes()["uploads"], uploads)


if __name__ == "__main__":
    main()
