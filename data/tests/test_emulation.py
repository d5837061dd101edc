#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fwupd has recorded of a TDX host is replayed where there is none."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import List

import record_emulation
from record_emulation import DEVICE_TEST, RECORDINGS, TESTS, UPDATE, UPDATE_CPUS, UPDATE_VERSION
from tdxtest.images import BUILD, SOURCE, clean_env, make_cabinet, write_quirk
from tdxtest.testbed import Testbed, TestbedCase, main, skip_reason

VERSION_BEFORE = "2.0.04"
VERSION = "ReadAttr:Attr=version"

# also on a real host the plugin can do without these
OPTIONAL = [
    "GetContents:Filename=/sys/fs/cgroup/misc.capacity",
    "GetContents:Filename=/sys/fs/cgroup/misc.current",
    "ReadAttr:Attr=firmware/tdx_module/error",
]


def event_id(text: str) -> str:
    """As fwupd hashes it."""
    return "#" + hashlib.sha1(text.encode()).hexdigest()[:8]


class OfflineTest(unittest.TestCase):
    """fwupdtool replays the update, on a machine like this one."""

    def setUp(self) -> None:
        if Path("/sys/devices/faux/tdx_host").exists():
            self.skipTest("this is a TDX host, which must not get an image for tests")
        folder = tempfile.TemporaryDirectory(prefix="tdx-emulation-")
        self.addCleanup(folder.cleanup)
        self.tmp = Path(folder.name)
        for name in ["etc/fwupd", "run/lock", "var/cache/fwupd", "var/lib/fwupd/quirks.d"]:
            (self.tmp / name).mkdir(parents=True)
        config = self.tmp / "etc/fwupd/fwupd.conf"
        config.write_text("[fwupd]\nOnlyTrusted=false\n", encoding="utf-8")
        config.chmod(0o640)
        image = record_emulation.build_image(self.tmp / "update.bin")
        self.signer = record_emulation.signer_of(image)
        self.quirk = self.tmp / "var/lib/fwupd/quirks.d/recording.quirk"
        write_quirk(self.quirk, self.signer)
        self.cabinet = make_cabinet(self.tmp, image, UPDATE_VERSION, UPDATE_CPUS)

    @property
    def env(self) -> dict:
        return {
            **clean_env(),
            "FWUPD_DATADIR_QUIRKS": str(SOURCE / "plugins/tdx-module"),
            "FWUPD_LIBDIR_PKG": str(BUILD / "plugins/tdx-module"),
            "FWUPD_LOCALSTATEDIR": f"{self.tmp}/var",
            "FWUPD_LOCKDIR": f"{self.tmp}/run/lock",
            "FWUPD_MACHINE_KIND": "physical",
            "FWUPD_RUNDIR": f"{self.tmp}/run",
            "FWUPD_SYSCONFDIR": f"{self.tmp}/etc",
            "LC_ALL": "C.UTF-8",
        }

    def replay(self, folder: Path = TESTS) -> subprocess.CompletedProcess:
        emulation = record_emulation.pack(self.tmp / "emulation.zip", UPDATE, folder)
        options = ["--verbose", "--plugins=tdx_module"]
        command = ["emulation-load", emulation, self.cabinet]
        if "device-emulate" in record_emulation.fwupdtool(self.env, "--help").stdout:
            # since 2.2, where emulation-load does not take a cabinet
            command = ["device-emulate", self.make_device_test(emulation)]
        return record_emulation.fwupdtool(self.env, *options, *command)

    def make_device_test(self, emulation: Path) -> Path:
        manifest = json.loads(DEVICE_TEST.read_text(encoding="utf-8"))
        module = manifest["steps"][0]["components"][0]
        step = {"emulation-file": str(emulation), "url": str(self.cabinet)}
        manifest["steps"] = [{**step, "components": [{**module, "version": UPDATE_VERSION}]}]
        path = self.tmp / "device-test.json"
        path.write_text(json.dumps(manifest), encoding="utf-8")
        return path

    def copy_recording(self) -> Path:
        folder = self.tmp / "recording"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for phase in ["setup", "install"]:
            shutil.copy(TESTS / record_emulation.filename(UPDATE, phase), folder)
        return folder

    def test_update(self) -> None:
        done = self.replay()
        self.assertEqual(done.returncode, 0, done.stdout)
        versions = re.findall(
            r"(\w+) -> FuTdxModuleDevice:\n(?:  .*\n)*?  Version: +(\S+)\n", done.stdout
        )
        before = ["prepare", "detach", "update", "attach", "reload"]
        after = [("cleanup", UPDATE_VERSION)]
        self.assertEqual(versions, [(step, VERSION_BEFORE) for step in before] + after)

    def test_signer(self) -> None:
        """Only the quirk makes fwupd trust the image."""
        self.quirk.unlink()
        done = self.replay()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"signed with the key {self.signer}", done.stdout)

    def test_missing_event(self) -> None:
        """Nothing that is needed for the write can be left out."""
        optional = [event_id(text) for text in OPTIONAL]
        status = event_id(record_emulation.STATUS)
        path = TESTS / record_emulation.filename(UPDATE, "install")
        phase = json.loads(path.read_text(encoding="utf-8"))
        events = phase["UsbDevices"][0]["Events"]
        # it is read before and after, then to reload
        reads = [n for n, event in enumerate(events) if event["Id"] == event_id(VERSION)]
        for number, event in enumerate(events[: reads[2]]):
            polled = event["Id"] == status and event["Data"] in record_emulation.STATUSES
            with self.subTest(number=number, event=event):
                folder = self.copy_recording()
                changed = json.loads(path.read_text(encoding="utf-8"))
                # fwupd would go on with what is read later
                for later, other in enumerate(changed["UsbDevices"][0]["Events"]):
                    if later == number or later >= reads[2]:
                        other["Id"] = other["Id"].replace(event["Id"], "#00000000")
                (folder / path.name).write_text(json.dumps(changed), encoding="utf-8")
                success = polled or event["Id"] in optional
                done = self.replay(folder)
                self.assertEqual(done.returncode == 0, success, done.stdout[-2000:])

    def test_other_version(self) -> None:
        """The plugin looks for the expected version, and fwupd for one that has changed."""
        new, other, old = (
            base64.b64encode(f"{version}\n".encode()).decode()
            for version in [UPDATE_VERSION, "2.0.05", VERSION_BEFORE]
        )
        for versions, text in [
            ([other, new], "2.0.05"),
            ([new, old], VERSION_BEFORE),
        ]:
            with self.subTest(version=text):
                folder = self.copy_recording()
                path = folder / record_emulation.filename(UPDATE, "install")
                # after the upload, and to reload
                first, *rest = path.read_text(encoding="utf-8").split(new)
                self.assertEqual(len(rest), len(versions))
                first += "".join(version + part for version, part in zip(versions, rest))
                path.write_text(first, encoding="utf-8")
                done = self.replay(folder)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(text, done.stdout.splitlines()[-1])


