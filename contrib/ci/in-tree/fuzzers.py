#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the plugin's fuzzers with fwupd's own contrib/ci/oss-fuzz.py, and runs them on their seeds.

That script fetches and builds all libraries first, and makes every fuzzer. Here the libraries of
this machine and of the build are taken, and only what is in the plugin's folder is compiled.
"""

import argparse
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

PACKAGES = ["gio-unix-2.0", "gmodule-2.0", "json-glib-1.0", "libusb-1.0", "xmlb"]
MAIN = "fwupd/libfwupdplugin/fu-fuzzer-main.c"


def pkg_config(what: str) -> List[str]:
    done = subprocess.run(
        ["pkg-config", what, *PACKAGES], stdout=subprocess.PIPE, text=True, check=True
    )
    return shlex.split(done.stdout)


def load_module(source: Path):
    spec = importlib.util.spec_from_file_location("oss_fuzz", source / "contrib/ci/oss-fuzz.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_builder(module, build: Path):
    """Does for the plugin's folder what upstream's class does, and nothing for the others."""

    class Builder(module.Builder):
        def __init__(self) -> None:
            super().__init__()
            for name in ["libfwupd", "libfwupdplugin"]:
                self.cflags.append(f"-I{build / name}")
            self.cflags += pkg_config("--cflags")
            self.ldflags = [f"-L{build}/libfwupd", f"-L{build}/libfwupdplugin"]
            self.ldflags += [f"-Wl,-rpath,{build}/libfwupd:{build}/libfwupdplugin"]
            self.ldflags += ["-lfwupdplugin", "-lfwupd", *pkg_config("--libs")]
            self.programs: List[str] = []
            self.seeds: List[str] = []

        def checkout_source(self, name, url, commit=None, patches=None) -> str:
            return ""

        def build_meson_project(self, srcdir, argv) -> None:
            pass

        def build_cmake_project(self, srcdir, argv=None) -> None:
            pass

        def build_automake_project(self, srcdir, argv=None) -> None:
            pass

        def add_build_ldflag(self, value) -> None:
            pass

        def write_header(self, dst, defines) -> None:
            """The real version, which fu-compat.h asks for."""
            super().write_header(dst, defines)
            if dst == "libfwupd/fwupd-version.h":
                shutil.copy(build / dst, Path(self.builddir) / dst)

        def rustgen(self, src, includes=()) -> str:
            if "/tdx-module/" not in src:
                return ""
            return super().rustgen(src, list(includes))

        def substitute(self, src, replacements) -> str:
            """Upstream writes over the template's result each time."""
            if "plugins/tdx-module/" not in replacements["@INCLUDE@"]:
                return ""
            return super().substitute(src, replacements)

        def compile(self, src, argv_extra=None) -> str:
            ours = "tdx-module" in src or src == MAIN or src.startswith("fu-fuzzer-")
            if not src or not ours:
                return ""
            return super().compile(src, argv_extra)

        def link(self, objs, dst) -> str:
            if not dst.startswith("tdx-"):
                return ""
            exe = super().link([obj for obj in objs if obj], dst)
            if dst.endswith("_fuzzer"):
                self.programs.append(exe)
            return exe

        def mkfuzztargets(self, exe, globstr) -> List[str]:
            return super().mkfuzztargets(exe, globstr) if exe else []

        def makezip(self, dst, corpus) -> None:
            """In place of packing the seeds, the fuzzer is run on them."""
            if not dst.startswith("tdx-"):
                return
            if not corpus:
                sys.exit(f"no seeds for {dst}")
            subprocess.run([self.programs[-1], *corpus], check=True)
            self.seeds += corpus

    return Builder()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="fwupd's tree with the plugin")
    parser.add_argument("build", type=Path, help="where that was built")
    parser.add_argument("work", type=Path, help="folder for the result")
    args = parser.parse_args()

    # the script runs `python`, which Debian does not have
    for name in ["bin", "src", "out"]:
        (args.work / name).mkdir(parents=True)
    (args.work / "bin/python").symlink_to(sys.executable)
    (args.work / "src/fwupd").symlink_to(args.source.resolve())
    os.environ["PATH"] = f"{args.work / 'bin'}:{os.environ['PATH']}"
    os.environ["SRC"] = str(args.work / "src")
    os.environ["WORK"] = str(args.work / "work")
    os.environ["OUT"] = str(args.work / "out")
    os.environ["CXX"] = "cc"

    module = load_module(args.source)
    builder = make_builder(module, args.build.resolve())
    module._build(builder)  # pylint: disable=protected-access
    print(f"{len(builder.programs)} fuzzers, {len(builder.seeds)} seeds")
    if len(builder.programs) != 2:
        sys.exit("expected the fuzzers of two types of firmware")


if __name__ == "__main__":
    main()
