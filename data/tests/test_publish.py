#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tdx-module-cabinet makes of images and of Intel's compatibility map."""

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from random import Random
from typing import List, Optional
from xml.etree import ElementTree

from tdxtest import lvfs_model
from tdxtest.images import (
    PAGE,
    PUBLISHER,
    QUIRK,
    SOURCE,
    guid,
    make_image,
    real_images,
    run,
    signer_of,
    to_header_v2,
    write_quirk,
)
from tdxtest.release_oracle import SVNS
from tdxtest.testbed import TestbedCase, main, sha256, skip_reason

RELEASE = {
    "version": "1.5.16",
    "min_module_version_for_td_preserving": "1.5.01",
    "strict_compat_versions": ["1.5.08", "1.5.13"],
    "min_seamldr_versions": ["1.5.00", "2.0.00"],
    "tdx_feature0": "0x226F3F0FBF",
}


def release(**changes) -> dict:
    """An entry of the map; a value of None removes a key."""
    return {k: v for k, v in {**RELEASE, **changes}.items() if v is not None}


class Publisher:
    """A checkout of Intel's repository with images of our own, and where the cabinets go."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.output = folder / "output"
        self.quirk = folder / "signer.quirk"
        self.checkout.mkdir()
        write_quirk(self.quirk, signer_of())
        self.map(release())

    def map(self, *releases: dict) -> None:
        self.map_text(json.dumps({"Header": {}, "tdx_module_releases": releases}))

    def map_text(self, text: str) -> None:
        (self.checkout / "mapping_file.json").write_text(text, encoding="utf-8")

    def image(self, version: str = "1.5.16", *options: str) -> Path:
        series = ".".join(version.split(".")[:2])
        path = self.checkout / f"joined_files/{series}/tdx_module_{version}.blob"
        path.parent.mkdir(parents=True, exist_ok=True)
        options = options or ("--cpu=0x806F8", "--cpu=0xC06F0")
        return make_image(path, f"--version={version}", f"--svn={SVNS[version]:#x}", *options)

    def __call__(
        self,
        *args,
        source: Optional[Path] = None,
        check: Optional[int] = 0,
        locale: str = "C.UTF-8",
    ) -> subprocess.CompletedProcess:
        quirks = ["--quirks", QUIRK, "--quirks", self.quirk]
        command = [PUBLISHER, "build", *quirks, "--output", self.output, *args]
        done = subprocess.run(
            [str(arg) for arg in [*command, source or self.checkout]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": locale},
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if check is not None and done.returncode != check:
            raise AssertionError(f"{args} exited with {done.returncode}:\n{done}")
        return done

    def json(self, *args, **kwargs) -> dict:
        return json.loads(self(*args, "--json", **kwargs).stdout)

    def files(self) -> List[str]:
        return sorted(path.name for path in self.output.iterdir()) if self.output.exists() else []

    def unpack(self, version: str = "1.5.16") -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.output.parent))
        run("gcab", "--extract", "-C", folder, self.output / f"tdx-module-{version}.cab")
        return folder

    def metainfo(self, version: str = "1.5.16", fms: str = "806F0") -> ElementTree.Element:
        path = self.unpack(version) / f"tdx-module-{version}-{fms}.metainfo.xml"
        return ElementTree.parse(path).getroot()


class PublishCase(TestbedCase):
    """A test with a publisher."""

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="tdx-publish-"))
        self.addCleanup(shutil.rmtree, folder)
        self.publisher = Publisher(folder)

    def problems(self, version: str = "1.5.16") -> List[str]:
        """What the LVFS server has against a cabinet."""
        folder = self.publisher.unpack(version)
        names = [path.name for path in folder.iterdir()]
        found = []
        for path in folder.glob("*.xml"):
            root = ElementTree.parse(path).getroot()
            lvfs_model.check(root, names)
            found += lvfs_model.problems(root)
        return found

    def refused(self, reason: str, *args, **kwargs) -> None:
        """An error that names the reason, and not a trace in the output folder."""
        before = self.publisher.files()
        done = self.publisher(*args, check=1, **kwargs)
        self.assertIn(reason, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(self.publisher.files(), before)


class CabinetTest(PublishCase):
    """What is in a cabinet."""

    def requires(self, *args) -> List[tuple]:
        self.publisher(*args)
        return [
            (node.tag, node.get("compare"), node.get("version"), node.text)
            for node in self.publisher.metainfo().find("requires")
        ]

    def test_metainfo(self) -> None:
        image = self.publisher.image(
            "1.5.16", "--cpu=0x806F8", "--cpu=0xC06F2", "--cpu=0xC06F0", "--date=20250219",
            "--header-v1",
        ).read_bytes()
        self.publisher("--urgency=high", "--issue=CVE-2025-12345", "--description=Fixes a bug.")
        folder = self.publisher.unpack()
        payload = (folder / "tdx_module_1.5.16.blob").read_bytes()
        self.assertEqual(
            sorted(path.name for path in folder.glob("*.xml")),
            [
                f"tdx-module-1.5.16-{fms}{device}.metainfo.xml"
                for fms in ["806F0", "C06F0"]
                for device in ["-boot", ""]
            ],
        )
        root = ElementTree.parse(folder / "tdx-module-1.5.16-C06F0.metainfo.xml").getroot()
        texts = [node.text for node in root.findall("releases/release/description/p")]
        self.assertEqual(payload, image)
        self.assertEqual(
            [node.text for node in root.findall("provides/firmware[@type='flashed']")],
            [guid("TDX\\SERIES_1.5&FMS_C06F0")],
        )
        self.assertEqual(
            root.find("releases/release").attrib,
            {
                "version": "1.5.16",
                "date": "2025-02-19",
                "urgency": "high",
            },
        )
        checksum = root.find("releases/release/checksum")
        self.assertEqual(checksum.text, sha256(payload))
        self.assertEqual(checksum.get("filename"), "tdx_module_1.5.16.blob")
        size = root.findtext("releases/release/size[@type='installed']")
        self.assertEqual(size, str(len(payload)))
        self.assertEqual(root.findtext("releases/release/issues/issue"), "CVE-2025-12345")
        self.assertEqual(texts[0], "Fixes a bug.")
        self.assertEqual(
            texts[2:],
            [
                "It can be installed where TDX module 1.5.01 or a later 1.5 is running, and the "
                "P-SEAMLDR is 1.5.00 or a later 1.5, or 2.0.00 or a later 2.0.",
                "Signed on 2025-02-19 for Emerald Rapids, security version (SVN): 1.11 (0x010b)",
                "MRSEAM: " + hashlib.sha384(image[2 * PAGE :]).hexdigest(),
            ],
        )
        # more than that is not promoted by LVFS
        self.assertLess(max(len(text) for text in texts), 300)
        self.assertLess(len("".join(texts)), 650)
        self.assertEqual(root.findtext("name_variant_suffix"), "1.5, Emerald Rapids")
        details = root.findtext("releases/release/url[@type='details']")
        self.assertRegex(details, "^https://github.com/intel/.*/releases$")
        custom = {node.get("key"): node.text for node in root.findall("custom/value")}
        self.assertEqual(
            custom,
            {
                "LVFS::VersionFormat": "triplet",
                "LVFS::UpdateProtocol": "com.intel.tdx-module",
            },
        )

    def test_boot(self) -> None:
        """The module on the EFI system partition can be of any version, and so can the new one."""
        image = self.publisher.image("1.5.16", "--cpu=0x806F8", "--cpu=0xC06F2").read_bytes()
        self.publisher.map(release(min_seamldr_versions=["1.5.13"]))
        for options in [], ["--strict"]:
            with self.subTest(options=options):
                self.publisher(*options)
                root = self.publisher.metainfo(fms="C06F0-boot")
                self.assertEqual(root.findtext("name"), "TDX Module at Boot")
                self.assertEqual(
                    [node.text for node in root.findall("provides/firmware[@type='flashed']")],
                    [guid("TDX\\BOOT&FMS_C06F0")],
                )
                self.assertEqual(
                    [(node.tag, node.attrib, node.text) for node in root.find("requires")],
                    [("id", {"compare": "ge", "version": "2.0.20"}, "org.freedesktop.fwupd")],
                )
                custom = {node.get("key"): node.text for node in root.findall("custom/value")}
                self.assertEqual(custom["LVFS::VersionFormat"], "triplet")
                self.assertEqual(custom["LVFS::UpdateProtocol"], "com.intel.tdx-module")
                self.assertIn("at the next boot", custom["LVFS::UpdateMessage"])
                checksum = root.find("releases/release/checksum[@target='device']")
                self.assertEqual(checksum.get("type"), "sha256")
                self.assertEqual(checksum.text, sha256(image[2 * PAGE :]))
                texts = [node.text for node in root.findall("releases/release/description/p")]
                self.assertIn("EFI system partition", texts[0])
                self.assertIn("Some firmware ignores these files", texts[0])
                self.assertNotIn("P-SEAMLDR", " ".join(texts))
        self.assertIsNone(
            self.publisher.metainfo().find("releases/release/checksum[@target='device']")
        )

    def test_requires(self) -> None:
        """What the LVFS server keeps, so neither globs nor <client>."""
        self.publisher.image()
        self.publisher.map(release(min_seamldr_versions=["1.5.13", "2.0.03"]))
        expected = [
            ("id", "ge", "2.0.20", "org.freedesktop.fwupd"),
            ("firmware", "ge", "1.5.01", None),
            (
                "firmware",
                "regex",
                r"^(?!$)(1\.5\.(?!0*\d$)(?!0*1[0-2]$)\d+)?(2\.0\.(?!0*[0-2]$)\d+)?$",
                "bootloader",
            ),
        ]
        self.assertEqual(self.requires(), expected)
        self.assertEqual(
            self.requires("--strict", "--fwupd-version=2.1.9"),
            [
                ("id", "ge", "2.1.9", "org.freedesktop.fwupd"),
                *expected[1:],
                ("firmware", "regex", r"^(?!$)(1\.5\.0*8)?(1\.5\.0*13)?$", None),
            ],
        )

    def test_one_id_for_each_release(self) -> None:
        """LVFS merges the requirements of what has the same ID."""
        self.publisher.image("1.5.08")
        self.publisher.image("1.5.16")
        self.publisher.map(release(), release(version="1.5.08"))
        self.publisher()
        ids = {
            self.publisher.metainfo(version, fms).findtext("id")
            for version in ["1.5.08", "1.5.16"]
            for fms in ["806F0", "C06F0", "806F0-boot", "C06F0-boot"]
        }
        self.assertEqual(len(ids), 8)

    def test_header_version(self) -> None:
        """Only if it is asked for, as the licence of Intel's images is for what they deliver."""
        image = self.publisher.image("1.5.16", "--header-v1").read_bytes()
        for options, payload in [
            ([], image),
            (["--header-version=0x100"], image),
            (["--header-version=0x200"], to_header_v2(image)),
        ]:
            with self.subTest(options=options):
                (entry,) = self.publisher.json(*options)["Releases"]
                found = (self.publisher.unpack() / "tdx_module_1.5.16.blob").read_bytes()
                self.assertEqual(found, payload)
                warned = "not as it was delivered" in " ".join(entry["Warnings"])
                self.assertEqual(warned, payload != image)
        self.refused("'0x300', expected 0x200 or 0x100", "--header-version=0x300")

    def test_appstream(self) -> None:
        """AppStream does not know fwupd's `regex` and the categories of LVFS."""
        if shutil.which("appstreamcli") is None:
            self.skipTest("no appstreamcli")
        self.publisher.image()
        self.publisher("--issue=CVE-2025-12345", "--description=Fixes a bug that was bad.")
        metainfo = self.publisher.unpack() / "tdx-module-1.5.16-806F0.metainfo.xml"
        done = subprocess.run(
            ["appstreamcli", "validate", "--no-net", metainfo],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        problems = re.findall(r"^[EW]: \S+ (.*)$", done.stdout, re.MULTILINE)
        known = ["relation-item-invalid-vercmp regex", "all-categories-ignored"]
        self.assertEqual([text for text in problems if text not in known], [], done.stdout)

    def test_fwupd(self) -> None:
        """fwupd's own parser, for the device on the mock host."""
        self.publisher.image()
        self.publisher()
        bed = self.make_testbed("--cpu=0x806F8")
        cabinet = str(self.publisher.output / "tdx-module-1.5.16.cab")
        details = bed.json("get-details", cabinet)["Devices"][0]
        self.assertEqual(details["Name"], "TDX Module")
        self.assertEqual(details["Releases"][0]["Version"], "1.5.16")
        self.assertEqual(details["Releases"][0]["Protocol"], "com.intel.tdx-module")

    def test_real_images(self) -> None:
        folder = real_images()
        if folder is None:
            self.skipTest("Intel's images are not here")
        done = self.publisher.json(source=folder)
        self.assertEqual(len(done["Releases"]), len(list(folder.glob("*.blob"))))
        for entry in done["Releases"]:
            image = (folder / f"tdx_module_{entry['Version']}.blob").read_bytes()
            self.assertEqual(entry["Mrseam"], hashlib.sha384(image[2 * PAGE :]).hexdigest())
            self.assertEqual(entry["Warnings"], [])
            self.assertEqual(self.problems(entry["Version"]), [])


class TextTest(PublishCase):
    """What a person says about a release, by the rules of LVFS."""

    BAD = {
        "12 to 300 characters": ["Fixed.", "x" * 301],
        "one line without control characters": [
            "Fixes a bug that was bad.\n", "Fixes a bug.\nAnd more.", "Fixes a bug\tthat was bad.",
            "Fixes a bug \x1b[1mthat was bad.", "Fixes a bug\u2028that was bad.",
            "Fixes a bug\ufffethat was bad.", "Fixes a bug\x85that was bad.",
        ],
        "no spaces around it": [" Fixes a bug that was bad.", "Fixes a bug that was bad.\u3000"],
        "no links": ["See HTTPS://example.com for what is new.", "See ftp://example.com for it."],
        "issues given apart from it": [
            "Fixes cve-2025-12345 for good.", "Fixes INTEL_SA_01192 for good.", "Fixes CVE2025-1 now."
        ],
        "no notes of a draft": ["FIXME: say what is new", "See 1.5.BLD for what is new"],
        "no brackets around it": ["[Fixes a bug.]", "(Fixes a bug.)"],
        "like that of an item in a list": ["- Fixes a bug.", "1.5.16 fixes a bug.", "12. Fixes it."],
        "not only capitals": ["FIXES A BUG THAT WAS BAD.", "123 456 789 123"],
        "no markup": ["Fixes <p>a bug</p> that was bad."],
        "no names of files": ["See tdx_module_1.5.16.blob for what is new."],
        "UTF-8": ["Fixes a bug that \udcff was bad."],
    }

    def notes(self, text: str) -> Path:
        path = self.publisher.output.with_name("notes.ini")
        path.write_text(text, encoding="utf-8")
        return path

    def test_bad(self) -> None:
        self.publisher.image()
        for locale, (rule, texts) in itertools.product(["C", "C.UTF-8"], self.BAD.items()):
            for text in texts:
                with self.subTest(locale=locale, text=text):
                    option = f"--description={text}"
                    self.refused("--description: the description is", option, locale=locale)
                    self.refused(rule, option, locale=locale)

    def test_good(self) -> None:
        self.publisher.image()
        texts = ["Fixes a bug that was bad.", "x" * 300, "Behebt drei Fehler, größere wie kleine."]
        for locale, text in itertools.product(["C", "C.UTF-8"], texts):
            with self.subTest(locale=locale, text=text):
                self.publisher(f"--description={text}", "--strict", locale=locale)
                self.assertEqual(self.problems(), [])
                path = "releases/release/description/p"
                self.assertEqual(self.publisher.metainfo().findtext(path), text)

    def test_fuzz(self) -> None:
        """Whatever is taken can be uploaded and promoted."""
        self.publisher.image()
        random = Random(1)
        parts = ["Fixes ", "a bug", "\n", " ", "-", "1.", "[", "]", "CVE-", "http://", "LEN", "x" * 99,
                 "A", "ü", "<p>", "&", "\"", "\r", "* ", "FIXME", "INTEL-SA-", "\u00a0", "²."]
        taken = 0
        for _ in range(150):
            text = "".join(random.choices(parts, k=random.randrange(1, 9)))
            with self.subTest(text=text):
                done = self.publisher(f"--description={text}", check=None)
                self.assertIn(done.returncode, [0, 1])
                if done.returncode == 0:
                    taken += 1
                    self.assertEqual(self.problems(), [])
        self.assertGreater(taken, 5)

    def test_newline(self) -> None:
        """A pattern that ends in $ would let it pass."""
        self.publisher.image()
        for option, value in {
            "--issue": "CVE-2025-12345", "--urgency": "high", "--fwupd-version": "2.0.20",
            "--base-uri": "https://example.com", "--header-version": "0x200",
        }.items():
            with self.subTest(option=option):
                self.publisher(f"{option}={value}")
                self.refused(f"{option}: the ", f"{option}={value}\n")

    def test_several(self) -> None:
        """Nothing is said of one release that is meant for another."""
        self.publisher.image("1.5.08")
        self.publisher.image("1.5.16")
        self.publisher.map(release(), release(version="1.5.08"))
        for option in ["--issue=CVE-2025-12345", "--description=Fixes a bug that was bad."]:
            reason = f"{option.partition('=')[0]} is for a single image, and there are 2"
            self.refused(reason, option)
        self.publisher("--urgency=low", "--notes", self.notes(
            "[1.5.16]\nDescription=Fixes a bug that was bad.\n"
            "Issues=CVE-2025-12345;INTEL-SA-01192\nUrgency=critical\n"
        ))
        old = self.publisher.metainfo("1.5.08").find("releases/release")
        new = self.publisher.metainfo("1.5.16").find("releases/release")
        self.assertEqual([old.get("urgency"), new.get("urgency")], ["low", "critical"])
        self.assertIsNone(old.find("issues"))
        self.assertEqual(
            [(issue.get("type"), issue.text) for issue in new.findall("issues/issue")],
            [("cve", "CVE-2025-12345"), ("intel", "INTEL-SA-01192")],
        )
        self.assertEqual(new.findtext("description/p"), "Fixes a bug that was bad.")
        self.assertEqual(self.problems(), [])

    def test_paragraph(self) -> None:
        """What the map makes of it has to fit, too."""
        self.publisher.image()
        self.publisher.map(release(min_seamldr_versions=[f"1.{n}.0{n}" for n in range(1, 10)]))
        self.refused("characters, expected at most 300, as LVFS wants")

    def test_bad_notes(self) -> None:
        self.publisher.image()
        for text, reason in {
            "[1.5.17]\nUrgency=low\n": "[1.5.17]: expected the version of a release that is",
            "[1.5.16]\nUrgent=low\n": "[1.5.16]: the key is 'Urgent', expected Description,",
            "[1.5.16]\nUrgency=soon\n": "[1.5.16]: the urgency is 'soon', expected low",
            "[1.5.16]\nIssues=bug\n": "[1.5.16]: the issue is 'bug', expected one such as",
            "[1.5.16]\nDescription=Fixes two\\nbugs.\n": "expected one line without control",
            "[1.5.16]\nDescription=Fixes a bug \\q that was bad.\n": "[1.5.16]: Key file contains",
            "Urgency=low": "--notes=",
        }.items():
            with self.subTest(text=text):
                self.refused(reason, "--notes", self.notes(text))


class TcbInfoTest(PublishCase):
    """What a release fixes, by a TCB info of Intel's that is at hand (and has expired)."""

    FOLDER = SOURCE.parent / "shared/tcb"
    INFO = FOLDER / "tcbinfo-tdx-B0C06F000000-set20.json"
    CHAIN = FOLDER / "tcb-signing-chain.pem"

    def setUp(self) -> None:
        super().setUp()
        if not self.INFO.exists():
            self.skipTest("no TCB info of Intel's")
        for version in ["1.5.01", "1.5.08", "1.5.16"]:
            self.publisher.image(version)
        self.publisher.map(*[release(version=v) for v in ["1.5.01", "1.5.08", "1.5.16"]])

    def release(self, version: str) -> ElementTree.Element:
        return self.publisher.metainfo(version).find("releases/release")

    def issues(self, version: str) -> List[str]:
        nodes = self.release(version).findall("issues/issue")
        return sorted(f"{node.get('type')} {node.text}" for node in nodes)

    def test_issues(self) -> None:
        notes = self.publisher.output.with_name("notes.ini")
        notes.write_text("[1.5.08]\nIssues=CVE-2025-12345;INTEL-SA-01036\nUrgency=low\n")
        options = ["--tcb-info", self.INFO, "--tcb-chain", self.CHAIN, "--tcb-expired"]
        done = self.publisher(*options, "--notes", notes)
        self.assertIn("a TCB info of 2026-08-13, which has expired", done.stderr)
        old = ["intel INTEL-SA-01036", "intel INTEL-SA-01099"]
        new = [f"intel INTEL-SA-{number}" for number in ["01192", "01245", "01312"]]
        self.assertEqual(self.issues("1.5.01"), [])
        self.assertEqual(self.issues("1.5.08"), ["cve CVE-2025-12345", *old])
        self.assertEqual(self.issues("1.5.16"), [*old, *new])
        urgencies = [self.release(v).get("urgency") for v in ["1.5.01", "1.5.08", "1.5.16"]]
        self.assertEqual(urgencies, ["medium", "low", "critical"])
        for version, status in {"1.5.08": "OutOfDate", "1.5.16": "UpToDate"}.items():
            texts = [node.text for node in self.release(version).findall("description/p")]
            self.assertIn(f"set 20 of 2026-08-13: {status}", " ".join(texts))
            self.assertEqual(self.problems(version), [])

    def test_length(self) -> None:
        """LVFS counts all paragraphs of a release together, also what is generated."""
        versions = [f"1.{number}.0{number}" for number in range(1, 8)]
        self.publisher.map(release(min_seamldr_versions=versions))
        options = ["--tcb-info", self.INFO, "--tcb-chain", self.CHAIN, "--tcb-expired"]
        self.publisher(*options)
        texts = [node.text for node in self.release("1.5.16").findall("description/p")]
        left = 1000 - len("\n\n".join(["", *texts]))
        self.assertLess(left, 300)
        notes = self.publisher.output.with_name("notes.ini")
        notes.write_text(f"[1.5.16]\nDescription={'x' * left}\n", encoding="utf-8")
        self.publisher(*options, "--notes", notes)
        self.assertEqual(self.problems(), [])
        notes.write_text(f"[1.5.16]\nDescription={'x' * (left + 1)}\n", encoding="utf-8")
        reason = "has 1001 characters, expected at most 1000, as LVFS wants; shorten --description"
        self.refused(reason, *options, "--notes", notes)

    def test_nothing_guessed(self) -> None:
        self.publisher()
        self.assertEqual(self.issues("1.5.16"), [])
        self.assertEqual(self.release("1.5.16").get("urgency"), "medium")

    def test_refused(self) -> None:
        self.refused("it expired on 2026-09-12", "--tcb-info", self.INFO, "--tcb-chain", self.CHAIN)
        self.refused("expected once, or as often as the 1", "--tcb-info", self.INFO)
        self.refused("expected once, or as often as the 0", "--tcb-chain", self.CHAIN)
        changed = self.publisher.output.with_name("changed.json")
        changed.write_text(self.INFO.read_text().replace("OutOfDate", "UpToDate"))
        options = ["--tcb-chain", self.CHAIN, "--tcb-expired"]
        self.refused("its signature is not", "--tcb-info", changed, *options)
        self.refused("regular file", "--tcb-info", self.FOLDER, *options)


class ReasonTest(PublishCase):
    """`fwupdmgr get-details` says why a host is not offered a release."""

    def reason(self, *mock_options: str) -> Optional[str]:
        bed = self.make_testbed("--cpu=0x806F8", *mock_options)
        cabinet = self.publisher.output / "tdx-module-1.5.16.cab"
        devices = bed.json("get-details", str(cabinet))["Devices"]
        bed.stop_daemon()
        return next(dev for dev in devices if dev.get("Name") == "TDX Module").get("UpdateError")

    def test_seamldr(self) -> None:
        """One of several P-SEAMLDRs will do, each from an update on."""
        self.publisher.image()
        self.publisher.map(release(min_seamldr_versions=["1.5.06", "2.0.14"]))
        self.publisher()
        for seamldr in ["1.5.06", "1.5.10", "2.0.14", "2.0.20"]:
            with self.subTest(seamldr=seamldr):
                self.assertIsNone(self.reason(f"--seamldr={seamldr}"))
        for seamldr in ["1.5.05", "2.0.02", "2.0.13", "1.6.00", "2.1.00"]:
            with self.subTest(seamldr=seamldr):
                self.assertEqual(
                    self.reason(f"--seamldr={seamldr}"), "Bootloader is not compatible"
                )

    def test_running(self) -> None:
        self.publisher.image()
        self.publisher.map(release(min_module_version_for_td_preserving="1.5.08"))
        self.publisher()
        self.assertIsNone(self.reason("--running=1.5.08"))
        self.assertEqual(
            self.reason("--running=1.5.06"),
            "Not compatible with firmware version 1.5.06, requires >= 1.5.08",
        )

    def test_strict(self) -> None:
        self.publisher.image()
        self.publisher("--strict")
        self.assertIsNone(self.reason("--running=1.5.13"))
        reason = self.reason("--running=1.5.09")
        self.assertIn("Not compatible with firmware version: failed", reason)
        self.assertIn(r"^(?!$)(1\.5\.0*8)?(1\.5\.0*13)?$", reason)
        self.assertIn("1.5.09", reason)


class RefuseTest(PublishCase):
    """What is not published, with nothing written."""

    def test_images(self) -> None:
        good = self.publisher.image("1.5.08").read_bytes()
        self.publisher.map(release(), release(version="1.5.08"), release(version="2.0.08"))
        cases = {
            "a flipped bit of the module": good[:-1] + bytes([good[-1] ^ 1]),
            "a flipped bit of the sigstruct": good[: PAGE + 30]
            + bytes([good[PAGE + 30] ^ 1])
            + good[PAGE + 31 :],
            "no module": good[: 2 * PAGE],
            "nothing": b"",
            "too long": good + bytes(600 * PAGE),
        }
        image = self.publisher.image("1.5.16")
        for name, data in cases.items():
            with self.subTest(name=name):
                image.write_bytes(data)
                self.refused(f"{image} is not published: ")

    def test_source_mistyped(self) -> None:
        for name in ["intel", "tdx_module_1.5.16.blob"]:
            missing = self.publisher.checkout / name
            self.refused(f"there is no {missing}, needed is an image, or a", source=missing)

    def test_rules_of_a_host(self) -> None:
        image = self.publisher.image("1.5.16", "--debug")
        self.refused(f"{image} is not published: The image is debug-signed")
        image = self.publisher.image("1.5.16", "--embed-version")
        self.publisher.map(release(version="1.5.20"))
        wrong = image.rename(image.with_name("tdx_module_1.5.20.blob"))
        self.refused(f"{wrong} is not published: The version of the release is '1.5.20', expected")
        wrong.unlink()
        self.publisher.map(release())
        image = self.publisher.image("1.5.16", "--date=20251301")
        self.refused("the date in the sigstruct is 20251301")
        self.publisher.image("1.5.16")
        self.publisher.quirk.write_text("", encoding="utf-8")
        self.refused("is not published: The image is signed with the key")

    def test_another_version(self) -> None:
        """What is known of a release decides what an image can be."""
        map_fn = self.publisher.checkout / "mapping_file.json"
        self.publisher.map(release(), release(version="1.5.30"), release(version="1.5.35"))
        for svn in "0x010a", "0x010c":
            image = self.publisher.image("1.5.16", f"--svn={svn}")
            self.refused(f"{image} is not published: its SVN is {svn}")
        # two in a row may have the same
        for version, svn, status in [
            ("1.5.30", 0x010D, 1), ("1.5.30", 0x010E, 0), ("1.5.30", 0x010F, 0),
            ("1.5.30", 0x0110, 1), ("1.5.35", 0x010E, 1), ("1.5.35", 0x0110, 0),
        ]:
            with self.subTest(version=version, svn=svn):
                image = self.publisher.image("1.5.16", f"--svn={svn:#x}")
                options = ["--map", map_fn, f"--release-version={version}"]
                self.publisher(*options, source=image, check=status)
        folder = real_images()
        if folder is not None:
            image = folder / "tdx_module_1.5.16.blob"
            options = ["--map", folder / "mapping_file.json", "--release-version=1.5.13"]
            self.refused("its MRSEAM is that of TDX module 1.5.16", *options, source=image)

    def test_falling_svns(self) -> None:
        """Each may be what it is said to be, but not both."""
        self.publisher.map(release(version="1.5.40"), release(version="1.5.41"))
        for old, new, status in [(0x0111, 0x0110, 1), (0x0110, 0x0110, 0), (0x0110, 0x0111, 0)]:
            with self.subTest(old=old, new=new):
                for version, svn in ("1.5.40", old), ("1.5.41", new):
                    path = self.publisher.image("1.5.16", f"--svn={svn:#x}")
                    path.rename(path.with_name(f"tdx_module_{version}.blob"))
                if status == 0:
                    self.publisher()
                else:
                    self.refused("never falls within a series; give each image the version")

    def test_maps(self) -> None:
        self.publisher.image()
        cases = {
            "{": "failed to read the compatibility map",
            "[]": "has no list tdx_module_releases",
            '{"tdx_module_releases": 1}': "has no list tdx_module_releases",
            '{"tdx_module_releases": [1]}': "release unknown (number 1): is not an object",
            '{"tdx_module_releases": [{}]}': "release unknown (number 1): version has no version",
            '{"tdx_module_releases": [{"version": 1.5}]}': "expected a text such as",
        }
        entries = {
            "min_module_version_for_td_preserving has no version": release(
                min_module_version_for_td_preserving=None
            ),
            "version_for_td_preserving is '1.5', expected three numbers": release(
                min_module_version_for_td_preserving="1.5"
            ),
            "min_seamldr_versions is not a list": release(min_seamldr_versions="1.5.00"),
            "min_seamldr_versions is empty": release(min_seamldr_versions=[]),
            "two versions of the same series as 1.5.06": release(
                min_seamldr_versions=["1.5.00", "1.5.06"]
            ),
            "strict_compat_versions has no version": release(strict_compat_versions=[None]),
            "min_seamldr_versions makes a requirement of": release(
                min_seamldr_versions=[f"1.{series}.59999" for series in range(9)]
            ),
        }
        for reason, entry in entries.items():
            cases[json.dumps({"tdx_module_releases": [entry]})] = reason
        cases[json.dumps({"tdx_module_releases": [release(), release(version="1.5.016")]})] = (
            "release 1.5.016 is listed twice"
        )
        for text, reason in cases.items():
            with self.subTest(text=text):
                self.publisher.map_text(text)
                self.refused(reason)

    def test_arguments(self) -> None:
        image = self.publisher.image()
        other = image.rename(image.with_name("module.blob"))
        map_fn = self.publisher.checkout / "mapping_file.json"
        self.refused("give it with --release-version", "--map", map_fn, source=other)
        self.refused("give it with --map", "--release-version=1.5.16", source=other)
        self.refused("has no images, expected files such as")
        self.refused("for a single image", "--release-version=1.5.16")
        self.refused("the urgency is 'soon'", "--urgency=soon")
        self.refused("the issue is 'bug'", "--issue=bug")
        self.refused("both --certificate and --key", "--key=none.pem")
        self.publisher("--map", map_fn, "--release-version=1.5.16", source=other)
        self.assertEqual(self.publisher.files(), ["tdx-module-1.5.16.cab"])

    def test_disk_full(self) -> None:
        """What was there before is still there, and nothing else."""
        reason = skip_reason()
        if reason is not None:
            self.skipTest(reason)
        self.publisher.image("1.5.08", "--pages=8")
        self.publisher.image("1.5.16", "--pages=8")
        self.publisher.output.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.publisher.output)
        self.addCleanup(run, "umount", self.publisher.output)
        self.publisher()
        cabinet = self.publisher.output / "tdx-module-1.5.16.cab"
        before = cabinet.read_bytes()
        self.publisher.map(release(), release(version="1.5.08"))
        self.refused("No space left on device", "--urgency=high")
        self.assertEqual(cabinet.read_bytes(), before)


