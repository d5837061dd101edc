#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that the simulated firmware boots what a real one would, as far as it is known."""

import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tdxtest import bootfiles, tap
from tdxtest.bootfiles import BLOB, FIRMWARE, MODULE, SIGSTRUCT, blob_of, mrseam_of, pair_of
from tdxtest.images import PAGE, make_image, real_images, run, signer_of


def patch(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]


def fix_checksum(blob: bytes) -> bytes:
    blob = patch(blob, 2, b"\0\0")
    total = sum(struct.unpack(f"<{len(blob) // 2}H", blob[: len(blob) & ~1])) & 0xFFFF
    return patch(blob, 2, struct.pack("<H", -total & 0xFFFF))


class BootTest(unittest.TestCase):
    """An EFI system partition, and what a boot runs of it."""

    def setUp(self) -> None:
        self.tmp = Path(tempfile.mkdtemp(prefix="mock-boot-"))
        self.addCleanup(shutil.rmtree, self.tmp)
        self.esp = self.tmp / "esp"
        self.folder = self.esp / "EFI/TDX"
        self.folder.mkdir(parents=True)
        self.bios = "--bios=1.5.01"

    def image(self, *options: str) -> bytes:
        return make_image(self.tmp / "image", *options).read_bytes()

    def boot(self, *options: str) -> dict:
        return bootfiles.boot(self.esp, self.bios, *options)

    def check(self, source: str, reason: str, *options: str) -> dict:
        result = self.boot(*options)
        self.assertEqual(result["source"], source, result)
        self.assertIn(reason, result["reason"])
        return result

    def write_loader(self, image: bytes, folder: str = "EFI/intel") -> None:
        files = {"TdxModuleLoader.efi": b"MZ", **blob_of(image)}
        bootfiles.write(self.esp / folder, files)


