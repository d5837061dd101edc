#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A signed mirror with the real fwupd, and all that has to be refused from one."""

import fcntl
import functools
import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Set

from tdxtest import mirror
from tdxtest.images import BUILD, PAGE, clean_env, make_image, run, signer_of
from tdxtest.mirror import METADATA, Key, Mirror, Server
from tdxtest.testbed import Testbed, TestbedCase, main, skip_reason

OLD, NEW = "1.5.13", "1.5.16"
CLOCK = BUILD / "data/tests/libclock-preload.so"
# what fwupd says: up to 2.0, and since 2.1
UNSIGNED = [f"signatures were required, but none {word}" for word in ["supplied", "verified"]]
UNSIGNED_STATUS = [1, 3]  # of `fwupdmgr refresh` then
UNTRUSTED = [f"{what} signature missing or not trusted" for what in ["firmware", "firmware or metadata"]]


def flip_bit(image: bytes) -> bytes:
    """In the first page of the module."""
    changed = bytearray(image)
    changed[2 * PAGE + 100] ^= 0x10
    return bytes(changed)


def flip_bit_quietly(image: bytes) -> bytes:
    """So that the checksum in the header fits again."""
    changed = flip_bit(image)
    words = struct.unpack(f"<{len(changed) // 2}H", changed)
    checksum = (words[1] - sum(words)) & 0xFFFF
    return changed[:2] + struct.pack("<H", checksum) + changed[4:]


def get_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


class MirrorTestbed(Testbed):
    """A host that has the remote of a mirror, and no other, and trusts some certificates."""

    def __init__(self, remote: str, trusted: List[Key], *mock_options: str) -> None:
        self.remote = remote
        self.trusted = trusted
        super().__init__(*mock_options)

    def _write_config(self, config: str, only_trusted: bool) -> None:
        super()._write_config(config, only_trusted)
        (self.tmp / "etc/fwupd/remotes.d/tdx.conf").unlink()
        (self.tmp / "etc/fwupd/remotes.d/tdx-module.conf").write_text(
            self.remote, encoding="utf-8"
        )
        for key in self.trusted:
            for folder in ["fwupd", "fwupd-metadata"]:
                shutil.copy(key.certificate, self.tmp / "etc/pki" / folder)

    @property
    def env(self) -> dict:
        return {**super().env, "no_proxy": "127.0.0.1"}

    @functools.cached_property
    def since_2_1(self) -> bool:
        """If that is what the daemon says of itself."""
        versions = {
            found["AppstreamId"]: found["Version"]
            for found in self.json("--version")["Versions"]
            if found["Type"] == "runtime"
        }
        return [int(number) for number in versions["org.freedesktop.fwupd"].split(".")[:2]] >= [2, 1]

    def versions(self) -> List[str]:
        """What the remote has for the TDX module, newest first."""
        return [release["Version"] for release in self.device().get("Releases", [])]


class MirrorCase(TestbedCase):
    """Has a mirror of its own, in a folder that is removed afterwards."""

    programs = ["gcab", "jcat-tool", "openssl", "zstd"]
    needs_host = False

    @classmethod
    def setUpClass(cls) -> None:
        cls.keys = Path(tempfile.mkdtemp(prefix="tdx-mirror-keys-"))
        cls.addClassCleanup(shutil.rmtree, cls.keys)

    def setUp(self) -> None:
        reasons = [f"no {name}" for name in self.programs if shutil.which(name) is None]
        if not mirror.PUBLISHER.exists():
            reasons.append(f"no {mirror.PUBLISHER.name}")
        if self.needs_host and skip_reason() is not None:
            reasons.append(skip_reason())
        if reasons:
            self.skipTest(reasons[0])
        self.key = Key(self.keys / "operator.pem", self.keys / "operator.key")
        if not self.key.certificate.exists():
            mirror.make_key(self.keys, "operator")

    def make_mirror(self, *versions: str, served: bool = True) -> Mirror:
        folder = Path(tempfile.mkdtemp(prefix="tdx-mirror-"))
        self.addCleanup(shutil.rmtree, folder)
        self.server = None
        if served:
            self.server = Server(folder / "mirror")
            self.addCleanup(self.server.stop)
        made = Mirror(folder, self.key, self.server.uri if self.server else None)
        for version in versions:
            made.checkout.add(version)
        if versions:
            made.update()
        return made

    def make_bed(self, made: Mirror, *trusted: Key, install: str = NEW) -> MirrorTestbed:
        bed = MirrorTestbed(
            made.remote(), list(trusted) or [made.key], f"--install-version={install}"
        )
        self.addCleanup(bed.stop)
        return bed

    def assert_untouched(self, bed: MirrorTestbed) -> None:
        self.assertEqual(bed.mock.writes(), {"loading": 0, "data": 0, "uploads": 0})
        self.assertEqual(bed.mock.attr("version"), "1.5.06")
        self.assertEqual(bed.device()["Version"], "1.5.06")
        self.assertIsNone(bed.daemon.poll())

    def assert_updated(self, bed: MirrorTestbed, version: str, image: Path) -> None:
        self.assertEqual(bed.mock.attr("version"), version)
        self.assertEqual(bed.device()["Version"], version)
        self.assertEqual(bed.mock.received(), image.read_bytes())

    def find_changed(self, made: Mirror, before: Dict[str, tuple]) -> Set[str]:
        """In the folder, where room for a new edition is made each time."""
        after = made.snapshot()
        self.assertLessEqual({"current", "tdx-module.conf"}, set(after))
        return {name for name in {*before, *after} if before.get(name) != after.get(name)} - {"."}

    def versions(self, made: Mirror) -> List[str]:
        root = mirror.read_metadata(made.current / METADATA)
        return sorted({release.get("version") for release in root.iter("release")}, reverse=True)

    def assert_no_mistakes(self, made: Mirror) -> None:
        self.assertEqual(mirror.find_mistakes(made.current, made.key), [])


