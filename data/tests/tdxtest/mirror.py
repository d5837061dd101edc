#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A signed mirror as an operator makes it, and what somebody who can write to it may do to it."""

import datetime
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional

from tdxtest.images import (
    BUILD,
    PUBLISHER,
    QUIRK,
    TEST_KEY,
    clean_env,
    make_image,
    run,
    signer_of,
    write_quirk,
)
from tdxtest.release_oracle import SVNS

METADATA = "firmware.xml.zst"
CLOCK = BUILD / "data/tests/libtime-preload.so"


@dataclass
class Key:
    """A certificate and its key; the certificate is also what is trusted."""

    certificate: Path
    private: Path


KINDS = {
    "rsa": ["-newkey", "rsa:3072"],
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
}


def make_key(
    folder: Path, name: str, usage: str = "digitalSignature", kind: str = "ec"
) -> Key:
    """Makes a key with the one command that the documentation gives."""
    key = Key(folder / f"{name}.pem", folder / f"{name}.key")
    command = ["openssl", "req", "-x509", *KINDS[kind], "-nodes", "-days", "3650"]
    command += ["-subj", f"/CN={name}", "-keyout", key.private, "-out", key.certificate]
    if usage:
        command += ["-addext", f"keyUsage={usage}"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return key


CA_CONFIG = """[ca]
default_ca = mirror
[mirror]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = policy
x509_extensions = extensions
[policy]
commonName = supplied
[extensions]
keyUsage = digitalSignature
"""


def make_key_valid(folder: Path, name: str, start: str, end: str) -> Key:
    """Makes a key for a given time, as `openssl req` can only begin now."""
    key = make_key(folder, name)
    ca = folder / f"{name}.ca"
    ca.mkdir()
    request = ca / "request.pem"
    (ca / "config").write_text(CA_CONFIG.format(folder=ca), encoding="utf-8")
    (ca / "index").write_text("", encoding="utf-8")
    (ca / "serial").write_text("01\n", encoding="utf-8")
    command = ["req", "-new", "-key", key.private, "-subj", f"/CN={name}", "-out", request]
    run("openssl", *command)
    command = ["ca", "-batch", "-notext", "-selfsign", "-config", ca / "config", "-in", request]
    command += ["-keyfile", key.private, "-out", key.certificate, "-startdate", start]
    subprocess.run(
        ["openssl", *command, "-enddate", end], check=True, stderr=subprocess.DEVNULL
    )
    return key


class Server:
    """A plain web server for a folder, that knows what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.requests: List[str] = []
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            """Writes nothing to the terminal."""

            def log_message(self, *args) -> None:  # pylint: disable=arguments-differ
                server.requests.append(self.path)

        handler = functools.partial(Handler, directory=str(folder))
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        # looks that often, in seconds, if it is to stop
        self.thread = threading.Thread(target=self.httpd.serve_forever, args=[0.02])
        self.thread.start()
        self.uri = f"http://127.0.0.1:{self.httpd.server_port}"

    def stop(self) -> None:
        self.httpd.shutdown()
        self.thread.join()
        self.httpd.server_close()


class Checkout:
    """Looks like Intel's repository, with images that are not Intel's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "joined_files/TDX_1.5").mkdir(parents=True)
        releases = [
            {
                "version": version,
                "min_module_version_for_td_preserving": "1.5.01",
                "strict_compat_versions": [],
                "min_seamldr_versions": ["1.5.00"],
            }
            for version in SVNS
        ]
        self.write_map(releases)

    def write_map(self, releases: List[dict]) -> None:
        text = json.dumps({"tdx_module_releases": releases})
        (self.folder / "mapping_file.json").write_text(text, encoding="utf-8")

    def path(self, version: str) -> Path:
        return self.folder / f"joined_files/TDX_1.5/tdx_module_{version}.blob"

    def add(self, version: str, *options: str, key: Path = TEST_KEY) -> Path:
        options = (f"--version={version}", f"--svn={SVNS[version]:#x}", *options)
        return make_image(self.path(version), *options, key=key)


