#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs fwupd's rustgen; its command line differs between fwupd versions, its class does not."""

import argparse
import importlib.util
from pathlib import Path


def load_generator(folder: Path):
    spec = importlib.util.spec_from_file_location("rustgen", folder / "rustgen.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Generator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generator", type=Path, required=True, help="fwupd's libfwupdplugin")
    parser.add_argument("--include", default="fwupdplugin.h", help="header to include")
    parser.add_argument("--prefix", default="", help="prefix that each type must have")
    parser.add_argument("--headers", action="store_true", help="write only headers")
    parser.add_argument("--output", type=Path, required=True, help="folder for the result")
    parser.add_argument("sources", type=Path, nargs="+", help=".rs files")
    args = parser.parse_args()

    generator_class = load_generator(args.generator)
    for source in args.sources:
        name = source.stem + "-struct"
        generator = generator_class(
            basename=name + ".h",
            modules_map={"fwupd": str(args.generator)},
            includes=[args.include],
            prefix=args.prefix,
        )
        code, header = generator.process_input(source.read_text(encoding="utf-8"))
        (args.output / (name + ".h")).write_text(header, encoding="utf-8")
        if not args.headers:
            (args.output / (name + ".c")).write_text(code, encoding="utf-8")


if __name__ == "__main__":
    main()
