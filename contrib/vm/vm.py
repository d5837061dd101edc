#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a test of contrib/vm/guest in a virtual machine, on what contrib/vm/setup.sh has made.

The guest reports in the Test Anything Protocol through a virtio-serial port, and ends with a line
that says if it was the end or a reboot. Without that line the test has failed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, Optional, Tuple

from tdxtest import bootfiles, rules
from tdxtest.images import (
    BUILD,
    PUBLISHER,
    QUIRK,
    SOURCE,
    make_cabinet,
    make_image,
    real_images,
    run,
    signer_of,
)

HERE = Path(__file__).resolve().parent
END = "# end: "  # "exit STATUS" or "reboot" follows
BOOTS_MAX = 10
ROOT_OFFSET = 64 << 20  # of the second partition, in bytes
TAP_LINE = re.compile(r"^(not ok|ok) \d+")
# a Sapphire Rapids; what protects the kernel, mitigations and self-tests only cost time. Without
# norandmaps each process has code of its own, which the emulator has to translate again
CPU = "max,vendor=GenuineIntel,family=6,model=143,stepping=8,-erms,-la57,-pks,-pku,-smap,-smep,-umip"
CMDLINE = (
    "console=ttyS0 root=/dev/nvme0n1p2 rootfstype=ext4 rw oops=panic panic=-1 mitigations=off "
    "cryptomgr.notests norandmaps systemd.show_status=0"
)
# what Intel would say of the release in the cabinet for the boot
MAP = {
    "tdx_module_releases": [
        {
            "version": "1.5.16",
            "min_module_version_for_td_preserving": "1.5.01",
            "min_seamldr_versions": ["1.5.00"],
            "strict_compat_versions": [],
        }
    ]
}
SHELL = "systemd.mask=tdx-test.service systemd.debug_shell=1 systemd.default_debug_tty=ttyS0"


class GuestFailure(Exception):
    """The guest did not come to its end."""


class GuestPanic(GuestFailure):
    """The emulated CPU is at fault more often than we are, so this deserves another try."""


def make_files(folder: Path) -> None:
    """Collects the tests, the driver, and cabinets with images of ours and of Intel's."""
    for path in HERE.glob("guest/*.py"):
        shutil.copy(path, folder)
    (folder / "tdxtest").mkdir()
    for name in ["__init__.py", "fwupdmgr.py", "rules.py", "schema.py", "tap.py"]:
        shutil.copy(SOURCE / "data/tests/tdxtest" / name, folder / "tdxtest")
    shutil.copy(SOURCE / "data/tests/refusals.txt", folder)
    shutil.copy(BUILD / "vm/tdx-host.ko", folder)
    fms = ["806F0", "C06F0", "A06F0"]
    image = make_image(folder / "made-1.5.16.bin", "--header-v1")
    make_cabinet(folder, image, "1.5.16", fms)
    (folder / "test-signer.quirk").write_text(
        f"[TDX\\MODULE]\nTdxModuleSigners = {signer_of()}\n", encoding="utf-8"
    )
    real = real_images()
    if real is not None:
        image = folder / "intel-1.5.16.bin"
        shutil.copy(real / "tdx_module_1.5.16.blob", image)
        make_cabinet(folder, image, "1.5.16", fms)


def make_rules(folder: Path) -> None:
    """An image and a cabinet for each rule of the P-SEAMLDR."""
    for rule in rules.RULES:
        image = make_image(folder / rule.file, *rule.options)
        make_cabinet(folder, image, rules.NEW, ["806F0"])
    make_image(folder / "good-v1.rule", "--header-v1")
    make_image(folder / "debug-v1.rule", "--header-v1", "--debug")