class PairTest(BootTest):
    """The BIOS, with the files that Intel's guide puts there."""

    def setUp(self) -> None:
        super().setUp()
        self.good = self.image("--svn=0x0107")

    def write(self, image: bytes) -> None:
        bootfiles.write(self.folder, pair_of(image))

    def test_good(self) -> None:
        self.write(self.good)
        result = self.check("pair", "loaded")
        self.assertEqual(result["mrseam"], mrseam_of(self.good))
        self.assertEqual(result["svn"], "0x0107")
        # also on a machine that has never seen another
        self.bios = "--cpu=0xC06F2"
        self.check("pair", "loaded")

    def test_case(self) -> None:
        """A FAT file system has none."""
        self.write(self.good)
        for name in MODULE, SIGSTRUCT:
            (self.folder / name).rename(self.folder / name.lower())
        self.folder.rename(self.esp / "EFI/tdx")
        (self.esp / "EFI").rename(self.esp / "efi")
        self.check("pair", "loaded")

    def test_ignores_files(self) -> None:
        self.write(self.good)
        result = self.check("bios", "ignores files", "--ignores-files")
        self.assertEqual(result["version"], "1.5.01")
        self.assertEqual(result["mrseam"], "")

    def test_missing(self) -> None:
        self.check("bios", "no pair of files")
        self.write(self.good)
        (self.folder / MODULE).unlink()
        self.check("bios", "no pair of files")
        self.write(self.good)
        (self.folder / SIGSTRUCT).unlink()
        self.check("bios", "no pair of files")
        shutil.rmtree(self.esp / "EFI")
        self.check("bios", "no pair of files")
        self.bios = "--seamldr=1.5.06"
        self.check("none", "the BIOS has none")

    def test_mixture(self) -> None:
        """What nobody wants to have on the partition when the power fails."""
        self.write(self.good)
        other = self.image("--version=1.5.13", "--svn=0x010a")
        (self.folder / MODULE).write_bytes(pair_of(other)[MODULE])
        result = self.check("none", "module hash")
        self.assertEqual((result["version"], result["mrseam"]), ("", ""))

    def test_damaged(self) -> None:
        pair = pair_of(self.good)
        flipped = bytes([pair[MODULE][5000] ^ 1])
        for name, data, reason in [
            (MODULE, patch(pair[MODULE], 5000, flipped), "module hash"),
            (MODULE, pair[MODULE] + b"\0" * PAGE, "module hash"),
            (MODULE, pair[MODULE][:-1], "no whole pages"),
            (MODULE, b"", "module hash"),
            (MODULE, b"\0" * PAGE * 497, "497 pages"),
            (SIGSTRUCT, pair[SIGSTRUCT][:-1], "2047 bytes"),
            (SIGSTRUCT, pair[SIGSTRUCT] * 2, "4096 bytes"),
            (SIGSTRUCT, b"", "0 bytes"),
            (SIGSTRUCT, patch(pair[SIGSTRUCT], 600, b"1234"), "RSA signature"),
            (SIGSTRUCT, patch(pair[SIGSTRUCT], 0, b"\x05"), "header_type"),
        ]:
            with self.subTest(name=name, reason=reason):
                self.write(self.good)
                (self.folder / name).write_bytes(data)
                self.check("none", reason)

    def test_seamldr(self) -> None:
        """Its rules for each load."""
        for options, more, reason in [
            (["--debug"], [], "debug module"),
            ([], ["--cpu=0xA06D1"], "CPU 0xA06D1 of socket 0 is not in the table"),
            ([], ["--cpu=0x806F8", "--cpu=0xA06D1"], "socket 1"),
            (["--embed-version"], [], "needs a 2.x P-SEAMLDR"),
            (["--min-update-hv=2", "--module-hv=1"], [], "min_update_hv"),
            (["--gdt-idt-offset=0x8000", "--fault-wrapper-offset=8"], [], "outside of the module"),
        ]:
            with self.subTest(reason=reason):
                self.write(self.image(*options))
                self.check("none", reason, *more)
        self.write(self.image("--embed-version", "--version=1.5.77"))
        result = self.check("pair", "loaded", "--seamldr=2.0.00")
        self.assertEqual(result["version"], "1.5.77")

    def test_no_update(self) -> None:
        """Rules of an update at run time do not hold: there is nothing to take over from."""
        self.write(self.image("--module-hv=7", "--min-update-hv=5"))
        self.check("pair", "loaded")

    def test_signer(self) -> None:
        self.write(self.good)
        command = [FIRMWARE, f"--signer={bootfiles.INTEL}", self.esp]
        self.assertIn("is not trusted", run(*command))
        command = [FIRMWARE, f"--signer={signer_of()}", self.esp]
        self.assertIn("source=pair", run(*command))

    def test_anti_rollback(self) -> None:
        self.write(self.good)
        self.check("pair", "loaded", "--anti-rollback=0x0106")
        self.check("pair", "loaded", "--anti-rollback=0x0107")
        self.check("none", "SVN 0x0107 is lower", "--anti-rollback=0x0108")
        self.check("none", "another major", "--anti-rollback=0x0301")

    def test_real_images(self) -> None:
        folder = real_images()
        if folder is None:
            self.skipTest("no real images, see TDX_MODULE_BLOBS")
        for version, options in [
            ("1.5.01", ["--cpu=0x806F8"]),
            ("1.5.16", ["--cpu=0xC06F2"]),
            ("2.0.08", ["--cpu=0xA06D1", "--seamldr=2.0.01"]),
        ]:
            with self.subTest(version=version):
                image = (folder / f"tdx_module_{version}.blob").read_bytes()
                self.write(image)
                result = self.check("pair", "loaded", *options)
                self.assertEqual(result["version"], version)
                self.assertEqual(result["mrseam"], mrseam_of(image))
                self.check("none", "CPU", "--cpu=0x906A0", *options[1:])
        self.check("none", "needs a 2.x P-SEAMLDR", "--cpu=0xA06D1")

    def test_image(self) -> None:
        """A FAT file system that nobody has to mount."""
        if shutil.which("mkfs.vfat") is None or shutil.which("mcopy") is None:
            self.skipTest("no mkfs.vfat or mcopy")
        self.write(self.good)
        image = self.tmp / "esp.img"
        run("mkfs.vfat", "-C", image, "4096")
        run("mcopy", "-s", "-i", image, self.esp / "EFI", "::")
        result = bootfiles.boot(image)
        self.assertEqual(result["source"], "pair")
        self.assertEqual(result["mrseam"], mrseam_of(self.good))

    def test_usage(self) -> None:
        for args in [
            [],
            [self.tmp / "nowhere"],
            [self.esp, self.esp],
            ["--cpu=806F8", self.esp],
            ["--seamldr=3.0", self.esp],
            ["--anti-rollback=0x10000", self.esp],
            [__file__],
        ]:
            with self.subTest(args=args):
                done = subprocess.run(
                    [FIRMWARE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
                )
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stdout, b"")


