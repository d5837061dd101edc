#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is left when something goes wrong with the daemon, the client or the cabinet archive."""

import signal
import subprocess
import time
import zipfile

from tdxtest.fwupdmgr import FAILED, FAILED_TRANSIENT, SUCCESS
from tdxtest.images import run
from tdxtest.testbed import TestbedCase, main


class FailuresTest(TestbedCase):
    """After each failure the daemon says what is running, and the next update works."""

    def bed(self, *options: str):
        bed = self.make_testbed("--install-version=1.5.16", *options)
        bed.cabinet(bed.image("good.bin", "--pages=64"), "1.5.16", ["806F0"])
        return bed

    def start_update(self, bed) -> subprocess.Popen:
        client = bed.start_update()
        self.addCleanup(client.stdout.close)
        return client

    def wait_for_status(self, bed, status: str) -> None:
        bed.wait_for(lambda: bed.mock.attr("firmware/tdx_module/status") == status, status)

    def assert_update_works(self, bed) -> None:
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], "1.5.16")
        self.assertEqual(bed.mock.attr("version"), "1.5.16")

    def test_daemon_killed(self) -> None:
        """The kernel finishes what it was given, with or without fwupd."""
        for phase in ["preparing", "transferring", "programming"]:
            with self.subTest(phase=phase):
                bed = self.bed()
                bed.mock.set(stuck=phase)
                client = self.start_update(bed)
                self.wait_for_status(bed, phase)
                bed.stop_daemon(signal.SIGKILL)
                client.wait(timeout=30)

                # started again while the kernel is still working
                bed.start_daemon()
                self.assertIn("wait until the other upload", bed.device()["UpdateError"])
                bed.mock.set(stuck="")
                self.wait_for_status(bed, "idle")
                bed.wait_for(lambda b=bed: b.device()["Version"] == "1.5.16", "1.5.16")
                self.assertEqual(bed.mock.writes()["uploads"], 1)

    def test_daemon_killed_while_writing(self) -> None:
        """Half an image is nothing to the kernel."""
        bed = self.bed()
        bed.mock.set(short_write="8")
        client = self.start_update(bed)
        bed.wait_for(lambda: bed.mock.writes()["data"] > 100, "the first bytes")
        bed.stop_daemon(signal.SIGKILL)
        client.wait(timeout=30)
        self.assertEqual(bed.mock.writes()["uploads"], 0)
        self.assertEqual(bed.mock.attr("version"), "1.5.06")
        bed.mock.set(short_write="4096")
        bed.start_daemon()
        self.assert_update_works(bed)

    def test_client_interrupted(self) -> None:
        """The daemon goes on without the client."""
        bed = self.bed()
        bed.mock.set(stuck="transferring")
        client = self.start_update(bed)
        self.wait_for_status(bed, "transferring")
        client.send_signal(signal.SIGINT)
        time.sleep(0.2)
        bed.mock.set(stuck="")
        client.wait(timeout=30)
        bed.wait_for(lambda: bed.device()["Version"] == "1.5.16", "1.5.16")
        self.assertEqual(bed.history()[0]["UpdateState"], SUCCESS)

    def test_lost(self) -> None:
        """The daemon shows that from then on, also after it was started again."""
        bed = self.bed()
        bed.mock.set(fault="transferring:firmware-invalid", fault_loses="1")
        done = bed.fwupdmgr("update", check=1)
        self.assertIn("TDX module is lost", done.stdout)
        self.assertIn("reboot the host", done.stdout)
        self.assertIn("TDX module is lost", bed.history()[0]["UpdateError"])
        self.assertEqual(bed.history()[0]["UpdateState"], FAILED)
        for _ in range(2):
            device = bed.device()
            self.assertNotIn("Version", device)
            self.assertNotIn("updatable", device["Flags"])
            self.assertIn("TDX module is lost", device["UpdateError"])
            bed.stop_daemon()
            bed.start_daemon()

    def test_another_upload(self) -> None:
        """What has changed nothing can be tried again, and is not reported as a bad release."""
        bed = self.bed()
        bed.mock.set(second_uploader="1")
        self.assertIn("nothing was changed", bed.fwupdmgr("update", check=1).stdout)
        self.assertEqual(bed.history()[0]["UpdateState"], FAILED_TRANSIENT)
        bed.wait_for(lambda: "updatable" in bed.device()["Flags"], "the end of the other upload")
        self.assert_update_works(bed)

    def test_seamldr_unreadable(self) -> None:
        """The reason is not that the kernel is too old."""
        bed = self.make_testbed()
        bed.stop_daemon()
        bed.mock.set(attr_errno="seamldr_version:read:EIO")
        bed.start_daemon()
        self.assertRegex(bed.device()["UpdateError"], "P-SEAMLDR is not known .*Input/output")

    def test_report(self) -> None:
        """The report of the update tells what was running before."""
        bed = self.bed()
        bed.fwupdmgr("update", check=0)
        bed.fwupdmgr("report-export", check=0)
        with zipfile.ZipFile(next(bed.tmp.glob("*.fwupdreport"))) as archive:
            report = archive.read("report.json").decode()
        self.assertIn('"TdxModuleSvnOld" : "0x0106"', report)
        self.assertIn('"TdxModuleMrseamOld" : "5b38e33a', report)

    def test_cabinets(self) -> None:
        bed = self.make_testbed("--install-version=1.5.16", only_trusted=False)
        image = bed.image("good.bin")
        bed.cabinet(image, "1.5.16", ["806F0"], folder=bed.tmp)
        metainfo = bed.tmp / "images/good.bin.metainfo.xml"
        other = bed.image("other.bin", "--version=1.5.20")

        # a payload that nobody asks for does not matter, one that is missing does
        two = bed.tmp / "two.cab"
        run("gcab", "--create", "--nopath", two, image, other, metainfo)
        missing = bed.tmp / "missing.cab"
        run("gcab", "--create", "--nopath", missing, other, metainfo)

        self.assertNotEqual(bed.fwupdmgr("install", str(missing)).returncode, 0)
        self.assertEqual(bed.mock.writes()["uploads"], 0)
        bed.fwupdmgr("install", str(two), check=0)
        self.assertEqual(bed.mock.received()[8192:], image.read_bytes()[8192:])


if __name__ == "__main__":
    main()
