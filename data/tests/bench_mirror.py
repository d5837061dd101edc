#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a mirror takes, and how much memory, compared with compressing and hashing its images.

It is the time of the processor, as others may be busy, too.
With a key on an elliptic curve, as docs/mirror.md has it; RSA is shown for comparison. The images
are random, which gzip gives up on early, so the comparison is a hard one.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import List, Tuple

from tdxtest import mirror
from tdxtest.images import PUBLISHER, QUIRK, make_image, signer_of, write_quirk

CPUS = ["0x806F8", "0xC06F0"]
PAGES = 115  # as many as TDX module 1.5.16 has
RUNS = 3
FIRST_MAX, AGAIN_MAX = 1.3, 0.5
MEMORY_MAX = 0.05  # MB for each release more


def make_checkout(folder: Path, count: int) -> None:
    """With modules that nobody knows; their SVNs rise with their versions."""
    releases = []
    for number in range(count):
        version = f"1.5.{100 + number}"
        releases.append(
            {
                "version": version,
                "min_module_version_for_td_preserving": "1.5.01",
                "strict_compat_versions": [],
                "min_seamldr_versions": ["1.5.00"],
            }
        )
        path = folder / f"joined_files/TDX_1.5/tdx_module_{version}.blob"
        path.parent.mkdir(parents=True, exist_ok=True)
        options = [f"--version={version}", f"--svn={0x111 + number:#x}", f"--pages={PAGES}"]
        make_image(path, *options, *[f"--cpu={cpu}" for cpu in CPUS])
    text = json.dumps({"tdx_module_releases": releases})
    (folder / "mapping_file.json").write_text(text, encoding="utf-8")


def measure(command: List[str]) -> Tuple[float, float]:
    """Seconds of the processor and, of the program itself, MB at most."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Bench:
    """A checkout of some size, and what is made of it."""

    def __init__(self, folder: Path, count: int) -> None:
        self.count = count
        self.folder = folder / str(count)
        self.quirks = folder / "signer.quirk"
        write_quirk(self.quirks, signer_of())
        make_checkout(self.folder, count)

    def compress(self) -> float:
        script = 'cat "$0"/*/*/*.blob | gzip | sha256sum'
        return min(measure(["sh", "-c", script, str(self.folder)])[0] for _run in range(RUNS))

    def publish(self, key: mirror.Key) -> Tuple[float, float, float]:
        """The first time, and again: seconds; and MB."""
        command = [PUBLISHER, "mirror", "--certificate", key.certificate, "--key", key.private]
        command += ["--quirks", QUIRK, "--quirks", self.quirks, self.folder / "mirror", self.folder]
        command = [str(arg) for arg in command]
        first, again, memory = [], [], 0.0
        for _run in range(RUNS):
            shutil.rmtree(self.folder / "mirror", ignore_errors=True)
            for times in [first, again]:
                seconds, used = measure(command)
                times.append(seconds)
                memory = max(memory, used)
        return min(first), min(again), memory

    def run(self, key: mirror.Key) -> Tuple[float, float, float]:
        compress = self.compress()
        first, again, memory = self.publish(key)
        print(
            f"{self.count} releases, {key.certificate.stem}: gzip and sha256sum {compress:.2f} s; "
            f"mirror {first:.2f} s ({first / compress:.2f}), again {again:.2f} s "
            f"({again / compress:.2f}), {memory:.1f} MB",
            flush=True,
        )
        return first / compress, again / compress, memory


def main() -> None:
    """Says if a limit is exceeded, and judges nothing: other programs may be running."""
    with tempfile.TemporaryDirectory(prefix="tdx-bench-") as name:
        folder = Path(name)
        key = mirror.make_key(folder, "ec")
        benches = [Bench(folder, count) for count in (50, 200)]
        results = [bench.run(key) for bench in benches]
        benches[0].run(mirror.make_key(folder, "rsa", kind="rsa"))
    growth = (results[1][2] - results[0][2]) / (benches[1].count - benches[0].count)
    print(f"{growth:.3f} MB for each release more")
    slow = any(first > FIRST_MAX or again > AGAIN_MAX for first, again, _memory in results)
    if slow or growth > MEMORY_MAX:
        print("this is above the limits")


if __name__ == "__main__":
    main()
