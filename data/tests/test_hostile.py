#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tdx-module-cabinet does with files that nobody would make by mistake."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from random import Random
from typing import List
from xml.etree import ElementTree

from tdxtest import lvfs_model, mirror
from tdxtest.images import PUBLISHER, QUIRK, run
from tdxtest.testbed import main
from test_publish import PublishCase, release


class HostileCase(PublishCase):
    """All of it is refused at once, with the reason."""

    def setUp(self) -> None:
        super().setUp()
        self.image = self.publisher.image()
        self.folder = self.publisher.output.parent

    def need_xmllint(self) -> None:
        if shutil.which("xmllint") is None:
            self.skipTest("no xmllint")

    def check_xml(self) -> List[ElementTree.Element]:
        """What is in the cabinet, which another program has to be able to read as well."""
        paths = sorted(self.publisher.unpack().glob("*.metainfo.xml"))
        run("xmllint", "--noout", *paths)
        return [ElementTree.parse(path).getroot() for path in paths]

    def refused_soon(self, reason: str, *args, **kwargs) -> None:
        begin = time.monotonic()
        self.refused(reason, *args, **kwargs)
        self.assertLess(time.monotonic() - begin, 10)


class MapTest(HostileCase):
    """A map that other programs, or people, would read in another way."""

    good = json.dumps({"tdx_module_releases": [release()]})

    def refused_map(self, reason: str, text: str) -> None:
        self.assertNotEqual(text, self.good)
        self.publisher.map_text(text)
        self.refused_soon(reason)

    def test_good(self) -> None:
        self.publisher.map_text(f"\n {self.good}\n")
        self.publisher()

    def test_nul(self) -> None:
        for text in ["1.5.01\\u0000.2", "\\u00001.5.01"]:
            self.refused_map("NULs", self.good.replace("1.5.01", text))
        self.refused_map("NULs", self.good.replace("1.5.01", "1.5.01\0"))
        self.refused_map("NULs", self.good.replace('version"', 'version\\u0000"', 1))

    def test_control_characters(self) -> None:
        self.refused_map("control characters", self.good.replace("1.5.01", "1.5.\n01"))
        self.refused_map("control characters", self.good.replace(":", ":\x1b"))

    def test_name_twice(self) -> None:
        for name in ['"version"', '"ver\\u0073ion"', '"tdx_feature0"']:
            text = self.good.replace('"version"', f'{name}: "1.5.17", "version"')
            self.refused_map("a name twice", text)
        self.refused_map("a name twice", f'{self.good[:-1]}, "tdx_module_releases": []}}')

    def test_second_document(self) -> None:
        for text in [self.good, "x", "[]", "/* */", "}"]:
            self.refused_map("after its end", f"{self.good} {text}")

    def test_no_json(self) -> None:
        for text in ["// none\n", "/* none */", "\ufeff", "# none\n"]:
            self.refused_map("characters that JSON has not", f"{text}{self.good}")
        self.refused_map("characters that JSON has not", self.good.replace('"', "'"))

    def test_deep(self) -> None:
        for begin in ["[", '{"a":']:
            self.refused_map("too many levels", begin * 1_000_000)
            text = f'{self.good[:-1]}, "a": {begin * 100_000}'
            self.refused_map("too many levels", text)

    def test_large(self) -> None:
        self.refused_map("100000000 bytes, expected at most", self.good.ljust(100_000_000))

    def test_many(self) -> None:
        """In a time that grows with their number, and not with its square."""
        versions = [f"1.{6 + number // 60000}.{number % 60000}" for number in range(20_000)]
        self.publisher.map(release(), *[release(version=version) for version in versions])
        begin = time.monotonic()
        self.assertEqual(len(self.publisher.json()["Skipped"]), 20_000)
        self.assertLess(time.monotonic() - begin, 10)

    def test_twice_of_many(self) -> None:
        """Also if it is spelled in another way, and far from the first."""
        versions = [f"1.6.{number}" for number in range(1000)]
        releases = [release(version=version) for version in [*versions, "1.6.0500"]]
        self.publisher.map(release(), *releases)
        self.refused_soon("is listed twice")


