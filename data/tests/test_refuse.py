#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images that would destroy the running TDX module never reach the kernel."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from tdxtest.fwupdmgr import FAILED, FAILED_TRANSIENT
from tdxtest.images import BUILD, SOURCE, make_image, real_images, run, signer_of
from tdxtest.testbed import NO_WRITES, PRELOAD, TestbedCase, main


class RefuseTest(TestbedCase):
    """The update fails with a reason, and the kernel is not touched."""

    def make_testbed(self, *mock_options: str, **kwargs):
        return super().make_testbed(*mock_options, only_trusted=False, **kwargs)

    def refuse(self, image: Path, version: str, reason: str, bed, fms: str = "806F0") -> None:
        cabinet = bed.cabinet(image, version, [fms], folder=bed.tmp)
        done = bed.fwupdmgr("install", str(cabinet), check=1)
        self.assertIn(reason, done.stdout)
        history = bed.history()[0]
        self.assertIn(history["UpdateState"], [FAILED, FAILED_TRANSIENT])
        self.assertIn(reason, history["UpdateError"])
        self.assertIn(reason, bed.fwupdmgr("get-history", check=0).stdout)
        self.assert_untouched(bed)

    def assert_untouched(self, bed) -> None:
        self.assertEqual(bed.mock.writes(), NO_WRITES)
        self.assertEqual(bed.mock.attr("version"), bed.device()["Version"])
        self.assertIsNone(bed.daemon.poll())

    def assert_fatal(self, bed, image: Path) -> None:
        """The simulated P-SEAMLDR agrees: whoever uploads this by hand loses the TDX module."""
        bed.mock.set(other=f"now:1,{image},0")
        status = bed.mock.device / "firmware/tdx_module/status"
        bed.wait_for(lambda: status.read_text(encoding="utf-8") == "idle\n", "the end")
        with self.assertRaisesRegex(OSError, "No such device or address"):
            bed.mock.attr("version")
        bed.mock.set(lost="0", running="1.5.06")

    def refuse_fatal(self, bed, reason: str, *options: str, **kwargs) -> None:
        with self.subTest(reason=reason):
            image = bed.image("bad.bin", *options, **kwargs)
            self.refuse(image, "1.5.16", reason, bed)
            self.assert_fatal(bed, image)

    def test_self_made(self) -> None:
        """Each is signed, and wrong in one thing."""
        bed = self.make_testbed("--install-version=1.5.16")
        key = bed.tmp / "other.pem"
        run(BUILD / "data/tests/make-tdx-blob", f"--make-key={key}")
        bad = {
            "for the CPUs 0xc06f0": ["--cpu=0xC06F0"],
            "debug-signed": ["--debug"],
            "attributes was not valid": ["--poke-sigstruct=0x3b6=01"],
            "reserved0 was not valid": ["--poke-sigstruct=0x28=01"],
            "signature does not match": ["--poke-image=0x1204=0102", "--fix-checksum"],
            "SHA-384 of the module": ["--poke-image=0x2000=0102", "--fix-checksum"],
            "SVN of the image is 0x0105": ["--svn=0x0105"],
            "SVN of the image is 0x0210": ["--svn=0x0210"],
        }
        for reason, options in bad.items():
            self.refuse_fatal(bed, reason, *options)
        self.refuse_fatal(bed, f"signed with the key {signer_of(key)}", key=key)

    def test_checksum(self) -> None:
        """Intel's boot loader looks at it, Linux does not."""
        bed = self.make_testbed("--install-version=1.5.16")
        image = bed.image("bad.bin", "--poke-image=0x2=0102")
        self.refuse(image, "1.5.16", "sum of all 16-bit words of the image", bed)

    def test_handoff(self) -> None:
        """The running TDX module has the handoff version 0."""
        bed = self.make_testbed("--install-version=1.5.16")
        self.refuse_fatal(bed, "handoff versions 1 to 1", "--module-hv=1", "--min-update-hv=1")
        self.refuse_fatal(bed, "handoff versions 2 to 65535", "--module-hv=65535", "--min-update-hv=2")
        self.refuse_fatal(bed, "min_update_hv is 1", "--module-hv=0", "--min-update-hv=1")
        bed.cabinet(bed.image("good.bin", "--module-hv=2", "--min-update-hv=0"), "1.5.16", ["806F0"])
        bed.fwupdmgr("update", check=0)

    def test_offsets(self) -> None:
        """Of the tables in the module of four pages."""
        bed = self.make_testbed("--install-version=1.5.16")
        for gdt_idt, fault_wrapper in [
            (0x0, 0x100),
            (0x1000, 0x0),
            (0x1004, 0x100),
            (0x800, 0x100),
            (0x4000, 0x100),
            (0xFFFFF000, 0x100),
            (0x1000, 0x3E01),  # it is a table of 512 bytes
            (0x1000, 0x4000),
            (0x1000, 0xFFFFFFFF),
        ]:
            options = [f"--gdt-idt-offset={gdt_idt}", f"--fault-wrapper-offset={fault_wrapper}"]
            reason = f"gdt_idt_offset is 0x{gdt_idt:x} and fault_wrapper_offset 0x{fault_wrapper:x}"
            self.refuse_fatal(bed, reason, *options)
        good = bed.image("good.bin", "--gdt-idt-offset=0x3000", "--fault-wrapper-offset=0x3e00")
        bed.cabinet(good, "1.5.16", ["806F0"])
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def test_sizes(self) -> None:
        bed = self.make_testbed("--install-version=1.5.16")
        good = bed.image("good.bin").read_bytes()
        bad = {
            "truncated": (good[:-1], "in whole pages"),
            "page missing": (good[:-4096], "0x6000 bytes, expected 0x5000 as the file has"),
            "trailing byte": (good + b"\0", "in whole pages"),
            "trailing page": (good + bytes(4096), "0x6000 bytes, expected 0x7000 as the file has"),
            "header only": (good[:4096], "in whole pages"),
            "no module": (good[:8192], "in whole pages"),
            "too big": (good + bytes(4096 * 500), "too large"),
        }
        for name, (data, reason) in bad.items():
            with self.subTest(name=name):
                image = bed.tmp / "images/bad.bin"
                image.write_bytes(data)
                self.refuse(image, "1.5.16", reason, bed)

    def test_empty(self) -> None:
        """Fwupd refuses this by itself, before it is written to the history."""
        bed = self.make_testbed()
        image = bed.tmp / "images/bad.bin"
        image.write_bytes(b"")
        cabinet = bed.cabinet(image, "1.5.16", ["806F0"], folder=bed.tmp)
        self.assertIn("size 0x0", bed.fwupdmgr("install", str(cabinet), check=1).stdout)
        self.assert_untouched(bed)

    def test_versions(self) -> None:
        """What the metadata says has to be what the image is."""
        bed = self.make_testbed("--cpu=0xA06D1", "--running=2.0.04", "--seamldr=2.0.00")
        image = bed.image(
            "bad.bin", "--version=2.0.05", "--embed-version", "--svn=0x0304", "--cpu=0xA06D0"
        )
        self.refuse(image, "2.0.08", "version of the release is '2.0.08', expected 2.0.05", bed, "A06D0")
        image = bed.image(
            "bad.bin", "--version=2.0.08", "--embed-version", "--svn=0x0303", "--cpu=0xA06D0"
        )
        self.refuse(image, "2.0.08", "SVN of the image is 0x0303", bed, "A06D0")

    def test_old_seamldr(self) -> None:
        bed = self.make_testbed("--cpu=0xA06D1", "--running=2.0.04", "--seamldr=1.5.06")
        image = bed.image("bad.bin", "--version=2.0.08", "--embed-version", "--cpu=0xA06D0")
        self.refuse(image, "2.0.08", "P-SEAMLDR is 1.5.06", bed, "A06D0")

    def test_unknown_svn(self) -> None:
        """Of a running version that nobody knows, the SVN is at least that of the one before it."""
        bed = self.make_testbed("--running=1.5.15", "--running-svn=0x010a")
        self.refuse(bed.image("bad.bin", "--svn=0x0109"), "1.5.16", "at least 0x010a", bed)
        bed = self.make_testbed("--running=1.5.90", "--running-svn=0x0110")
        image = bed.image("bad.bin", "--version=1.5.91", "--svn=0x010e")
        self.refuse(image, "1.5.91", "at least 0x010f", bed)

    def test_cpu_offline_meanwhile(self) -> None:
        bed = self.make_testbed("--install-version=1.5.16")
        bed.mock.set(online="0-2")
        self.refuse(bed.image("good.bin"), "1.5.16", "CPUs 0-2 are online", bed)

    def test_wrong_protocol(self) -> None:
        bed = self.make_testbed()
        image = bed.image("good.bin")
        cabinet = bed.cabinet(
            image, "1.5.16", ["806F0"], folder=bed.tmp, protocol="org.usb.dfu"
        )
        done = bed.fwupdmgr("install", str(cabinet), check=1)
        self.assertIn("needs protocol org.usb.dfu", done.stdout)
        self.assert_untouched(bed)

    def test_flipped_bit(self) -> None:
        """In each part of a real image."""
        folder = real_images()
        if folder is None:
            self.skipTest("no real images, see TDX_MODULE_BLOBS")
        bed = self.make_testbed()
        good = (folder / "tdx_module_1.5.16.blob").read_bytes()
        for offset, reason in {
            20: "reserved was not valid",
            4096 + 520: "signature does not match",
            4096 + 2048: "padding was not valid",
            len(good) - 1: "sum of all 16-bit words",
        }.items():
            with self.subTest(offset=offset):
                data = bytearray(good)
                data[offset] ^= 0x10
                image = bed.tmp / "images/bad.bin"
                image.write_bytes(data)
                self.refuse(image, "1.5.16", reason, bed)


class HugeTest(unittest.TestCase):
    """Sizes are checked before memory is used."""

    @unittest.skipIf(PRELOAD, "the sanitizers need more address space than this allows")
    def test_3gib(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            image = make_image(Path(folder) / "huge.bin")
            os.truncate(image, 3 * 1024**3)
            command = ["fwupdtool", "firmware-parse", str(image), "tdx-blob"]
            done = subprocess.run(
                ["/bin/sh", "-c", 'ulimit -v 2000000; exec "$@"', "sh", *command],
                env={
                    "PATH": "/usr/bin:/bin",
                    "FWUPD_LIBDIR_PKG": str(BUILD / "plugins/tdx-module"),
                    "FWUPD_DATADIR_QUIRKS": str(SOURCE / "plugins/tdx-module"),
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "too large .3.2.GB, limit 2.0.MB")


if __name__ == "__main__":
    main()
