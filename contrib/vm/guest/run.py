#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the test that the host asks for, and tells the host; see contrib/vm/vm.py.

A test that needs reboots has a list STAGES of its test cases, one for each boot.
"""

import importlib
import os
import subprocess
import sys
import types
import unittest
from pathlib import Path

from tdxtest import tap

STAGE = Path("/var/lib/tdx-test/stage")
PORT = "/dev/virtio-ports/result"


def main() -> None:
    name, count, case = Path("/test/name").read_text(encoding="utf-8").split(" ", 2)
    if case:
        unittest.defaultTestLoader.testNamePatterns = [f"*{case}*"]
    STAGE.parent.mkdir(exist_ok=True)
    stage = int(STAGE.read_text(encoding="utf-8")) if STAGE.exists() else 0
    # udev may not have come to it yet when the services are up
    subprocess.run(["udevadm", "wait", "--timeout=300", PORT], check=True)
    os.dup2(os.open(PORT, os.O_WRONLY), sys.stdout.fileno())

    module = importlib.import_module(f"test_{name}")
    stages = getattr(module, "STAGES", [])[: int(count) or None]
    if stages:
        module = types.ModuleType(name)
        setattr(module, stages[stage].__name__, stages[stage])
    status = tap.run(module)
    if status == 0 and stage + 1 < len(stages):
        STAGE.write_text(str(stage + 1), encoding="utf-8")
        print("# end: reboot", flush=True)
        subprocess.run(["systemctl", "reboot"], check=True)
    else:
        print(f"# end: exit {status}", flush=True)
        subprocess.run(["systemctl", "poweroff", "--force", "--force"], check=True)


if __name__ == "__main__":
    main()
