#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is left when something goes wrong with the daemon, the client or the cabinet archive."""

import signal
import subprocess
import time

from tdxtest.fwupdmgr import FAILED, FAILED_TRANSIENT, SUCCESS
from tdxtest.images import run
from tdxtest.testbed import NO_WRITES, TestbedCase, main, sha256


# of what denies access, and what an operator can do about it
ERRORS = {"EACCES": "Permission denied", "EPERM": "Operation not permitted"}
CURE = "in its unit, container or security policy|ReadWritePaths=-/sys/devices/faux"


class FailuresTestCase(TestbedCase):
    """A host with an update that will not work at once."""

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


class FailuresTest(FailuresTestCase):
    """After each failure the daemon says what is running, and the next update works."""

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
                if phase != "programming":
                    self.assert_refused_as_busy(bed, phase)
                bed.mock.set(stuck="")
                self.wait_for_status(bed, "idle")
                self.assertEqual(bed.mock.attr("version"), "1.5.16")
                if phase != "programming":
                    self.assert_runs_already(bed)
                self.assertEqual(bed.device()["Version"], "1.5.16")
                self.assertEqual(bed.mock.writes()["uploads"], 1)
                self.assertEqual(bed.device_updates_left(), "9")

    def assert_refused_as_busy(self, bed, phase: str) -> None:
        done = bed.fwupdmgr("update", check=1)
        self.assertIn(f"firmware upload is '{phase}'", done.stdout)
        self.assertEqual(bed.history()[0]["UpdateState"], FAILED_TRANSIENT)

    def assert_runs_already(self, bed) -> None:
        """Whoever asks for the same again is told so, and then it is shown."""
        done = bed.fwupdmgr("update", check=1)
        self.assertIn("The image is TDX module 1.5.16, and 1.5.16 is running", done.stdout)

    def test_daemon_killed_while_writing(self) -> None:
        """Half an image is nothing to the kernel, but it waits for the other half."""
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
        done = bed.fwupdmgr("update", check=1)
        self.assertIn("firmware upload is 'loading'", done.stdout)
        self.assertEqual(bed.mock.writes()["uploads"], 0)

        # only the operator knows that nobody will bring it
        loading = bed.mock.device / "firmware/tdx_module/loading"
        loading.write_text("-1", encoding="utf-8")
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
        self.assertIn("only a full reset of the host", done.stdout)
        self.assertIn("TDX module is lost", bed.history()[0]["UpdateError"])
        self.assertEqual(bed.history()[0]["UpdateState"], FAILED)
        for _ in range(2):
            device = bed.device()
            self.assertNotIn("Version", device)
            self.assertNotIn("updatable", device["Flags"])
            self.assertIn("TDX module is lost", device["UpdateError"])
            bed.stop_daemon()
            bed.start_daemon()

    def test_busy(self) -> None:
        """The kernel says so when a TD is being built: one upload, and the user may try again."""
        bed = self.bed()
        for phase in ["preparing", "transferring"]:
            with self.subTest(phase=phase):
                uploads = bed.mock.writes()["uploads"]
                bed.mock.set(fault=f"{phase}:device-busy")
                done = bed.fwupdmgr("update", check=1)
                self.assertIn(f"'{phase}:device-busy'", done.stdout)
                self.assertIn("nothing was changed, and TDX module 1.5.06", done.stdout)
                self.assertIn("try again when no TD is being built or migrated", done.stdout)
                self.assertEqual(bed.history()[0]["UpdateState"], FAILED_TRANSIENT)
                self.assertEqual(bed.mock.writes()["uploads"], uploads + 1)
        self.assert_update_works(bed)

    def test_refused_by_kernel(self) -> None:
        """Some kernels refuse what others take, so nobody is told to try again."""
        for kernel in ["mainline", "v9", "v10", "v4"]:
            with self.subTest(kernel=kernel):
                bed = self.bed(f"--kernel={kernel}")
                bed.mock.set(fault="transferring:firmware-invalid")
                done = bed.fwupdmgr("update", check=1)
                self.assertIn("'transferring:firmware-invalid'", done.stdout)
                self.assertIn("nothing was changed, and TDX module 1.5.06", done.stdout)
                self.assertIn("see the log of the kernel", done.stdout)
                self.assertNotIn("again", done.stdout)
                self.assertEqual(bed.history()[0]["UpdateState"], FAILED)
                self.assertEqual(bed.mock.writes()["uploads"], 1)

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


