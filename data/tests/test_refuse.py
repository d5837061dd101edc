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
from tdxtest.images import BUILD, SOURCE, make_image, real_images, signer_of
from tdxtest.testbed import PRELOAD, TestbedCase, main


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
        self.assertEqual(bed.mock.writes(), {"loading": 0, "data": 0, "uploads": 0})
        self.assertEqual(bed.mock.attr("version"), bed.device()["Version"])
        self.assertIsNone(bed.daemon.poll())

    def test_self_made(self) -> None:
        bed = self.make_testbed("--install-version=1.5.16")
        key = bed.tmp / "other.pem"
        command = ["openssl", "genrsa", "-out", str(key), "3072"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        bad = {
            "for the CPUs 0xc06f0": ["--cpu=0xC06F0"],
            "debug-signed": ["--debug"],
            "handoff version 1": ["--poke-sigstruct=0x3d8=01000100"],
            "attributes is 0x1": ["--poke-sigstruct=0x3b6=01"],
            "sum of all 16-bit words of the image": ["--poke-image=0x2000=0102"],
            "signature does not match": ["--poke-image=0x1204=0102"],
        }
        for reason, options in bad.items():
            with self.subTest(reason=reason):
                self.refuse(bed.image("bad.bin", *options), "1.5.16", reason, bed)
        with self.subTest(reason="other key"):
            image = bed.image("bad.bin", key=key)
            self.refuse(image, "1.5.16", f"signed with the key {signer_of(key)}", bed)

    def test_sizes(self) -> None:
        bed = self.make_testbed("--install-version=1.5.16")
        good = bed.image("good.bin").read_bytes()
        bad = {
            "truncated": (good[:-1], "whole module pages"),
            "page missing": (good[:-4096], "but the image has 3 module pages"),
            "trailing byte": (good + b"\0", "whole module pages"),
            "trailing page": (good + bytes(4096), "but the image has 5 module pages"),
            "header only": (good[:4096], "whole module pages"),
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
        self.refuse(image, "2.0.08", "image is TDX module 2.0.05", bed, "A06D0")
        image = bed.image(
            "bad.bin", "--version=2.0.08", "--embed-version", "--svn=0x0303", "--cpu=0xA06D0"
        )
        self.refuse(image, "2.0.08", "SVN of the image is 0x0303", bed, "A06D0")

    def test_old_seamldr(self) -> None:
        bed = self.make_testbed("--cpu=0xA06D1", "--running=2.0.04", "--seamldr=1.5.06")
        image = bed.image("bad.bin", "--version=2.0.08", "--embed-version", "--cpu=0xA06D0")
        self.refuse(image, "2.0.08", "P-SEAMLDR is 1.5.06", bed, "A06D0")

    def test_cpu_offline_meanwhile(self) -> None:
        bed = self.make_testbed("--install-version=1.5.16")
        bed.mock.set(online="0-2")
        self.refuse(bed.image("good.bin"), "1.5.16", "CPU 3 is offline", bed)

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
            20: "reserved0 was not valid",
            4096 + 520: "signature does not match",
            4096 + 2048: "padding[0]",
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
