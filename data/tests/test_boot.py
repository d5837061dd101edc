#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The TDX module that the next boot loads, with the real daemon and a simulated firmware."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import List, Optional

from tdxtest import bootfiles, testbed
from tdxtest.bootfiles import BLOB, MODULE, SIGSTRUCT, blob_of, mrseam_of, pair_of
from tdxtest.fwupdmgr import FAILED, SUCCESS
from tdxtest.images import BUILD, PAGE, PUBLISHER, QUIRK, SOURCE, make_image, real_images, run
from tdxtest.testbed import NO_WRITES, Testbed, TestbedCase, main, sha256, start_mock, skip_reason

OLD, NEW = "1.5.06", "1.5.16"
SVNS = {"1.5.05": "0x0105", OLD: "0x0106", "1.5.07": "0x0106", "1.5.13": "0x010a", NEW: "0x010b"}
SVNS.update({"1.5.36": "0x01f0", "1.5.40": "0x01f1"})  # of which the plugin knows nothing yet
NEEDS_REBOOT = 4
ON_CPU = "--cpu=0x806F8"
MAP = {
    "tdx_module_releases": [
        {
            "version": version,
            "min_module_version_for_td_preserving": f"{version[:3]}.01",
            "min_seamldr_versions": ["1.5.00", "2.0.00"],
            "strict_compat_versions": [],
        }
        for version in SVNS
    ]
}


def publish(bed: Testbed, image: Path) -> Path:
    """As a publisher does, for what runs and for what the next boot loads."""
    compatibility = bed.tmp / "mapping_file.json"
    compatibility.write_text(json.dumps(MAP), encoding="utf-8")
    before = set(bed.cabinets.iterdir())
    command = [PUBLISHER, "build", "--map", compatibility, "--output", bed.cabinets]
    for quirk in QUIRK, bed.quirks / "test-signer.quirk":
        command += ["--quirks", quirk]
    run(*command, "--description", "A TDX module.", "--urgency", "high", image)
    return next(path for path in set(bed.cabinets.iterdir()) - before if path.suffix == ".cab")


class BootCase(TestbedCase):
    """A host that has an EFI system partition."""

    def setUp(self) -> None:
        if skip_reason() is not None:
            self.skipTest(skip_reason())

        # a file system of its own, that can be full or read-only
        self.esp = Path(tempfile.mkdtemp(prefix="tdx-esp-"))
        self.addCleanup(self.esp.rmdir)
        self.folder = self.esp / "EFI/TDX"
        if os.environ.get("TDX_NAMESPACE") is not None:
            self.mount(self.esp)
        os.environ["FWUPD_UEFI_ESP_PATH"] = str(self.esp)
        self.addCleanup(os.environ.pop, "FWUPD_UEFI_ESP_PATH", None)

    def mount(self, path: Path, size: int = 4 << 20) -> None:
        run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path)
        self.addCleanup(run, "umount", "--lazy", path)

    def start(self, *options: str, files: Optional[dict] = None, **kwargs) -> Testbed:
        """Without a cabinet, and the erratum leaves no other way than the boot."""
        if files is not None:
            bootfiles.write(self.folder, files)
        self.bed = self.make_testbed(ON_CPU, "--no-upload", *options, **kwargs)
        return self.bed

    def make(self, version: str, *options: str) -> bytes:
        """Of the test signer, before there is a testbed."""
        with tempfile.NamedTemporaryFile() as file:
            args = [f"--version={version}", f"--svn={SVNS[version]}", *options]
            return make_image(Path(file.name), *args).read_bytes()

    def write_image(self, image: bytes, version: str) -> Path:
        path = self.bed.tmp / f"images/tdx_module_{version}.blob"
        path.write_bytes(image)
        return path

    def publish(self, image: bytes, version: str) -> Path:
        cabinet = publish(self.bed, self.write_image(image, version))

        def is_known() -> bool:
            return version in self.bed.fwupdmgr("get-releases", self.device()["DeviceId"]).stdout

        self.bed.wait_for(is_known, f"the release {version}")
        return cabinet

    def devices(self) -> List[dict]:
        return [d for d in self.bed.devices() if d["Name"] == "TDX Module at Boot"]

    def device(self) -> dict:
        devices = self.devices()
        self.assertEqual(len(devices), 1)
        return devices[0]

    def update(self, check: int = 0) -> str:
        return self.bed.fwupdmgr("update", self.device()["DeviceId"], check=check).stdout

    def boot(self, *options: str) -> dict:
        return bootfiles.boot(self.esp, ON_CPU, *options)

    def restart(self) -> None:
        self.bed.stop_daemon()
        self.bed.start_daemon()

    def reset(self, running: Optional[str] = None, **mock: str) -> None:
        """The daemon takes it for another boot, with what the firmware says that runs."""
        self.bed.stop_daemon()
        with sqlite3.connect(self.bed.tmp / "var/lib/fwupd/pending.db") as database:
            rows = database.execute("SELECT metadata FROM history").fetchall()
            self.assertTrue(all("BootTime=" in metadata for metadata, in rows))
            database.execute("UPDATE history SET metadata = 'BootTime=1'")
        database.close()
        if running is not None:
            mock["running"] = running
        self.bed.mock.set(**mock)
        self.bed.start_daemon()

    def check_files(self, folder: Path, files: dict, what: str) -> None:
        self.assertEqual(
            {name: sha256(data) for name, data in bootfiles.read(folder).items()},
            {name: sha256(data) for name, data in files.items()},
            what,
        )

    def check_refused(self, cabinet: Path, reason: str, *flags: str) -> None:
        before = bootfiles.read(self.folder)
        args = ["install", str(cabinet), self.device()["DeviceId"], *flags]
        done = self.bed.fwupdmgr(*args)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(reason, done.stdout)
        self.check_files(self.folder, before, "nothing was changed")