class OtherProgramTest(FailuresTestCase):
    """Another program uploads too. The kernel has no lock, but nobody loses the TDX module."""

    def bed(self):
        bed = super().bed()
        self.other = bed.image("other.bin", "--pages=16")
        return bed

    def upload_status(self, bed) -> str:
        return bed.mock.attr("firmware/tdx_module/status")

    def assert_other_installed(self, bed) -> None:
        bed.wait_for(lambda: self.upload_status(bed) == "idle", "the end of the other upload")
        self.assertEqual(sha256(bed.mock.received()), sha256(self.other.read_bytes()))
        self.assertEqual(bed.mock.attr("version"), "1.5.16")

    def test_loading(self) -> None:
        """It has come first and is still writing its image: it is left in peace."""
        for written in ["now:1", "now:1,4096@0"]:
            with self.subTest(written=written):
                bed = self.bed()
                bed.mock.set(other=written)
                done = bed.fwupdmgr("update", check=1)
                self.assertIn("The firmware upload is 'loading' (another program", done.stdout)
                self.assertIn("wait for the other program", done.stdout)
                self.assertEqual(bed.history()[0]["UpdateState"], FAILED_TRANSIENT)
                self.assertEqual(bed.mock.writes(), NO_WRITES)
                self.assertEqual(bed.mock.attr("firmware/tdx_module/loading"), "1")
                bed.mock.set(other=f"now:{self.other},0")
                self.assert_other_installed(bed)

    def test_uploading(self) -> None:
        """It has come first, and the kernel is working."""
        for status in ["receiving", "preparing", "transferring", "programming"]:
            with self.subTest(status=status):
                bed = self.bed()
                bed.mock.set(stuck=status)
                bed.mock.set(other=f"now:1,{self.other},0")
                self.wait_for_status(bed, status)
                done = bed.fwupdmgr("update", check=1)
                self.assertIn(f"The firmware upload is '{status}' (another program", done.stdout)
                self.assertEqual(bed.history()[0]["UpdateState"], FAILED_TRANSIENT)
                self.assertEqual(bed.mock.writes(), NO_WRITES)
                bed.mock.set(stuck="")
                self.assert_other_installed(bed)

    def update_beside(self, bed, *others: str) -> str:
        """Says what is true, whoever has won, and gives the output."""
        bed.mock.set(running="1.5.06", remaining="10")
        bed.stop_daemon()
        bed.start_daemon()
        uploads = bed.mock.writes()["uploads"]
        for other in others:
            bed.mock.set(other=other)
        done = bed.fwupdmgr("update")
        bed.mock.set(other="")
        bed.wait_for(lambda: self.upload_status(bed) == "idle", "the end of all uploads")
        version = bed.mock.attr("version")
        if done.returncode == 0:
            ours = (bed.tmp / "images/good.bin").read_bytes()
            self.assertEqual(version, "1.5.16")
            self.assertEqual(sha256(bed.mock.received()), sha256(ours))
        else:
            self.assertIn("failed to write-firmware", done.stdout)
        if "nothing was changed" in done.stdout:
            self.assertEqual(version, "1.5.06")
            self.assertEqual(bed.device_updates_left(), "10")
        self.assertEqual(bed.mock.attr("firmware/tdx_module/loading"), "0")
        self.assertLessEqual(bed.mock.writes()["uploads"] - uploads, 1)
        return done.stdout

    def test_begins_meanwhile(self) -> None:
        """After we have looked: either our image is installed as it is, or nothing is changed."""
        bed = self.bed()
        for when in ["begin", "loading", "data", "4096", "8192", "100000", "270336"]:
            for write in ["1", "-1", "-1,1", "4096@0", "4096@8192", "1,4096@0", "1,4096@0,-1"]:
                with self.subTest(when=when, write=write):
                    self.update_beside(bed, f"{when}:{write}")
            with self.subTest(when=when, write="more than ours"):
                self.update_beside(bed, f"{when}:1,1000000@0")

    def test_writes_over_ours(self) -> None:
        """A single byte is enough to abort."""
        bed = self.bed()
        for offset in [0, 4096, 8192, 100000, 270335, 270336]:
            with self.subTest(offset=offset):
                out = self.update_beside(bed, f"270336:1@{offset}")
                self.assertRegex(out, "firmware/tdx_module/data: .*another program")
                self.assertIn("nothing was changed", out)
        self.assertEqual(bed.mock.writes()["uploads"], 0)

    def test_aborts_ours(self) -> None:
        """As some udev rules do, and all our writes would succeed."""
        bed = self.bed()
        for when in ["loading", "data", "270336"]:
            with self.subTest(when=when):
                out = self.update_beside(bed, f"{when}:-1")
                self.assertIn("is 'idle', expected 'loading': another program", out)
                self.assertIn("nothing was changed", out)
        self.assertEqual(bed.mock.writes()["uploads"], 0)

    def test_ends_ours(self) -> None:
        """Its 0 was for its own upload; what follows of it is said as it is."""
        bed = self.bed()
        for when in ["loading", "data", "8192", "270336", "read", "end"]:
            for write in ["0", "0,1"]:
                with self.subTest(when=when, write=write):
                    self.update_beside(bed, f"{when}:{write}")

    def test_uploads_meanwhile(self) -> None:
        """A whole upload, when ours is at any point before its end, is not aborted."""
        for when in ["begin", "loading", "data", "8192", "270336"]:
            with self.subTest(when=when):
                bed = self.bed()
                bed.mock.set(phase_ms="200", other=f"{when}:1,{self.other},0")
                # the other program installs the same version, which is what was asked for
                done = bed.fwupdmgr("update", check=0)
                self.assertNotIn("nothing was changed", done.stdout)
                self.assertEqual(bed.mock.writes()["uploads"], 0)
                self.assert_other_installed(bed)

    def test_ends_ours_unseen(self) -> None:
        """If nobody can see what follows, nobody says that nothing was changed."""
        bed = self.bed()
        bed.mock.set(phase_ms="1500", other="read:0", vanish="receiving")
        done = bed.fwupdmgr("update", check=1)
        self.assertNotIn("nothing was changed", done.stdout)
        self.assertIn("it is not known if the kernel has taken TDX module 1.5.16", done.stdout)
        bed.wait_for(lambda: bed.mock.attr("version") == "1.5.16", "the end of the upload")

    def test_last_moment(self) -> None:
        """Between the proof and the end: what begins with a new upload has no image yet."""
        bed = self.bed()
        for when in ["read", "end"]:
            for write in ["1", "-1", "-1,1", "1,4096@0", "-1,1,8192@0"]:
                with self.subTest(when=when, write=write):
                    self.update_beside(bed, f"{when}:{write}")
                    self.assertEqual(bed.mock.attr("version"), "1.5.06")