def make_boot(folder: Path) -> None:
    """vfat, the simulated firmware, an older module as two files, and a cabinet with a newer one."""
    (folder / "boot").mkdir()
    shutil.copytree(BUILD / "vm/modules", folder / "modules")
    shutil.copy(bootfiles.FIRMWARE, folder / "boot")
    work = folder.parent / "boot"
    work.mkdir()
    old = make_image(work / "old", "--version=1.5.06", "--svn=0x0106").read_bytes()
    new = make_image(work / "tdx_module_1.5.16.blob")
    bootfiles.write(folder / "boot", bootfiles.pair_of(old))
    (folder / "boot/versions").write_text(
        f"{bootfiles.mrseam_of(old)} 1.5.06\n{bootfiles.mrseam_of(new.read_bytes())} 1.5.16\n",
        encoding="utf-8",
    )
    compatibility = work / "mapping_file.json"
    compatibility.write_text(json.dumps(MAP), encoding="utf-8")
    command = [PUBLISHER, "build", "--map", compatibility, "--output", work / "cabinets"]
    command += ["--quirks", QUIRK, "--quirks", folder / "test-signer.quirk"]
    run(*command, "--description", "A TDX module.", "--urgency", "high", new)
    (cabinet,) = (work / "cabinets").glob("*.cab")
    shutil.copy(cabinet, folder / "boot/1.5.16.cab")