def old_names(files: dict) -> dict:
    return {f"{name}.fwupd-old": data for name, data in files.items()}


class UpdateTest(BootCase):
    """A newer TDX module arrives where the boot looks for it."""

    def test_pair(self) -> None:
        old, new = self.make(OLD), self.make(NEW)
        foreign = {"TDX-SEAM_SEAMLDR.bin": b"ACM", "README.TXT": b"of the operator"}
        self.start(files={**pair_of(old), **foreign})
        bootfiles.write(self.esp / "EFI/BOOT", {"BOOTX64.EFI": b"MZ"})
        self.assertEqual(self.boot()["mrseam"], mrseam_of(old))
        device = self.device()
        self.assertEqual(device["Version"], OLD)
        self.assertEqual(device["InstanceIds"], ["TDX\\BOOT&FMS_806F0"])
        self.assertEqual(device["Checksums"], [sha256(pair_of(old)[MODULE])])
        self.assertEqual(device["Protocols"], ["com.intel.tdx-module"])
        self.assertIn("at the next boot", device["Summary"])
        for flag in "updatable", "needs-reboot", "only-version-upgrade", "internal":
            self.assertIn(flag, device["Flags"])
        self.publish(new, NEW)
        self.update()
        self.check_files(
            self.folder, {**pair_of(new), **old_names(pair_of(old)), **foreign}, "the new pair"
        )
        self.check_files(self.esp / "EFI/BOOT", {"BOOTX64.EFI": b"MZ"}, "another folder")
        result = self.boot()
        self.assertEqual((result["source"], result["mrseam"]), ("pair", mrseam_of(new)))
        # what runs is another matter
        self.assertEqual(self.bed.mock.attr("version"), OLD)
        self.assertEqual(self.bed.mock.writes(), NO_WRITES)
        self.assertIn("needs-reboot", str(self.bed.history()[0]["Flags"]))

    def test_loader(self) -> None:
        """Its folder is where the loader is, and a pair elsewhere is not its concern."""
        old, new = self.make(OLD), self.make(NEW)
        folder = self.esp / "EFI/intel"
        loader = {"TdxModuleLoader.efi": b"MZ"}
        bootfiles.write(folder, {**loader, **blob_of(old)})
        self.start(files=pair_of(old))
        self.assertEqual(self.device()["Version"], OLD)
        self.publish(new, NEW)
        self.update()
        self.check_files(
            folder, {**loader, **blob_of(new), **old_names(blob_of(old))}, "the new TDX-BLOB"
        )
        self.check_files(self.folder, pair_of(old), "the pair")
        result = self.boot()
        self.assertEqual((result["source"], result["mrseam"]), ("loader", mrseam_of(new)))

    def test_two_in_a_row(self) -> None:
        """Only one old pair is kept."""
        images = [self.make(version) for version in [OLD, "1.5.13", NEW]]
        self.start(files=pair_of(images[0]))
        for version, image in zip(["1.5.13", NEW], images[1:]):
            self.publish(image, version)
            self.update()
            self.reset(version)
            self.assertEqual(self.device()["Version"], version)
        self.check_files(self.folder, {**pair_of(images[2]), **old_names(pair_of(images[1]))}, "")

    def test_metadata_version(self) -> None:
        """Two releases with one SVN are told apart by the checksum in the metadata."""
        image = self.make("1.5.07")
        self.start(files=pair_of(image))
        self.assertEqual(self.device()["Version"], OLD)
        publish(self.bed, self.write_image(image, "1.5.07"))
        self.restart()
        self.assertEqual(self.device()["Version"], "1.5.07")

    def test_newer_than_known(self) -> None:
        """What this fwupd has never heard of is at least what it knows, and never goes back."""
        known, newest = "1.5.34", "1.5.40"
        self.start(files=pair_of(self.make("1.5.36")))
        self.assertEqual(self.device()["Version"], known)
        older = publish(self.bed, self.write_image(self.make(NEW), NEW))
        self.check_refused(older, "only supports version upgrades")
        self.publish(self.make(newest), newest)
        self.update()
        self.assertEqual(self.device()["Version"], newest)

    def test_asked_for(self) -> None:
        """No folder, but the operator says in fwupd.conf that this is how it is done here."""
        new = self.make(NEW)
        self.start(config="[tdx_module]\nBootModule=true")
        self.assertEqual(self.device()["Version"], "0.0.0")
        self.assertFalse(self.folder.exists())
        self.publish(new, NEW)
        self.update()
        self.check_files(self.folder, pair_of(new), "made")
        self.assertEqual(self.boot()["mrseam"], mrseam_of(new))

    def test_without_tdx_host(self) -> None:
        """What the kernel of most hosts has: nothing."""
        new = self.make(NEW)
        self.start("--absent", files=pair_of(self.make(OLD)))
        self.assertEqual(len(self.bed.devices()), 1)
        self.publish(new, NEW)
        self.update()
        self.assertEqual(self.boot()["mrseam"], mrseam_of(new))

    def test_both(self) -> None:
        """One `fwupdmgr update`, for now and for the next boot."""
        old, new = self.make(OLD), self.make(NEW)
        bootfiles.write(self.folder, pair_of(old))
        self.bed = self.make_testbed(ON_CPU, f"--install-version={NEW}")
        self.publish(new, NEW)
        self.bed.wait_for(lambda: self.bed.has_release(NEW), NEW)
        self.bed.fwupdmgr("update", check=0)
        self.assertEqual(self.bed.mock.attr("version"), NEW)
        self.assertEqual(self.bed.mock.writes()["uploads"], 1)
        self.assertEqual(self.boot()["mrseam"], mrseam_of(new))

    def test_real_images(self) -> None:
        """Byte for byte what Intel publishes as separate files."""
        folder = real_images()
        if folder is None:
            self.skipTest("no real images, see TDX_MODULE_BLOBS")
        old = (folder / "tdx_module_1.5.06.blob").read_bytes()
        new = (folder / "tdx_module_1.5.16.blob").read_bytes()
        loader = self.esp / "EFI/intel"
        for where, make in [(self.folder, pair_of), (loader, blob_of)]:
            with self.subTest(where=where.name):
                files = {**make(old), **({"TdxModuleLoader.efi": b"MZ"} if where == loader else {})}
                bootfiles.write(where, files)
                self.start("--running=1.5.06")
                self.publish(new, NEW)
                self.update()
                for name, data in make(new).items():
                    self.assertEqual(sha256((where / name).read_bytes()), sha256(data))
                self.assertEqual(self.boot()["version"], NEW)
                self.bed.stop_daemon()
        # Intel's own file has the same header
        self.assertEqual((loader / BLOB).read_bytes(), new)