class SandboxTest(FailuresTestCase):
    """What keeps the daemon from the kernel's files is named, with its cure."""

    def refused(self, bed, state: int = FAILED_TRANSIENT) -> str:
        out = bed.fwupdmgr("update", check=1).stdout
        self.assertEqual(bed.history()[0]["UpdateState"], state)
        self.assertEqual(bed.mock.writes()["data"], 0)
        self.assertEqual(bed.mock.writes()["uploads"], 0)
        self.assertEqual(bed.mock.attr("version"), "1.5.06")
        self.assertEqual(bed.device_updates_left(), "10")
        self.assertEqual(bed.mock.attr("firmware/tdx_module/loading"), "0")
        return out

    def test_read_only(self) -> None:
        """ProtectKernelTunables=yes of systemd 252."""
        bed = self.bed()
        bed.set_read_only(True)
        out = self.refused(bed)
        self.assertIn("firmware/tdx_module/loading: Read-only file system", out)
        self.assertIn("add ReadWritePaths=-/sys/devices/faux to the [Service] section", out)
        self.assertEqual(bed.mock.writes(), NO_WRITES)
        bed.set_read_only(False)
        self.assert_update_works(bed)

    def test_write_denied(self) -> None:
        """A security policy says so when the file is opened, and a container when it is written."""
        for error, text in ERRORS.items():
            for attr in ["loading", "data"]:
                path = f"firmware/tdx_module/{attr}"
                for operation in ["open", "write"]:
                    with self.subTest(attr=attr, operation=operation, error=error):
                        bed = self.bed()
                        bed.mock.set(attr_errno=f"{path}:{operation}:{error}")
                        out = bed.fwupdmgr("update", check=1).stdout
                        bed.mock.set(attr_errno=f"{path}:0")
                        self.assertRegex(out, f"{path}: .*{text}")
                        self.assertRegex(out, CURE)
                        self.assertEqual(bed.mock.writes()["uploads"], 0)
                        self.assertEqual(bed.history()[0]["UpdateState"], FAILED_TRANSIENT)
                        self.assertEqual(bed.mock.attr("version"), "1.5.06")
                        self.assertEqual(bed.mock.attr("firmware/tdx_module/loading"), "0")
                        self.assert_update_works(bed)

    def test_proof_denied(self) -> None:
        """Who may write but not read back cannot prove anything, so the upload is aborted."""
        bed = self.bed()
        bed.mock.set(attr_errno="firmware/tdx_module/data:open-read:EACCES")
        out = bed.fwupdmgr("update", check=1).stdout
        self.assertRegex(out, "firmware/tdx_module/data.*Permission denied")
        self.assertRegex(out, CURE)
        self.assertIn("nothing was changed", out)
        self.assertEqual(bed.mock.writes()["uploads"], 0)
        self.assertEqual(bed.mock.attr("firmware/tdx_module/loading"), "0")

    def test_read_denied(self) -> None:
        """Each of the files that an update needs, from now on."""
        for attr in [
            "version",
            "seamldr_version",
            "num_remaining_updates",
            "firmware/tdx_module/status",
            "cpu/online",
            "cpu/present",
            "cpuinfo",
        ]:
            for error, text in ERRORS.items():
                with self.subTest(attr=attr, error=error):
                    bed = self.bed()
                    bed.mock.set(attr_errno=f"{attr}:open:{error}")
                    out = bed.fwupdmgr("update", check=1).stdout
                    self.assertRegex(out, f"{attr}: .*{text}")
                    self.assertRegex(out, CURE)
                    self.assertNotIn("(null)", out)
                    bed.mock.set(attr_errno=f"{attr}:0")
                    self.assertEqual(bed.mock.writes(), NO_WRITES)
                    self.assertEqual(bed.mock.attr("version"), "1.5.06")

    def test_no_cpuinfo(self) -> None:
        """ProcSubset=pid."""
        bed = self.bed()
        bed.mock.set(attr_errno="cpuinfo:open:ENOENT")
        out = self.refused(bed, FAILED)
        self.assertRegex(out, "ProcSubset=all.*/proc/cpuinfo.*No such file.*restart fwupd")
        bed.mock.set(attr_errno="cpuinfo:0")
        bed.stop_daemon()
        bed.start_daemon()
        self.assert_update_works(bed)


if __name__ == "__main__":
    main()
