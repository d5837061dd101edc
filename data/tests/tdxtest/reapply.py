#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tdx-module-reapply on a host that can be rebooted, and whose power can be cut."""

import json
import os
import shutil
import subprocess
import time
import uuid
from pathlib import Path
from typing import List, Optional

from tdxtest.images import BUILD, run
from tdxtest.testbed import Testbed, TestbedCase, start

PROGRAM = BUILD / "contrib/reapply/tdx-module-reapply"
PRELOAD = BUILD / "data/tests/libkill-preload.so"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
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
        paths = {
            "STATE_DIRECTORY": self.state,
            "FWUPD_SYSFSDIR": self.bed.mock.root / "sys",
            "FWUPD_UEFI_ESP_PATH": os.environ.get("FWUPD_UEFI_ESP_PATH", self.bed.tmp / "esp"),
        }
        return {**self.bed.env, **{key: str(path) for key, path in paths.items()}}

    def __call__(
        self, *args, prefix: Optional[List[str]] = None, check: Optional[int] = 0, **env
    ) -> str:
        command = [*(prefix or []), str(PROGRAM), *[str(arg) for arg in args]]
        done = self.bed.run_tool(*command, **{**self.env, **env})
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
        self.bed.unload_driver()
        self.bed.wait_for(lambda: not self.bed.devices(), "the end of the device")
        self.reset(version)
        self.bed.load_driver()
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