class NoDeviceTest(BootCase):
    """Nothing is shown where it can mean nothing."""

    def test_no_files(self) -> None:
        (self.folder).mkdir(parents=True)
        (self.folder / "TDX-SEAM_SEAMLDR.bin").write_bytes(b"ACM")
        self.start()
        self.assertEqual(self.devices(), [])

    def test_amd(self) -> None:
        text = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n"
        text += "stepping\t: 1\nphysical id\t: 0\n"
        self.start(files=pair_of(self.make(OLD)), config="[tdx_module]\nBootModule=true")
        self.assertEqual(len(self.devices()), 1)
        self.bed.stop_daemon()
        self.bed.mock.set(attr_text=f"cpuinfo:{text}".replace("\n", "\\n").replace("\t", "\\t"))
        self.bed.start_daemon()
        self.assertEqual(self.devices(), [])


class RefusedTest(BootCase):
    """Nothing is changed."""

    def setUp(self) -> None:
        super().setUp()
        self.old = self.make(OLD)

    def test_image(self) -> None:
        self.start("--running=1.5.05", files=pair_of(self.old), only_trusted=False)
        for options, reason in [
            (["--svn=0x0105"], "SVN of the image is 0x0105"),
            (["--svn=0x0206"], "SVN of the image is 0x0206"),
            (["--debug"], "debug"),
            (["--cpu=0x906A0"], "CPU"),
            (["--poke-image=0x3000=ff"], ""),
            (["--poke-image=0x1204=ff", "--fix-checksum"], ""),
            (["--poke-image=0x3000=ff", "--fix-checksum"], ""),
        ]:
            with self.subTest(options=options):
                cabinet = self.hand_made(self.make(NEW, *options), NEW)
                self.check_refused(cabinet, reason, "--force")
        self.assertEqual(self.boot()["mrseam"], mrseam_of(self.old))

    def hand_made(self, image: bytes, version: str) -> Path:
        """Of a publisher who looks at nothing."""
        return bootfiles.make_cabinet(self.bed.tmp, image, version)

    def test_signer(self) -> None:
        """Intel's is trusted always, the one of the tests no longer."""
        self.start(files=pair_of(self.old), only_trusted=False)
        cabinet = self.hand_made(self.make(NEW), NEW)
        (self.bed.quirks / "test-signer.quirk").unlink()
        self.restart()
        self.check_refused(cabinet, "signed with the key", "--force")

    def test_older(self) -> None:
        """Than the file, and than what runs."""
        new = self.make(NEW)
        self.start("--running=1.5.13", files=pair_of(new), only_trusted=False)
        cabinet = self.hand_made(self.make("1.5.13"), "1.5.13")
        for flags in [], ["--allow-older"], ["--allow-older", "--force"]:
            self.check_refused(cabinet, "Device only supports version upgrades", *flags)
        bootfiles.write(self.folder, {MODULE: b"damaged"})
        self.restart()
        self.assertEqual(self.device()["Version"], "0.0.0")
        older = self.hand_made(self.make("1.5.05"), "1.5.05")
        self.check_refused(older, "the running TDX module", "--force")

    def test_full(self) -> None:
        new = self.make(NEW, "--pages=100")
        self.start(files=pair_of(self.old))
        self.publish(new, NEW)
        (self.esp / "pictures").write_bytes(b"\xff" * ((4 << 20) - 300 * 1024))
        before = bootfiles.read(self.folder)
        out = self.update(check=1)
        self.assertIn("space", out)
        self.check_files(self.folder, before, "nothing was changed")
        self.assertEqual(self.boot()["mrseam"], mrseam_of(self.old))
        (self.esp / "pictures").unlink()
        self.update()
        self.assertEqual(self.boot()["mrseam"], mrseam_of(new))

    def test_read_only(self) -> None:
        new = self.make(NEW)
        self.start(files=pair_of(self.old))
        self.publish(new, NEW)
        run("mount", "-o", "remount,ro", self.esp)
        before = bootfiles.read(self.folder)
        out = self.update(check=1)
        self.assertIn("nothing was changed", out)
        self.assertIn("ead-only", out)
        self.check_files(self.folder, before, "nothing was changed")
        run("mount", "-o", "remount,rw", self.esp)
        self.update()
        self.assertEqual(self.boot()["mrseam"], mrseam_of(new))


