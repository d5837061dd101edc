#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the P-SEAMLDR, one image against each, and the table of what they come to.

The same table is made twice: with the mock host, and with the test driver in the VM. Both have to
be data/tests/refusals.txt, so that each simulator contradicts the other where it is wrong. Needs
nothing but Python.
"""

import difflib
import re
from typing import Dict, List, NamedTuple, Optional

BIOS = "1.5.06"
NEW = "1.5.16"
HEADER = ["by shell: the P-SEAMLDR", "TDX module", "left", "by the plugin", "rule"]
WIDTHS = [28, 10, 4, 13, 0]


class Rule(NamedTuple):
    """One thing that is wrong."""

    name: str
    options: List[str] = []  # of make-tdx-blob, which then signs what it made
    host: Dict[str, str] = {}  # parameters of the test driver, and offline for a CPU
    known: bool = True  # whether anybody can know before

    @property
    def file(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") + ".rule"


def sigstruct(name: str, offset: int, data: str) -> Rule:
    return Rule(f"sigstruct {name}", [f"--poke-sigstruct={offset}={data}"])


def image(name: str, *pokes: str, pages: int = 4) -> Rule:
    options = [f"--poke-image={poke}" for poke in pokes]
    return Rule(name, [f"--pages={pages}", *options, "--fix-checksum"])


def tables(name: str, gdt_idt: int, fault_wrapper: int) -> Rule:
    options = [f"--gdt-idt-offset={gdt_idt}", f"--fault-wrapper-offset={fault_wrapper}"]
    return Rule(name, options)


# what the kernel refuses costs nothing
KERNEL = [
    image("header version", "0x0=0003"),
    image("header signature", "0x4=00"),
    image("header reserved", "0xfff=01"),
    image("header: two sigstruct pages", "0xc=02000000", "0x10=03000000"),
    image("header: a page too few", "0x10=03000000"),
    Rule("497 module pages", ["--pages=497"]),
]

# in the order in which the P-SEAMLDR looks
SEAMLDR = [
    image("no sigstruct page", "0xc=00000000", "0x10=05000000"),
    image("no module page", "0xc=01000000", "0x10=00000000", pages=0),
    Rule("no module page, newer", ["--pages=0"], {"seamldr_cleanup": "1"}),
    sigstruct("reserved0", 40, "01"),
    sigstruct("reserved1", 983, "01"),
    sigstruct("reserved2", 989, "01"),
    sigstruct("reserved3, the version of a 2.0", 1000, "10000501"),
    sigstruct("header_type", 0, "07000000"),
    sigstruct("header_length", 4, "e0000000"),
    sigstruct("header_version", 8, "00000200"),
    sigstruct("key_size", 28, "61000000"),
    sigstruct("exponent_size", 36, "02000000"),
    sigstruct("modulus_size", 32, "5f000000"),
    sigstruct("module_vendor", 16, "87800000"),
    sigstruct("module_type", 12, "01000000"),
    sigstruct("attributes", 957, "80"),
    sigstruct("size", 24, "01020000"),
    sigstruct("cpuid_table_size", 1024, "00010000"),
    sigstruct("exponent", 512, "03000000"),
    Rule("min_update_hv above module_hv", ["--module-hv=0", "--min-update-hv=1"]),
    tables("gdt_idt_offset not of a page", 0x1004, 0x100),
    tables("gdt_idt_offset alone", 0x1000, 0),
    tables("fault_wrapper_offset alone", 0, 0x100),
    Rule("debug-signed", ["--debug"]),
    Rule("SVN of another major", ["--svn=0x0210"]),
    Rule("SVN lower", ["--svn=0x0105"]),
    tables("gdt_idt_offset outside", 0x4000, 0x100),
    tables("fault_wrapper_offset outside", 0x1000, 0x3E01),
    Rule("CPU", ["--cpu=0xC06F0"]),
    Rule("CPU of the second socket", ["--cpu=0x806F8"], {"second_socket": "0xA06F0"}),
    sigstruct("without a table of CPUs", 1024, "00000000"),
    Rule("no updates left", host={"remaining": "0"}),
    Rule("handoff version too old", ["--module-hv=2", "--min-update-hv=1"]),
    Rule("handoff version too new", host={"bios_hv": "1"}, known=False),
    image("module hash", "0x2000=0102"),
    Rule("a CPU is offline", host={"offline": "1"}),
]
GOOD = Rule("nothing is wrong")
RULES = [*KERNEL, *SEAMLDR, GOOD]

# of the test driver: `CODE before the wipe: REASON`; of the mock: `REASON (CODE)`
REFUSED = re.compile(r"^seamldr: refused: (?:(E[A-Z]+) .* the wipe: |.*\((E[A-Z]+)\)$)", re.M)


def answer(log: str) -> str:
    """What the P-SEAMLDR said to an upload."""
    match = REFUSED.search(log)
    if match:
        when = "after" if "after the wipe" in match.string else "before"
        return f"{match.group(1) or match.group(2)} {when} the wipe"
    if "kernel: refused: " in log:
        return "not asked"
    if "seamldr: installed" in log:
        return "installs"
    return "waits for a CPU"


def row(rule: Rule, log: str, version: Optional[str], left: str, plugin: str) -> str:
    """After the upload by a shell: the log, the version that runs if any, the updates left."""
    cells = [answer(log), version or "lost", left, plugin, rule.name]
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS))


def table(rows: List[str]) -> List[str]:
    head = "  ".join(cell.ljust(width) for cell, width in zip(HEADER, WIDTHS))
    return [head, "-" * 91, *rows]


def difference(rows: List[str], expected: str) -> str:
    """Empty if the table is that of the file."""
    lines = difflib.unified_diff(expected.splitlines(), table(rows), "file", "now", n=0, lineterm="")
    return "\n".join(lines)
