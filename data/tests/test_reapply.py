#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""After a reboot the release that was last installed is applied again, and nothing else."""

import hashlib
import http.server
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional
from xml.etree import ElementTree

from tdxtest.bootfiles import MODULE, pair_of, write
from tdxtest.images import BUILD, clean_env, run
from tdxtest.testbed import FWUPD, SERVANTS, Testbed, TestbedCase, main, start, start_bus

PROGRAM = BUILD / "contrib/reapply/tdx-module-reapply"
PRELOAD = BUILD / "data/tests/libkill-preload.so"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
BOOT_LOADER = "/proc/sys/kernel/bootloader_type"
UNTRUSTING = """[fwupd]
DisabledPlugins=cpu;uefi_capsule;uefi_dbx
IdleTimeout=0
UpdateMotd=false
OnlyTrusted=false
"""
BIOS = "1.5.06"
NEW = "1.5.16"


class Reapply:
    """The program on a host that can be rebooted."""

    def __init__(self, bed: Testbed) -> None:
        self.bed = bed
        self.state = bed.tmp / "state"
        self.boot_id = bed.tmp / "boot-id"
        self.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="utf-8")
        self.history = bed.tmp / "var/lib/fwupd/pending.db"
        run("mount", "--bind", self.boot_id, BOOT_ID)

    def stop(self) -> None:
        run("umount", BOOT_ID)

    @property
    def env(self) -> dict:
        env = {k: v for k, v in self.bed.env.items() if k != "JOURNAL_STREAM"}
        paths = {
            "STATE_DIRECTORY": self.state,
            "FWUPD_SYSFSDIR": self.bed.mock.root / "sys",
            "FWUPD_UEFI_ESP_PATH": os.environ.get("FWUPD_UEFI_ESP_PATH", self.bed.tmp / "esp"),
        }
        return {**env, **{key: str(path) for key, path in paths.items()}}

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

    def store_changed(self, *args: str, **kwargs) -> str:
        """As the path unit has it done."""
        return self("store", f"--if-changed={self.history}", *args, **kwargs)

    def status(self) -> dict:
        return json.loads(self("status", "--json", check=None))

    def reset(self, version: str = BIOS) -> None:
        """What is in memory is gone, and the TDX module is that of the BIOS."""
        self.boot_id.write_text(f"{uuid.uuid4()}\n", encoding="utf-8")
        self.bed.mock.set(lost="0")
        self.bed.mock.set(running=version, remaining="10")

    def reboot(self, version: str = BIOS) -> None:
        self.bed.stop_daemon()
        self.reset(version)
        self.bed.start_daemon()

    def reset_device(self, version: str) -> None:
        """A reboot as the device has it, for a daemon that goes on: a tenth of the time."""
        self.bed.uevent("remove")
        self.bed.wait_for(lambda: not self.bed.devices(), "the end of the device")
        self.reset(version)
        self.bed.uevent("add")
        self.bed.wait_for(self.bed.devices, "the device")

    def cabinet(self) -> Path:
        """The one that is stored."""
        (path,) = self.state.glob("*.cab")
        return path

    def files(self) -> dict:
        """All that is stored."""
        data = {path.name: path.read_bytes() for path in self.state.glob("*.cab")}
        return {**data, "record": self.record()}

    def record(self) -> dict:
        """Which one is."""
        text = (self.state / "state.conf").read_text(encoding="utf-8")
        pairs = [line.split("=", 1) for line in text.splitlines() if "=" in line]
        keys = ["Version", "Sha1", "Sha256", "Origin", "Stored"]
        return {key: value for key, value in pairs if key in keys}