class UpdateTest(MirrorCase):
    """A host takes the newest TDX module from a mirror."""

    needs_host = True

    def test_http(self) -> None:
        made = self.make_mirror("1.5.09", OLD, NEW)
        bed = self.make_bed(made)
        self.assertEqual(bed.versions(), [])
        bed.fwupdmgr("refresh", "--force", check=0)
        self.assertEqual(bed.versions(), [NEW, OLD, "1.5.09"])
        bed.fwupdmgr("update", check=0)
        self.assert_updated(bed, NEW, made.checkout.path(NEW))
        self.assertEqual(bed.mock.writes()["uploads"], 1)
        self.assertEqual(self.server.requests[-1], f"/current/{made.cabinet(NEW).name}")
        self.assertIn(f"verified payload {made.checkout.path(NEW).name}", bed.daemon_log())
        # the newest is running
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.mock.writes()["uploads"], 1)

    def test_directory(self) -> None:
        """A running daemon sees what is added; whoever can write there needs no signature."""
        made = self.make_mirror("1.5.09", served=False)
        bed = self.make_bed(made, mirror.make_key(self.keys, "stranger"))
        self.assertEqual(bed.versions(), ["1.5.09"])
        for version, expected in [(OLD, [OLD, "1.5.09"]), (NEW, [NEW, OLD, "1.5.09"])]:
            made.checkout.add(version)
            made.update()
            bed.wait_for(lambda: bed.versions() == expected, f"the release {version}")
        bed.fwupdmgr("refresh", "--force", check=0)
        bed.fwupdmgr("update", check=0)
        self.assert_updated(bed, NEW, made.checkout.path(NEW))
        self.assertEqual(bed.mock.writes()["uploads"], 1)

    def test_refreshed_before(self) -> None:
        """What a host knows from the last refresh is still served after the mirror has grown."""
        made = self.make_mirror(OLD)
        bed = self.make_bed(made, install=OLD)
        bed.fwupdmgr("refresh", "--force", check=0)
        made.checkout.add(NEW)
        made.update()
        bed.fwupdmgr("update", check=0)
        self.assert_updated(bed, OLD, made.checkout.path(OLD))
        bed.mock.set(install_version=NEW)
        bed.fwupdmgr("refresh", "--force", check=0)
        bed.fwupdmgr("update", check=0)
        self.assert_updated(bed, NEW, made.checkout.path(NEW))

    def test_withdrawn_since(self) -> None:
        """Nor does a release that is not offered any more vanish under a host."""
        made = self.make_mirror(OLD)
        bed = self.make_bed(made, install=OLD)
        bed.fwupdmgr("refresh", "--force", check=0)
        image = made.checkout.path(OLD).rename(made.folder.with_name("old.blob"))
        made.checkout.add(NEW)
        made.update()
        bed.fwupdmgr("update", check=0)
        self.assert_updated(bed, OLD, image)

    def test_clock_was_wrong(self) -> None:
        """A host that has metadata from the future takes others after this."""
        made = self.make_mirror(OLD)
        saved = shutil.copytree(made.current, made.folder / "saved")
        made.checkout.add(NEW)
        made.update()
        bed = self.make_bed(made)
        bed.fwupdmgr("refresh", "--force", check=0)
        made.current.unlink()
        made.current.symlink_to(saved)
        bed.fwupdmgr("refresh", "--force", check=1)
        bed.fwupdmgr("clean-remote", "tdx-module", check=0)
        bed.fwupdmgr("refresh", "--force", check=0)
        self.assertEqual(bed.versions(), [OLD])

    def test_rsa_key(self) -> None:
        """What the other tests have is as in the documentation."""
        self.key = mirror.make_key(self.keys, "rsa", kind="rsa")
        made = self.make_mirror(NEW)
        bed = self.make_bed(made)
        bed.fwupdmgr("refresh", "--force", check=0)
        bed.fwupdmgr("update", check=0)
        self.assert_updated(bed, NEW, made.checkout.path(NEW))


