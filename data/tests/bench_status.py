#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long tdx-module-status takes with fwupd running. Prints figures, judges none."""

import os
import statistics
import subprocess
import time

from tdxtest.images import BUILD
from tdxtest.testbed import Testbed, enter_namespace, skip_reason

ROUNDS = 50


def main() -> None:
    reason = skip_reason()
    if reason is not None:
        print(f"SKIP: {reason}")
        return
    bed = Testbed()
    try:
        bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"])
        command = [*bed.on_host, str(BUILD / "contrib/status/tdx-module-status")]
        times = []
        for _ in range(ROUNDS):
            begin = time.monotonic()
            done = subprocess.run(command, env=bed.env, stdout=subprocess.PIPE, check=False)
            times.append((time.monotonic() - begin) * 1000)
    finally:
        bed.stop()
    print(done.stdout.decode().strip())
    print(
        f"tdx-module-status, {ROUNDS} times: median {statistics.median(times):.0f} ms, "
        f"least {min(times):.0f} ms, most {max(times):.0f} ms, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    enter_namespace()
    main()
