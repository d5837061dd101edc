#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the documents name is there: messages, programs, files, headings.

The troubleshooting tables of docs/operators.md have the messages of the code, and all of them. A
message is a code span in the first column. What is in angle brackets stands for a printf format, and
a message that ends with an ellipsis is the beginning of one.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Iterable, List, Set

from tdxtest import tap

SOURCE = Path(__file__).resolve().parents[2]
# where a reader has the documents; contrib/ci/check-package.sh gives the folder of the package
DOCUMENTS = Path(os.environ.get("TDX_DOCUMENTS", SOURCE))
RULES = SOURCE / "contrib/monitoring/tdx-module.rules.yml"
PLUGIN = SOURCE / "plugins/tdx-module"
PUBLISHER = SOURCE / "contrib/cabinet"
FWUPD = SOURCE / "build/sdk/source"
DOCUMENT = SOURCE / "docs/operators.md"
HEADING = "## Troubleshooting by message\n"
HEADING_FWUPD = "### fwupd's own\n"
HEADING_WARNINGS = "### Read the warnings\n"
EXAMPLE = re.compile(r"(?<=0x)[0-9a-f]+|\d+(?:[.-]\d+)+")
# a few messages stand for all that say that an image is damaged, and nobody gets those of the tests
SUMMED_UP = ["fu-tdx-blob-firmware.c", "fu-tdx-sigstruct.c"]
NOT_SHIPPED = ["fu-self-test.c"]

ANY = "\0"  # what is only known when the message is printed
LITERAL = r'"((?:[^"\\\n]|\\.)*)"'
# the compiler joins these; GLib's macros are the end or the middle of a format
LITERALS = re.compile(rf"{LITERAL}(?:\s+(?:{LITERAL}|G_\w+_(?:FORMAT|MODIFIER)))*")
# also of fwupd's templates for code
PRINTF = re.compile(r"%[-#0-9.]*(?:l|z)?[a-z]|\{\{[^}]*\}\}")
# what says why something is not done, or what has happened
FUNCTIONS = [
    "fu_tdx_preflight_refuse",
    "g_prefix_error",
    "g_prefix_error_literal",
    "g_set_error",
    "g_set_error_literal",
    "g_strdup",
    "g_strdup_printf",
]
CALL = re.compile(rf'\b(?:{"|".join(FUNCTIONS)})\((?:{LITERAL}|[^";])*;')


def get_literals(code: str) -> List[str]:
    """The strings of C code, with their formats replaced."""
    found = []
    for match in LITERALS.finditer(code):
        text = re.sub(r"G_\w+_FORMAT", '"u"', match.group(0))
        text = re.sub(r"G_\w+_MODIFIER", '"l"', text)
        text = "".join(re.findall(LITERAL, text))
        found.append(PRINTF.sub(ANY, text.replace('\\"', '"').replace("\\\\", "\\")))
    return found


def read_literals(paths: Iterable[Path]) -> Set[str]:
    return {text for path in paths for text in get_literals(path.read_text(encoding="utf-8"))}


def get_plugin(*but: str) -> List[Path]:
    return [path for path in sorted(PLUGIN.glob("*.c")) if path.name not in but]


def get_errors() -> Set[str]:
    """What the plugin refuses with, unless it only passes a message on."""
    found = set()
    for path in get_plugin(*NOT_SHIPPED, *SUMMED_UP):
        for match in CALL.finditer(path.read_text(encoding="utf-8")):
            literals = get_literals(match.group(0))
            # the rest are arguments, but for one prefix or another
            found.update(literals if "g_prefix_error" in match.group(0) else literals[:1])
    return {text for text in found if re.search("[a-z]+,? [a-z]", text)}


def get_rows(section: str) -> List[List[str]]:
    """The messages in each row of the tables of a part of the document."""
    rows = []
    for line in section.splitlines():
        if line.startswith("|"):
            texts = re.findall(r"`([^`]+)`", line.split("|")[1])
            rows.append([re.sub(r"<[^<>]+>", ANY, text) for text in texts])
    return [row for row in rows if row]


def is_message(documented: str, literal: str) -> bool:
    if documented.endswith("…"):
        return literal.startswith(documented[:-1])
    return literal == documented


class MessagesTest(unittest.TestCase):
    """An operator finds the message, and what to do."""

    def setUp(self) -> None:
        _, text = DOCUMENT.read_text(encoding="utf-8").split(HEADING)
        plugin, fwupd = text.split(HEADING_FWUPD)
        self.plugin = [text for row in get_rows(plugin) for text in row]
        self.fwupd = get_rows(fwupd)

    def test_plugin(self) -> None:
        """What is documented is what the plugin says."""
        literals = read_literals(get_plugin(*NOT_SHIPPED))
        self.assertTrue(self.plugin)
        for text in self.plugin:
            with self.subTest(message=text):
                self.assertTrue(any(is_message(text, literal) for literal in literals))

    def test_complete(self) -> None:
        """And all that it says, once."""
        errors = get_errors()
        self.assertTrue(errors)
        for error in sorted(errors):
            with self.subTest(message=error):
                rows = [text for text in self.plugin if is_message(text, error)]
                self.assertEqual(len(rows), 1, rows)

    def test_fwupd(self) -> None:
        """A row has the messages of all versions of fwupd; here is the source of one of them."""
        paths = [*FWUPD.glob("src/*.c"), *FWUPD.glob("libfwupd*/*.c*")]
        if not paths:
            self.skipTest(f"no source of fwupd in {FWUPD}")
        literals = read_literals(paths)
        self.assertTrue(self.fwupd)
        for row in self.fwupd:
            with self.subTest(messages=row):
                found = [text for text in row for literal in literals if is_message(text, literal)]
                self.assertTrue(found)

    def test_publisher(self) -> None:
        """Warnings stand in the document of publishers with what they are about in one case."""
        _, text = (SOURCE / "docs/publishing.md").read_text(encoding="utf-8").split(HEADING_WARNINGS)
        rows = get_rows(text.split("\n#")[0])
        self.assertTrue(rows)
        literals = read_literals(sorted(PUBLISHER.glob("*.c")))
        for (message,) in rows:
            with self.subTest(message=message):
                parts = [EXAMPLE.sub(ANY, part.strip()) for part in message.split("…") if part]
                self.assertTrue(any(all(p in literal for p in parts) for literal in literals))


