#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills the write to the EFI system partition at each of its system calls, and boots.

What the simulated firmware then runs is the old module, the new one or its own, and never nothing
for a mixture of both. When the daemon starts afterwards, one of both is there and whole, and nothing
is left over of the other.
"""

import os
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Dict, List

from tdxtest import bootfiles
from tdxtest.bootfiles import blob_of, mrseam_of, pair_of
from tdxtest.images import BUILD, make_image
from tdxtest.testbed import TestbedCase, main

ON_CPU = "--cpu=0x806F8"
BIOS = "1.5.01"
PRELOAD = BUILD / "data/tests/libkill-preload.so"


class KillTest(TestbedCase):
    """Of a program that does what the daemon does."""

    def setUp(self) -> None:
        self.esp = Path(tempfile.mkdtemp(prefix="tdx-esp-"))
        self.addCleanup(shutil.rmtree, self.esp)
        os.environ["FWUPD_UEFI_ESP_PATH"] = str(self.esp)
        self.addCleanup(os.environ.pop, "FWUPD_UEFI_ESP_PATH")
        self.points: List[str] = []

    def start(self, folder: str, make, **foreign: bytes) -> None:
        self.bed = self.make_testbed(ON_CPU, only_trusted=False)
        self.bed.timeout = 60
        self.bed.stop_daemon()
        images = self.bed.tmp / "images"
        options = ["--version=1.5.06", "--svn=0x0106", "--pages=10"]
        self.old = make_image(images / "old.blob", *options).read_bytes()
        self.new = make_image(images / "new.blob", "--pages=12").read_bytes()
        self.cabinet = bootfiles.make_cabinet(self.bed.tmp, self.new, "1.5.16")
        self.folder = self.esp / folder
        self.make = make
        self.foreign = {name.replace("_", "."): data for name, data in foreign.items()}

    def reset(self, previous: Dict[str, bytes]) -> None:
        """As before the update; there may be an even older one, and no history."""
        shutil.rmtree(self.folder, ignore_errors=True)
        files = {**self.make(self.old), **previous, **self.foreign}
        bootfiles.write(self.folder, files)
        (self.bed.tmp / "var/lib/fwupd/pending.db").unlink(missing_ok=True)

    def run_killed(self, at: int, half: bool, *args: str) -> int:
        """What the daemon does, and how that ended."""
        log = self.bed.tmp / "calls"
        log.unlink(missing_ok=True)
        command = self.bed.on_host
        command[-1] = command[-1].replace("LD_PRELOAD=", f"LD_PRELOAD={PRELOAD}:")
        env = {"KILL_PATH": str(self.esp), "KILL_LOG": str(log), "KILL_AT": str(at)}
        if half:
            env["KILL_HALF"] = "1"
        command += ["fwupdtool", "--no-reboot-check", "--plugins", "tdx_module"]
        done = self.bed.run_tool(*command, *args, **env)
        self.out = done.stdout
        self.points = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return done.returncode

    def write(self, at: int, half: bool) -> int:
        return self.run_killed(at, half, "install", str(self.cabinet))

    def boot(self) -> str:
        result = bootfiles.boot(self.esp, ON_CPU, f"--bios={BIOS}")
        self.assertNotEqual(result["source"], "none", result["reason"])
        if result["source"] == "bios":
            return "BIOS"
        return {mrseam_of(self.old): "old", mrseam_of(self.new): "new"}[result["mrseam"]]

    def check_point(self, at: int, half: bool) -> str:
        """Killed there, booted, and the daemon started."""
        status = self.write(at, half)
        self.assertEqual(status, -signal.SIGKILL, self.out)
        return self.check_start()

    def check_start(self) -> str:
        booted = self.boot()
        self.bed.start_daemon()
        self.bed.stop_daemon()
        recovered = self.boot()
        self.assertIn(recovered, ["old", "new"])
        if booted != "BIOS":
            self.assertEqual(recovered, booted)
        left = {name for name in bootfiles.read(self.folder) if ".fwupd-new" in name}
        self.assertEqual(left, set(), "left over")
        for name, data in self.foreign.items():
            self.assertEqual((self.folder / name).read_bytes(), data)
        return f"{booted}, then {recovered}"

    def check_order(self, points: List[str]) -> None:
        """On disk before the next step, also if the power fails."""
        for point, after in zip(points, points[1:]):
            if point.startswith(("rename", "write")):
                self.assertTrue(after.startswith("fsync"), [point, after])
        # the folder, too, before one of the old files is moved
        first = next(at for at, point in enumerate(points) if point.startswith("rename"))
        self.assertTrue(points[first - 1].startswith("fsync"), points[: first + 1])

    def check_all(self, previous: Dict[str, bytes]) -> None:
        self.reset(previous)
        self.assertEqual(self.write(0, False), 0, self.out)
        self.assertEqual(self.boot(), "new")
        points = [point.split("/")[0].strip() + " " + Path(point).name for point in self.points]
        print("#", len(points), "system calls")
        self.check_order(points)
        table: Counter = Counter()
        for at, point in enumerate(points, start=1):
            for half in [False, True] if point.startswith("write") else [False]:
                with self.subTest(at=at, point=point, half=half):
                    self.reset(previous)
                    result = self.check_point(at, half)
                    print(f"# {at:3} {'half of ' if half else 'before '}{point}: {result}")
                    table[result] += 1
        for result, count in table.items():
            print(f"# {count} points: {result}")
        self.assertGreater(len(points), 10)

    def test_pair(self) -> None:
        self.start("EFI/TDX", pair_of, README_TXT=b"of the operator")
        self.check_all({})

    def test_pair_with_an_older_one(self) -> None:
        self.start("EFI/TDX", pair_of)
        older = pair_of(self.old[:-4096])
        self.check_all({f"{name}.fwupd-old": data for name, data in older.items()})

    def test_loader(self) -> None:
        self.start("EFI/intel", blob_of, TdxModuleLoader_efi=b"MZ")
        self.check_all({f"{name}.fwupd-old": data for name, data in blob_of(self.old).items()})

    def test_recovery(self) -> None:
        """Killed as well, while it finishes or undoes what was killed before."""
        self.start("EFI/TDX", pair_of)
        self.reset({})
        self.assertEqual(self.write(0, False), 0, self.out)
        calls = [point.split()[0] for point in self.points]
        table: Counter = Counter()
        for first in [i for i, call in enumerate(calls, start=1) if call in ["rename", "close"]]:
            status, second = -signal.SIGKILL, 0
            while status == -signal.SIGKILL:
                second += 1
                with self.subTest(first=first, second=second):
                    self.reset({})
                    self.assertEqual(self.write(first, False), -signal.SIGKILL, self.out)
                    status = self.run_killed(second, False, "get-devices")
                    table[self.check_start()] += 1
        for result, count in table.items():
            print(f"# {count} points: {result}")
        self.assertGreater(table.total(), 30)

    def test_damaged(self) -> None:
        """What a disk that lies has made of the new files; then the old ones are put back."""
        self.start("EFI/TDX", pair_of)
        old, new = pair_of(self.old), pair_of(self.new)
        module, sigstruct = bootfiles.MODULE, bootfiles.SIGSTRUCT
        to, bad = ".fwupd-new", b"\0" * 4096
        both_old = {f"{name}.fwupd-old": data for name, data in old.items()}
        both_bad = {module + to: bad, sigstruct + to: bad}
        for what, files in {
            "nothing moved": {**old, **both_bad},
            "one is empty": {**old, module + to: b"", sigstruct + to: new[sigstruct]},
            "one moved": {
                sigstruct: old[sigstruct],
                f"{module}.fwupd-old": old[module],
                **both_bad,
            },
            "both moved": {**both_old, **both_bad},
            "one in place": {**both_old, sigstruct: new[sigstruct], module + to: bad},
            "one in place, damaged": {**both_old, sigstruct: bad, module + to: new[module]},
        }.items():
            with self.subTest(what=what):
                shutil.rmtree(self.folder, ignore_errors=True)
                bootfiles.write(self.folder, files)
                result = self.check_start()
                self.assertTrue(result.endswith("then old"), result)


if __name__ == "__main__":
    main()