class DaemonTest(TestbedCase):
    """The daemon and its client do the same, and show more of it."""

    def make_offline_testbed(self) -> Testbed:
        bed = self.make_testbed("--absent", only_trusted=False)
        image = record_emulation.build_image(bed.tmp / "images/update.bin")
        bed.trust(record_emulation.signer_of(image), "recording")
        bed.stop_daemon()
        bed.mock.stop()
        bed.start_daemon()
        self.assertEqual(bed.devices(), [])
        return bed

    def load(self, bed: Testbed, path: Path) -> dict:
        bed.fwupdmgr("emulation-load", str(path), check=0)
        (device,) = bed.devices()
        self.assertIn("emulated", device["Flags"])
        return device

    def make_cabinet(self, bed: Testbed) -> Path:
        return make_cabinet(bed.tmp, bed.tmp / "images/update.bin", UPDATE_VERSION, UPDATE_CPUS)

    def test_hosts(self) -> None:
        expected = {
            "tdx-module": ("2.0.04", "2.0.00", None),
            "tdx-module-erratum": ("1.5.06", None, "erratum SEAMRET_INVD_VMCS"),
        }
        self.assertEqual(list(expected), list(RECORDINGS))
        bed = self.make_offline_testbed()
        for name, (version, bootloader, reason) in expected.items():
            with self.subTest(name=name):
                module = self.load(bed, TESTS / record_emulation.filename(name, "setup"))
                self.assertEqual(module["Version"], version)
                self.assertEqual(module.get("VersionBootloader"), bootloader)
                if reason is None:
                    self.assertIn("updatable", module["Flags"])
                    self.assertNotIn("UpdateError", module)
                else:
                    self.assertNotIn("updatable", module["Flags"])
                    self.assertIn(reason, module["UpdateError"])

    def test_empty_attribute(self) -> None:
        """No kernel has one, but an emulation may."""
        bed = self.make_offline_testbed()
        recording = json.loads((TESTS / "tdx-module-setup.json").read_text(encoding="utf-8"))
        for event in recording["UsbDevices"][0]["Events"]:
            if event["Id"] == event_id(VERSION):
                event["Data"] = ""
        path = bed.tmp / "empty.json"
        path.write_text(json.dumps(recording), encoding="utf-8")
        self.assertIn("version is '', expected three numbers", self.load(bed, path)["UpdateError"])

    def test_update(self) -> None:
        bed = self.make_offline_testbed()
        emulation = record_emulation.pack(bed.tmp / "emulation.zip", UPDATE)
        cabinet = self.make_cabinet(bed)
        for _ in range(2):  # from the start again
            module = self.load(bed, emulation)
            self.assertEqual(module["Version"], VERSION_BEFORE)
            bed.fwupdmgr("install", str(cabinet), check=0)
            module = bed.device()
            self.assertEqual(module["Version"], UPDATE_VERSION)
            self.assertNotIn("UpdateError", module)

    def device_test(self, bed: Testbed, steps: List[dict]) -> List[bool]:
        """Runs the steps in upstream's runner, and says which have succeeded."""
        path = bed.tmp / "device-test.json"
        text = json.dumps({"name": "Test", "interactive": False, "steps": steps})
        path.write_text(text.replace("@enumeration_datadir@", str(TESTS)), encoding="utf-8")
        done = bed.json("device-emulate", str(path))
        if "results" not in done:
            return [False]
        return [step.get("success", False) for step in done["results"][0]["steps"]]

    def test_device_test(self) -> None:
        """What upstream runs, and with it the update, as long as LVFS has no image."""
        bed = self.make_offline_testbed()
        steps = json.loads(DEVICE_TEST.read_text(encoding="utf-8"))["steps"]
        names = [Path(step["emulation-file"]).name for step in steps]
        self.assertEqual(names, [record_emulation.filename(n, "setup") for n in RECORDINGS])
        module = steps[0]["components"][0]
        update = {
            "url": str(self.make_cabinet(bed)),
            "emulation-file": str(record_emulation.pack(bed.tmp / "emulation.zip", UPDATE)),
            "components": [{**module, "version": UPDATE_VERSION}],
        }
        self.assertEqual(self.device_test(bed, [*steps, update]), [True] * (len(steps) + 1))
        self.assertEqual(bed.devices(), [])
        for step in steps:
            for component in step["components"]:
                version = component.pop("version")
                with self.subTest(component=component):
                    component["version"] = "1.5.99"
                    self.assertEqual(self.device_test(bed, [step]), [False])
                component["version"] = version


class RecordingTest(unittest.TestCase):
    """The recordings are what the plugin does today."""

    def test_fresh(self) -> None:
        reason = skip_reason()
        if reason is None and not record_emulation.MINIMIZE.exists():
            reason = f"no {record_emulation.MINIMIZE}"
        if reason is not None:
            self.skipTest(reason)
        self.assertEqual(record_emulation.check(TESTS), [])


if __name__ == "__main__":
    main()
