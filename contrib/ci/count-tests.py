#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists what was skipped or has failed in one or more build folders, and counts all tests."""

import json
import re
import sys
from pathlib import Path
from typing import Any, Dict

# the Test Anything Protocol, which GLib and our own Python tests print; 1..0 is a whole program that
# was skipped
TAP_LINE = re.compile(r"^(not ok|ok|1\.\.0)\b[^#\n]*(# SKIP.*)?", re.MULTILINE)


def count_tap(build: str, text: str, counts: Dict[str, int]) -> None:
    for match in TAP_LINE.finditer(text):
        if match.group(1) == "not ok":
            counts["failed"] += 1
            print(f"FAIL {build}: {match.group(0)}")
        elif match.group(2) is not None:
            counts["skipped"] += 1
            print(f"SKIP {build}: {match.group(0)}")
        else:
            counts["passed"] += 1


def count_program(build: str, program: Dict[str, Any], counts: Dict[str, int]) -> None:
    text = program.get("stdout", "")
    before = counts["failed"]
    count_tap(build, text, counts)
    if program["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and counts["failed"] == before:
        counts["failed"] += 1
        print(f"FAIL {build}: {program['name']}: {program['result']}")
    elif TAP_LINE.search(text) is None:
        counts["passed" if program["result"] == "OK" else "skipped"] += 1


def main() -> None:
    """Counts the last run in each folder; meson names its log after the test setup."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for build in sys.argv[1:]:
        # not the JUnit file, which is no XML when a test prints a control character
        logs = (Path(build) / "meson-logs").glob("testlog*.json")
        log = max(logs, key=lambda path: path.stat().st_mtime).read_text(errors="replace")
        for line in log.splitlines():
            count_program(build, json.loads(line), counts)
    print(", ".join(f"{value} {key}" for key, value in counts.items()))


if __name__ == "__main__":
    main()