class DamagedTest(BootCase):
    """What the boot would not take is shown with the reason, and can be replaced."""

    def test_pair(self) -> None:
        old, new = pair_of(self.make(OLD)), self.make(NEW)
        other = pair_of(self.make("1.5.13"))
        self.start()
        for files, reason in [
            ({MODULE: other[MODULE], SIGSTRUCT: old[SIGSTRUCT]}, "hash"),
            ({MODULE: old[MODULE][:-1], SIGSTRUCT: old[SIGSTRUCT]}, ""),
            ({MODULE: old[MODULE], SIGSTRUCT: old[SIGSTRUCT][:-1]}, SIGSTRUCT),
            ({MODULE: old[MODULE], SIGSTRUCT: b""}, SIGSTRUCT),
            ({MODULE: b"", SIGSTRUCT: old[SIGSTRUCT]}, ""),
            ({MODULE: old[MODULE]}, SIGSTRUCT),
            ({SIGSTRUCT: old[SIGSTRUCT]}, MODULE),
            (pair_of(self.make(NEW, "--debug")), "debug"),
            (pair_of(self.make(NEW, "--cpu=0x906A0")), "CPU"),
        ]:
            with self.subTest(reason=reason, files=list(files)):
                self.bed.stop_daemon()
                shutil.rmtree(self.folder, ignore_errors=True)
                bootfiles.write(self.folder, files)
                self.assertIn(self.boot()["source"], ["none", "bios"])
                self.bed.start_daemon()
                device = self.device()
                self.assertEqual(device["Version"], "0.0.0")
                self.assertIn("Nothing to load at the next boot: ", device["Summary"])
                self.assertIn(reason, device["Summary"])
        self.publish(new, NEW)
        self.update()
        self.assertEqual(self.boot()["mrseam"], mrseam_of(new))
        self.assertEqual(self.device()["Version"], NEW)
        self.assertNotIn("Nothing to load", self.device()["Summary"])
        # the metadata know this module, but say nothing of it without its sigstruct
        bootfiles.write(self.folder, {SIGSTRUCT: old[SIGSTRUCT]})
        self.restart()
        self.assertEqual(self.device()["Version"], "0.0.0")

    def test_loader(self) -> None:
        image, new = self.make(OLD), self.make(NEW)
        folder = self.esp / "EFI/intel"
        bootfiles.write(folder, {"TdxModuleLoader.efi": b"MZ"})
        self.start()
        blob = blob_of(image)[BLOB]
        for data, reason in [
            (image, "0x0200"),
            (blob[:2] + b"\0\0" + blob[4:], "sum of all 16-bit words"),
            (blob[:-PAGE], ""),
            (b"", ""),
            (None, BLOB),
        ]:
            with self.subTest(reason=reason):
                self.bed.stop_daemon()
                (folder / BLOB).unlink(missing_ok=True)
                if data is not None:
                    (folder / BLOB).write_bytes(data)
                self.assertEqual(self.boot()["source"], "none")
                self.bed.start_daemon()
                self.assertEqual(self.device()["Version"], "0.0.0")
                self.assertIn(reason, self.device()["Summary"])
        self.publish(new, NEW)
        self.update()
        self.assertEqual(self.boot()["mrseam"], mrseam_of(new))


