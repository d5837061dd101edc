#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists what was skipped or has failed in one or more build folders, and counts all tests."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Dict

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


def count_suite(build: str, suite: ET.Element, counts: Dict[str, int]) -> None:
    text = "\n".join(element.text or "" for element in suite.iter("system-out"))
    before = counts["failed"]
    count_tap(build, text, counts)
    failed = [c for c in suite.iter("testcase") if c.find("failure") is not None]
    failed += [c for c in suite.iter("testcase") if c.find("error") is not None]
    if failed and counts["failed"] == before:
        counts["failed"] += 1
        print(f"FAIL {build}: {failed[0].get('name')}")
    if TAP_LINE.search(text) is None and not failed:
        counts["passed"] += len(list(suite.iter("testcase")))


def main() -> None:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for build in sys.argv[1:]:
        root = ET.parse(Path(build) / "meson-logs/testlog.junit.xml").getroot()
        for suite in root.iter("testsuite"):
            count_suite(build, suite, counts)
    print(", ".join(f"{value} {key}" for key, value in counts.items()))


if __name__ == "__main__":
    main()