class RefuseTest(MirrorCase):
    """What was tampered with never reaches the kernel."""

    needs_host = True

    def refuse_refresh(self, made: Mirror, *trusted: Key) -> None:
        """As no signature fits."""
        bed = self.make_bed(made, *trusted)
        done = bed.fwupdmgr("refresh", "--force", check=UNSIGNED_STATUS[bed.since_2_1])
        self.assertIn(UNSIGNED[bed.since_2_1], done.stdout)
        self.assert_nothing_known(bed)

    def assert_nothing_known(self, bed: MirrorTestbed) -> None:
        self.assertEqual(bed.versions(), [])
        self.assertIn("No updatable devices", bed.fwupdmgr("update", check=2).stdout)
        self.assert_untouched(bed)

    def refuse_update(self, made: Mirror, reason: str = "") -> MirrorTestbed:
        """Without a reason, as a signature is missing or not trusted."""
        bed = self.make_bed(made)
        bed.fwupdmgr("refresh", "--force", check=0)
        self.assertEqual(bed.versions(), [NEW])
        done = bed.fwupdmgr("update", check=1)
        self.assertIn(reason or UNTRUSTED[bed.since_2_1], done.stdout)
        self.assert_untouched(bed)
        return bed

    def alter_metadata(self, made: Mirror) -> None:
        root = mirror.read_metadata(made.current / METADATA)
        for release in root.iter("release"):
            release.set("version", "1.5.99")
        mirror.write_metadata(made.current / METADATA, root)

    def test_metadata_altered(self) -> None:
        made = self.make_mirror(NEW)
        self.alter_metadata(made)
        bed = self.make_bed(made)
        done = bed.fwupdmgr("refresh", "--force", check=1)
        self.assertIn("metadata checksum expected", done.stdout)
        self.assert_nothing_known(bed)

    def test_metadata_altered_with_checksum(self) -> None:
        made = self.make_mirror(NEW)
        self.alter_metadata(made)
        mirror.replace_checksum(made.current, f"{METADATA}.jcat")
        self.refuse_refresh(made)

    def test_metadata_unsigned(self) -> None:
        made = self.make_mirror(NEW)
        mirror.sign_metadata(made.current, None)
        self.refuse_refresh(made)

    def test_metadata_unknown_key(self) -> None:
        made = self.make_mirror(NEW)
        mirror.sign_metadata(made.current, mirror.make_key(self.keys, "stranger"))
        self.refuse_refresh(made)

    def test_metadata_expired(self) -> None:
        """The certificate is over, or not valid yet."""
        times = {"over": ("250101", "250201"), "early": ("400101", "410101")}
        for name, (start, end) in times.items():
            with self.subTest(name=name):
                ends = [f"{start}000000Z", f"{end}000000Z"]
                key = mirror.make_key_valid(self.keys, name, *ends)
                made = self.make_mirror(NEW)
                mirror.sign_metadata(made.current, key)
                self.refuse_refresh(made, self.key, key)

    def test_metadata_older(self) -> None:
        made = self.make_mirror(OLD)
        saved = shutil.copytree(made.current, made.folder / "saved")
        bed = self.make_bed(made)
        bed.fwupdmgr("refresh", "--force", check=0)
        made.checkout.add(NEW)
        made.update()
        bed.fwupdmgr("refresh", "--force", check=0)
        made.current.unlink()
        made.current.symlink_to(saved)
        done = bed.fwupdmgr("refresh", "--force", check=1)
        self.assertRegex(done.stdout, "new signing timestamp was [0-9]+ seconds older")
        self.assertEqual(bed.versions(), [NEW, OLD])
        # the host knows that there is something newer, and takes nothing else instead
        self.assertIn("404", bed.fwupdmgr("update", check=1).stdout)
        self.assert_untouched(bed)

    def test_cabinet_altered(self) -> None:
        made = self.make_mirror(NEW)
        cabinet = made.cabinet(NEW)
        data = bytearray(cabinet.read_bytes())
        data[len(data) // 2] ^= 0x10
        cabinet.write_bytes(data)
        self.refuse_update(made, "checksum")

    def test_cabinet_altered_in_directory(self) -> None:
        """The checksum in the metadata is what counts there."""
        made = self.make_mirror(NEW, served=False)
        cabinet = made.cabinet(NEW)
        mirror.repack(cabinet, lambda folder: mirror.replace_image(folder, flip_bit), None)
        self.refuse_update(made)

    def test_cabinet_unsigned(self) -> None:
        made = self.make_mirror(NEW)
        cabinet = made.cabinet(NEW)
        mirror.repack(cabinet, lambda folder: None, None)
        mirror.describe(made.current, cabinet, self.key)
        bed = self.refuse_update(made)
        done = bed.fwupdmgr("update", "--force", check=1)
        self.assertIn(UNTRUSTED[bed.since_2_1], done.stdout)
        self.assert_untouched(bed)

    def test_cabinet_unknown_key(self) -> None:
        made = self.make_mirror(NEW)
        cabinet = made.cabinet(NEW)
        mirror.repack(cabinet, lambda folder: None, mirror.make_key(self.keys, "stranger"))
        mirror.describe(made.current, cabinet, self.key)
        self.refuse_update(made)

    def test_key_renewed(self) -> None:
        """Cabinets outlive the certificate that they were signed with only up to fwupd 2.0."""
        expired = mirror.make_key_valid(self.keys, "renewed", "250101000000Z", "250201000000Z")
        made = self.make_mirror(NEW)
        cabinet = made.cabinet(NEW)
        mirror.repack(cabinet, lambda folder: None, expired)
        mirror.describe(made.current, cabinet, self.key)
        bed = self.make_bed(made, self.key, expired)
        bed.fwupdmgr("refresh", "--force", check=0)
        done = bed.fwupdmgr("update", check=1 if bed.since_2_1 else 0)
        if bed.since_2_1:
            self.assertIn(UNTRUSTED[True], done.stdout)
            self.assert_untouched(bed)
        else:
            self.assert_updated(bed, NEW, made.checkout.path(NEW))

    def test_image_replaced(self) -> None:
        """By somebody who has the operator's key; what is left is the verification of the image."""
        other = self.keys / "other.pem"
        command = ["openssl", "genrsa", "-out", str(other), "3072"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        image = make_image(self.keys / "other.bin", f"--version={NEW}", key=other)
        changes = {
            "sum of all 16-bit words of the image": flip_bit,
            "but seamhash in the sigstruct is": flip_bit_quietly,
            f"signed with the key {signer_of(other)}": lambda _image: image.read_bytes(),
        }
        for reason, change in changes.items():
            with self.subTest(reason=reason):
                made = self.make_mirror(NEW)
                cabinet = made.cabinet(NEW)
                # pylint: disable-next=cell-var-from-loop
                mirror.repack(cabinet, lambda path: mirror.replace_image(path, change), self.key)
                mirror.describe(made.current, cabinet, self.key)
                bed = self.refuse_update(made, reason)
                self.assertIn(f"verified payload {made.checkout.path(NEW).name}", bed.daemon_log())


class RenewTest(MirrorCase):
    """The tool is run again and again, and what is served is always complete."""

    def test_unchanged(self) -> None:
        made = self.make_mirror(OLD, NEW)
        before = made.snapshot()
        made.update()
        self.assertEqual(self.find_changed(made, before), set())

    def test_image_added(self) -> None:
        made = self.make_mirror(OLD)
        before = made.current.resolve()
        cabinet, remote = made.cabinet(OLD), made.remote()
        inode, mtime = cabinet.stat().st_ino, cabinet.stat().st_mtime_ns
        made.checkout.add(NEW)
        self.assertNotEqual(made.update(), before)
        self.assertEqual(made.cabinet(OLD).name, cabinet.name)
        self.assertEqual(made.cabinet(OLD).stat().st_ino, inode)
        self.assertEqual(made.cabinet(OLD).stat().st_mtime_ns, mtime)
        self.assertEqual(made.remote(), remote)
        self.assertEqual(self.versions(made), [NEW, OLD])
        self.assert_no_mistakes(made)

    def test_image_removed(self) -> None:
        made = self.make_mirror(OLD, NEW)
        made.checkout.path(OLD).unlink()
        made.options = ["--keep=0"]
        made.update()
        self.assertEqual(self.versions(made), [NEW])
        self.assertEqual(list(made.current.glob(f"tdx-module-{OLD}-*")), [])
        self.assert_no_mistakes(made)

    def test_other_key(self) -> None:
        """Everything is signed again."""
        made = self.make_mirror(NEW)
        old = made.cabinet(NEW)
        made.key = mirror.make_key(self.keys, "next")
        made.update()
        self.assertNotEqual(made.cabinet(NEW).name, old.name)
        self.assert_no_mistakes(made)

    def test_repaired(self) -> None:
        """What was damaged or lost since is made again."""
        made = self.make_mirror(OLD, NEW)
        for name in [made.cabinet(NEW).name, METADATA, f"{METADATA}.jcat"]:
            for size in [0, -1]:
                with self.subTest(name=name, size=size):
                    path = made.current / name
                    path.write_bytes(path.read_bytes()[:size])
                    self.assertNotEqual(mirror.find_mistakes(made.current, self.key), [])
                    made.update()
                    self.assert_no_mistakes(made)
            with self.subTest(name=name, lost=True):
                (made.current / name).unlink()
                self.assertNotEqual(mirror.find_mistakes(made.current, self.key), [])
                made.update()
                self.assert_no_mistakes(made)

    def test_signed_by_another(self) -> None:
        """Not taken over, as hosts would refuse it."""
        stranger = mirror.make_key(self.keys, "stranger")
        made = self.make_mirror(NEW)
        mirror.sign_metadata(made.current, stranger)
        made.update()
        self.assert_no_mistakes(made)
        mirror.repack(made.cabinet(NEW), lambda folder: None, stranger)
        made.update()
        self.assert_no_mistakes(made)

    def test_at_once(self) -> None:
        """A host takes only what was signed in a later second than what it has."""
        made = self.make_mirror(OLD)
        first = mirror.signing_time(made.current / f"{METADATA}.jcat")
        made.checkout.add(NEW)
        done = mirror.run_tool(made.command())
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreater(mirror.signing_time(made.current / f"{METADATA}.jcat"), first)

    def test_at_once_by_a_slow_clock(self) -> None:
        """The clock that counts is the one that signatures have, and it may be behind others."""
        made = self.make_mirror(OLD)
        first = mirror.signing_time(made.current / f"{METADATA}.jcat")
        made.checkout.add(NEW)
        done = mirror.run_tool(["env", f"LD_PRELOAD={CLOCK}", *made.command()])
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.versions(made), [NEW, OLD])
        self.assertGreater(mirror.signing_time(made.current / f"{METADATA}.jcat"), first)

    def test_base_uri(self) -> None:
        """The remote is written again, and hosts see nothing new."""
        made = self.make_mirror(NEW)
        before = made.snapshot()
        made.base_uri = "https://example.com/tdx"
        made.update()
        self.assertIn(f"MetadataURI={made.base_uri}/current/{METADATA}\n", made.remote())
        self.assertEqual(self.find_changed(made, before), {"tdx-module.conf"})

    def test_together(self) -> None:
        """Only one may write; the others say so, or find that there is nothing to do."""
        made = self.make_mirror(OLD)
        made.checkout.add(NEW)
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        command = made.command()
        running = [subprocess.Popen(command, env=clean_env(), **options) for _number in range(6)]
        done = [(process.communicate()[0], process.returncode) for process in running]
        self.assertIn(0, [status for _text, status in done])
        for text, status in done:
            if status != 0:
                self.assertEqual(status, 1)
                self.assertIn("another tdx-module-cabinet", text)
        self.assertEqual(self.versions(made), [NEW, OLD])
        self.assert_no_mistakes(made)

    def test_readable(self) -> None:
        """The web server is another user."""
        self.addCleanup(os.umask, os.umask(0o022))
        made = self.make_mirror(NEW)
        for path in [made.folder, *made.folder.rglob("*")]:
            with self.subTest(path=path.name):
                self.assertEqual(get_mode(path), 0o755 if path.is_dir() else 0o644)

    def test_made_readable(self) -> None:
        """What nobody else can read is not unchanged, and not left so."""
        made = self.make_mirror(OLD, NEW)
        names = [".", "current", "tdx-module.conf"]
        names += [f"current/{path.name}" for path in made.current.iterdir()]
        for name in names:
            with self.subTest(name=name):
                path = made.folder / name
                path.chmod(0o700 if path.is_dir() else 0o600)
                made.update()
                self.assert_readable(made)
                self.assert_no_mistakes(made)

    def test_umask(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))
        self.assert_readable(self.make_mirror(NEW))

    def assert_readable(self, made: Mirror) -> None:
        for path in [made.folder, made.folder / "tdx-module.conf", *made.current.glob("**/*")]:
            self.assertEqual(get_mode(path), 0o755 if path.is_dir() else 0o644, path)

    def test_manifest(self) -> None:
        """For Pulp: each file that belongs to the edition, as the specification has it."""
        made = self.make_mirror(OLD, NEW)
        made.checkout.path(OLD).unlink()
        made.update()
        lines = (made.current / "PULP_MANIFEST").read_text(encoding="utf-8").splitlines()
        names = [made.cabinet(NEW).name, METADATA, f"{METADATA}.jcat"]
        expected = [
            f"{name},{mirror.digest('sha256', made.current / name)},"
            f"{(made.current / name).stat().st_size}"
            for name in names
        ]
        self.assertEqual(sorted(lines), sorted(expected))
        (made.current / "PULP_MANIFEST").write_text("", encoding="utf-8")
        made.update()
        self.assertNotEqual((made.current / "PULP_MANIFEST").stat().st_size, 0)