class AfterResetTest(BootCase):
    """Did the firmware take it?"""

    def update_and_reset(self, *options: str, **kwargs: str) -> dict:
        self.start(*options, files=pair_of(self.make(OLD)))
        self.publish(self.make(NEW), NEW)
        self.update()
        self.assertEqual(self.bed.history()[0]["UpdateState"], NEEDS_REBOOT)
        self.restart()
        self.assertEqual(self.bed.history()[0]["UpdateState"], NEEDS_REBOOT)
        self.reset(**kwargs)
        return self.bed.history()[0]

    def test_taken(self) -> None:
        history = self.update_and_reset(running=NEW)
        self.assertEqual(history["UpdateState"], SUCCESS)
        self.assertEqual(self.device()["Version"], NEW)

    def test_ignored(self) -> None:
        history = self.update_and_reset(running=OLD)
        self.assertEqual(history["UpdateState"], FAILED)
        for text in ["firmware did not take", NEW, OLD, "SEAM Loader"]:
            self.assertIn(text, history["UpdateError"])

    def test_no_module(self) -> None:
        history = self.update_and_reset(lost="1")
        self.assertEqual(history["UpdateState"], FAILED)
        self.assertIn("no TDX module is running", history["UpdateError"])
        self.assertIn(".fwupd-old", history["UpdateError"])
        # what it says to do
        for name in MODULE, SIGSTRUCT:
            (self.folder / f"{name}.fwupd-old").rename(self.folder / name)
        self.assertEqual(self.boot()["source"], "pair")
        self.restart()
        self.assertEqual(self.device()["Version"], OLD)

    def test_not_known(self) -> None:
        """A kernel that does not show what runs says nothing against it."""
        history = self.update_and_reset("--absent", absent="1")
        self.assertEqual(history["UpdateState"], SUCCESS)