class NoFileTest(HostileCase):
    """Files that are none."""

    def test_no_file(self) -> None:
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        map_file = self.publisher.checkout / "mapping_file.json"
        key = mirror.make_key(self.folder, "operator")
        for path in [fifo, Path("/dev/zero"), Path("/dev/full"), Path("/proc/self/environ")]:
            with self.subTest(path=path):
                image = {"source": path}
                options = ["--map", map_file, "--release-version=1.5.16"]
                self.refused_soon(str(path), *options, **image)
                self.refused_soon(str(path), "--map", path)
                self.refused_soon(str(path), "--quirks", path)
                self.refused_soon(str(path), "--notes", path)
                signer = ["--certificate", key.certificate, "--key", key.private]
                self.refused_soon(str(path), *signer[:3], path)
                self.refused_soon(str(path), "--certificate", path, *signer[2:])

    def test_output(self) -> None:
        """A cabinet replaces a cabinet, and nothing else."""
        self.publisher.output.mkdir()
        target = self.folder / "target"
        cabinet = self.publisher.output / "tdx-module-1.5.16.cab"
        cabinet.symlink_to(target)
        self.refused("is not a regular file")
        self.assertFalse(target.exists())
        cabinet.unlink()
        cabinet.mkdir()
        self.refused("is not a regular file")

    def test_key_of_others(self) -> None:
        key = mirror.make_key(self.folder, "operator")
        options = ["--certificate", key.certificate, "--key", key.private]
        for mode, what in [(0o640, "read"), (0o604, "read"), (0o620, "replaced")]:
            key.private.chmod(mode)
            self.assertIn(f"can be {what} by others", self.publisher(*options).stderr)
            self.assertIn(f"can be {what} by others", self.publisher.json(*options)["Warning"])
        key.private.chmod(0o600)
        self.assertNotIn("by others", self.publisher(*options).stderr)
        self.assertNotIn("Warning", self.publisher.json(*options))


class TextTest(HostileCase):
    """Texts that no XML can hold."""

    def test_description(self) -> None:
        for text in ["a\x01b", "a\x0bb", "a\x1f", "a\ufffe", "a\uffff"]:
            self.refused_soon("", "--description", f"What is new: {text}")

    def test_markup(self) -> None:
        """Is only text."""
        self.need_xmllint()
        text = "What is <b>new</b> & \"old\" ]]> &#1; <![CDATA[, as everybody knows."
        self.publisher("--description", text)
        self.check_xml()
        (found, *_rest) = self.publisher.metainfo().findall(".//release/description/p")
        self.assertEqual(found.text, text)


class NameTest(HostileCase):
    """File names with anything in them; each output stays what it is."""

    names = [b"a\nb", b"a\x1b[31mb", b"a\xff\xfeb", "ä".encode()]

    def run_for(self, name: bytes, *options: str, locale: str) -> subprocess.CompletedProcess:
        folder = os.fsencode(self.folder) + b"/" + name
        os.makedirs(folder, exist_ok=True)
        quirks = ["--quirks", QUIRK, "--quirks", self.publisher.quirk]
        command = [PUBLISHER, "build", *quirks, "--output", folder, *options]
        return subprocess.run(
            [os.fsencode(arg) for arg in [*command, self.publisher.checkout]],
            env={**os.environ, "LC_ALL": locale},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )

    def test_result(self) -> None:
        for name in self.names:
            for locale in ["C", "C.UTF-8"]:
                with self.subTest(name=name, locale=locale):
                    done = self.run_for(name, locale=locale)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(done.stdout.count(b"\n"), 1)
                    self.assertIsNone(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout))
                    done.stdout.decode()
                    done = self.run_for(name, "--json", locale=locale)
                    (found,) = json.loads(done.stdout.decode())["Releases"]
                    expected = (os.fsencode(self.folder) + b"/" + name).decode(errors="replace")
                    self.assertEqual(found["Filename"], f"{expected}/tdx-module-1.5.16.cab")

    def test_error(self) -> None:
        for name in self.names:
            with self.subTest(name=name):
                missing = os.fsdecode(name)
                done = self.run_for(b"out", "--map", missing, locale="C.UTF-8")
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr.count(b"\n"), 1)
                done.stderr.decode()
                done = self.run_for(b"out", "--json", "--map", missing, locale="C.UTF-8")
                self.assertIn("Error", json.loads(done.stdout.decode()))


