#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiles the plugin as it is after each patch of the series, with the flags of the whole."""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path


def flags_of(build: Path) -> dict:
    """How the sources of the plugin are compiled, without where their own headers are."""
    flags = {}
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    for entry in commands:
        if "plugins/tdx-module/fu-" not in entry["file"] or "-struct.c" in entry["file"]:
            continue
        words = shlex.split(entry["command"])
        words = [word for word in words if not word.endswith("/plugins/tdx-module")]
        flags[Path(entry["file"]).name] = words[: words.index("-MD")]
    return flags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="fwupd, built with all patches")
    parser.add_argument("steps", type=Path, help="folder with the plugin after each patch")
    args = parser.parse_args()
    flags = flags_of(args.build)
    compiled = 0
    for step in sorted(args.steps.iterdir()):
        for source in sorted((step / "plugins/tdx-module").glob("*.c")):
            print(f"patch {step.name}: {source.name}", flush=True)
            command = [*flags[source.name], "-fsyntax-only", str(source)]
            done = subprocess.run(command, cwd=args.build, check=False)
            if done.returncode != 0:
                sys.exit(
                    f"{source.name} does not compile after patch {step.name}: "
                    "see which files series.sh has in which patch"
                )
            compiled += 1
    if compiled == 0:
        sys.exit("no source was compiled")


if __name__ == "__main__":
    main()