class KeepTest(MirrorCase):
    """What a host knows of from its last refresh is served for a week more."""

    def age(self, edition: Path, days: float) -> None:
        """As if the edition had been replaced that long ago."""
        then = time.time() - days * 24 * 60 * 60
        os.utime(edition / METADATA, (then, then))

    def editions(self, made: Mirror) -> List[Path]:
        return sorted(made.folder.glob("edition-*"))

    def replace(self, made: Mirror, old: str, new: str) -> Path:
        """Offers one release instead of another, and gives the cabinet of the other."""
        cabinet = made.cabinet(old)
        made.checkout.path(old).unlink()
        made.checkout.add(new)
        made.update()
        self.assertEqual(self.versions(made), [new])
        self.assert_no_mistakes(made)
        return cabinet

    def test_replaced(self) -> None:
        made = self.make_mirror(OLD)
        before = made.cabinet(OLD).read_bytes()
        cabinet = self.replace(made, OLD, NEW)
        self.assertEqual(cabinet.read_bytes(), before)
        self.assertEqual(len(self.editions(made)), 2)
        made.update()
        self.assertTrue(cabinet.exists())

    def test_over(self) -> None:
        """The time counts from when the next one stood, and not from when it was made itself."""
        made = self.make_mirror(OLD)
        first = made.current.resolve()
        self.age(first, 100)
        cabinet = self.replace(made, OLD, NEW)
        self.age(first, 6.9)
        made.update()
        self.assertTrue(cabinet.exists())
        self.assertTrue(first.exists())
        self.age(first, 7.1)
        made.update()
        self.assertFalse(cabinet.exists())
        self.assertEqual(self.editions(made), [made.current.resolve()])
        self.assertTrue(made.cabinet(NEW).exists())
        self.assert_no_mistakes(made)

    def test_option(self) -> None:
        made = self.make_mirror(OLD)
        made.options = ["--keep=30"]
        first = made.current.resolve()
        cabinet = self.replace(made, OLD, NEW)
        self.age(first, 29.9)
        made.update()
        self.assertTrue(cabinet.exists())
        made.options = ["--keep=0"]
        made.update()
        self.assertFalse(cabinet.exists())
        for days in ["-1", "3651"]:
            made.options = [f"--keep={days}"]
            done = mirror.run_tool(made.command())
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"--keep is {days}", done.stdout)

    def test_each_for_itself(self) -> None:
        """Often renewed, a mirror still lets go of what is old."""
        made = self.make_mirror("1.5.09")
        first = made.current.resolve()
        oldest = self.replace(made, "1.5.09", OLD)
        self.age(first, 7.1)
        older = self.replace(made, OLD, NEW)
        self.assertFalse(oldest.exists())
        self.assertTrue(older.exists())

    def test_clock_wrong_once(self) -> None:
        """An edition from the future is not kept until then."""
        made = self.make_mirror(OLD)
        first = made.current.resolve()
        cabinet = self.replace(made, OLD, NEW)
        self.age(first, -1000)
        made.update()
        self.assertTrue(cabinet.exists())
        self.assertLess((first / METADATA).stat().st_mtime, time.time() + 60)

    def test_signed_in_the_future(self) -> None:
        """The message has the way out."""
        made = self.make_mirror(OLD)
        jcat = made.current / f"{METADATA}.jcat"
        text = json.loads(gzip.decompress(jcat.read_bytes()))
        for blob in text["Items"][0]["Blobs"]:
            blob["Timestamp"] = 2000000000
        jcat.write_bytes(gzip.compress(json.dumps(text).encode()))
        made.checkout.add(NEW)
        done = mirror.run_tool(made.command())
        self.assertEqual(done.returncode, 1)
        for part in ["2033-05-18 03:33:20 UTC", "remove the link", "clean-remote"]:
            self.assertIn(part, done.stdout)
        self.assertEqual(self.versions(made), [OLD])
        made.current.unlink()
        made.update()
        self.assertEqual(self.versions(made), [NEW, OLD])
        self.assert_no_mistakes(made)


