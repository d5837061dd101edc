#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random histories of a host, and the rule of what may be applied again."""

import os
import random
import shutil
import time
from pathlib import Path
from typing import Dict, List, Optional

from tdxtest.reapply import BIOS, Reapply, ReapplyCase
from tdxtest.testbed import main


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
        self.installed = False  # since it was cleared
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
            # what cannot say any more that it has stored something
            if args[0] == "store" and (self.installed or args[1] in self.cabinets.values()):
                self.cleared = False
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
            self.installed = True
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
            self.installed = False

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
