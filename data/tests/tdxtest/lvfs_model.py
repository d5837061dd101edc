#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the LVFS server makes of a cabinet that is uploaded: what it refuses, what it keeps.

A model of what has been seen of the server's code as of November 2020, and only of that of it which
decides about a TDX module. The server reads a metainfo into its database, and writes from that one
for the cabinet that it signs, and another for the metadata of a remote: what it does not read, or
does not write again, is gone. An account for Intel's devices is assumed.
"""

import copy
import datetime
import fnmatch
import gzip
import hashlib
import re
import tempfile
from pathlib import Path
from typing import List, Optional
from xml.etree import ElementTree as ET

from tdxtest.images import run

VENDOR_ID = "PCI:0x8086"  # of the account
PROTOCOL = "com.intel.tdx-module"  # that somebody has asked for
ISSUES = ["cve", "dell", "intel", "lenovo"]  # that of 2020 takes only the first
REQUIRES = ["firmware", "hardware", "id", "client"]
BANNED = ["BLD", "CHANGES.NEW"]
TAGS = ["CVE-", "CVE201", "CVE202", "LEN-", "DSA-", "INTEL-SA-", "INTEL-TA-", "REMOVE-ME"]


class Refused(Exception):
    """The server does not take the upload."""


def text_of(
    root: ET.Element, path: str, shortest: int, longest: int, url: bool = False
) -> Optional[str]:
    """The text of an element if it is there, with the white space around it gone."""
    node = root.find(path)
    if node is None:
        return None
    text = (node.text or "").strip()
    if not shortest <= len(text) <= longest:
        raise Refused(f"{path} has {len(text)} characters, not {shortest} to {longest}")
    if not url and re.search("(https?|ftp)://", text):
        raise Refused(f"{path} has a hyperlink")
    return text


def paragraphs_of(root: ET.Element, path: str, shortest: int) -> List[str]:
    """A description, in the way that the server stores it: as one text."""
    node = root.find(path)
    if node is None:
        return []
    texts = []
    for child in node:
        if child.tag != "p" or len(child) > 0:
            raise Refused(f"{path} has <{child.tag}>")
        lines = (child.text or "").replace("\r", "").split("\n")
        texts.append(" ".join(line.strip() for line in lines if line))
    text = "\n\n".join(texts).strip(" \n")
    if not shortest <= len(text) <= 1000:
        raise Refused(f"{path} has {len(text)} characters")
    if re.search("(https?|ftp)://", text):
        raise Refused(f"{path} has a hyperlink")
    return [line.strip() for line in text.split("\n") if line.strip()]


def check(root: ET.Element, names: List[str]) -> None:
    """Refused, if the server does not take a metainfo from a cabinet with files of these names."""
    if b"FIXME" in ET.tostring(root):
        raise Refused("FIXME")
    if root.tag != "component" or root.get("type") != "firmware":
        raise Refused("no component of a firmware")
    ident = text_of(root, "id", 10, 256) or ""
    if not re.fullmatch(r"[\w.-]+", ident) or len(ident.split(".")) < 4:
        raise Refused(f"the ID {ident}")
    name = (text_of(root, "name", 3, 500) or "").lower().split(" ")
    for word in ["system", "device", "bios", "me", "embedded", "controller", "microcode"]:
        if word in name:
            raise Refused(f"{word} in the name")
    for word in ["firmware", "update", "(r)", "(c)", "intel"]:
        if word in name:
            raise Refused(f"{word} in the name")
    text_of(root, "name_variant_suffix", 2, 500)
    text_of(root, "summary", 10, 500)
    text_of(root, "developer_name", 3, 50)
    paragraphs_of(root, "description", 25)
    for path in ["metadata_license", "project_license", "url[@type='homepage']"]:
        if not text_of(root, path, 3, 1000, url=True):
            raise Refused(f"no {path}")
    for node in root.findall("provides/firmware[@type='flashed']"):
        if not re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", node.text or ""):
            raise Refused(f"the GUID {node.text}")
    for node in root.findall("requires/*"):
        if node.tag not in REQUIRES or node.text == "vendor-id":
            raise Refused(f"the requirement {node.tag} of {node.text}")
    if root.findtext("custom/value[@key='LVFS::UpdateProtocol']") != PROTOCOL:
        raise Refused("the protocol")
    if root.findtext("custom/value[@key='LVFS::VersionFormat']") != "triplet":
        raise Refused("the version format")
    text_of(root, "custom/value[@key='LVFS::UpdateMessage']", 8, 1000)
    check_release(root.find("releases/release"), names)


def check_release(release: ET.Element, names: List[str]) -> None:
    int(release.get("install_duration", "0"))
    datetime.date.fromisoformat(release.get("date", ""))
    words = " ".join(paragraphs_of(release, "description", 3)).split(" ")
    if any("." in word and word in names for word in words):
        raise Refused("the description has the name of a file")
    for issue in release.findall("issues/issue"):
        if issue.get("type") not in ISSUES or not 3 <= len(issue.text or "") <= 1000:
            raise Refused(f"the issue {issue.text} of type {issue.get('type')}")
    text_of(release, "url[@type='details']", 12, 1000, url=True)
    for node in release.findall("checksum[@target='device']"):
        if not 32 <= len(node.text or "") <= 128:
            raise Refused(f"the checksum {node.text}")
    if release.find("checksum[@target='content']").get("filename") not in names:
        raise Refused("no payload")


def problems(root: ET.Element) -> List[str]:
    """Why the server takes it, but lets nobody move it to a public remote."""
    release = root.find("releases/release")
    found = []
    texts = paragraphs_of(release, "description", 3)
    if not 1 <= len(texts) <= 5:
        found.append(f"{len(texts)} paragraphs")
    for text in texts:
        if not 12 <= len(text) <= 300:
            found.append(f"a paragraph of {len(text)} characters: {text}")
        if text.isupper():
            found.append(f"only capitals: {text}")
        if (text[0], text[-1]) in [("[", "]"), ("(", ")")]:
            found.append(f"in brackets: {text}")
        if re.match(r" ?[-*] |\d\.|\d\d\.", text):
            found.append(f"like an item of a list: {text}")
        found += [f"{tag} in {text}" for tag in TAGS + BANNED if tag in text.upper().replace("_", "-")]
    if release.get("urgency") not in ["low", "medium", "high", "critical"]:
        found.append("no urgency")
    suffix = (root.findtext("name_variant_suffix") or "").lower().split(" ")
    name = (root.findtext("name") or "").lower()
    found += [f"{word} in name and suffix" for word in name.split(" ") if word in suffix]
    found += [f"{word} in the name" for word in ["bios", "firmware", "update"] if word in name]
    details = release.findtext("url[@type='details']")
    if details is not None and not re.match("https?://", details):
        found.append("the details URL")
    for issue in release.findall("issues/issue"):
        form = r"CVE-\d{4}-\d+" if issue.get("type") == "cve" else r"INTEL-[ST]A-\d+"
        if not re.fullmatch(form, issue.text or ""):
            found.append(f"the issue {issue.text}")
    return found


def add_texts(new: ET.Element, old: ET.Element, *tags: str) -> None:
    for tag in tags:
        for node in old.findall(tag):
            child = ET.SubElement(new, tag, {"type": node.attrib["type"]} if node.attrib else {})
            child.text = (node.text or "").strip()


def add_description(new: ET.Element, texts: List[str]) -> None:
    node = ET.SubElement(new, "description")
    for text in texts:
        ET.SubElement(node, "p").text = text


def add_requires(new: ET.Element, old: ET.Element, vendor: bool) -> None:
    """All but <client>."""
    requires = ET.Element("requires")
    if vendor:
        attrib = {"compare": "eq", "version": VENDOR_ID}
        ET.SubElement(requires, "firmware", attrib).text = "vendor-id"
    for kind in ["id", "firmware", "hardware"]:
        for node in old.findall(f"requires/{kind}"):
            keys = ["compare", "version", "depth"] if kind != "hardware" else []
            attrib = {key: node.attrib[key] for key in keys if key in node.attrib}
            ET.SubElement(requires, kind, attrib).text = (node.text or "").strip() or None
    if len(requires) > 0:
        new.append(requires)


def add_checksums(new: ET.Element, old: ET.Element, payload: bytes) -> None:
    """Those of the payload are made anew; the type of others is not in the usual attribute."""
    filename = old.find("checksum[@target='content']").get("filename")
    for kind in ["sha1", "sha256"]:
        attrib = {"type": kind, "filename": filename, "target": "content"}
        ET.SubElement(new, "checksum", attrib).text = hashlib.new(kind, payload).hexdigest()
    for node in old.findall("checksum[@target='device']"):
        if node.get("kind") in ["sha1", "sha256"]:
            attrib = {"type": node.get("kind"), "target": "device"}
            ET.SubElement(new, "checksum", attrib).text = node.text.strip()


def add_release(new: ET.Element, old: ET.Element, payload: bytes, location: Optional[Path]) -> None:
    """The first release only; with location, that of the metadata."""
    attrib = {"version": old.get("version"), "urgency": old.get("urgency")}
    date = datetime.datetime.fromisoformat(old.get("date")).replace(tzinfo=datetime.timezone.utc)
    if location is None:
        attrib["date"] = old.get("date")
    else:
        attrib["timestamp"] = str(int(date.timestamp()))
    release = ET.SubElement(ET.SubElement(new, "releases"), "release", attrib)
    texts = paragraphs_of(old, "description", 3)
    issues = old.findall("issues/issue")
    if location is not None:
        data = location.read_bytes()
        ET.SubElement(release, "location").text = location.name
        for kind in ["sha1", "sha256"]:
            attrib = {"type": kind, "filename": location.name, "target": "container"}
            ET.SubElement(release, "checksum", attrib).text = hashlib.new(kind, data).hexdigest()
        ET.SubElement(release, "size", {"type": "download"}).text = str(len(data))
        if issues:
            texts = [*texts, "Security issues fixed:", *[issue.text for issue in issues]]
    add_checksums(release, old, payload)
    add_description(release, texts)
    for url in old.findall("url[@type='details']"):
        release.append(copy.deepcopy(url))
    ET.SubElement(release, "size", {"type": "installed"}).text = str(len(payload))
    if location is None and issues:
        release.append(copy.deepcopy(old.find("issues")))


def rewrite(old: ET.Element, payload: bytes, location: Optional[Path] = None) -> ET.Element:
    """The metainfo of the signed cabinet, or with location the component of the metadata."""
    new = ET.Element("component", {"type": "firmware"})
    add_texts(new, old, "id", "name", "summary")
    suffix = old.findtext("name_variant_suffix")
    if suffix is not None and location is not None:
        new.find("name").text += f" ({suffix})"
    elif suffix is not None:
        add_texts(new, old, "name_variant_suffix")
    add_description(new, paragraphs_of(old, "description", 25))
    provides = ET.SubElement(new, "provides")
    for node in old.findall("provides/firmware[@type='flashed']"):
        ET.SubElement(provides, "firmware", {"type": "flashed"}).text = node.text
    add_texts(new, old, "url", "metadata_license", "project_license", "developer_name")
    tag = "categories" if location is None else "X-categories"
    ET.SubElement(ET.SubElement(new, tag), "category").text = old.findtext("categories/category")
    custom = ET.SubElement(new, "custom")
    for key in ["UpdateMessage", "VersionFormat", "UpdateProtocol"]:
        text = old.findtext(f"custom/value[@key='LVFS::{key}']")
        if text is not None:
            ET.SubElement(custom, "value", {"key": f"LVFS::{key}"}).text = text.strip()
    add_release(new, old.find("releases/release"), payload, location)
    add_requires(new, old, vendor=location is not None)
    return new


def sign(cabinet: Path, folder: Path) -> List[ET.Element]:
    """Puts what the server has made of a cabinet into a folder, and gives what was uploaded."""
    with tempfile.TemporaryDirectory(prefix="tdx-lvfs-") as name:
        run("gcab", "--extract", "-C", name, cabinet)
        files = sorted(Path(name).iterdir())
        names = [path.name for path in files]
        roots = []
        kept = set()
        for path in files:
            if not fnmatch.fnmatch(path.name, "*.metainfo.xml"):
                continue
            root = ET.parse(path).getroot()
            check(root, names)
            roots.append(root)
            payload = root.find("releases/release/checksum[@target='content']").get("filename")
            new = rewrite(root, (Path(name) / payload).read_bytes())
            ET.ElementTree(new).write(path, encoding="utf-8", xml_declaration=True)
            kept |= {path, Path(name) / payload}
        run("gcab", "--create", "--nopath", folder / cabinet.name, *sorted(kept))
    return roots


def payload_of(cabinet: Path) -> bytes:
    """What is in a cabinet beside the metainfo."""
    with tempfile.TemporaryDirectory(prefix="tdx-lvfs-") as name:
        run("gcab", "--extract", "-C", name, cabinet)
        (path,) = [path for path in Path(name).iterdir() if path.suffix not in [".xml", ".jcat"]]
        return path.read_bytes()


def publish(cabinets: Path, folder: Path) -> Path:
    """Makes a remote of a folder of cabinets; gives its metadata."""
    root = ET.Element("components", {"origin": "lvfs", "version": "0.9"})
    for cabinet in sorted(cabinets.glob("*.cab")):
        uploaded = sign(cabinet, folder)
        payload = payload_of(cabinet)
        for component in uploaded:
            root.append(rewrite(component, payload, folder / cabinet.name))
    path = folder / "firmware.xml.gz"
    path.write_bytes(gzip.compress(ET.tostring(root, encoding="utf-8", xml_declaration=True)))
    return path