class ReportTest(PublishCase):
    """What the publisher is told."""

    def warning(self, expected: str) -> None:
        done = self.publisher()
        self.assertIn(f"warning: {expected}", done.stderr)
        warnings = self.publisher.json()["Releases"][0]["Warnings"]
        self.assertIn(expected, " ".join(warnings))

    def test_not_released(self) -> None:
        image = self.publisher.image()
        self.warning(f"{image} is published as TDX module 1.5.16, but is not the one that Intel")

    def test_impossible_minimum(self) -> None:
        self.publisher.image()
        self.publisher.map(release(min_module_version_for_td_preserving="1.4.01"))
        self.warning("the map lets TDX module 1.5.16 follow 1.4.01 or later, which no host can")

    def test_seamldr_too_old_for_image(self) -> None:
        self.publisher.map(release(version="2.0.08"))
        self.publisher.image("2.0.08", "--embed-version", "--cpu=0xA06D0")
        self.warning(
            "the map lets P-SEAMLDR 1.5.00 load TDX module 2.0.08, but hosts will refuse it: The "
            "P-SEAMLDR is 1.5.00, and the image of the TDX module 2.0.08 needs 2.0.00 or later"
        )

    def test_skipped(self) -> None:
        self.publisher.image("1.5.08")
        self.publisher.image("1.5.13")
        self.publisher.image("1.5.16")
        self.publisher.map(
            release(), release(version="1.5.08", strict_compat_versions=[]), release(version="1.5.20")
        )
        done = self.publisher.json("--strict")
        self.assertEqual([entry["Version"] for entry in done["Releases"]], ["1.5.16", "1.5.08"])
        names = sorted(path.name for path in self.publisher.unpack("1.5.08").glob("*.xml"))
        self.assertEqual(
            names, [f"tdx-module-1.5.08-{fms}-boot.metainfo.xml" for fms in ["806F0", "C06F0"]]
        )
        reasons = {entry["Version"]: entry["Reason"] for entry in done["Skipped"]}
        self.assertEqual(set(reasons), {"1.5.08", "1.5.13", "1.5.20"})
        self.assertIn("strictly compatible", reasons["1.5.08"])
        self.assertIn("the map does not have it", reasons["1.5.13"])
        self.assertIn("no image", reasons["1.5.20"])

    def test_first_edition_of_the_map(self) -> None:
        self.publisher.image()
        self.publisher.map(release(strict_compat_versions=None))
        self.publisher()
        self.refused("--strict needs a newer edition", "--strict")

    def test_json(self) -> None:
        self.publisher.image()
        entry = self.publisher.json()["Releases"][0]
        cabinet = self.publisher.output / "tdx-module-1.5.16.cab"
        self.assertEqual(entry["Filename"], str(cabinet))
        self.assertEqual(entry["Sha256"], sha256(cabinet.read_bytes()))
        self.assertEqual(entry["Series"], "1.5")
        self.publisher.map_text("")
        error = self.publisher.json(check=1)["Error"]["Message"]
        self.assertIn("mapping_file.json", error)

    def test_reproducible(self) -> None:
        self.publisher.image()
        first = self.publisher.json()["Releases"][0]["Sha256"]
        self.assertEqual(self.publisher.json()["Releases"][0]["Sha256"], first)


if __name__ == "__main__":
    main()