class ForeignTest(MirrorCase):
    """What the tool has not made is never followed, changed or removed."""

    def setUp(self) -> None:
        super().setUp()
        self.made = self.make_mirror(OLD)
        self.made.options = ["--keep=0"]
        self.made.checkout.add(NEW)
        self.outside = self.made.folder.with_name("outside")
        self.outside.mkdir()
        (self.outside / METADATA).write_text("mine", encoding="utf-8")

    def refuse(self, name: str) -> None:
        before = self.made.snapshot()
        done = mirror.run_tool(self.made.command())
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"{self.made.folder}/{name} is not what tdx-module-cabinet makes", done.stdout)
        self.assertEqual({**self.made.snapshot(), ".": ()}, {**before, ".": ()})
        self.assertEqual([path.name for path in self.outside.iterdir()], [METADATA])
        self.assertEqual((self.outside / METADATA).read_text(encoding="utf-8"), "mine")

    def test_lock(self) -> None:
        lock = self.made.folder / ".lock"
        lock.unlink()
        lock.symlink_to(self.outside / "new")
        self.refuse(".lock")
        lock.unlink()
        os.mkfifo(lock)
        self.refuse(".lock")

    def test_current(self) -> None:
        current = self.made.current
        edition = os.readlink(current)
        for target in [self.outside, "../outside", ".", f"{edition}/", "tdx-module.conf"]:
            with self.subTest(target=target):
                current.unlink()
                current.symlink_to(target)
                self.refuse("current")
        current.unlink()
        shutil.copytree(self.made.folder / edition, current)
        self.refuse("current")

    def test_conf(self) -> None:
        conf = self.made.folder / "tdx-module.conf"
        conf.unlink()
        conf.symlink_to(self.outside / METADATA)
        self.refuse("tdx-module.conf")

    def test_edition_is_a_link(self) -> None:
        edition = self.made.folder / os.readlink(self.made.current)
        shutil.rmtree(edition)
        edition.symlink_to(self.outside)
        self.refuse(edition.name)

    def test_left_alone(self) -> None:
        name = "edition-20200101T000000Z-0123456{}"
        folders = ["edition-mine", "edition-20200101", f"{name.format(1)}.old", name.format(1)]
        folders += [name.format(2), ".tdx-module-cabinet-0123", "mine"]
        for folder in folders:
            (self.made.folder / folder).mkdir()
            (self.made.folder / folder / METADATA).write_text("mine", encoding="utf-8")
        (self.made.folder / name.format(1) / "notes").write_text("mine", encoding="utf-8")
        (self.made.folder / name.format(2) / "tdx-module-1.5.06.cab").symlink_to(self.outside)
        (self.made.folder / ".tdx-module-cabinet-0123/folder").mkdir()
        for link in [name.format(3), ".tdx-module-cabinet-4567", "link"]:
            (self.made.folder / link).symlink_to(self.outside)
        (self.made.folder / name.format(4)).write_text("mine", encoding="utf-8")
        before = self.made.snapshot()
        old = os.readlink(self.made.current)
        self.made.update()
        after = self.made.snapshot()
        mine = {path for path in before if not path.startswith((".lock", "current", old))} - {"."}
        self.assertEqual({path: after.get(path) for path in mine - {"tdx-module.conf"}},
                         {path: before[path] for path in mine - {"tdx-module.conf"}})
        self.assertFalse((self.made.folder / old).exists())
        self.assertEqual([path.name for path in self.outside.iterdir()], [METADATA])

    def test_link_in_an_edition(self) -> None:
        """What looks like an edition that is kept may have links to files of others."""
        self.made.options = []
        folder = self.made.folder / "edition-20200101T000000Z-01234567"
        folder.mkdir()
        secret = self.outside / METADATA
        secret.chmod(0o600)
        (folder / METADATA).symlink_to(secret)
        before = secret.stat()
        self.made.update()
        self.assertEqual(secret.stat(), before)
        self.assertTrue((folder / METADATA).is_symlink())

    def test_leftovers(self) -> None:
        """Removed, but not what another run is writing at the moment."""
        folders = [self.made.folder / f".tdx-module-cabinet-{number}" for number in range(2)]
        for folder in folders:
            folder.mkdir()
            (folder / METADATA).write_text("half", encoding="utf-8")
        fd = os.open(folders[0], os.O_RDONLY)
        self.addCleanup(os.close, fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        self.made.update()
        self.assertEqual([folder.exists() for folder in folders], [True, False])


class MediumTest(MirrorCase):
    """File systems that cannot do everything, and copies."""

    def run_without(self, made: Mirror, call: str) -> subprocess.CompletedProcess:
        options = ["-qq", "-o", os.devnull, "-e", f"inject={call}:error=EPERM", "-e", f"trace={call}"]
        return mirror.run_tool(["strace", *options, *made.command()])

    def setUp(self) -> None:
        super().setUp()
        if shutil.which("strace") is None:
            self.skipTest("no strace")

    def test_no_symbolic_links(self) -> None:
        made = self.make_mirror()
        made.checkout.add(NEW)
        done = self.run_without(made, "symlinkat")
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs a file system with symbolic links", done.stdout)
        self.assertFalse(made.folder.exists())

    def test_no_hard_links(self) -> None:
        made = self.make_mirror(OLD)
        cabinet = made.cabinet(OLD).read_bytes()
        made.checkout.add(NEW)
        self.assertEqual(self.run_without(made, "linkat").returncode, 0)
        self.assertEqual(made.cabinet(OLD).read_bytes(), cabinet)
        self.assert_no_mistakes(made)
        self.assertIn("nothing has changed", self.run_without(made, "linkat").stdout)

    def test_copies(self) -> None:
        """They serve as well, but are not where the next edition is made."""
        made = self.make_mirror(OLD)
        made.checkout.add(NEW)
        made.update()
        copy = made.folder.with_name("copy")
        for option in ["--archive", "--recursive", "-rL"]:
            with self.subTest(option=option):
                run("cp", option, made.folder, copy)
                self.assertEqual(mirror.find_mistakes(copy / "current", self.key), [])
                done = mirror.run_tool([*made.command()[:-2], copy, made.checkout.folder])
                self.assertEqual(done.returncode, 1 if option == "-rL" else 0)
                shutil.rmtree(copy)


class RemoteTest(MirrorCase):
    """What hosts are told beside the releases."""

    needs_host = True

    def settings(self, made: Mirror, text: str) -> Path:
        path = made.folder.with_name("settings")
        path.write_text(f"[fwupd Remote]\n{text}\n", encoding="utf-8")
        made.options.append(f"--remote-settings={path}")
        return path

    def test_settings(self) -> None:
        made = self.make_mirror()
        made.checkout.add(NEW)
        self.settings(made, "Username=me\nPassword=a b\nReportURI=https://example.com/report")
        made.update()
        lines = made.remote().splitlines()
        for line in ["Username=me", "Password=a b", "ReportURI=https://example.com/report"]:
            self.assertIn(line, lines)
        self.assertEqual(get_mode(made.folder / "tdx-module.conf"), 0o600)
        made.options = []
        made.update()
        self.assertNotIn("Password", made.remote())
        self.assertEqual(get_mode(made.folder / "tdx-module.conf"), 0o644)

    def test_settings_unknown(self) -> None:
        made = self.make_mirror(OLD)
        path = self.settings(made, "MetadataURI=https://example.com")
        before = made.snapshot()
        done = mirror.run_tool(made.command())
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path} has MetadataURI", done.stdout)
        self.assertEqual(made.snapshot(), before)

    def test_path(self) -> None:
        """One that fwupd could not find, or that would be another setting."""
        made = self.make_mirror(served=False)
        made.checkout.add(NEW)
        for name in ["a\nEnabled=false", "a\\sb"]:
            made.folder = made.folder.with_name(name)
            done = mirror.run_tool(made.command())
            self.assertEqual(done.returncode, 1)
            self.assertIn("--base-uri", done.stdout)
            self.assertFalse(made.folder.exists())

    def offered(self, *settings: str) -> List[str]:
        made = self.make_mirror()
        made.checkout.add(NEW)
        made.options = ["--phased-update=1024"]
        for setting in settings:
            self.settings(made, setting)
        made.update()
        bed = self.make_bed(made)
        bed.fwupdmgr("refresh", "--force", check=0)
        return bed.versions()

    def test_phased(self) -> None:
        """For one host of so many."""
        self.assertEqual(self.offered(), [])

    def test_phased_but_not_here(self) -> None:
        self.assertEqual(self.offered("NoPhasedUpdates=true"), [NEW])

    def test_phased_values(self) -> None:
        made = self.make_mirror(OLD)
        for value in ["1", "1025", "-2"]:
            done = mirror.run_tool([*made.command(), f"--phased-update={value}"])
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"--phased-update is {value}", done.stdout)


