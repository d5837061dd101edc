#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the plugin adds to the kernel's own time, and to fwupd's start. Prints figures, judges none."""

import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tdxtest.images import BUILD, SOURCE, clean_env, make_image, signer_of
from tdxtest.testbed import MockHost, enter_namespace, skip_reason

ROUNDS_WRITE = 15
ROUNDS_ENUMERATE = 100
SHELL = """
cd {upload} || exit 1
echo 1 >loading
cat {image} >data
echo 0 >loading
until [ "$(cat status)" = idle ]; do sleep 0.005; done
cat ../../version
"""


def copy_text(source, target) -> None:
    """Attributes without a size, or without a text."""
    try:
        Path(target).write_bytes(Path(source).read_bytes())
    except OSError:
        Path(target).touch()


def measure(command, env) -> float:
    begin = time.monotonic()
    subprocess.run(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    return (time.monotonic() - begin) * 1000


def measure_cpu(command, env) -> float:
    """Time of the processor, as of the rest most is waiting for others."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    measure(command, env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000


def bench_write(folder: Path) -> None:
    """From the first write to `loading` until the new version is seen, by the clock of the mock."""
    image = make_image(folder / "image.bin", "--pages=146")
    options = ["--signer=" + signer_of(), "--install-version=1.5.16", "--remaining=1000"]
    shell = []
    plugin = []
    for _ in range(ROUNDS_WRITE):
        mock = MockHost(folder / "host", *options)
        script = SHELL.format(upload=mock.device / "firmware/tdx_module", image=image)
        measure(["sh", "-c", script], clean_env())
        shell.append(int((mock.root / "control/elapsed").read_text()) / 1000)
        mock.stop()
        (folder / "host").rmdir()
        out = subprocess.run(
            [BUILD / "data/tests/bench-image", "--write"],
            env=clean_env(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        plugin.append(int(out.split()[1]) / 1000)
    ratio = statistics.median(plugin) / statistics.median(shell)
    print(
        f"write: plugin {statistics.median(plugin):.1f} ms, "
        f"shell {statistics.median(shell):.1f} ms, ratio {ratio:.2f}"
    )


def bench_enumerate(folder: Path) -> None:
    """A cold `fwupdtool get-devices`, without the plugin, without a host, and with one; and how much
    the same command differs from itself."""
    empty = folder / "empty"
    empty.mkdir()
    base = {
        **clean_env(),
        "FWUPD_LOCALSTATEDIR": f"{folder}/var",
        "FWUPD_DATADIR_QUIRKS": str(SOURCE / "plugins/tdx-module"),
    }
    mock = MockHost(folder / "host")

    # plain files, as FUSE takes longer to answer than sysfs
    for name in "sys", "proc":
        shutil.copytree(mock.root / name, folder / name, symlinks=True, copy_function=copy_text)
    mock.stop()
    without = {**base, "FWUPD_LIBDIR_PKG": str(empty)}
    absent = {**base, "FWUPD_LIBDIR_PKG": str(BUILD / "plugins/tdx-module")}
    there = {
        **absent,
        "FWUPD_SYSFSDIR": f"{folder}/sys",
        "FWUPD_PROCFS": f"{folder}/proc",
    }
    nothing = {**there, "FWUPD_LIBDIR_PKG": str(empty)}
    times = {"without": [], "again": [], "absent": [], "nothing": [], "there": []}
    for _ in range(ROUNDS_ENUMERATE):
        for name, env in [
            ("without", without),
            ("absent", absent),
            ("again", without),
            ("nothing", nothing),
            ("there", there),
        ]:
            times[name].append(measure_cpu(["fwupdtool", "get-devices", "--json"], env))
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"enumerate: fwupdtool {medians['without']:.1f} ms of processor time, "
        f"plugin adds {medians['absent'] - medians['without']:.2f} ms without a TDX host, "
        f"{medians['there'] - medians['nothing']:.2f} ms with one, "
        f"the same command differs by {abs(medians['again'] - medians['without']):.2f} ms"
    )


def main() -> None:
    reason = skip_reason()
    if reason is not None:
        print(f"SKIP: {reason}")
        raise SystemExit(77)
    enter_namespace()
    os.environ.pop("UMOCKDEV_DIR", None)
    for bench in bench_write, bench_enumerate:
        with tempfile.TemporaryDirectory() as folder:
            bench(Path(folder))


if __name__ == "__main__":
    main()
