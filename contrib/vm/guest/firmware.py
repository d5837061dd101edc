#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loads the test driver with the TDX module that the simulated firmware takes from the ESP.

The firmware is data/tests/mock-boot-firmware, with the options in /etc/tdx-firmware.
"""

from pathlib import Path

import guest

ESP = Path("/boot/efi")
OPTIONS = Path("/etc/tdx-firmware")
FIRMWARE = guest.TEST / "boot/mock-boot-firmware"


def boot() -> dict:
    """What a boot runs now; the version of an image of ours is not in it, but beside it."""
    signer = (guest.TEST / "test-signer.quirk").read_text(encoding="utf-8").split()[-1]
    options = OPTIONS.read_text(encoding="utf-8").split()
    FIRMWARE.chmod(0o755)
    out = guest.run(str(FIRMWARE), f"--signer={signer}", *options, str(ESP))
    result = dict(line.split("=", 1) for line in out.splitlines())
    lines = (guest.TEST / "boot/versions").read_text(encoding="utf-8").splitlines()
    result["version"] = result["version"] or dict(map(str.split, lines))[result["mrseam"]]
    return result


def main() -> None:
    result = boot()
    svn = result.get("svn", "0x0106")
    guest.load_driver(bios_version=result["version"], bios_svn=svn, erratum="1")


if __name__ == "__main__":
    main()