def get_anchors(text: str) -> Set[str]:
    """As the usual web sites make them of headings."""
    lines = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def get_commands(text: str) -> Iterable[str]:
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^(?:\w+=\S+ )*([\w./-]+)", block, re.MULTILINE)


class PathsTest(unittest.TestCase):
    """A reader who follows a document comes to no dead end."""

    def setUp(self) -> None:
        ignored = ["build", "build-", ".git"]
        found = [p.relative_to(DOCUMENTS) for p in DOCUMENTS.glob("**/*.md")]
        paths = [path for path in found if not path.parts[0].startswith(tuple(ignored))]
        self.texts = {path: (DOCUMENTS / path).read_text(encoding="utf-8") for path in paths}
        self.assertIn(Path("README.md"), self.texts)

    def test_links(self) -> None:
        for path, text in self.texts.items():
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                if "://" in link:
                    continue
                with self.subTest(document=path, link=link):
                    name, _, anchor = link.partition("#")
                    target = (DOCUMENTS / path).parent / name if name else DOCUMENTS / path
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, get_anchors(target.read_text(encoding="utf-8")))

    def test_questions(self) -> None:
        """No command takes the next line for the answer to its question."""
        for path, text in self.texts.items():
            for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
                for command in re.findall(r"^fwupdmgr (?:modify-config|\w+-remote) .*", block, re.MULTILINE):
                    with self.subTest(document=path, command=command):
                        self.assertTrue("clean-remote" in command or command.endswith(" -y"))

    def test_folders(self) -> None:
        """Each of them is in both tables of what is where."""
        for name in ["README.md", "docs/architecture.md"]:
            for folder in sorted(path.name for path in (SOURCE / "contrib").iterdir() if path.is_dir()):
                with self.subTest(document=name, folder=folder):
                    self.assertTrue(f"`contrib/{folder}/`" in self.texts[Path(name)])

    def test_alerts(self) -> None:
        """The address in an alert is a chapter of a document of the package."""
        text = RULES.read_text(encoding="utf-8")
        found = set(re.findall(r"runbook_url: file:///usr/share/doc/[^/]+/(\S+)#(\S+)", text))
        self.assertTrue(found)
        for name, anchor in found:
            with self.subTest(document=name, anchor=anchor):
                self.assertTrue((DOCUMENTS / name).exists())
                self.assertIn(anchor, get_anchors(self.texts[Path(name)]))

    def test_commands(self) -> None:
        """Those of this repository can be run as they are written."""
        for path, text in self.texts.items():
            for command in get_commands(text):
                if command.startswith(("contrib/", "data/")):
                    with self.subTest(document=path, command=command):
                        self.assertTrue(os.access(SOURCE / command, os.X_OK))


class NeedsTest(unittest.TestCase):
    """Where there can be no mock host, a reader is told what to give."""

    OWN_DEV = "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; "
    NO_MOUNT = "d=$(mktemp -d); ln -s /usr/bin/id $d; PATH=$d /bin/sh $0; rm -r $d"
    # no bind of a folder on itself: what a chroot is without further ado
    CHROOT = (
        "exec 3<$0; mount -t tmpfs none /mnt; mkdir /mnt/root; cd /mnt/root; mkdir usr dev proc; "
        "cp -d /bin /lib* /sbin .; for name in usr dev proc; do mount --rbind /$name $name; done; "
        "cat <&3 >needs; exec chroot . sh needs"
    )

    def needs(self, *command: str) -> str:
        """Of a copy, as the source may be where only root can look."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(shutil.copy(SOURCE / "contrib/ci/needs.sh", folder))
            for path in program, program.parent:
                path.chmod(0o755)
            done = subprocess.run([*command, program], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def test_needs(self) -> None:
        reason = self.needs()
        if reason:
            self.skipTest(reason.strip())
        inside = ["unshare", "--mount", "sh", "-euc"]
        for text, command in [
            ("not root: ", ["setpriv", "--reuid=65534", "--clear-groups"]),
            ("no mount: ", ["sh", "-euc", self.NO_MOUNT]),
            ("no /dev/fuse: ", [*inside, f"{self.OWN_DEV} exec sh $0"]),
            ("no access to /dev/fuse: ", [*inside, f"{self.OWN_DEV} mknod /dev/fuse c 99 229; exec sh $0"]),
            ("no mounts in a namespace", ["setpriv", "--bounding-set=-sys_admin"]),
            ("no mounts in this chroot", [*inside, self.CHROOT]),
        ]:
            with self.subTest(text):
                self.assertTrue(self.needs(*command).startswith(text))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    sys.exit(tap.run(sys.modules["__main__"]))
