#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists the skipped tests of one or more build folders, and counts them all."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main() -> None:
    passed = failed = skipped = 0
    for build in sys.argv[1:]:
        root = ET.parse(Path(build) / "meson-logs/testlog.junit.xml").getroot()
        for case in root.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                print(f"FAIL {build}: {case.get('name')}")
            elif case.find("skipped") is not None:
                skipped += 1
                print(f"SKIP {build}: {case.get('name')}")
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")


if __name__ == "__main__":
    main()
