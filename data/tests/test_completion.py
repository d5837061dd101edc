#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What bash offers after a tab, of each program."""

import re
import sys
import unittest
from pathlib import Path
from typing import List

from tdxtest import tap
from tdxtest.images import BUILD, SOURCE, run

LIBRARY = Path("/usr/share/bash-completion/bash_completion")
PROGRAMS = {"cabinet": "build", "reapply": "status", "status": ""}


class CompletionTest(unittest.TestCase):
    """With the library that Debian has for it."""

    def setUp(self) -> None:
        if not LIBRARY.exists():
            self.skipTest("no bash-completion")

    def complete(self, name: str, *words: str) -> List[str]:
        program = f"tdx-module-{name}"
        line = " ".join([program, *words])
        script = f"""
            shopt -s extglob
            . {LIBRARY}
            . {SOURCE}/contrib/{name}/{program}.bash
            COMP_WORDS=({program} "$@") COMP_CWORD=$# COMP_LINE='{line}' COMP_POINT={len(line)}
            _{program.replace("-", "_")} {BUILD}/contrib/{name}/{program} 2>/dev/null
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return run("bash", "-c", script, "bash", *words).split()

    def test_options(self) -> None:
        """All of --help."""
        for name, command in PROGRAMS.items():
            with self.subTest(program=name):
                options = self.complete(name, *filter(None, [command]), "--")
                text = run(BUILD / f"contrib/{name}/tdx-module-{name}", "--help")
                for option in re.findall(r"^  (--[a-z-]+=?)", text, re.MULTILINE):
                    self.assertIn(option, options)

    def test_commands(self) -> None:
        self.assertEqual(self.complete("cabinet", "m"), ["mirror"])
        self.assertEqual(self.complete("reapply", ""), ["apply", "clear", "status", "store"])

    def test_values(self) -> None:
        self.assertEqual(self.complete("cabinet", "build", "--he"), ["--help", "--header-version="])
        levels = ["low", "medium", "high", "critical"]
        self.assertEqual(self.complete("cabinet", "build", "--urgency", ""), levels)
        self.assertEqual(self.complete("reapply", "apply", "--wait", ""), [])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    sys.exit(tap.run(sys.modules["__main__"]))
