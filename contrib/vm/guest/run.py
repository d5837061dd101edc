#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests that the host asks for, and tells the host; see contrib/vm/vm.py.

A test that needs reboots has a list STAGES of its test cases, one for each boot; all others run at
the first one.
"""

import importlib
import os
import subprocess
import sys
import types
import unittest
from pathlib import Path
from typing import List

from tdxtest import tap

STAGE = Path("/var/lib/tdx-test/stage")
PORT = "/dev/virtio-ports/result"


def stages_of(name: str, count: int) -> List[types.ModuleType]:
    """What runs at the first boot, at the second, and so on."""
    test = importlib.import_module(f"test_{name}")
    stages = []
    for case in getattr(test, "STAGES", [])[: count or None]:
        stages.append(types.ModuleType(name))
        setattr(stages[-1], case.__name__, case)
    return stages or [test]


def main() -> None:
    names, count, case = Path("/test/name").read_text(encoding="utf-8").split(" ", 2)
    if case:
        unittest.defaultTestLoader.testNamePatterns = [f"*{case}*"]
    STAGE.parent.mkdir(exist_ok=True)
    stage = int(STAGE.read_text(encoding="utf-8")) if STAGE.exists() else 0
    # udev may not have come to it yet when the services are up
    subprocess.run(["udevadm", "wait", "--timeout=300", PORT], check=True)
    os.dup2(os.open(PORT, os.O_WRONLY), sys.stdout.fileno())

    tests = [stages_of(name, int(count)) for name in names.split("+")]
    status = max(tap.run(stages[stage]) for stages in tests if stage < len(stages))
    if status == 0 and any(stage + 1 < len(stages) for stages in tests):
        STAGE.write_text(str(stage + 1), encoding="utf-8")
        print("# end: reboot", flush=True)
        subprocess.run(["systemctl", "reboot"], check=True)
    else:
        print(f"# end: exit {status}", flush=True)
        subprocess.run(["systemctl", "poweroff", "--force", "--force"], check=True)


if __name__ == "__main__":
    main()