class VfatTest(BootCase):
    """On the file system that an EFI system partition really has."""

    def mount(self, path: Path, size: int = 64 << 20) -> None:
        if shutil.which("mkfs.vfat") is None or shutil.which("mcopy") is None:
            self.skipTest("no mkfs.vfat or mcopy")
        self.image = Path(f"{path}.img")
        self.addCleanup(self.image.unlink)
        run("mkfs.vfat", "-F", "32", "-C", self.image, str(size >> 10))
        for command in ["mount", "-t", "vfat", "-o", "loop"], ["fusefat", "-o", "rw+"]:
            if shutil.which(command[0]) is None:
                continue
            done = subprocess.run([*command, self.image, path], capture_output=True, check=False)
            if done.returncode == 0:
                if command[0] == "fusefat":
                    self.preload = str(BUILD / "data/tests/libstatfs-preload.so")
                self.addCleanup(subprocess.run, ["umount", "--lazy", path], check=False)
                return
        self.skipTest("neither vfat on a loop device nor fusefat")

    def setUp(self) -> None:
        if os.environ.get("TDX_NAMESPACE") is None:
            self.skipTest("no mounts of its own")
        self.preload = ""
        super().setUp()
        preload, testbed.PRELOAD = testbed.PRELOAD, self.preload
        self.addCleanup(setattr, testbed, "PRELOAD", preload)

    def unmount(self) -> dict:
        """What the firmware finds in the file system, which Linux does not show it."""
        self.bed.stop_daemon()
        run("umount", self.esp)
        self.bed.wait_for(lambda: not os.path.ismount(self.esp), "the end of the file system")
        return bootfiles.boot(self.image, ON_CPU)

    def test_pair(self) -> None:
        old, new = self.make(OLD), self.make(NEW)
        foreign = {"TDX-SEAM_SEAMLDR.bin": b"ACM"}
        self.start(files={**pair_of(old), **foreign})
        self.assertEqual(self.device()["Version"], OLD)
        self.publish(new, NEW)
        self.update()
        self.check_files(
            self.folder, {**pair_of(new), **old_names(pair_of(old)), **foreign}, "the new pair"
        )
        result = self.unmount()
        self.assertEqual((result["source"], result["mrseam"]), ("pair", mrseam_of(new)))

    def test_other_case(self) -> None:
        """As somebody has typed the names, who knows that FAT does not care."""
        old, new = self.make(OLD), self.make(NEW)
        bootfiles.write(
            self.esp / "efi/tdx", {name.lower(): data for name, data in pair_of(old).items()}
        )
        self.start()
        self.assertEqual(self.device()["Version"], OLD)
        self.publish(new, NEW)
        self.update()
        result = self.unmount()
        self.assertEqual((result["source"], result["mrseam"]), ("pair", mrseam_of(new)))

    def test_loader(self) -> None:
        old, new = self.make(OLD), self.make(NEW)
        bootfiles.write(self.esp / "EFI/intel", {"TdxModuleLoader.efi": b"MZ", **blob_of(old)})
        self.start()
        self.publish(new, NEW)
        self.update()
        result = self.unmount()
        self.assertEqual((result["source"], result["mrseam"]), ("loader", mrseam_of(new)))

    def test_full(self) -> None:
        if self.preload:
            self.skipTest("fusefat does not say how much room there is")
        old, new = self.make(OLD), self.make(NEW, "--pages=100")
        self.start(files=pair_of(old))
        self.publish(new, NEW)
        free = os.statvfs(self.esp).f_bavail * os.statvfs(self.esp).f_frsize
        (self.esp / "pictures").write_bytes(b"\xff" * (free - 200 * 1024))
        self.update(check=1)
        self.check_files(self.folder, pair_of(old), "nothing was changed")
        self.assertEqual(self.unmount()["mrseam"], mrseam_of(old))


