#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story of an update, told by the real fwupdmgr."""

import re
import sys

from tdxtest.images import real_images
from tdxtest.testbed import Testbed, enter_namespace, skip_reason


def show(bed: Testbed, title: str, *args: str, expect: str) -> None:
    """Runs a command as a user would, and ends the demo if the user would be surprised."""
    print(f"\n=== {title}\n$ fwupdmgr {' '.join(args)}")
    out = bed.fwupdmgr(*args, check=0).stdout
    out = re.sub(r"^(Idle|Decompressing|Loading)…: .*\n?", "", out, flags=re.MULTILINE)
    print(out.rstrip())
    if expect not in out:
        sys.exit(f"demo: expected to see '{expect}' here")


def tell(bed: Testbed) -> None:
    images = real_images()
    if images is not None:
        print(f"images: Intel's own, from {images}")
        image = images / "tdx_module_1.5.16.blob"
    else:
        print("images: self-made, with nothing in them; set TDX_MODULE_BLOBS to use Intel's own")
        image = bed.image("tdx_module_1.5.16.bin", "--header-v1")
    bed.cabinet(image, "1.5.16", ["806F0", "C06F0", "A06F0"])
    show(bed, "What is running here?", "get-devices", "--filter=internal", expect="1.5.06")
    show(bed, "Is there something newer?", "get-updates", expect="1.5.16")
    show(bed, "Install it, with all guests running", "update", "-y", expect="Success")
    show(bed, "What is running now?", "get-devices", "--filter=internal", expect="1.5.16")
    show(bed, "What has happened?", "get-history", expect="1.5.16")
    print("\n=== What the mock kernel has seen\n" + bed.mock.log().rstrip())
    if bed.mock.attr("version") != "1.5.16" or bed.device_updates_left() != "9":
        sys.exit("demo: the mock kernel does not run 1.5.16 with 9 updates left")
    print("\nThe TDX module was updated from 1.5.06 to 1.5.16.")


def main() -> None:
    reason = skip_reason()
    if reason is not None:
        sys.exit(f"demo: cannot run here: {reason}")
    enter_namespace()
    bed = Testbed("--running=1.5.06", "--install-version=1.5.16", "--tds=3")
    try:
        tell(bed)
    finally:
        bed.stop()


if __name__ == "__main__":
    main()