def add_files(disk: Path, folder: Path) -> None:
    """Not as a second disk: the kernel finds them in any order, and boots from the wrong one."""
    commands = folder.parent / "commands"
    lines = []
    for path in sorted(folder.rglob("*")):
        target = Path("/test") / path.relative_to(folder)
        if path.is_dir():
            lines.append(f"mkdir {target}")
        else:
            lines += [f"cd {target.parent}", f"write {path} {path.name}"]
    commands.write_text("\n".join(lines), encoding="utf-8")
    command = ["debugfs", "-w", "-f", str(commands), f"{disk}?offset={ROOT_OFFSET}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    errors = done.stderr.splitlines()[1:]  # after the version; the status is 0 all the same
    if errors:
        raise RuntimeError(f"debugfs: {errors}")


MAKERS = {"refusals": make_rules, "boot": make_boot}


class Machine:
    """A guest with a disk of its own, which lasts over reboots."""

    def __init__(self, args: argparse.Namespace, folder: Path, log: Path) -> None:
        self.cpus = args.cpus
        self.deadline = time.monotonic() + args.timeout
        self.shell = args.shell
        self.log = log
        self.root = folder / "root"
        self.result = folder / "result"
        self.files = folder / "files"

    def prepare(self, args: argparse.Namespace) -> None:
        run("cp", "--sparse=always", "--reflink=auto", disk_of(args.flavour), self.root)
        self.files.mkdir()
        name = f"{args.test} {args.stages} {args.case}"
        (self.files / "name").write_text(name, encoding="utf-8")
        make_files(self.files)
        for test in args.test.split("+"):
            if test in MAKERS:
                MAKERS[test](self.files)
        add_files(self.root, self.files)
        self.log.write_bytes(b"")

    def command(self) -> List[str]:
        """One CPU, or the emulator's threads that are slower but have never crashed a guest."""
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=single"]
        command += ["-cpu", CPU, "-smp", str(self.cpus), "-m", "1536", "-no-reboot"]
        command += ["-nodefaults", "-no-user-config", "-display", "none", "-nic", "none"]
        command += ["-kernel", str(BUILD / "vm/vmlinux")]
        command += ["-append", f"{CMDLINE} {SHELL if self.shell else ''}"]
        command += ["-drive", f"if=none,id=root,file={self.root},format=raw,cache=unsafe"]
        command += ["-device", "nvme,drive=root,serial=root"]
        command += ["-device", "virtio-serial-pci,max_ports=2"]
        command += ["-chardev", f"file,id=result,path={self.result}"]
        command += ["-device", "virtserialport,chardev=result,name=result"]
        if self.shell:
            return [*command, "-serial", "mon:stdio"]
        return [
            *command,
            "-chardev",
            f"file,id=console,path={self.log},append=on",
            "-serial",
            "chardev:console",
        ]

    def boot(self) -> Tuple[List[str], str]:
        """Gives the lines of the report, and how it ended."""
        self.result.write_bytes(b"")
        start = self.log.stat().st_size
        try:
            subprocess.run(
                ["setpriv", "--pdeathsig", "KILL", *self.command()],
                stdin=None if self.shell else subprocess.DEVNULL,
                timeout=max(self.deadline - time.monotonic(), 1),
                check=True,
            )
            reason = "the guest ended without a report of it"
        except subprocess.TimeoutExpired:
            reason = "the guest did not end in time"
        except subprocess.CalledProcessError as e:
            reason = f"QEMU exited with {e.returncode}"
        lines = self.result.read_text(encoding="utf-8", errors="replace").splitlines()
        if lines and lines[-1].startswith(END):
            return lines[:-1], lines[-1][len(END) :]
        if b"Kernel panic" in self.log.read_bytes()[start:]:
            raise GuestPanic("the kernel of the guest panicked")
        raise GuestFailure("\n".join([reason, *lines]))


def disk_of(flavour: str) -> Path:
    return BUILD / f"vm/{flavour}.disk"


def renumber(lines: List[str], count: int) -> Tuple[List[str], int]:
    """Joins the report of one boot to those before: numbers go on, and the plan comes last."""
    out = []
    for line in lines:
        if line.startswith("1.."):
            continue
        match = TAP_LINE.match(line)
        if match:
            count += 1
            line = f"{match.group(1)} {count}{line[match.end():]}"
        out.append(line)
    return out, count


def run_test(machine: Machine) -> Tuple[List[str], int]:
    """Boots until the guest says that it was the last time."""
    report: List[str] = []
    count = 0
    for _boot in range(BOOTS_MAX):
        lines, end = machine.boot()
        lines, count = renumber(lines, count)
        report += lines
        if end != "reboot":
            return [*report, f"1..{count}"], int(end.split()[1])
    raise GuestFailure(f"the guest wanted to boot more than {BOOTS_MAX} times")


def run_args(args: argparse.Namespace) -> int:
    name = f"{args.flavour}-{args.test}"
    log = BUILD / f"meson-logs/vm-{name}.log"
    log.parent.mkdir(exist_ok=True)
    for retry in [True, False]:
        with tempfile.TemporaryDirectory(prefix=f"{name}.", dir=BUILD / "vm") as folder:
            machine = Machine(args, Path(folder), log)
            machine.prepare(args)
            if args.shell:
                return subprocess.run(machine.command(), check=False).returncode
            try:
                report, status = run_test(machine)
            except GuestFailure as e:
                if retry and isinstance(e, GuestPanic):
                    print(f"# {e}, once more")
                    continue
                report, status = [f"not ok 1 - {args.test}", "1..1"], 1
                report += [f"# {line}" for line in str(e).splitlines()]
        print("\n".join(report))
        if status != 0:
            print(f"# the journal of the guest: {log}")
        return status
    return 1


def skip_reason(flavour: str) -> Optional[str]:
    paths = [disk_of(flavour)]
    paths += [BUILD / "vm" / name for name in ["vmlinux", "tdx-host.ko", "modules"]]
    missing = [str(path) for path in paths if not path.exists()]
    missing += [name for name in ["qemu-system-x86_64", "gcab"] if shutil.which(name) is None]
    if missing:
        return f"no {missing[0]}: run contrib/vm/setup.sh first"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--flavour", default="2.1.7", choices=["2.0.20", "2.1.7"], help="of fwupd")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--stages", type=int, default=0, help="only so many, of a test that reboots")
    parser.add_argument("--timeout", type=int, default=900, help="in seconds, for all boots")
    parser.add_argument("--shell", action="store_true", help="a root shell in place of the test")
    parser.add_argument("test", help="NAME of contrib/vm/guest/test_NAME.py, or NAME+NAME")
    parser.add_argument("case", nargs="?", default="", help="only cases with this in their name")
    args = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    reason = skip_reason(args.flavour)
    if reason is not None:
        print(f"1..1\nok 1 - {args.test} # SKIP {reason}")
        return 0
    return run_args(args)


if __name__ == "__main__":
    sys.exit(main())