class LoaderTest(BootTest):
    """Intel's own UEFI program, which comes later than the BIOS."""

    def setUp(self) -> None:
        super().setUp()
        self.old = self.image("--version=1.5.06", "--svn=0x0106")
        self.new = self.image("--svn=0x010b")

    def test_good(self) -> None:
        self.write_loader(self.new)
        result = self.check("loader", "no pair of files; loader: loaded")
        self.assertEqual(result["mrseam"], mrseam_of(self.new))
        self.assertEqual(
            self.check("loader", "loaded", "--ignores-files")["mrseam"], mrseam_of(self.new)
        )

    def test_over_pair(self) -> None:
        bootfiles.write(self.folder, pair_of(self.old))
        self.write_loader(self.new)
        self.assertEqual(self.check("loader", "pair: loaded")["mrseam"], mrseam_of(self.new))

    def test_older_than_pair(self) -> None:
        """Refused before anything is wiped, so that the other one stays."""
        bootfiles.write(self.folder, pair_of(self.new))
        self.write_loader(self.old)
        result = self.check("pair", "loader: SVN 0x0106 is lower")
        self.assertEqual(result["mrseam"], mrseam_of(self.new))

    def test_without_loader(self) -> None:
        """The file alone does nothing."""
        bootfiles.write(self.esp / "EFI/intel", blob_of(self.new))
        self.check("bios", "no pair of files")
        bootfiles.write(self.folder, blob_of(self.new))
        self.check("bios", "no pair of files")

    def test_without_blob(self) -> None:
        self.write_loader(self.new)
        (self.esp / "EFI/intel" / BLOB).unlink()
        self.check("bios", "loader: no TDX-BLOB")

    def test_checks(self) -> None:
        blob = blob_of(self.new)[BLOB]
        two = patch(blob[:PAGE] + blob[PAGE : 2 * PAGE] * 2 + blob[2 * PAGE :], 4, b"\0\x30\0\0")
        big = blob + b"\0" * PAGE * 493
        for data, reason in [
            (fix_checksum(patch(blob, 0, b"\0\2")), "header version 0x200"),
            (fix_checksum(patch(blob, 8, b"TDX-BLOT")), "signature is not TDX-BLOB"),
            (fix_checksum(patch(blob, 16, struct.pack("<I", len(blob) + 4096))), "length"),
            (blob + b"\0" * 4096, "length"),
            (patch(blob, 2, b"\0\0"), "checksum is wrong"),
            (patch(blob, 9000, bytes([blob[9000] ^ 1])), "checksum is wrong"),
            (fix_checksum(patch(two, 16, struct.pack("<I", len(two)))), "not one sigstruct page"),
            (fix_checksum(patch(big, 16, struct.pack("<I", len(big)))), "497 module pages"),
            (b"TDX", "only 3 bytes"),
            (fix_checksum(patch(blob, PAGE + 8, b"\1")), "header_version"),
        ]:
            with self.subTest(reason=reason):
                self.write_loader(self.new)
                (self.esp / "EFI/intel" / BLOB).write_bytes(data)
                self.check("bios", reason)

    def test_wiped(self) -> None:
        """The hash is looked at too late for the one that ran before."""
        bootfiles.write(self.folder, pair_of(self.old))
        blob = blob_of(self.new)[BLOB]
        self.write_loader(self.new)
        damaged = fix_checksum(patch(blob, 9000, bytes([blob[9000] ^ 1])))
        (self.esp / "EFI/intel" / BLOB).write_bytes(damaged)
        self.check("none", "module hash")

    def test_real_image(self) -> None:
        """Intel's older ones have the header that the loader takes."""
        folder = real_images()
        if folder is None:
            self.skipTest("no real images, see TDX_MODULE_BLOBS")
        image = (folder / "tdx_module_1.5.16.blob").read_bytes()
        self.write_loader(image)
        self.assertEqual((self.esp / "EFI/intel" / BLOB).read_bytes(), image)
        self.assertEqual(self.check("loader", "loaded")["version"], "1.5.16")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    sys.exit(tap.run(sys.modules["__main__"]))