class FuzzTest(HostileCase):
    """Anything as a map, options or notes: a cabinet that hosts and LVFS take, or one line."""

    COUNT = int(os.environ.get("TDX_HOSTILE_RUNS", "60"))
    SEED = int(os.environ.get("TDX_HOSTILE_SEED", "1"))
    SECONDS = float(os.environ.get("TDX_HOSTILE_SECONDS", "60"))

    PIECES = [
        "1.5.16", "1.5", "\0", "\\u0000", '"', "\\", "{", "}", "[", "]", ",", ":", "null", "-1", "1e999",
        "\ud7ff", "\ufffe", "\x1b", "\n", "\r", "<p>", "&", "CVE-2025-12345", "x" * 301, "%s%n", "..",
        "=", ";", "|", "99999999999999999999", "../../x", "=1.5.*", "$(id)", " ", "\u2028", "\\q",
    ]
    OPTIONS = [
        "--description", "--issue", "--urgency", "--fwupd-version", "--header-version", "--base-uri",
        "--release-version", "--keep", "--phased-update", "--strict",
    ]

    def mutate(self, random: Random, text: str) -> str:
        for _ in range(random.randrange(1, 4)):
            begin = random.randrange(len(text) + 1)
            end = min(len(text), begin + random.choice([0, 0, 1, 2, 10, 100]))
            text = text[:begin] + random.choice([*self.PIECES, text[begin:end] * 2]) + text[end:]
        return text

    def make_map(self, random: Random) -> List[str]:
        known = [release(), release(version="1.5.20", strict_compat_versions=["1.5.06"])]
        self.publisher.map_text(self.mutate(random, json.dumps({"tdx_module_releases": known})))
        return random.choice([[], ["--strict"]])

    def make_options(self, random: Random) -> List[str]:
        good = ["Fixes a bug that was bad.", "CVE-2025-12345", "2.0.20", "0x200", "high", "7", ""]
        names = random.sample(self.OPTIONS, random.randrange(1, 4))
        values = [self.mutate(random, random.choice(good)).replace("\0", "") for _name in names]
        return [name if name == "--strict" else f"{name}={value}" for name, value in zip(names, values)]

    def make_notes(self, random: Random) -> List[str]:
        text = "[1.5.16]\nDescription=Fixes a bug that was bad.\nIssues=CVE-2025-12345\nUrgency=low\n"
        path = self.folder / "notes.ini"
        path.write_text(self.mutate(random, text), encoding="utf-8", errors="surrogatepass")
        return ["--notes", str(path)]

    def run_one(self, options: List[str]) -> bool:
        """If it was taken."""
        before = self.publisher.files()
        begin = time.monotonic()
        done = self.publisher(*options, check=None)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertIn(done.returncode, [0, 1], done)
        self.assertNotIn("CRITICAL", done.stderr)
        if done.returncode == 1:
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
            self.assertEqual(self.publisher.files(), before)
            return False
        for root in self.check_xml():
            self.assertEqual(lvfs_model.problems(root), [])
        return True

    def test_fuzz(self) -> None:
        """Each run has its own seed, so that it can be repeated."""
        self.need_xmllint()
        taken: List[bool] = []
        end = time.monotonic() + self.SECONDS
        for seed in range(self.SEED, self.SEED + self.COUNT):
            if time.monotonic() > end:
                break
            random = Random(seed)
            self.publisher.map(release())
            options = random.choice([self.make_map, self.make_options, self.make_notes])(random)
            with self.subTest(seed=seed, options=options):
                taken.append(self.run_one(options))
        self.assertGreater(len(taken), 0)
        if len(taken) >= 30:
            self.assertEqual(set(taken), {False, True})


if __name__ == "__main__":
    main()
