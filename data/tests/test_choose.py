#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The releases that the real daemon offers to every kind of host, against the oracle."""

import functools
import hashlib
import itertools
import json
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import List, NamedTuple, Optional, Set, Tuple

from tdxtest import lvfs_model
from tdxtest import release_oracle as oracle
from tdxtest.images import PUBLISHER, QUIRK, make_image, real_images, run, signer_of, write_quirk
from tdxtest.release_oracle import INTEL, MADE_UP, Host, Release
from tdxtest.testbed import Testbed, TestbedCase, main

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # pylint: disable=wrong-import-position

NOTHING_TO_DO = 2  # exit status of fwupdmgr
FLAG_UPDATABLE = 1 << 1
FLAG_SUPPORTED = 1 << 5
MODULE_OFFSET = 2 * 4096  # after the header and the sigstruct

# as on a real host, where the CPU is a device too: fwupd makes it the parent of the others
CONFIG = "DisabledPlugins=uefi_capsule;uefi_dbx"

# one that is older than all of a series, one that nobody knows, and others that are not in the map
RUNNING = [r.version for r in INTEL] + ["1.5.00", "1.5.10", "1.5.99", "2.0.01", "2.0.10", "2.5.00"]
LOADERS = [None, "1.5.00", "1.5.06", "1.6.00", "2.0.00", "2.0.03", "2.1.00"]

class Publication(NamedTuple):
    """What was made from one map."""

    releases: Tuple[Release, ...]
    strict: bool = False


@functools.lru_cache(maxsize=None)
def work_folder() -> tempfile.TemporaryDirectory:
    """Kept until the end, as images and cabinets are the same for all tests."""
    return tempfile.TemporaryDirectory(prefix="tdx-choose-")


def image_options(release: Release) -> List[str]:
    options = [f"--version={release.version}", "--pages=1", f"--svn={release.svn:#x}"]
    options += [f"--cpu={cpu:#x}" for cpu in release.cpus]
    return [*options, "--embed-version"] if release.version.startswith("2.") else options


@functools.lru_cache(maxsize=None)
def make_checkout() -> Path:
    """A folder like Intel's repository, with images for the same CPUs."""
    folder = Path(work_folder().name) / "checkout"
    for release in INTEL:
        series = folder / "joined_files" / release.version.rpartition(".")[0]
        series.mkdir(parents=True, exist_ok=True)
        make_image(series / f"tdx_module_{release.version}.blob", *image_options(release))
    (folder / "mapping_file.json").write_text(json.dumps(oracle.to_map(INTEL)), encoding="utf-8")
    return folder


def image_of(version: str) -> Path:
    series = version.rpartition(".")[0]
    return make_checkout() / "joined_files" / series / f"tdx_module_{version}.blob"