class Disk:
    """What is left of the state by a power cut: only what was synced, and names as they were."""

    def __init__(self, reapply: Reapply) -> None:
        self.state = reapply.state
        self.folder = reapply.bed.tmp / "disk"
        self.start = reapply.bed.tmp / "start"
        shutil.copytree(self.state, self.start)

    def reset(self) -> None:
        """As it was at the beginning, all of it on disk."""
        for folder in self.state, self.folder:
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.start, self.state)
        (self.folder / "files").mkdir(parents=True)
        names = []
        for path in self.state.iterdir():
            inode = path.stat().st_ino
            shutil.copy(path, self.folder / "files" / str(inode))
            names.append(f"{inode} {path.name}\n")
        (self.folder / "names").write_text("".join(names), encoding="utf-8")

    def cut(self) -> None:
        shutil.rmtree(self.state)
        self.state.mkdir()
        for line in (self.folder / "names").read_text(encoding="utf-8").splitlines():
            inode, name = line.split(" ", 1)
            synced = self.folder / "files" / inode
            (self.state / name).write_bytes(synced.read_bytes() if synced.exists() else b"")

    def env(self, at: int = 0) -> dict:
        paths = {"KILL_PATH": str(self.state), "KILL_DISK": str(self.folder)}
        return {**paths, "KILL_AT": str(at), "LD_PRELOAD": str(PRELOAD)}


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
        record = reapply.state / "state.conf"
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
        self.assertIn(f"would install {NEW}", reapply("status"))
        reapply.bed.mock.set(online="0-3")
        self.assert_applied(reapply)
        self.assertEqual(self.uploads(reapply), 2)

    def test_busy(self) -> None:
        """What has reached the kernel is the one attempt, whatever came of it."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(fault="transferring:device-busy")
        self.assertIn("nothing was changed", reapply("apply", check=1))
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
        self.assertTrue(out.startswith(f"<3>TDX module {NEW} is not applied again: given up"), out)
        self.assertIn("given up, as fwupd has not answered in time: a remote on a network", out)
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

    def test_not_noted(self) -> None:
        """A success is one, also if that cannot be noted."""
        reapply = self.make_stored("--phase-ms=500")
        bed = reapply.bed
        reapply.reboot()
        process = reapply.start("apply")
        bed.wait_for(lambda: bed.mock.writes()["uploads"] == 2, "the upload")
        run("mount", "--bind", reapply.state, reapply.state)
        self.addCleanup(run, "umount", reapply.state)
        run("mount", "-o", "remount,bind,ro", reapply.state)
        out, _err = process.communicate(timeout=60)
        self.assertIn(f"TDX module {NEW} has been applied again", out)
        self.assertIn("as this cannot be noted", out)
        self.assertEqual(process.returncode, 0)

    def test_kexec(self) -> None:
        """It is no reset, and TDX may be off."""
        reapply = self.make_stored()
        reapply.reboot()
        loader = reapply.bed.tmp / "loader"
        loader.write_text("208\n", encoding="utf-8")
        run("mount", "--bind", loader, BOOT_LOADER)
        self.addCleanup(run, "umount", BOOT_LOADER)
        for absent in "0", "1":
            reapply.bed.mock.set(absent=absent)
            self.assertIn("nothing to do: this kernel was started with kexec", reapply("apply"))
        self.assertEqual(self.uploads(reapply), 1)
        loader.write_text("176\n", encoding="utf-8")
        reapply.bed.mock.set(absent="0")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_esp(self) -> None:
        """A boot that itself brings a TDX module is respected."""
        reapply = self.make_stored()
        reapply.reboot()
        for name in ["EFI/TDX/TDX-SEAM.so", "EFI/Loader/TDX-BLOB"]:
            path = reapply.bed.tmp / "esp" / name
            path.parent.mkdir(parents=True)
            path.touch()
            out = reapply("apply")
            self.assertIn(f"nothing to do: the boot itself brings a TDX module, {path}", out)
            status = reapply("status")
            self.assertIn(f"apply:    no, the boot itself brings a TDX module, {path}", status)
            path.unlink()
        self.assertEqual(self.uploads(reapply), 1)
        self.assert_applied(reapply)

    def make_esp(self) -> Path:
        """An EFI system partition that also fwupd sees, for what is made after this."""
        esp = Path(tempfile.mkdtemp(prefix="tdx-esp-"))
        self.addCleanup(shutil.rmtree, esp)
        os.environ["FWUPD_UEFI_ESP_PATH"] = str(esp)
        self.addCleanup(os.environ.pop, "FWUPD_UEFI_ESP_PATH")
        return esp

    def load_from(self, reapply: Reapply, esp: Path, version: str, svn: str) -> None:
        image = reapply.bed.image("boot.bin", f"--version={version}", f"--svn={svn}")
        write(esp / "EFI/TDX", pair_of(image.read_bytes()))

    def test_esp_taken(self) -> None:
        """What the boot has taken from there is respected."""
        esp = self.make_esp()
        reapply = self.make_stored()
        self.load_from(reapply, esp, BIOS, "0x0106")
        reapply.reboot()
        out = reapply("apply")
        self.assertIn(f"nothing to do: the boot itself brings a TDX module, {esp}", out)
        self.assertIn(f"of version {BIOS}", out)
        self.assertEqual(reapply.status()["state"], "refused")
        self.assertEqual(self.uploads(reapply), 1)

    def test_esp_ignored(self) -> None:
        """Some firmware does not look there; then it is as if there was nothing."""
        esp = self.make_esp()
        reapply = self.make_stored()
        self.load_from(reapply, esp, "1.5.24", "0x010d")
        reapply.reboot()
        ignored = "the boot has not taken the TDX module of the EFI system partition"
        self.assertIn(f"boot:     {ignored}", reapply("status"))
        out = reapply("apply")
        self.assertIn(ignored, out)
        self.assertIn(f"TDX module {NEW} has been applied again, {BIOS} was running", out)
        self.assertEqual(reapply.bed.mock.attr("version"), NEW)

    def test_esp_unknown(self) -> None:
        """What fwupd can make nothing of may have been taken."""
        esp = self.make_esp()
        reapply = self.make_stored()
        self.load_from(reapply, esp, "1.5.24", "0x010d")
        (esp / "EFI/TDX" / MODULE).write_bytes(b"damaged")
        reapply.reboot()
        self.assertIn("that fwupd does not know", reapply("apply"))
        self.assertEqual(self.uploads(reapply), 1)

    def test_dead_remote(self) -> None:
        """A file system that never answers keeps fwupd from starting, and nothing else."""
        reapply = self.make_stored()
        bed = reapply.bed
        reapply.reboot()
        bed.stop_daemon()
        dead = bed.tmp / "dead"
        dead.mkdir()
        fuse = os.open("/dev/fuse", os.O_RDWR)
        self.addCleanup(run, "umount", "--lazy", dead)
        self.addCleanup(os.close, fuse)
        options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0"
        mount = ["mount", "--internal-only", "--types", "fuse", "--options", options, "dead", dead]
        subprocess.run(mount, env=clean_env(), pass_fds=[fuse], check=True)
        bed.set_remote(dead / "firmware.xml.gz")
        self.start_on_demand(reapply)
        for command, code in {"apply": 1, "status": 0}.items():
            begin = time.monotonic()
            out = reapply(command, "--timeout=6", check=code)
            self.assertLess(time.monotonic() - begin, 20)
            self.assertIn("given up, as fwupd has not answered in time: a remote on a net", out)
        self.assertEqual(json.loads(reapply("status", "--json", "--timeout=6"))["state"], "unknown")
        self.assertEqual(self.uploads(reapply), 1)

    def start_on_demand(self, reapply: Reapply) -> None:
        """D-Bus starts fwupd, as on a host."""
        bed = reapply.bed
        services = bed.tmp / "services"
        services.mkdir()
        program = services / "fwupd"
        env = " ".join(f"{key}='{value}'" for key, value in bed.env.items() if "FWUPD" in key)
        command = " ".join(["env", env, *bed.on_host[1:], FWUPD])
        pid = services / "pid"
        program.write_text(f"#!/bin/sh\necho $$ >{pid}\nexec setpriv --pdeathsig KILL {command}\n")
        program.chmod(0o755)
        service = "[D-BUS Service]\nName=org.freedesktop.fwupd\nUser=root\nExec={}\n"
        (services / "org.freedesktop.fwupd.service").write_text(service.format(program))
        config = start_bus().parent / "bus.conf"
        text = config.read_text()

        def configure(text: str) -> None:
            config.write_text(text)
            SERVANTS[0].send_signal(signal.SIGHUP)
            time.sleep(1)

        # the bus is there for other tests, too
        self.addCleanup(configure, text)
        self.addCleanup(lambda: os.kill(int(pid.read_text()), signal.SIGKILL))
        folder = f"  <servicedir>{services}</servicedir>\n</busconfig>"
        configure(text.replace("</busconfig>", folder))

    def test_json(self) -> None:
        reapply = self.make_host()
        self.assertEqual(reapply.status(), {"state": "nothing", "running": BIOS})
        reapply = self.make_stored()
        self.assertEqual(reapply.status()["state"], "current")
        self.assertEqual(reapply.status()["stored_version"], NEW)
        reapply.reboot()
        self.assertEqual(reapply.status()["state"], "would-apply")
        self.set_remaining(reapply, "0")
        self.assertEqual(reapply.status()["state"], "refused")
        self.assertIn("0 updates left", reapply.status()["reason"])
        reapply.bed.stop_daemon()
        self.assertEqual(reapply.status()["state"], "unknown")
        reapply.cabinet().write_bytes(b'"')
        self.assertEqual(reapply.status()["state"], "damaged")

    def other(self, reapply: Reapply, version: str = "1.5.20") -> Path:
        """A cabinet that no remote has."""
        bed = reapply.bed
        image = bed.image(f"{version}.bin", f"--version={version}", "--svn=0x0110")
        return bed.cabinet(image, version, ["806F0"], folder=bed.tmp)

    def test_other_then_failure(self) -> None:
        """A failure since does not hide that something else was installed."""
        for seen in True, False:
            with self.subTest(seen=seen):
                reapply = self.make_stored(only_trusted=False)
                bed = reapply.bed
                bed.mock.set(install_version="1.5.20")
                bed.fwupdmgr("install", str(self.other(reapply)), check=0)
                if seen:
                    reapply.store_changed(check=1)
                bed.mock.set(fault="transferring:firmware-invalid")
                bed.fwupdmgr("install", str(self.other(reapply, "1.5.24")), check=1)
                bed.mock.set(fault="")
                reapply.store_changed(check=1 if seen else 0)
                reapply.reboot()
                reason = "version 1.5.20 with the SHA-1" if seen else "it is not certain"
                self.assert_refused(reapply, reason)
                bed.mock.set(install_version=NEW)
                bed.fwupdmgr("install", str(reapply.cabinet()), check=0)
                reapply.store_changed()
                reapply.reboot()
                self.assert_applied(reapply)

    def test_account_damaged(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        record = reapply.state / "state.conf"
        record.write_text("garbage", encoding="utf-8")
        out = reapply("apply", check=1)
        self.assertIn(f"{record} is damaged", out)
        self.assertEqual(self.uploads(reapply), 1)
        # nor is it known if there was an attempt in this boot
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assert_refused(reapply, "there was an attempt since the machine has started")

    def test_two_releases(self) -> None:
        """What fwupd would install in two uploads is not stored, nor applied if it was."""
        reapply = self.make_host(only_trusted=False)
        bed = reapply.bed
        files = [bed.image("new.bin"), bed.image("other.bin", "--version=1.5.20", "--svn=0x0110")]
        for image, version in zip(list(files), [NEW, "1.5.20"]):
            bed.cabinet(image, version, ["806F0"], folder=bed.tmp)
            files.append(bed.tmp / f"images/{image.name}.metainfo.xml")
        both = bed.tmp / "both.cab"
        run("gcab", "--create", "--nopath", both, *files)
        bed.fwupdmgr("install", str(bed.tmp / "new.bin.cab"), check=0)
        reapply("store", bed.tmp / "new.bin.cab")
        bed.stop_daemon()
        with sqlite3.connect(reapply.history) as db:
            sha1 = hashlib.sha1(both.read_bytes()).hexdigest()
            db.execute("UPDATE history SET checksum = ?", (sha1,))
        bed.start_daemon()
        found = f"needed is {NEW} and nothing else"
        self.assertIn(found, reapply("store", both, check=1))
        # as if it had been stored
        record = reapply.state / "state.conf"
        text = record.read_text(encoding="utf-8")
        for kind, key in {"sha1": "Sha1", "sha256": "Sha256"}.items():
            digest = hashlib.new(kind, both.read_bytes()).hexdigest()
            text = re.sub(f"{key}=.*", f"{key}={digest}", text)
            shutil.copy(both, reapply.state / f"{digest}.cab")
        record.write_text(text, encoding="utf-8")
        reapply.store_changed()
        reapply.reboot()
        self.assert_refused(reapply, found)

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
        """A web server on this machine; `answer` may take a request over."""
        case = self
        self.answer: Optional[Callable] = None
        self.requests: List[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            """Without a log, and also as a proxy."""

            def do_GET(self) -> None:  # pylint: disable=invalid-name
                case.requests.append(self.path)
                if case.answer is not None and self.path.endswith(".cab"):
                    case.answer(self)
                else:
                    super().do_GET()

            def translate_path(self, path: str) -> str:
                return str(folder / path.rsplit("/", maxsplit=1)[1])

            def log_message(self, *_args) -> None:  # pylint: disable=arguments-differ
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def make_remote(
        self, location: str, config: str = "", prepare=None, folder: str = "metadata"
    ) -> Reapply:
        """A host updated from a remote with metadata; what `config` adds to it comes after."""
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
        metadata = bed.tmp / folder / "firmware.xml"
        metadata.parent.mkdir(exist_ok=True)
        ElementTree.ElementTree(root).write(metadata, encoding="UTF-8", xml_declaration=True)
        run("gzip", "--keep", metadata)
        bed.stop_daemon()
        remote = bed.tmp / "etc/fwupd/remotes.d/tdx.conf"
        text = f"[fwupd Remote]\nEnabled=true\nTitle=TDX\nMetadataURI=file://{metadata}.gz\n"
        remote.write_text(text, encoding="utf-8")
        if config or prepare is not None:
            (bed.tmp / "etc/fwupd/fwupd.conf").write_text(UNTRUSTING, encoding="utf-8")
        bed.start_daemon()
        if config or prepare is not None:
            bed.fwupdmgr("install", str(cabinet), check=0)
        else:
            bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.mock.attr("version"), NEW)
        if config:
            bed.stop_daemon()
            remote.write_text(text + config, encoding="utf-8")
            bed.start_daemon()
        if prepare is not None:
            prepare(metadata.parent)
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
        self.assertNotIn("stored_version", reapply.status())
        web.write_bytes(good)
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply("store"))
        web.unlink()
        reapply.reboot()
        self.assert_applied(reapply, prefix=["unshare", "--net"])

    def fail_once(self, handler) -> None:
        handler.send_error(404)
        self.answer = None

    def test_retry(self) -> None:
        """A failure that passes is not the end of it."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        self.answer = self.fail_once
        out = reapply.store_changed("--retry=1")
        self.assertRegex(out, f"TDX module {NEW} could not be stored: .*404.*; next try in 1 sec")
        self.assertIn(f"stored TDX module {NEW}", out)
        self.assertNotIn("missing", reapply("status"))

    def test_retry_pauses(self) -> None:
        """They grow, what is missing is said, and a new installation is looked at at once."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        self.answer = lambda handler: handler.send_error(404)
        process = reapply.start("store", f"--if-changed={reapply.history}", "--retry=1")
        reapply.bed.wait_for(
            lambda: reapply.status().get("missing_tries") == "4", "the fourth try"
        )
        status = reapply.status()
        self.assertEqual(status["state"], "nothing")
        self.assertEqual(status["missing_version"], NEW)
        self.assertEqual(status["missing_tries"], "4")
        self.assertIn("404", status["missing_reason"])
        out = reapply("status")
        self.assertIn("stored:   nothing\n", out)
        self.assertRegex(out, rf"missing:  {NEW} was installed but is not stored, seen 20.*404")
        self.answer = None
        os.utime(reapply.history)
        out, _err = process.communicate(timeout=60)
        pauses = [int(pause) for pause in re.findall(r"next try in (\d+) seconds", out)]
        self.assertEqual(pauses[:4], [1, 2, 4, 8])
        self.assertIn(f"stored TDX module {NEW}", out)

    def test_retry_ends(self) -> None:
        """With the version that was installed."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        self.answer = lambda handler: handler.send_error(404)
        process = reapply.start("store", f"--if-changed={reapply.history}", "--retry=1")
        reapply.bed.wait_for(lambda: len(self.requests) > 1, "the second try")
        reapply.reboot()
        out, _err = process.communicate(timeout=60)
        self.assertIn("is not stored, as it is not running", out)
        self.assertEqual(process.returncode, 0)
        self.assertIn(f"{NEW} was installed but is not stored", reapply("status"))
        self.assertRegex(reapply("apply", check=1), f"version {NEW} .* is not stored: .*404")

    def test_proxy(self) -> None:
        reapply = self.make_remote("http://tdx.invalid/new.bin.cab", prepare=lambda folder: None)
        self.assertIn("could not be stored", reapply("store", check=1))
        port = self.serve(reapply.bed.tmp / "web")
        out = reapply("store", http_proxy=f"http://127.0.0.1:{port}")
        self.assertIn(f"stored TDX module {NEW}", out)
        self.assertEqual(self.requests, ["http://tdx.invalid/new.bin.cab"])

    def test_endless(self) -> None:
        """What is downloaded has an end."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")

        def answer(handler) -> None:
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(bytes(1 << 20))
            except OSError:
                pass

        self.answer = answer
        out = reapply("store", check=1)
        self.assertIn("killed by signal", out)
        self.assertIn("it may use 256 MiB and 300 seconds", out)

    def test_empty_error(self) -> None:
        """With this libfwupd 2.0.20 crashes."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")

        def answer(handler) -> None:
            handler.send_response(404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answer = answer
        # the sanitizers would turn the signal into an exit status
        sanitizers = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
        out = reapply("store", check=1, ASAN_OPTIONS=sanitizers)
        self.assertRegex(out, "killed by signal 11|404")
        self.answer = None
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))

    def test_no_reason(self) -> None:
        """libfwupd cannot make an address of this, and does not say so."""
        reapply = self.make_remote(
            "http://127.0.0.1:{port}/new.bin.cab", config="FirmwareBaseURI=nonsense\n"
        )
        out = reapply("store", check=1)
        self.assertEqual(len(out.splitlines()), 1, out)
        self.assertRegex(out, "new.bin.cab: (libfwupd gives no reason|.*URL)")

    def test_locations(self) -> None:
        """What a remote names is not read wherever it is."""
        secret = "/root/secret.cab"
        for location in [f"file://{secret}", str(secret), "../secret.cab", "ipfs://secret"]:
            with self.subTest(location=location):
                reapply = self.make_remote(
                    location, prepare=lambda path: os.mkfifo(path.parent / "secret.cab")
                )
                out = reapply("store", check=1)
                self.assertIn(f"location {location} of remote tdx is not read", out)

    def test_location_blocks(self) -> None:
        reapply = self.make_remote("sub/new.bin.cab", prepare=self.make_pipe)
        begin = time.monotonic()
        self.assertIn("no remote has the cabinet with the SHA-1", reapply("store", check=1))
        self.assertLess(time.monotonic() - begin, 60)

    def make_pipe(self, folder: Path) -> None:
        (folder / "sub").mkdir()
        os.mkfifo(folder / "sub/new.bin.cab")

    def test_clear_meanwhile(self) -> None:
        """What is cleared while it is fetched stays cleared."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        data = (reapply.bed.tmp / "web/new.bin.cab").read_bytes()

        def answer(handler) -> None:
            reapply("clear")
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(data)

        self.answer = answer
        self.assertIn("is not stored, as it was cleared", reapply.store_changed())
        self.assertIn("stored:   nothing\n", reapply("status"))

    def test_local(self) -> None:
        """Beside the metadata."""
        reapply = self.make_remote("new.bin.cab", folder="web")
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
        self.assertNotIn("stored_version", reapply.status())
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
        """Whenever that is, what is stored is whole: the one from before, or the new one."""
        reapply = self.make_second()
        self.skip_without_strace()
        before = reapply.files()
        points = 0
        for call in ["fsync", "rename"]:
            for when in range(1, 20):
                prefix = ["strace", "-qq", "-o", os.devnull, "-e", f"trace={call}"]
                prefix += ["-e", f"inject={call}:signal=KILL:when={when}"]
                out = reapply("store", prefix=prefix, check=None)
                after = reapply.files()
                if "stored already" in out:
                    break
                points += 1
                if after["record"] == before["record"]:
                    for name, data in before.items():
                        self.assertEqual(after[name], data)
                else:
                    self.assertEqual(after["record"]["Version"], "1.5.20")
        self.assertGreater(points, 5)
        self.assertIn("1.5.20", reapply("store"))
        self.assertEqual(reapply.status()["stored_version"], "1.5.20")
        # what was left is removed with the next change
        reapply("clear")
        self.assertEqual(list(reapply.state.glob("*.*.*")), [])

    def skip_without_strace(self) -> None:
        done = subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("strace does not work here")

    def test_power_cut(self) -> None:
        """All that is renamed is on disk before, and its folder after; nothing else counts."""
        reapply = self.make_second()
        self.skip_without_strace()
        trace = reapply.bed.tmp / "trace"
        prefix = ["strace", "-qq", "-y", "-o", str(trace), "-e", "trace=fsync,rename,unlink"]
        reapply("store", prefix=prefix)
        self.assert_durable(reapply, trace)
        reapply("clear", prefix=prefix)
        self.assert_durable(reapply, trace)
        reapply("store", prefix=prefix)
        reapply.reboot()
        reapply("apply", prefix=prefix)
        self.assert_durable(reapply, trace)

    def assert_durable(self, reapply: Reapply, trace: Path) -> None:
        lines = trace.read_text(encoding="utf-8").splitlines()
        renames = 0
        for i, line in enumerate(lines):
            self.assertNotRegex(line, r'unlink\(".*\.conf"')
            match = re.match(r'rename\("([^"]+)", "([^"]+)"\) = 0', line)
            if match is None:
                continue
            renames += 1
            self.assertIn("fsync(", lines[i - 1])
            self.assertIn(f"<{match[1]}>", lines[i - 1])
            self.assertRegex(lines[i + 1], rf"fsync\(\d+<{reapply.state}>\) = 0")
        self.assertGreater(renames, 0)

    def points(self, reapply: Reapply, disk: Disk, *args: str) -> Iterator[bool]:
        """Power cuts before each change of the state and one after all; says if it ended."""
        for at in range(1, 60):
            disk.reset()
            out = reapply(*args, check=None, **disk.env(at))
            disk.cut()
            yield out != ""
            if out != "":
                self.assertGreater(at, 8)
                return
        self.fail("it has no end")

    def test_power_cut_store(self) -> None:
        """What is said to be stored is, and else what was before; never half of it."""
        if os.environ.get("TDX_PRELOAD"):
            self.skipTest("the bounds of a download are too low for the sanitizers in it")
        reapply = self.make_second()
        for ended in self.points(reapply, Disk(reapply), "store"):
            status = reapply.status()
            self.assertIn(status["state"], ["current", "refused"], status)
            self.assertIn(status["stored_version"], ["1.5.20"] if ended else [NEW, "1.5.20"])
            self.assertIn("1.5.20", reapply("store"))
            self.assertEqual(reapply.status()["stored_version"], "1.5.20")

    def test_power_cut_clear(self) -> None:
        reapply = self.make_stored()
        for ended in self.points(reapply, Disk(reapply), "clear"):
            status = reapply.status()
            self.assertIn(status["state"], ["nothing"] if ended else ["nothing", "current"])
            if status["state"] == "nothing":
                os.utime(reapply.history)
                self.assertIn("as it was cleared", reapply.store_changed())

    def test_power_cut_apply(self) -> None:
        """An attempt that has reached the kernel is never forgotten."""
        reapply = self.make_stored()
        disk = Disk(reapply)
        reached = 0
        reapply.reboot()
        before = self.uploads(reapply)
        for _ended in self.points(reapply, disk, "apply"):
            attempt = self.uploads(reapply) > before
            noted = "AttemptResult=done" in (reapply.state / "state.conf").read_text()
            reached += attempt and not noted
            reapply.reboot()
            out = reapply("apply", check=None)
            if attempt and not noted:
                self.assertIn("the last attempt has not come to its end", out)
            else:
                self.assertIn(f"TDX module {NEW} has been applied again", out)
            reapply.reboot()
            before = self.uploads(reapply)
        self.assertGreater(reached, 2)

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
        self.assertEqual(list(reapply.state.glob("*.*.*")), [])

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
        self.assertNotIn("stored_version", reapply.status())
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


class Model:
    """A host to which anything happens, and what was last installed on it successfully.

    A history that is removed before anybody has looked at it tells nothing, so it is only removed
    after that.
    """

    CABINETS = {"a": "1.5.16", "b": "1.5.16", "c": "1.5.20", "d": "1.5.24", "e": "1.5.28"}
    FAULTS = ["", "", "", "harmless", "lost"]

    def __init__(self, reapply: Reapply) -> None:
        self.reapply = reapply
        self.bed = reapply.bed
        self.cabinets: Dict[str, Path] = {}
        self.images: Dict[str, bytes] = {}
        for i, (name, version) in enumerate(self.CABINETS.items()):
            options = [f"--version={version}", f"--svn=0x01{16 + i:02x}"]
            image = self.bed.image(f"{name}.bin", *options)
            self.images[name] = image.read_bytes()
            self.cabinets[name] = self.bed.cabinet(image, version, ["806F0"], folder=self.bed.tmp)
        self.uploads = self.kills = self.refused = 0

    def begin(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.last: Optional[str] = None
        self.cleared = True
        self.seen = False
        self.log: List[str] = [f"seed {seed}"]
        for name in self.cabinets:
            (self.bed.cabinets / f"{name}.cab").unlink(missing_ok=True)
            if self.random.random() < 0.4:
                self.publish(name)
        shutil.rmtree(self.reapply.state, ignore_errors=True)
        self.bed.stop_daemon()
        self.reapply.history.unlink(missing_ok=True)
        self.reapply.reset()
        self.bed.start_daemon()

    def fail(self, fault: str) -> None:
        self.bed.mock.set(fault_loses="1" if fault == "lost" else "0")
        self.bed.mock.set(fault="transferring:firmware-invalid" if fault else "")

    def run(self, *args) -> str:
        """Sometimes it does not come to its end."""
        prefix: List[str] = []
        if self.random.random() < 0.2:
            prefix = ["timeout", "--signal=KILL", f"{self.random.uniform(0.005, 0.2):.3f}"]
            self.kills += 1
        self.seen = not prefix
        return self.note(self.reapply(*args, prefix=prefix, check=None))

    def note(self, out: str) -> str:
        self.log.append(f"  {out.strip()}")
        if "stored TDX module" in out:
            self.cleared = False
        return out

    def install(self) -> None:
        name = self.random.choice(list(self.cabinets))
        fault = self.random.choice(self.FAULTS)
        self.log.append(f"install {name} {fault}")
        self.bed.mock.set(install_version=self.CABINETS[name])
        self.fail(fault)
        done = self.bed.fwupdmgr("install", str(self.cabinets[name]))
        self.log.append(f"  {done.returncode}: {done.stdout.strip().splitlines()[-1:]}")
        if done.returncode == 0:
            self.last = name
        self.fail("")
        self.seen = False
        if self.random.random() < 0.7:
            self.store()

    def publish(self, name: Optional[str] = None) -> None:
        name = name or self.random.choice(list(self.cabinets))
        target = self.bed.cabinets / f"{name}.cab"
        self.log.append(f"publish {name}")
        if target.exists():
            target.unlink()
        else:
            shutil.copy(self.cabinets[name], target)

    def store(self) -> None:
        self.log.append("store")
        self.run("store", f"--if-changed={self.reapply.history}")

    def store_file(self) -> None:
        name = self.random.choice([self.last or "a", *self.cabinets])
        self.log.append(f"store {name}")
        self.run("store", self.cabinets[name])

    def clear(self) -> None:
        self.log.append("clear")
        if "no release is stored now" in self.run("clear"):
            self.cleared = True

    def remove_history(self) -> None:
        if self.seen:
            self.log.append("remove history")
            self.bed.stop_daemon()
            self.reapply.history.unlink(missing_ok=True)
            self.bed.start_daemon()
            self.note(self.reapply("store", f"--if-changed={self.reapply.history}", check=None))

    def reboot(self) -> None:
        bios = self.random.choice([BIOS, BIOS, "1.5.13", "1.5.20"])
        fault = self.random.choice(self.FAULTS)
        self.log.append(f"reboot {bios} {fault}")
        if self.random.random() < 0.2:
            self.reapply.reboot(bios)
        else:
            self.reapply.reset_device(bios)
        self.bed.mock.set(install_version=self.CABINETS[self.last or "a"])
        self.fail(fault)
        before = self.bed.mock.writes()["uploads"]
        for _apply in range(self.random.choice([0, 1, 1, 2])):
            out = self.run("apply")
            self.refused += "is not applied again" in out
        self.bed.wait_for(
            lambda: self.bed.mock.attr("firmware/tdx_module/status") == "idle", "the end"
        )
        self.check(self.bed.mock.writes()["uploads"] - before)
        self.fail("")

    def check(self, uploads: int) -> None:
        """The rule."""
        text = "\n".join(self.log)
        assert uploads <= 1, f"{uploads} uploads: {text}"
        self.uploads += uploads
        if uploads == 1:
            assert self.last is not None, f"nothing was installed: {text}"
            assert not self.cleared, f"it was cleared: {text}"
            assert self.bed.mock.received() == self.images[self.last], f"not {self.last}: {text}"

    def step(self) -> None:
        events = [self.install] * 10 + [self.store] * 4 + [self.reboot] * 8
        events += [self.publish] * 2 + [self.store_file] * 3 + [self.clear, self.remove_history]
        self.random.choice(events)()


class ModelTest(ReapplyCase):
    """Whatever has happened: one upload per boot, and only of what was last installed.

    With TDX_REAPPLY_SEQUENCES that many, for at most TDX_REAPPLY_SECONDS.
    """

    def test_model(self) -> None:
        model = Model(self.make_host(only_trusted=False))
        count = int(os.environ.get("TDX_REAPPLY_SEQUENCES", "8"))
        first = int(os.environ.get("TDX_REAPPLY_SEED", "1"))
        done = 0
        deadline = time.monotonic() + int(os.environ.get("TDX_REAPPLY_SECONDS", "3600"))
        for seed in range(first, first + count):
            if time.monotonic() > deadline:
                break
            model.begin(seed)
            for _step in range(16):
                model.step()
            done += 1
            if os.environ.get("TDX_REAPPLY_LOG"):
                print("\n".join(model.log))
        print(
            f"# {done} sequences: {model.uploads} applied, {model.refused} refused, "
            f"{model.kills} killed"
        )
        self.assertGreater(model.uploads, 0)


if __name__ == "__main__":
    main()
