#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An update as an operator does it, with the daemon in the sandbox that it is shipped with."""

import re
import unittest

import guest
from guest import GuestCase, client
from tdxtest.fwupdmgr import FAILED_TRANSIENT, SUCCESS, Client

READ_ONLY = "[Service]\nReadOnlyPaths=/sys/devices /sys/class\n"


def setUpModule() -> None:  # pylint: disable=invalid-name
    guest.make_remote()


class UpdateTest(GuestCase):
    """From 1.5.06 to 1.5.16 with each image at hand."""

    def setUp(self) -> None:
        guest.load_driver()
        self.addCleanup(guest.unload_driver)

    def update(self, name: str) -> None:
        self.wait_for_device("1.5.06")
        guest.offer(name)
        self.wait_for_release("1.5.16")
        devices = client.fwupdmgr("get-devices", check=0).stdout
        self.assertRegex(devices, r"(?s)TDX Module:.*Current version: +1\.5\.06")
        self.assertRegex(devices, r"Bootloader Version: +1\.5\.06")
        self.assertIn("1.5.16", client.fwupdmgr("get-updates", check=0).stdout)
        self.assert_status("available", 3)
        client.fwupdmgr("update", check=0)
        self.assertEqual(guest.attr("version"), "1.5.16")
        self.assertEqual(guest.attr("num_remaining_updates"), "9")
        self.assertEqual(client.device()["Version"], "1.5.16")
        self.assert_installed(name)
        self.assertIn("1.5.16", client.fwupdmgr("get-history", check=0).stdout)
        history = client.history()[0]
        self.assertEqual(history["UpdateState"], SUCCESS)
        self.assertEqual(history["Version"], "1.5.06")
        self.assertEqual(history["Releases"][0]["Version"], "1.5.16")
        self.assert_status("current", 0)

    def test_made(self) -> None:
        self.update("made-1.5.16.bin")

    def test_intel(self) -> None:
        name = "intel-1.5.16.bin"
        if name not in guest.images():
            self.skipTest("no real images, see TDX_MODULE_BLOBS")
        self.update(name)
        data = (guest.RECORDS / "data").read_bytes()
        self.assertEqual(data[:4], b"\x00\x02\x3a\xc5")

    def test_unprivileged(self) -> None:
        """Polkit asks for an administrator, and there is nobody to answer."""
        self.wait_for_device("1.5.06")
        guest.offer("made-1.5.16.bin")
        self.wait_for_release("1.5.16")
        nobody = Client()
        nobody.prefix = ["runuser", "-u", "nobody", "--"]
        self.assertEqual(nobody.device()["Version"], "1.5.06")
        done = nobody.fwupdmgr("install", str(guest.TEST / "made-1.5.16.bin.cab"))
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout, "(?i)failed to obtain auth|not authorized")
        self.assert_untouched()


class SandboxTest(GuestCase):
    """Where the daemon may not write to /sys, as with older versions of systemd."""

    def setUp(self) -> None:
        self.addCleanup(guest.unload_driver)
        guest.offer("made-1.5.16.bin")

    @classmethod
    def tearDownClass(cls) -> None:
        guest.remove_drop_ins()

    def test_without_drop_in(self) -> None:
        """One error, which names the cure, and nothing has happened."""
        guest.set_drop_ins(read_only=READ_ONLY, tdx_module="")
        guest.load_driver()
        self.wait_for_release("1.5.16")
        done = client.fwupdmgr("update", check=1)
        cure = "add ReadWritePaths=-/sys/devices/faux to the [Service] section of fwupd.service"
        self.assertEqual(len(re.findall(re.escape(cure), done.stdout)), 1, done.stdout)
        self.assert_untouched()
        self.assertEqual(guest.attr("num_remaining_updates"), "10")
        history = client.history()[0]
        self.assertEqual(history["UpdateState"], FAILED_TRANSIENT)
        self.assertIn(cure, history["UpdateError"])

    def test_hidden_cpuinfo(self) -> None:
        """A distribution may have hidden it, and our drop-in shows it again."""
        hidden = "[Service]\nProcSubset=pid\n"
        guest.set_drop_ins(distribution=hidden, tdx_module="")
        guest.load_driver()
        self.wait_for_device("1.5.06")
        self.assertRegex(client.device()["UpdateError"], "ProcSubset=all.*/proc/cpuinfo")
        guest.set_drop_ins(distribution=hidden)
        self.wait_for_release("1.5.16")
        client.fwupdmgr("update", check=0)
        self.assert_installed("made-1.5.16.bin")

    def test_driver_loaded_later(self) -> None:
        guest.set_drop_ins(read_only=READ_ONLY)
        self.assertIsNone(client.device())
        guest.load_driver()
        self.wait_for_release("1.5.16")
        client.fwupdmgr("update", check=0)
        self.assertEqual(client.device()["Version"], "1.5.16")
        self.assert_installed("made-1.5.16.bin")


class ExposureTest(unittest.TestCase):
    """The sandbox is no weaker with our drop-in than without it."""

    def exposure(self) -> float:
        out = guest.run("systemd-analyze", "security", "--no-pager", "fwupd.service")
        match = re.search(r"Overall exposure level for fwupd\.service: ([0-9.]+)", out)
        self.assertIsNotNone(match, out)
        return float(match.group(1))

    def test_exposure(self) -> None:
        self.addCleanup(guest.remove_drop_ins)
        after = self.exposure()
        paths = guest.unit_property("fwupd.service", "ReadWritePaths")
        self.assertIn("-/sys/devices/faux", paths)
        guest.set_drop_ins(tdx_module="")
        paths = guest.unit_property("fwupd.service", "ReadWritePaths")
        self.assertNotIn("/sys/devices", paths)
        before = self.exposure()
        print(f"# exposure level: {before} before, {after} after")
        self.assertLessEqual(after, before)
