#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""After a reboot the release that was last installed is applied again, and nothing else."""

import functools
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from pathlib import Path
from typing import List, Optional
from xml.etree import ElementTree

from tdxtest.images import BUILD, run
from tdxtest.testbed import Testbed, TestbedCase, main, start

PROGRAM = BUILD / "contrib/reapply/tdx-module-reapply"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
BIOS = "1.5.06"
NEW = "1.5.16"


class Reapply:
    """The program on a host that can be rebooted."""

    def __init__(self, bed: Testbed) -> None:
        self.bed = bed
        self.state = bed.tmp / "state"
        self.runtime = bed.tmp / "run/tdx-module"
        self.boot_id = bed.tmp / "boot-id"
        self.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="utf-8")
        self.history = bed.tmp / "var/lib/fwupd/pending.db"
        run("mount", "--bind", self.boot_id, BOOT_ID)

    def stop(self) -> None:
        run("umount", BOOT_ID)

    @property
    def env(self) -> dict:
        env = {k: v for k, v in self.bed.env.items() if k != "JOURNAL_STREAM"}
        paths = {"STATE_DIRECTORY": str(self.state), "RUNTIME_DIRECTORY": str(self.runtime)}
        return {**env, **paths}

    def __call__(
        self, *args, prefix: Optional[List[str]] = None, check: Optional[int] = 0, **env
    ) -> str:
        command = [*(prefix or []), str(PROGRAM), *[str(arg) for arg in args]]
        done = subprocess.run(
            command,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        if check is not None and done.returncode != check:
            raise AssertionError(
                f"{args} exited with {done.returncode}, expected {check}:\n{done.stdout}"
            )
        return done.stdout

    def start(self, *args) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return start(PROGRAM, *args, env=self.env, **pipes)

    def store_changed(self) -> str:
        """As the path unit has it done."""
        return self("store", f"--if-changed={self.history}")

    def reboot(self, version: str = BIOS) -> None:
        """What is in memory is gone, and the TDX module is that of the BIOS."""
        self.bed.stop_daemon()
        shutil.rmtree(self.runtime, ignore_errors=True)
        self.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="utf-8")
        self.bed.mock.set(lost="0")
        self.bed.mock.set(running=version, remaining="10")
        self.bed.start_daemon()

    def cabinet(self) -> Path:
        """The one that is stored."""
        (path,) = self.state.glob("*.cab")
        return path

    def files(self) -> dict:
        """All that is stored."""
        names = ["release.conf", *[path.name for path in self.state.glob("*.cab")]]
        return {name: (self.state / name).read_bytes() for name in names}


class ReapplyCase(TestbedCase):
    """A host with one update."""

    def make_host(self, *options: str, **kwargs) -> Reapply:
        bed = self.make_testbed("--cpu=0x806F8", f"--install-version={NEW}", *options, **kwargs)
        reapply = Reapply(bed)
        self.addCleanup(reapply.stop)
        return reapply

    def make_updated(self, *options: str, **kwargs) -> Reapply:
        """A host that was updated from a remote in a folder."""
        reapply = self.make_host(*options, **kwargs)
        bed = reapply.bed
        bed.cabinet(bed.image("new.bin"), NEW, ["806F0"])
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.mock.attr("version"), NEW)
        return reapply

    def make_stored(self, *options: str, **kwargs) -> Reapply:
        reapply = self.make_updated(*options, **kwargs)
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply.store_changed())
        return reapply

    def uploads(self, reapply: Reapply) -> int:
        return reapply.bed.mock.writes()["uploads"]

    def assert_refused(self, reapply: Reapply, reason: str, version: str = BIOS) -> str:
        """Nothing reaches the kernel."""
        uploads = self.uploads(reapply)
        out = reapply("apply", check=1)
        self.assertEqual(len(out.splitlines()), 1, out)
        self.assertIn(reason, out)
        self.assertIn(f"TDX module {NEW} is not applied again: ", out)
        self.assertEqual(reapply.bed.mock.attr("version"), version)
        self.assertEqual(self.uploads(reapply), uploads)
        return out

    def assert_applied(self, reapply: Reapply, *args: str, **kwargs) -> None:
        bed = reapply.bed
        left = int(bed.device_updates_left())
        out = reapply("apply", *args, **kwargs)
        self.assertEqual(out, f"TDX module {NEW} has been applied again, {BIOS} was running\n")
        self.assertEqual(bed.mock.attr("version"), NEW)
        self.assertEqual(bed.device()["Version"], NEW)
        self.assertEqual(int(bed.device_updates_left()), left - 1)


