#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds to an fwupd source tree the few lines outside of the plugin's folder.

Each goes before or after a line that has to be there exactly once, so that a tree which has changed
there is noticed and not guessed at.
"""

import argparse
import sys
from pathlib import Path
from typing import Callable, List

OWNER = (Path(__file__).parent / "CODEOWNERS").read_text(encoding="utf-8")

SANDBOX = """\
    if plugins['tdx-module']
      rw_directories += '-/sys/devices/faux'
    endif
"""

FUZZERS = """\
        Fuzzer("tdx-blob", srcdir="tdx-module"),
        Fuzzer("tdx-sigstruct", srcdir="tdx-module"),
"""

MAN_DEFINES = """\
        '--defines',
        join_paths(meson.project_source_root(), 'plugins', 'tdx-module', 'fu-tdx-module-plugin.c'),
"""

MAN_PAGE = """\
## TDX_MODULE PARAMETERS

The `[tdx_module]` section can contain the following parameter:

**RequireNoGuests={{tdx_module_RequireNoGuests}}**

  Refuse to update the Intel TDX module unless no confidential guests are running on the host.

"""


def insert(path: Path, text: str, anchor: str, after: bool = False, count: int = 1) -> None:
    """Inserts text at the line that is the anchor, of which there are as many as expected."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    old = anchor + "\n"
    new = old + text if after else text + old
    found = lines.count(old)
    if found != count:
        sys.exit(f"{path}: found {found} times '{anchor}', expected {count}")
    path.write_text("".join(new if line == old else line for line in lines), encoding="utf-8")


def build(tree: Path) -> None:
    insert(tree / "plugins/meson.build", "  'tdx-module': false,\n", "  'test': false,")


def sandbox(tree: Path) -> None:
    insert(tree / "data/meson.build", SANDBOX, "    rw_directories = []", after=True)


def owners(tree: Path) -> None:
    """In alphabetical order among the plugins."""
    path = tree / ".github/CODEOWNERS"
    lines = path.read_text(encoding="utf-8").splitlines()
    plugins = [line for line in lines if line.startswith("plugins/")]
    next_one = next((line for line in plugins if line > OWNER), None)
    if next_one is None:
        insert(path, OWNER, plugins[-1], after=True)
    else:
        insert(path, OWNER, next_one)


def fuzzers(tree: Path) -> None:
    insert(tree / "contrib/ci/oss-fuzz.py", FUZZERS, '        Fuzzer("uf2"),')


def manual(tree: Path) -> None:
    """The manual page is made twice, as such and for the documentation."""
    thunderbolt = [
        line
        for line in (tree / "docs/meson.build").read_text(encoding="utf-8").splitlines()
        if "'fu-thunderbolt-plugin.c'" in line
    ]
    insert(tree / "docs/meson.build", MAN_DEFINES, thunderbolt[0], after=True, count=2)
    insert(tree / "docs/fwupd.conf.md", MAN_PAGE, "## TEST PARAMETERS")


def main() -> None:
    pieces: List[Callable[[Path], None]] = [build, sandbox, owners, fuzzers, manual]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="an fwupd source tree")
    parser.add_argument("pieces", nargs="+", choices=[piece.__name__ for piece in pieces])
    args = parser.parse_args()
    for piece in pieces:
        if piece.__name__ in args.pieces:
            piece(args.tree)


if __name__ == "__main__":
    main()