class KillTest(MirrorCase):
    """Killed before any change that it makes to a file, the tool leaves a mirror that works."""

    programs = [*MirrorCase.programs, "strace"]
    calls = "rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat rmdir".split()
    calls += "unlink unlinkat write exit_group".split()

    def setUp(self) -> None:
        super().setUp()
        command = ["strace", "-qq", "-o", os.devnull, "true"]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"strace does not work here: {done.stderr.strip()}")

    def strace(self, made: Mirror, status: int, *options: str) -> None:
        names = ",".join(f"?{name}" for name in self.calls)
        command = ["strace", "-qq", "-e", f"trace={names}", *options, *made.command()]
        done = mirror.run_tool(command)
        self.assertEqual(done.returncode, status, done.stdout)

    def points(self, made: Mirror, state: Path) -> Iterator[str]:
        """Starts from the same state each time, and is killed before each call in turn."""
        trace = state.with_name("trace")
        self.restore(made, state)
        self.strace(made, 0, "-o", str(trace))
        text = trace.read_text(encoding="utf-8")
        found = Counter(re.findall(r"^(\w+)\(", text, re.MULTILINE))
        self.assertGreater(sum(found.values()), 10)
        for name, count in found.items():
            for number in range(1, count + 1):
                self.restore(made, state)
                kill = f"inject={name}:signal=KILL:when={number}"
                self.strace(made, -signal.SIGKILL, "-o", os.devnull, "-e", kill)
                yield f"{name} {number}"

    def restore(self, made: Mirror, state: Path) -> None:
        shutil.rmtree(made.folder, ignore_errors=True)
        if state.exists():
            run("cp", "--archive", state, made.folder)

    def test_first_run(self) -> None:
        made = self.make_mirror(served=False)
        made.checkout.add(NEW)
        for point in self.points(made, made.folder.with_name("nothing")):
            with self.subTest(point=point):
                if made.current.exists():
                    self.assert_no_mistakes(made)
                made.update()
                self.assert_no_mistakes(made)

    def test_image_added(self) -> None:
        made = self.make_mirror(OLD, served=False)
        old = {path.name for path in made.current.glob("*.cab")}
        state = made.folder.rename(made.folder.with_name("state"))
        entries = len(list(state.iterdir()))
        made.checkout.add(NEW)
        seen = set()
        for point in self.points(made, state):
            with self.subTest(point=point):
                self.assert_no_mistakes(made)
                served = {path.name for path in made.current.glob("*.cab")}
                self.assertLessEqual(old, served)
                seen.add(len(served))
                made.update()
                self.assert_no_mistakes(made)
                # nothing is left of what was begun, but the edition before stays for a while
                self.assertEqual(len(list(made.folder.iterdir())), entries + 1)
        self.assertEqual(seen, {1, 2})