@functools.lru_cache(maxsize=None)
def make_version_map() -> Path:
    """For the mock host: most images do not say which version they are."""
    path = Path(work_folder().name) / "versions"
    lines = []
    for release in INTEL:
        module = image_of(release.version).read_bytes()[MODULE_OFFSET:]
        lines.append(f"{hashlib.sha384(module).hexdigest()} {release.version}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


@functools.lru_cache(maxsize=None)
def publish(publication: Publication) -> Path:
    """Runs the tool for publishers; gives the folder with the cabinets."""
    folder = Path(tempfile.mkdtemp(dir=work_folder().name))
    quirk = folder.with_suffix(".quirk")
    write_quirk(quirk, signer_of())
    quirks = [QUIRK, quirk]
    options = ["--json", f"--output={folder}", *[f"--quirks={path}" for path in quirks]]
    if publication.strict:
        options.append("--strict")
    if publication.releases != INTEL:
        path = folder.with_suffix(".json")
        path.write_text(json.dumps(oracle.to_map(publication.releases)), encoding="utf-8")
        options.append(f"--map={path}")
    run(PUBLISHER, "build", *options, make_checkout())
    return folder


@functools.lru_cache(maxsize=None)
def serve(publication: Publication) -> Path:
    """The same, and then what the LVFS server makes of it; gives a folder with metadata."""
    folder = Path(tempfile.mkdtemp(dir=work_folder().name))
    lvfs_model.publish(publish(publication), folder)
    return folder


class Engine:
    """The daemon without a client in between, as it is asked thousands of times."""

    def __init__(self, bed: Testbed) -> None:
        flags = Gio.DBusConnectionFlags
        self.bed = bed
        self.bus = Gio.DBusConnection.new_for_address_sync(
            bed.env["DBUS_SYSTEM_BUS_ADDRESS"],
            flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION,
        )

    def call(self, method: str, *args: str) -> List[dict]:
        """Gives no results when the daemon says that there are none."""
        name = "org.freedesktop.fwupd"
        value = GLib.Variant("(s)", args) if args else None
        try:
            done = self.bus.call_sync(name, "/", name, method, value, None, 0, 60000)
        except GLib.Error as e:
            if Gio.DBusError.get_remote_error(e) != f"{name}.NothingToDo":
                raise
            return []
        return done.unpack()[0]

    def devices(self) -> List[dict]:
        return [d for d in self.call("GetDevices") if d["Plugin"] == "tdx_module"]

    def change_host(self, host: Host) -> None:
        self.bed.mock.set(running=host.running)
        if host.loader is None:
            self.bed.mock.set(erratum="1")  # for which Linux hides the P-SEAMLDR
        else:
            self.bed.mock.set(erratum="0", seamldr=host.loader)

    def set_host(self, host: Host) -> dict:
        """Another host takes the place of the last one; gives its TDX module."""
        if self.bed.hears_uevents():
            self.bed.unload_driver()
            self.bed.wait_for(lambda: not self.devices(), "the removal")
            self.change_host(host)
            self.bed.load_driver()
        else:
            self.bed.stop_daemon()
            self.change_host(host)
            self.bed.start_daemon()
        self.bed.wait_for(self.devices, "the device")
        (device,) = self.devices()
        assert device["Version"] == host.running, device
        assert device.get("VersionBootloader") == host.loader, device
        return device

    def offered(self, device: dict) -> List[str]:
        """What fwupdmgr would offer: it does not ask for the others."""
        if not device["Flags"] & FLAG_UPDATABLE or not device["Flags"] & FLAG_SUPPORTED:
            return []
        return [release["Version"] for release in self.call("GetUpgrades", device["DeviceId"])]


class ChooseCase(TestbedCase):
    """With the cabinets of a publication in the remote, as they are made or as LVFS serves them."""

    served = False

    def setUp(self) -> None:
        if not PUBLISHER.exists():
            self.skipTest(f"{PUBLISHER} was not built")

    def make_bed(self, publication: Publication, *options: str) -> Testbed:
        bed = self.make_testbed(f"--new-version-map={make_version_map()}", *options, config=CONFIG)
        bed.stop_daemon()
        folder = serve(publication) if self.served else publish(publication)
        for path in folder.iterdir():
            shutil.copy(path, bed.cabinets)
        if self.served:
            bed.set_remote(bed.cabinets / "firmware.xml.gz")
        bed.start_daemon()
        return bed


class DefaultTest(ChooseCase):
    """Every host, with everything that Intel's map allows."""

    publication = Publication(INTEL)
    loaders = LOADERS

    def compare(self, cpu: int, known: bool = True) -> None:
        bed = self.make_bed(self.publication, f"--cpu={cpu:#x}")
        engine = Engine(bed)
        hosts = [Host(cpu, *other) for other in itertools.product(RUNNING, self.loaders)]
        wrong = []
        offers = 0
        for host in hosts:
            device = engine.set_host(host)
            found = engine.offered(device)
            expected = oracle.offered(*self.publication, host)
            if found != expected:
                wrong.append(f"{host}: offered {found}, expected {expected}")
            updatable = bool(device["Flags"] & FLAG_UPDATABLE)
            self.assertEqual(updatable, oracle.can_update(host), host)
            offers += len(found) > 0
        print(f"# {self.id()}: {len(hosts)} hosts, {offers} with an offer", flush=True)
        self.assertEqual(len(wrong), 0, "\n".join(wrong[:5]))
        self.assertEqual(offers > 0, known)

    def test_sapphire_rapids(self) -> None:
        self.compare(0x806F8)

    def test_emerald_rapids(self) -> None:
        self.compare(0xC06F2)

    def test_sierra_forest(self) -> None:
        self.compare(0xA06F3)

    def test_granite_rapids(self) -> None:
        self.compare(0xA06D1)

    def test_granite_rapids_d(self) -> None:
        self.compare(0xA06E1)

    def test_unknown_cpu(self) -> None:
        self.compare(0xD06F1, known=False)


class StrictTest(DefaultTest):
    """The same with strictly compatible releases only."""

    publication = Publication(INTEL, strict=True)


class MadeUpTest(DefaultTest):
    """The same with a map that asks for more than Intel's does so far."""

    publication = Publication(MADE_UP)
    loaders = [*LOADERS, "1.5.11", "1.5.12", "2.0.09", "2.0.10"]


class ServedTest(DefaultTest):
    """Nothing that decides is lost on the LVFS server."""

    served = True


class ServedStrictTest(StrictTest):
    """The same with strictly compatible releases only."""

    served = True


class ServedMadeUpTest(MadeUpTest):
    """The same with a map that asks for more than Intel's does so far."""

    served = True


class UpdateTest(ChooseCase):
    """The release that is taken is the one that arrives in the kernel."""

    def update(
        self, publication: Publication, host: Host, new: Optional[str], *mock_options: str
    ) -> None:
        """None: there is nothing to update to."""
        options = [*mock_options, f"--cpu={host.cpu:#x}", f"--running={host.running}"]
        options.append(f"--running-svn={oracle.svn_at_least(host.running):#x}")
        options.append(f"--seamldr={host.loader}" if host.loader else "--no-seamldr")
        with self.subTest(host=host, strict=publication.strict):
            expected = oracle.offered(*publication, host)
            self.assertEqual(expected[0] if expected else None, new)
            bed = self.make_bed(publication, *options)
            done = bed.fwupdmgr("update")
            self.assertIn(done.returncode, [0] if new else [0, NOTHING_TO_DO], done.stdout)
            self.assertEqual(bed.mock.attr("version"), new or host.running)
            self.assertEqual(bed.mock.writes()["uploads"], 1 if new else 0)
            self.assertEqual(bed.device()["Version"], new or host.running)
            if new:
                self.assertEqual(bed.mock.received(), image_of(new).read_bytes())

    def test_default(self) -> None:
        publication = Publication(INTEL)
        self.update(publication, Host(0x806F8, "1.5.01", "1.5.00"), "1.5.34")
        self.update(publication, Host(0xC06F2, "1.5.16", "1.5.06"), "1.5.34")
        self.update(publication, Host(0xA06F3, "1.5.24", "2.0.03"), "1.5.34")
        self.update(publication, Host(0xA06E1, "2.0.08", "2.0.00"), "2.0.18")
        self.update(publication, Host(0x806F8, "1.5.10", "1.5.06"), "1.5.34")
        self.update(publication, Host(0x806F8, "1.5.00", "1.5.06"), None)
        self.update(publication, Host(0x806F8, "1.5.34", "1.5.06"), None)
        self.update(publication, Host(0xA06D1, "2.0.02", "2.0.03"), None)
        self.update(publication, Host(0xA06D1, "2.0.08", "1.5.06"), None)
        self.update(publication, Host(0xA06D1, "2.0.08", "2.1.00"), None)
        self.update(publication, Host(0x806F8, "1.5.06", None), None)

    def test_strict(self) -> None:
        publication = Publication(INTEL, strict=True)
        self.update(publication, Host(0x806F8, "1.5.06", "1.5.06"), "1.5.13")
        self.update(publication, Host(0xA06D1, "2.0.12", "2.0.03"), "2.0.18")
        self.update(publication, Host(0x806F8, "1.5.13", "1.5.06"), None)

    def test_made_up(self) -> None:
        publication = Publication(MADE_UP)
        self.update(publication, Host(0x806F8, "1.5.16", "1.6.00"), "1.5.20")
        self.update(publication, Host(0xA06D1, "2.0.08", "2.0.03"), "2.0.16")

        # some kernels print 1.5.6
        host = Host(0x806F8, "1.5.13", "1.5.06")
        self.update(publication, host, "1.5.28", "--seamldr-unpadded")


class ServedUpdateTest(UpdateTest):
    """What the cabinets of the LVFS server ask for when they are installed."""

    served = True


class SvnTest(ChooseCase):
    """Not in the metadata: the plugin refuses an SVN that the running module may be above."""

    def update(self, svn: int, status: int) -> Testbed:
        """To 1.5.13 from a version that nobody knows, by a cabinet that the tool would not make."""
        host = Host(0x806F8, "1.5.10", "1.5.06")
        release = next(r for r in INTEL if r.version == "1.5.13")._replace(svn=svn)
        self.assertEqual(bool(oracle.offered([release], False, host)), status == 0)
        options = [f"--running={host.running}", "--install-version=1.5.13"]
        bed = self.make_testbed(*options, f"--running-svn={oracle.svn_at_least(host.running):#x}")
        bed.cabinet(bed.image("image.bin", *image_options(release)), "1.5.13", ["806F0"])
        done = bed.fwupdmgr("update", check=status)
        if status != 0:
            self.assertIn(f"The SVN of the image is {svn:#06x}", done.stdout)
        return bed

    def test_lower(self) -> None:
        bed = self.update(0x0107, 1)
        self.assertEqual(bed.mock.writes(), {"loading": 0, "data": 0, "uploads": 0})
        self.assertEqual(bed.mock.attr("version"), "1.5.10")

    def test_equal(self) -> None:
        bed = self.update(0x0108, 0)
        self.assertEqual(bed.mock.attr("version"), "1.5.13")


class WhyNotTest(ChooseCase):
    """An older release is taken, and the user can find out why not the newest."""

    def ask(self, publication: Publication, host: Host, newest: str) -> Tuple[str, str]:
        """Gives fwupd's reason, and what the release says that it needs."""
        options = [f"--cpu={host.cpu:#x}", f"--running={host.running}", f"--seamldr={host.loader}"]
        bed = self.make_bed(publication, *options)
        taken = oracle.offered(*publication, host)[0]
        self.assertLess(oracle.split(taken), oracle.split(newest))
        updates = bed.json("get-updates")["Devices"]
        self.assertEqual(updates[0]["Releases"][0]["Version"], taken)
        cabinet = str(bed.cabinets / f"tdx-module-{newest}.cab")
        devices = bed.json("get-details", cabinet)["Devices"]
        (device,) = [d for d in devices if d.get("Name") == "TDX Module"]
        return device["UpdateError"], device["Releases"][0]["Description"]

    def test_loader(self) -> None:
        """Older than that of its series, or of another series."""
        for loader in "1.5.06", "1.6.00":
            with self.subTest(loader=loader):
                host = Host(0x806F8, "1.5.16", loader)
                reason, description = self.ask(Publication(MADE_UP), host, "1.5.34")
                self.assertEqual(reason, "Bootloader is not compatible")
                self.assertIn("P-SEAMLDR is 1.5.07 or a later 1.5, or 2.0.03 or", description)

    def test_minimum(self) -> None:
        host = Host(0xA06D1, "2.0.08", "2.1.00")
        reason, description = self.ask(Publication(MADE_UP), host, "2.0.18")
        self.assertIn("firmware version 2.0.08", reason)
        self.assertIn("2.0.10", reason)
        self.assertIn("TDX module 2.0.10 or a later 2.0 is running", description)

    def test_strict(self) -> None:
        host = Host(0x806F8, "1.5.06", "1.5.06")
        reason, description = self.ask(Publication(INTEL, strict=True), host, "1.5.34")
        self.assertIn("firmware version", reason)
        self.assertIn("1.5.06", reason)
        self.assertIn("but only 1.5.16 or 1.5.20 or 1.5.24 or 1.5.25 or 1.5.28", description)


class OracleTest(unittest.TestCase):
    """What is written in the oracle is what Intel has published."""

    def folder(self) -> Path:
        folder = real_images()
        if folder is None:
            self.skipTest("no real images, see TDX_MODULE_BLOBS")
        return folder

    def test_map(self) -> None:
        path = self.folder() / "mapping_file.json"
        self.assertEqual(oracle.to_map(INTEL), oracle.read_map(path))

    def test_images(self) -> None:
        releases = {release.version: release for release in INTEL}
        for image in sorted(self.folder().glob("*.blob")):
            version = image.stem.rpartition("_")[2]
            with self.subTest(version=version):
                self.assertEqual(oracle.read_cpus(image), releases[version].cpus)
                self.assertEqual(oracle.read_svn(image), releases[version].svn)

    def decisive(self, *releases: Release) -> Set[str]:
        """The rules that are for some host the only one that keeps a release away."""
        cpus = [oracle.SPR, oracle.GNR]
        hosts = [Host(*host) for host in itertools.product(cpus, RUNNING, LOADERS)]
        alone = set()
        for release, host in itertools.product(releases, hosts):
            for strict in False, True:
                rules = oracle.unmet(release, strict, host)
                alone.update(rules if len(rules) == 1 else [])
        return alone

    def test_every_rule(self) -> None:
        """As long as SVNs rise with versions, the metadata need not say anything of them."""
        rules = {rule.__name__ for rule in oracle.RULES_STRICT}
        for releases in INTEL, MADE_UP:
            self.assertEqual(self.decisive(*releases), rules - {"has_svn"})
        fallen = [release._replace(svn=0x0104) for release in INTEL]
        self.assertEqual(self.decisive(*INTEL, *fallen), rules)


if __name__ == "__main__":
    main()