class ApplyTest(ReapplyCase):
    """At boot."""

    def test_reboot(self) -> None:
        reapply = self.make_stored()
        for _boot in range(2):
            reapply.reboot()
            self.assertEqual(reapply.bed.mock.attr("version"), BIOS)
            self.assertIn(f"would install {NEW}", reapply("status"))
            self.assert_applied(reapply)
            self.assertIn("nothing to do", reapply("status"))
            out = reapply("apply")
            self.assertEqual(out, f"nothing to do: TDX module {NEW} is running, stored is {NEW}\n")
            self.assertEqual(reapply.bed.device_updates_left(), "9")
            # the history has the same release as a new entry
            self.assertIn("stored already", reapply.store_changed())
            self.assertEqual(reapply.store_changed(), "")

    def test_old_kernel(self) -> None:
        reapply = self.make_stored("--kernel=v3")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_once_per_boot(self) -> None:
        """Whatever has happened since, a second update is not spent."""
        reapply = self.make_stored()
        reapply.reboot()
        self.assert_applied(reapply)
        bed = reapply.bed
        bed.stop_daemon()
        bed.mock.set(running=BIOS)
        reapply.bed.start_daemon()
        self.assert_refused(reapply, "there was an attempt since the machine has started")
        self.assertIn("no, there was an attempt", reapply("status"))
        self.assertEqual(bed.device_updates_left(), "9")

    def test_bios(self) -> None:
        """The same version, a newer one, and one of another series."""
        reapply = self.make_stored()
        for version in [NEW, "1.5.24", "2.0.04"]:
            with self.subTest(version=version):
                reapply.reboot(version)
                uploads = self.uploads(reapply)
                out = reapply("apply")
                self.assertIn(f"nothing to do: TDX module {version} is running", out)
                self.assertEqual(reapply.bed.mock.attr("version"), version)
                self.assertEqual(self.uploads(reapply), uploads)

    def test_cabinet(self) -> None:
        reapply = self.make_stored()
        cabinet = reapply.cabinet()
        good = cabinet.read_bytes()
        reapply.reboot()
        cabinet.unlink()
        self.assert_refused(reapply, f"{cabinet}: No such file or directory")
        self.assertIn("No such file", reapply("status", check=1))
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        for bad in [good[:-1], good[:4096], b"", flipped]:
            cabinet.write_bytes(bad)
            out = self.assert_refused(reapply, f"{cabinet} is damaged: its {len(bad)} bytes")
            self.assertIn(f"{hashlib.sha256(bad).hexdigest()}, needed is {cabinet.stem}", out)
        # the release is still in the remote, but not used
        self.assertTrue((reapply.bed.cabinets / "new.bin.cab").exists())
        cabinet.write_bytes(good)
        self.assert_applied(reapply)

    def test_store_mends(self) -> None:
        """Also what is damaged is replaced by what was installed."""
        reapply = self.make_stored()
        good = reapply.files()
        reapply.cabinet().write_bytes(b"damaged")
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assertEqual(reapply.files().keys(), good.keys())
        self.assertEqual(reapply.cabinet().read_bytes(), good[reapply.cabinet().name])

    def test_record(self) -> None:
        reapply = self.make_stored()
        record = reapply.state / "release.conf"
        good = record.read_text(encoding="utf-8")
        reapply.reboot()
        for bad, reason in {
            "": "has no Version=",
            "garbage": f"{record} is damaged",
            good.replace("Sha256=", "Sha256=x"): "needed are 64 hexadecimal digits",
            good.replace("Sha256=", "Sha256=../"): "needed are 64 hexadecimal digits",
            good[: good.index("Sha1=")]: "has Sha1=, needed are 40",
            good.replace(NEW, "1.5"): "needed is one like 1.5.06",
        }.items():
            record.write_text(bad, encoding="utf-8")
            self.assertIn(reason, reapply("apply", check=1))
        record.unlink()
        self.assertEqual(reapply("apply"), "nothing to do: no release is stored\n")
        self.assertEqual(self.uploads(reapply), 1)

    def test_history_other(self) -> None:
        """Something else was installed, and could not be stored."""
        reapply = self.make_stored(only_trusted=False)
        bed = reapply.bed
        bed.mock.set(install_version="1.5.20")
        image = bed.image("other.bin", "--version=1.5.20", "--svn=0x0110")
        cabinet = bed.cabinet(image, "1.5.20", ["806F0"], folder=bed.tmp)
        bed.fwupdmgr("install", str(cabinet), check=0)
        files = reapply.files()
        out = reapply("store", f"--if-changed={reapply.history}", check=1)
        self.assertIn("no remote has the cabinet with the SHA-1", out)
        self.assertIn("run: tdx-module-reapply store FILE.cab", out)
        self.assertEqual(reapply.files(), files)
        reapply.reboot()
        self.assert_refused(reapply, "version 1.5.20 with the SHA-1")
        self.assertIn("stored TDX module 1.5.20", reapply("store", cabinet))
        self.assertNotEqual(reapply.files().keys(), files.keys())
        self.assertIn("TDX module 1.5.20 has been applied again", reapply("apply"))

    def test_history_gone(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.stop_daemon()
        reapply.history.unlink()
        reapply.bed.start_daemon()
        self.assert_applied(reapply)

    def test_failed_since(self) -> None:
        """An installation that failed is not what was last installed successfully."""
        reapply = self.make_stored()
        bed = reapply.bed
        bed.mock.set(fault="transferring:firmware-invalid")
        image = bed.image("other.bin", "--version=1.5.20", "--svn=0x0110")
        bed.cabinet(image, "1.5.20", ["806F0"])
        bed.fwupdmgr("update", check=1)
        self.assertIn("nothing to store", reapply.store_changed())
        reapply.reboot()
        self.assert_applied(reapply)

    def test_without_network(self) -> None:
        """Nor with the remote that it came from."""
        reapply = self.make_stored(only_trusted=False)
        shutil.rmtree(reapply.bed.cabinets)
        (reapply.bed.tmp / "etc/fwupd/remotes.d/tdx.conf").unlink()
        reapply.reboot()
        self.assert_applied(reapply, prefix=["unshare", "--net"])

    def test_untrusted(self) -> None:
        """What fwupd refuses, it says why, and nothing is spent."""
        reapply = self.make_stored()
        remote = reapply.bed.tmp / "etc/fwupd/remotes.d/tdx.conf"
        config = remote.read_text(encoding="utf-8")
        shutil.rmtree(reapply.bed.cabinets)
        remote.unlink()
        reapply.reboot()
        out = self.assert_refused(reapply, f"fwupd has not installed it, now {BIOS} is running: ")
        self.assertIn("signature", out)
        # it will be trusted when the remote is back
        reapply.bed.cabinets.mkdir()
        shutil.copy(reapply.cabinet(), reapply.bed.cabinets / "new.bin.cab")
        remote.write_text(config, encoding="utf-8")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_lost(self) -> None:
        """A release that has lost the TDX module does so only once."""
        reapply = self.make_stored()
        bed = reapply.bed
        reapply.reboot()
        bed.mock.set(fault_loses="1")
        bed.mock.set(fault="transferring:firmware-invalid")
        out = reapply("apply", check=1)
        self.assertIn("now no TDX module is running", out)
        self.assertIn("lost", out)
        uploads = self.uploads(reapply)
        for _boot in range(2):
            reapply.reboot()
            self.assert_refused(reapply, "the last attempt lost the TDX module")
            reapply.store_changed()
        self.assertEqual(self.uploads(reapply), uploads)
        bed.fwupdmgr("install", str(reapply.cabinet()), check=0)
        self.assertIn("stored already", reapply.store_changed())
        reapply.reboot()
        self.assert_applied(reapply)

    def test_refused_harmlessly(self) -> None:
        """What has left the TDX module as it was is tried again at the next boot."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(fault="transferring:firmware-invalid")
        self.assertIn(f"now {BIOS} is running", reapply("apply", check=1))
        self.assert_refused(reapply, "there was an attempt since the machine has started")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_unexpected(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(fault_version="1.5.13")
        self.assertIn("now 1.5.13 is running", reapply("apply", check=1))
        reapply.reboot()
        self.assert_refused(reapply, "the last attempt lost the TDX module")

    def test_inhibited(self) -> None:
        """The reason is fwupd's, and no attempt is made."""
        reapply = self.make_stored()
        reapply.reboot()
        self.set_remaining(reapply, "0")
        self.assert_refused(reapply, "the device cannot be updated: The P-SEAMLDR has 0 updates")
        self.assertIn("The P-SEAMLDR has 0 updates left", reapply("status"))
        self.set_remaining(reapply, "10")
        self.assert_applied(reapply)

    def set_remaining(self, reapply: Reapply, remaining: str) -> None:
        """What lasts is only seen when fwupd starts."""
        reapply.bed.stop_daemon()
        reapply.bed.mock.set(remaining=remaining)
        reapply.bed.start_daemon()

    def test_cpu_offline(self) -> None:
        """What passes is refused by fwupd itself, before anything is touched."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(online="0-2")
        out = self.assert_refused(reapply, f"fwupd has not installed it, now {BIOS} is running: ")
        self.assertIn("CPUs 0-2 are online, and an update needs all of 0-3", out)
        reapply.bed.mock.set(online="0-3")
        self.assert_refused(reapply, "there was an attempt since the machine has started")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_late(self) -> None:
        reapply = self.make_stored()
        bed = reapply.bed
        bed.mock.set(absent="1")
        reapply.reboot()
        self.assertIn("fwupd shows no TDX module", reapply("apply", check=1))
        begin = time.monotonic()
        self.assertIn("fwupd shows no TDX module", reapply("apply", "--wait=2", check=1))
        self.assertGreater(time.monotonic() - begin, 1.9)
        process = reapply.start("apply", "--wait=30")
        time.sleep(1)
        bed.mock.set(absent="0")
        bed.uevent("add")
        out, _err = process.communicate(timeout=60)
        self.assertEqual(out, f"TDX module {NEW} has been applied again, {BIOS} was running\n")

    def test_no_daemon(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.stop_daemon()
        self.assert_refused(reapply, "cannot talk to fwupd")
        nowhere = "unix:path=/nonexistent/bus"
        out = reapply("apply", check=1, DBUS_SYSTEM_BUS_ADDRESS=nowhere)
        self.assertIn("cannot talk to fwupd", out)

    def test_hanging_daemon(self) -> None:
        """The boot goes on."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.daemon.send_signal(signal.SIGSTOP)
        self.addCleanup(reapply.bed.daemon.send_signal, signal.SIGCONT)
        begin = time.monotonic()
        out = reapply("apply", "--timeout=3", check=1, JOURNAL_STREAM="1:2")
        self.assertIn("<3>given up, as fwupd has not answered in time", out)
        self.assertLess(time.monotonic() - begin, 20)

    def test_journal(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        good = reapply.cabinet().read_bytes()
        reapply.cabinet().write_bytes(b"damaged")
        self.assertTrue(reapply("apply", check=1, JOURNAL_STREAM="1:2").startswith("<3>TDX"))
        reapply.cabinet().write_bytes(good)
        self.assertTrue(reapply("apply", JOURNAL_STREAM="1:2").startswith("<5>TDX"))
        self.assertTrue(reapply("apply", JOURNAL_STREAM="1:2").startswith("<6>nothing to do"))

    def test_two_at_once(self) -> None:
        reapply = self.make_stored("--phase-ms=300")
        reapply.reboot()
        uploads = self.uploads(reapply)
        processes = [reapply.start("apply") for _i in range(3)]
        outs = sorted(process.communicate(timeout=60)[0] for process in processes)
        self.assertEqual([process.returncode for process in processes], [0, 0, 0], outs)
        self.assertIn("has been applied again", outs[0])
        self.assertIn("nothing to do", outs[1])
        self.assertIn("nothing to do", outs[2])
        self.assertEqual(self.uploads(reapply), uploads + 1)

    def test_killed(self) -> None:
        """When nobody knows how it has ended, it is not repeated by itself."""
        reapply = self.make_stored("--phase-ms=1000")
        reapply.reboot()
        bed = reapply.bed
        process = reapply.start("apply")
        bed.wait_for(lambda: bed.mock.writes()["uploads"] == 2, "the upload")
        process.kill()
        process.communicate()
        bed.stop_daemon(signal.SIGKILL)
        bed.wait_for(lambda: bed.mock.attr("firmware/tdx_module/status") == "idle", "the end")
        reapply.reboot()
        self.assert_refused(reapply, "the last attempt has not come to its end")
        # the history tells nothing better
        reapply.store_changed()
        reapply.reboot()
        self.assert_refused(reapply, "the last attempt has not come to its end")
        bed.fwupdmgr("install", str(reapply.cabinet()), check=0)
        reapply.store_changed()
        reapply.reboot()
        self.assert_applied(reapply)

    def test_read_only(self) -> None:
        """What cannot be noted must not be tried."""
        reapply = self.make_stored()
        reapply.reboot()
        run("mount", "--bind", reapply.state, reapply.state)
        self.addCleanup(run, "umount", reapply.state)
        run("mount", "-o", "remount,bind,ro", reapply.state)
        out = reapply("apply", check=1)
        self.assertIn(f"{reapply.state}/lock: Read-only file system", out)
        self.assertEqual(self.uploads(reapply), 1)


class StoreTest(ReapplyCase):
    """After an update."""

    def serve(self, folder: Path) -> int:
        """A web server on this machine."""

        class Handler(http.server.SimpleHTTPRequestHandler):
            """Without a log."""

            def log_message(self, *_args) -> None:  # pylint: disable=arguments-differ
                pass

        handler = functools.partial(Handler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def make_remote(self, location: str) -> Reapply:
        """A host updated from a remote with metadata."""
        reapply = self.make_host()
        bed = reapply.bed
        web = bed.tmp / "web"
        web.mkdir()
        cabinet = bed.cabinet(bed.image("new.bin"), NEW, ["806F0"], folder=web)
        data = cabinet.read_bytes()
        tree = ElementTree.parse(bed.tmp / "images/new.bin.metainfo.xml")
        release = tree.find("releases/release")
        release.set("timestamp", "1740000000")
        del release.attrib["date"]
        for kind in ["sha1", "sha256"]:
            attrs = {"type": kind, "target": "container", "filename": cabinet.name}
            element = ElementTree.SubElement(release, "checksum", attrs)
            element.text = hashlib.new(kind, data).hexdigest()
        element = ElementTree.SubElement(release, "location")
        element.text = location.format(port=self.serve(web))
        root = ElementTree.Element("components", {"version": "0.9", "origin": "tdx"})
        root.append(tree.getroot())
        metadata = web / "firmware.xml"
        ElementTree.ElementTree(root).write(metadata, encoding="UTF-8", xml_declaration=True)
        run("gzip", "--keep", metadata)
        bed.stop_daemon()
        config = bed.tmp / "etc/fwupd/remotes.d/tdx.conf"
        config.write_text(
            f"[fwupd Remote]\nEnabled=true\nTitle=TDX\nMetadataURI=file://{metadata}.gz\n",
            encoding="utf-8",
        )
        reapply.bed.start_daemon()
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.mock.attr("version"), NEW)
        return reapply

    def test_http(self) -> None:
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        web = reapply.bed.tmp / "web/new.bin.cab"
        good = web.read_bytes()
        web.write_bytes(good + b"x")
        out = reapply("store", check=1)
        self.assertIn("has the SHA-1 " + hashlib.sha1(good + b"x").hexdigest(), out)
        web.unlink()
        self.assertIn("404", reapply("store", check=1))
        self.assertFalse((reapply.state / "release.conf").exists())
        web.write_bytes(good)
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply("store"))
        web.unlink()
        reapply.reboot()
        self.assert_applied(reapply, prefix=["unshare", "--net"])

    def test_local(self) -> None:
        """Beside the metadata."""
        reapply = self.make_remote("new.bin.cab")
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply("store"))
        reapply.reboot()
        self.assert_applied(reapply)

    def test_folder(self) -> None:
        """Wherever it is in the folder of the remote, and whatever else is there."""
        reapply = self.make_host()
        bed = reapply.bed
        folder = bed.cabinets / "sub"
        folder.mkdir()
        (folder / "loop").symlink_to(bed.cabinets)
        (bed.cabinets / "other.cab").write_bytes(b"no cabinet")
        cabinet = bed.cabinet(bed.image("new.bin"), NEW, ["806F0"], folder=folder)
        cabinet.rename(folder / "NEW.CAB")
        # it only sees at once what is in the folder itself
        bed.stop_daemon()
        bed.start_daemon()
        bed.fwupdmgr("update", check=0)
        self.assertIn(f"stored TDX module {NEW} from NEW.CAB", reapply("store"))
        reapply.reboot()
        self.assert_applied(reapply)

    def test_blocked(self) -> None:
        """The update was the last one until the next reset."""
        reapply = self.make_updated("--remaining=1")
        bed = reapply.bed
        self.assertNotIn("updatable", bed.device()["Flags"])
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply.store_changed())

    def test_with_guests(self) -> None:
        reapply = self.make_updated("--tds=3")
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply.store_changed())

    def test_by_hand(self) -> None:
        """A cabinet that no remote has."""
        reapply = self.make_host(only_trusted=False)
        bed = reapply.bed
        good = bed.cabinet(bed.image("new.bin"), NEW, ["806F0"], folder=bed.tmp)
        bad = bed.cabinet(bed.image("other.bin", "--svn=0x0107"), NEW, ["806F0"], folder=bed.tmp)
        out = reapply("store", good, check=1)
        self.assertIn("the last entry of fwupd's history is not a successful installation", out)
        bed.fwupdmgr("install", str(good), check=0)
        out = reapply("store", check=1)
        self.assertEqual(len(out.splitlines()), 1, out)
        self.assertIn("run: tdx-module-reapply store FILE.cab", out)
        sha1 = hashlib.sha1(good.read_bytes()).hexdigest()
        for path in [bad, bed.tmp / "images/new.bin"]:
            self.assertIn(f"needed is {sha1} of version {NEW}", reapply("store", path, check=1))
        self.assertIn("No such file", reapply("store", bed.tmp / "none.cab", check=1))
        self.assertIn("is not a file", reapply("store", bed.tmp, check=1))
        self.assertFalse((reapply.state / "release.conf").exists())
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply("store", good))
        self.assertIn("stored already", reapply("store", good))
        self.assertIn("is not what was installed last", reapply("store", bad, check=1))
        good.unlink()
        reapply.reboot()
        self.assert_applied(reapply)

    def test_next_release(self) -> None:
        """The newer one takes the place of the older one."""
        reapply = self.make_stored()
        bed = reapply.bed
        first = reapply.cabinet()
        bed.mock.set(install_version="1.5.20")
        image = bed.image("next.bin", "--version=1.5.20", "--svn=0x0110")
        bed.cabinet(image, "1.5.20", ["806F0"])
        bed.fwupdmgr("update", check=0)
        self.assertIn("stored TDX module 1.5.20 from next.bin.cab", reapply.store_changed())
        self.assertFalse(first.exists())
        reapply.reboot()
        self.assertIn("TDX module 1.5.20 has been applied again", reapply("apply"))

    def make_second(self) -> Reapply:
        """One release is stored, another one has been installed."""
        reapply = self.make_stored()
        bed = reapply.bed
        bed.mock.set(install_version="1.5.20")
        bed.cabinet(bed.image("next.bin", "--version=1.5.20", "--svn=0x0110"), "1.5.20", ["806F0"])
        bed.fwupdmgr("update", check=0)
        return reapply

    def test_killed(self) -> None:
        """Halfway through the cabinet, what was stored is whole."""
        reapply = self.make_second()
        before = reapply.files()
        half = (reapply.bed.cabinets / "next.bin.cab").stat().st_size // 2
        prefix = ["prlimit", "--core=0", f"--fsize={half}"]
        reapply("store", prefix=prefix, check=-signal.SIGXFSZ)
        (left,) = reapply.state.glob("*.new")
        self.assertEqual(left.stat().st_size, half)
        self.assertEqual(reapply.files(), before)
        self.assertIn("stored TDX module 1.5.20", reapply("store"))
        self.assertEqual(list(reapply.state.glob("*.new")), [])
        self.assertEqual(len(reapply.files()), 2)

    def test_disk_full(self) -> None:
        reapply = self.make_second()
        kept = reapply.bed.tmp / "kept"
        reapply.state.rename(kept)
        reapply.state.mkdir()
        size = (reapply.bed.cabinets / "next.bin.cab").stat().st_size
        run("mount", "-t", "tmpfs", "-o", f"size={size + size // 2}", "tmpfs", reapply.state)
        self.addCleanup(run, "umount", reapply.state)
        shutil.copytree(kept, reapply.state, dirs_exist_ok=True)
        before = reapply.files()
        out = reapply("store", check=1)
        self.assertIn("No space left on device", out)
        self.assertIn(f"which needs {size} bytes", out)
        self.assertEqual(reapply.files(), before)
        self.assertEqual(list(reapply.state.glob("*.new")), [])

    def test_two_at_once(self) -> None:
        reapply = self.make_second()
        processes = [reapply.start("store") for _i in range(4)]
        outs = [process.communicate(timeout=60)[0] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0] * 4, outs)
        self.assertEqual(sum("stored TDX module 1.5.20" in out for out in outs), 1, outs)
        self.assertEqual(sum("is stored already" in out for out in outs), 3, outs)

    def test_if_changed(self) -> None:
        """fwupd is not started for nothing."""
        reapply = self.make_updated()
        self.assertIn(f"stored TDX module {NEW}", reapply.store_changed())
        reapply.bed.stop_daemon()
        self.assertEqual(reapply.store_changed(), "")
        os.utime(reapply.history)
        out = reapply("store", f"--if-changed={reapply.history}", check=1)
        self.assertIn("cannot talk to fwupd", out)
        # as that would start it again and again
        self.assertEqual(reapply.store_changed(), "")

    def test_asking_changes_nothing(self) -> None:
        """Else the path unit would go round in circles."""
        reapply = self.make_updated()
        before = reapply.history.stat()
        reapply("store")
        reapply("status")
        reapply.bed.stop_daemon()
        reapply.bed.start_daemon()
        reapply("store")
        after = reapply.history.stat()
        self.assertEqual((after.st_mtime_ns, after.st_size), (before.st_mtime_ns, before.st_size))

    def test_not_running(self) -> None:
        """Of a success that is not to be seen, only a person can say that it was one."""
        reapply = self.make_updated()
        reapply.reboot()
        self.assertIn("is not stored, as it is not running", reapply.store_changed())
        self.assertFalse((reapply.state / "release.conf").exists())
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assert_applied(reapply)

    def test_clear(self) -> None:
        reapply = self.make_stored()
        self.assertEqual(reapply("clear"), "no release is stored now\n")
        self.assertEqual(reapply("status"), "stored:   nothing\n")
        self.assertEqual(list(reapply.state.glob("*.cab")), [])
        os.utime(reapply.history)
        self.assertIn("is not stored, as it was cleared", reapply.store_changed())
        reapply.reboot()
        self.assertIn("nothing to do", reapply("apply"))
        self.assertEqual(reapply.bed.mock.attr("version"), BIOS)
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assert_applied(reapply)

    def test_usage(self) -> None:
        reapply = self.make_host()
        for args in [[], ["x"], ["apply", "x"], ["store", "a", "b"], ["--x"]]:
            self.assertIn("see --help", reapply(*args, check=2))
        self.assertIn("--if-changed", reapply("--help"))


if __name__ == "__main__":
    main()