class MistakeTest(MirrorCase):
    """Refused with the name of the file and a reason, and nothing is written."""

    def refuse(self, made: Mirror, *reasons: str, key: Optional[Key] = None) -> None:
        before = made.snapshot()
        done = mirror.run_tool(made.command(key))
        self.assertEqual(done.returncode, 1, done.stdout)
        for reason in reasons:
            self.assertIn(str(reason), done.stdout)
        self.assertEqual(made.snapshot(), before)

    def refuse_always(self, made: Mirror, *reasons: str, key: Optional[Key] = None) -> None:
        """On the first run, and when there is a mirror already."""
        self.refuse(made, *reasons, key=key)
        self.assertFalse(made.folder.exists())
        served = self.make_mirror(OLD, served=False)
        served.checkout = made.checkout
        self.refuse(served, *reasons, key=key)
        self.assert_no_mistakes(served)

    def made(self) -> Mirror:
        made = self.make_mirror(served=False)
        made.checkout.add(NEW)
        return made

    def test_key_missing(self) -> None:
        missing = self.keys / "missing.key"
        key = Key(self.key.certificate, missing)
        self.refuse_always(self.made(), missing, "No such file", key=key)
        key = Key(missing, self.key.private)
        self.refuse_always(self.made(), missing, "No such file", key=key)

    def test_key_not_given(self) -> None:
        made = self.made()
        command = made.command()
        for option in ["--certificate", "--key"]:
            with self.subTest(option=option):
                at = command.index(option)
                done = mirror.run_tool(command[:at] + command[at + 2 :])
                self.assertEqual(done.returncode, 1)
                self.assertIn(option, done.stdout)
                self.assertFalse(made.folder.exists())

    def test_key_of_another_certificate(self) -> None:
        other = mirror.make_key(self.keys, "another")
        key = Key(self.key.certificate, other.private)
        self.refuse_always(self.made(), key.certificate, key.private, key=key)

    def test_key_is_no_key(self) -> None:
        key = Key(self.key.certificate, self.key.certificate)
        self.refuse_always(self.made(), key.private, key=key)

    def test_certificate_without_usage(self) -> None:
        """Hosts that trust such a certificate do not verify anything any more."""
        for usage in ["", "keyEncipherment"]:
            with self.subTest(usage=usage):
                key = mirror.make_key(self.keys, f"usage-{usage}", usage)
                self.refuse_always(self.made(), key.certificate, "keyUsage", key=key)

    def test_certificate_expired(self) -> None:
        for name, start, end in [("past", "25", "26"), ("future", "40", "41")]:
            with self.subTest(name=name):
                ends = [f"{year}0101000000Z" for year in [start, end]]
                key = mirror.make_key_valid(self.keys, name, *ends)
                self.refuse_always(self.made(), key.certificate, f"20{start}", key=key)

    def test_image_refused(self) -> None:
        """One image that a host would refuse is enough."""
        bad = {
            "debug-signed": ["--debug"],
            "signature does not match": ["--poke-image=0x1204=0102"],
            "sum of all 16-bit words": ["--poke-image=0x2000=0102"],
        }
        for reason, options in bad.items():
            with self.subTest(reason=reason):
                made = self.made()
                image = made.checkout.add(OLD, *options)
                self.refuse_always(made, image, reason)

    def test_image_of_another_signer(self) -> None:
        other = mirror.make_key(self.keys, "signer", kind="rsa")
        made = self.made()
        image = made.checkout.add(OLD, key=other.private)
        self.refuse_always(made, image, signer_of(other.private))

    def test_folder_is_a_file(self) -> None:
        made = self.made()
        made.folder.write_text("mine", encoding="utf-8")
        self.refuse(made, made.folder)
        self.assertEqual(made.folder.read_text(encoding="utf-8"), "mine")

    @unittest.skipIf("TDX_NAMESPACE" not in os.environ, "no mount namespace of its own")
    def test_folder_not_writable(self) -> None:
        made = self.make_mirror(OLD, served=False)
        run("mount", "--bind", made.folder, made.folder)
        self.addCleanup(run, "umount", made.folder)
        run("mount", "-o", "remount,bind,ro", made.folder)
        made.checkout.add(NEW)
        self.refuse(made, made.folder, "Read-only file system")
        self.assert_no_mistakes(made)


if __name__ == "__main__":
    main()