class PartitionsTest(BootCase):
    """Which EFI system partition it is, as udisks tells fwupd."""

    def setUp(self) -> None:
        super().setUp()
        del os.environ["FWUPD_UEFI_ESP_PATH"]
        self.other = Path(tempfile.mkdtemp(prefix="tdx-esp-"))
        self.addCleanup(shutil.rmtree, self.other)
        self.old, self.new = self.make(OLD), self.make(NEW)
        for esp in self.esp, self.other:
            bootfiles.write(esp / "EFI/TDX", pair_of(self.old))
        bootfiles.write(self.esp / "EFI/debian", {"shimx64.efi": b"MZ"})

    def start_with(self, *partitions: object, config: str = "") -> None:
        """A dash in front of a folder means that it is not mounted."""
        self.start(config=config)
        self.assertEqual(self.devices(), [])
        self.bed.stop_daemon()
        self.udisks = start_mock(self.bed.env, "mock_udisks.py", *partitions)
        self.addCleanup(self.udisks.stdout.close)
        self.addCleanup(self.udisks.wait, timeout=10)
        self.addCleanup(self.udisks.terminate)
        self.bed.start_daemon()
        self.publish(self.new, NEW)

    def check_updated(self, updated: Path, other: Path) -> None:
        self.update()
        self.assertEqual(bootfiles.boot(updated, ON_CPU)["mrseam"], mrseam_of(self.new))
        self.check_files(other / "EFI/TDX", pair_of(self.old), "the other partition")

    def test_default(self) -> None:
        """That of Linux, whichever comes first."""
        self.start_with(self.other, self.esp)
        self.check_updated(self.esp, self.other)

    def test_chosen(self) -> None:
        if not (SOURCE / "build/sdk/VERSION").read_text(encoding="utf-8").startswith("2.0."):
            self.skipTest("the daemon of fwupd 2.1 and later does not look at EspLocation")
        self.start_with(self.esp, self.other, config=f"EspLocation={self.other}")
        self.check_updated(self.other, self.esp)

    def test_not_mounted(self) -> None:
        """Mounted for as long as it is needed."""
        self.start_with(f"-{self.esp}")
        self.check_updated(self.esp, self.other)
        self.bed.stop_daemon()
        self.udisks.terminate()
        calls = self.udisks.stdout.read().splitlines()
        self.assertIn(f"Mount {self.esp}", calls)
        self.assertEqual(calls.count(f"Mount {self.esp}"), calls.count(f"Unmount {self.esp}"))


if __name__ == "__main__":
    main()