def run_tool(command: List[str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        env=clean_env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


class Mirror:
    """What an operator has: a checkout, a key, and the folder that is served."""

    def __init__(self, folder: Path, key: Key, base_uri: Optional[str] = None) -> None:
        self.folder = folder / "mirror"
        self.current = self.folder / "current"
        self.key = key
        self.base_uri = base_uri
        self.checkout = Checkout(folder / "checkout")
        self.options: List[str] = []
        self.updates = 0
        self.quirks = folder / "signer.quirk"
        write_quirk(self.quirks, signer_of())

    def command(self, key: Optional[Key] = None) -> List[str]:
        key = key or self.key
        command = [PUBLISHER, "mirror", "--certificate", key.certificate, "--key", key.private]
        command += ["--quirks", QUIRK]
        command += ["--quirks", self.quirks]
        if self.base_uri is not None:
            command += ["--base-uri", f"{self.base_uri}/current"]
        return [str(arg) for arg in [*command, *self.options, self.folder, self.checkout.folder]]

    def update(self) -> Path:
        """Runs the tool and gives the folder that is then served.

        As hosts take only what was signed in a later second, the tool would often wait for that.
        """
        self.updates += 1
        clock = ["env", f"LD_PRELOAD={CLOCK}", f"TDX_TIME=+{self.updates}"]
        done = run_tool([*clock, *self.command()])
        if done.returncode != 0:
            raise AssertionError(f"{PUBLISHER.name} exited with {done.returncode}:\n{done.stdout}")
        return self.current.resolve()

    def remote(self) -> str:
        return (self.folder / "tdx-module.conf").read_text(encoding="utf-8")

    def snapshot(self) -> Dict[str, tuple]:
        """Everything that a write would change."""
        found = {}
        for path in [self.folder, *self.folder.rglob("*")] if self.folder.exists() else []:
            stat = path.lstat()
            link = os.readlink(path) if path.is_symlink() else ""
            found[str(path.relative_to(self.folder))] = (stat.st_ino, stat.st_mtime_ns, link)
        return found

    def cabinet(self, version: str) -> Path:
        """The one that hosts are offered; those of earlier editions may be beside it."""
        found = list(self.current.glob(f"tdx-module-{version}-*.cab"))
        if len(found) > 1:
            offered = find_cabinets(self.current)
            found = [path for path in found if path.name in offered]
        (cabinet,) = found
        return cabinet


def digest(kind: str, path: Path) -> str:
    return hashlib.new(kind, path.read_bytes()).hexdigest()


def read_metadata(path: Path) -> ET.Element:
    return ET.fromstring(run("zstd", "--quiet", "--decompress", "--stdout", path))


def write_metadata(path: Path, root: ET.Element) -> None:
    """Replaces the file, as a hard link to it may be elsewhere."""
    xml = path.with_suffix("")
    ET.ElementTree(root).write(xml, encoding="UTF-8", xml_declaration=True)
    path.unlink()
    run("zstd", "--quiet", "--rm", xml, "-o", path)


def find_releases(root: ET.Element, name: str) -> List[ET.Element]:
    """What the metadata says about a cabinet, in each of its components."""
    return [release for release in root.iter("release") if release.findtext("location") == name]


def sign(jcat: Path, names: List[str], key: Optional[Key]) -> None:
    """Signs files beside the jcat file; without a key, only the checksums are true."""
    jcat.unlink(missing_ok=True)
    for name in names:
        command = ["jcat-tool", "self-sign", jcat.name, name, "--kind", "sha256"]
        subprocess.run(command, cwd=jcat.parent, check=True)
        if key is not None:
            command = ["jcat-tool", "sign", jcat.name, name, key.certificate, key.private]
            subprocess.run(command, cwd=jcat.parent, check=True)


def sign_metadata(folder: Path, key: Optional[Key]) -> None:
    sign(folder / f"{METADATA}.jcat", [METADATA], key)


def export_signature(jcat: Path, folder: Path) -> Path:
    """Gets the PKCS#7 signature out of a jcat file."""
    run("jcat-tool", "export", jcat, "--kind", "pkcs7", "--prefix", folder)
    (exported,) = folder.glob("*.p7b")
    return exported


def signing_time(jcat: Path) -> datetime.datetime:
    """When a jcat file was signed, which is what a client compares."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["openssl", "cms", "-cmsout", "-print", "-inform", "PEM", "-in"]
        text = run(*command, export_signature(jcat, Path(folder)))
    after = text[text.index("signingTime") :]
    found = re.search("UTCTIME:(.*) GMT", after)
    return datetime.datetime.strptime(found[1], "%b %d %H:%M:%S %Y")


def replace_checksum(folder: Path, jcat: str) -> None:
    """Makes the checksum in a jcat file fit again and leaves the signature, as far as one can."""
    signature = export_signature(folder / jcat, folder)
    (folder / jcat).unlink()
    name = jcat.removesuffix(".jcat")
    command = ["jcat-tool", "self-sign", jcat, name, "--kind", "sha256"]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run(["jcat-tool", "import", jcat, name, signature], cwd=folder, check=True)
    signature.unlink()


def repack(cabinet: Path, change: Callable[[Path], None], key: Optional[Key]) -> None:
    """Unpacks a cabinet, changes what is in it, and packs and signs it again."""
    folder = cabinet.with_suffix(".unpacked")
    folder.mkdir()
    run("gcab", "--extract", "--directory", folder, cabinet)
    (jcat,) = folder.glob("*.jcat")
    jcat.unlink()
    change(folder)
    files = sorted(folder.iterdir())
    if key is not None:
        sign(jcat, [path.name for path in files], key)
        files.append(jcat)
    cabinet.unlink()
    run("gcab", "--create", "--nopath", "--zip", cabinet, *files)
    shutil.rmtree(folder)


def replace_image(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Changes the image of an unpacked cabinet, and its checksum in the metainfo."""
    metainfos = set(folder.glob("*.metainfo.xml"))
    (image,) = set(folder.iterdir()) - metainfos
    old = digest("sha256", image)
    image.write_bytes(change(image.read_bytes()))
    for metainfo in metainfos:
        text = metainfo.read_text(encoding="utf-8").replace(old, digest("sha256", image))
        metainfo.write_text(text, encoding="utf-8")


def describe(folder: Path, cabinet: Path, key: Optional[Key]) -> None:
    """Makes the metadata fit a cabinet that was changed, and signs it."""
    root = read_metadata(folder / METADATA)
    for release in find_releases(root, cabinet.name):
        for checksum in release.findall("checksum[@target='container']"):
            checksum.text = digest(checksum.get("type"), cabinet)
        for size in release.findall("size[@type='download']"):
            size.text = str(cabinet.stat().st_size)
        for checksum in release.findall("checksum[@target='content']"):
            checksum.text = None
        for size in release.findall("size[@type='installed']"):
            release.remove(size)
    write_metadata(folder / METADATA, root)
    sign_metadata(folder, key)


def find_cabinets(folder: Path) -> Dict[str, str]:
    """The names and checksums of all cabinets in the metadata."""
    sha256 = "checksum[@target='container'][@type='sha256']"
    releases = read_metadata(folder / METADATA).iter("release")
    return {release.findtext("location"): release.findtext(sha256) for release in releases}


def is_signed(jcat: Path, names: List[str], key: Key) -> bool:
    """If just these files beside the jcat file have a checksum and a signature that fit."""
    command = ["jcat-tool", "verify", jcat.name, "--public-key", key.certificate]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    done = subprocess.run(command, cwd=jcat.parent, check=False, **options)
    both = r"^(\S+):\n +PASSED sha256: .*\n +PASSED pkcs7: .*\n"
    found = re.findall(both, done.stdout, re.MULTILINE)
    return done.returncode == 0 and sorted(found) == sorted(names)


def find_mistakes(folder: Path, key: Key) -> List[str]:
    """Why a client that sees just this folder could not update from it."""
    if not is_signed(folder / f"{METADATA}.jcat", [METADATA], key):
        return [f"the metadata is not signed with {key.certificate.name}"]
    found = []
    for name, expected in find_cabinets(folder).items():
        cabinet = folder / name
        if not cabinet.is_file():
            found.append(f"{cabinet.name} is missing")
        elif digest("sha256", cabinet) != expected:
            found.append(f"{cabinet.name} is another one")
        elif not is_cabinet_signed(expected, cabinet, key.certificate.read_text(encoding="utf-8")):
            found.append(f"{cabinet.name} is not signed with {key.certificate.name}")
    return found


@functools.lru_cache(maxsize=None)
def is_cabinet_signed(_sha256: str, cabinet: Path, certificate: str) -> bool:
    """Found out once for the same cabinet and certificate."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "unpacked"
        key = Key(folder.with_name("certificate.pem"), Path())
        key.certificate.write_text(certificate, encoding="utf-8")
        run("gcab", "--extract", "--directory", folder, cabinet)
        (jcat,) = folder.glob("*.jcat")
        return is_signed(jcat, [path.name for path in folder.iterdir() if path != jcat], key)
