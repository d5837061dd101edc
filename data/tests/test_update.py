#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Updates with the real fwupd daemon and client on every kind of kernel."""

import unittest
from pathlib import Path

from tdxtest.fwupdmgr import SUCCESS
from tdxtest.images import SOURCE, real_images, to_header_v2
from tdxtest.testbed import NO_WRITES, TestbedCase, main, sha256


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
        self.assertEqual(bed.device()["InstanceIds"], ["TDX\\SERIES_1.5&FMS_806F0"])

        bed.mock.set(install_version="1.5.16")
        bed.cabinet(bed.image("second.bin"), "1.5.16", ["806F0"])
        self.update(bed, "1.5.13", "1.5.16")

        # the newest is running
        left = bed.device_updates_left()
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device_updates_left(), left)

    def test_not_newer(self) -> None:
        """Refused by fwupd, whatever the user asks for, as either would cost an update."""
        bed, _image = self.bed_15("--running=1.5.13", only_trusted=False)
        bed.fwupdmgr("update", check=0)
        same = bed.cabinets / "tdx_module_1.5.16.bin.cab"
        image = bed.image("old.bin", "--version=1.5.13", "--svn=0x010b")
        older = bed.cabinet(image, "1.5.13", ["806F0"], folder=bed.tmp)
        for cabinet in same, older:
            for flags in [], ["--allow-reinstall"], ["--allow-older"], ["--allow-older", "--force"]:
                with self.subTest(cabinet=cabinet.name, flags=flags):
                    done = bed.fwupdmgr("install", str(cabinet), *flags, check=1)
                    self.assertIn("Device only supports version upgrades", done.stdout)
        self.assertEqual(bed.device_updates_left(), "9")
        self.assertEqual(bed.mock.attr("version"), "1.5.16")
        self.assertEqual(bed.mock.writes()["uploads"], 1)

    def test_without_cabinet(self) -> None:
        """There fwupd does not compare versions, and the plugin does not know one."""
        bed = self.make_testbed("--cpu=0xA06D1", "--running=2.0.08", "--seamldr=2.0.00")
        device = bed.device()["DeviceId"]
        bed.stop_daemon()  # it would not see what another program installs
        for version, options in [
            ("2.0.08", ["--embed-version"]),
            ("2.0.05", ["--embed-version"]),
            ("2.1.09", ["--embed-version"]),
            ("2.0.12", []),
        ]:
            with self.subTest(version=version):
                args = [f"--version={version}", "--cpu=0xA06D0", "--svn=0x0306", *options]
                image = bed.image(f"{version}.bin", *args)
                done = bed.fwupdtool("install-blob", str(image), device, "--force")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("use a cabinet archive", done.stdout)
                self.assertEqual(bed.mock.writes(), NO_WRITES)

    def test_last_update(self) -> None:
        bed, _image = self.bed_15("--remaining=1", only_trusted=False)
        self.update(bed, "1.5.06", "1.5.16")
        self.assertNotIn("updatable", bed.device()["Flags"])
        bed.mock.set(install_version="1.5.20")
        image = bed.image("next.bin", "--version=1.5.20", "--svn=0x010c", "--cpu=0x806F8")
        next_cabinet = bed.cabinet(image, "1.5.20", ["806F0"], folder=bed.tmp)
        bed.fwupdmgr("update")
        done = bed.fwupdmgr("install", str(next_cabinet))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("0 updates left until the next full reset", done.stdout)
        self.assertEqual(bed.mock.writes()["uploads"], 1)
        bed.stop_daemon()
        bed.start_daemon()
        self.assertIn("0 updates left until the next full reset", bed.device()["UpdateError"])

    def test_last_update_reason(self) -> None:
        """It is there to read, also if nobody tries the next one."""
        bed, _image = self.bed_15("--remaining=1")
        self.update(bed, "1.5.06", "1.5.16")
        self.assertIn("0 updates left", bed.device().get("UpdateError", ""))

    def test_text(self) -> None:
        """What a user reads before and after."""
        bed, _image = self.bed_15()
        device = bed.device()
        self.assertIn(device["DeviceId"], (SOURCE / "docs/operators.md").read_text("utf-8"))
        self.assertEqual(device["Vendor"], "Intel")
        self.assertEqual(device["VendorIds"], ["PCI:0x8086"])
        self.assertEqual(device["Protocols"], ["com.intel.tdx-module"])
        self.assertEqual(device["InstanceIds"], ["TDX\\SERIES_1.5&FMS_806F0"])
        self.assertEqual(device["VersionBootloader"], "1.5.06")
        self.assertIn("updatable", device["Flags"])
        self.assertIn("only-version-upgrade", device["Flags"])
        self.assertIn("version-check-required", device["Flags"])
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
        for kernel in "v3", "v4":
            with self.subTest(kernel=kernel):
                bed = self.update(image, "1.5.06", "1.5.16", "806F0", f"--kernel={kernel}")
                self.assertEqual(sha256(bed.mock.received()), sha256(image.read_bytes()))
                self.assertEqual(bed.mock.writes()["uploads"], 1)


if __name__ == "__main__":
    main()
