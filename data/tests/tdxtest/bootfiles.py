#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files on an EFI system partition that a boot loads, as Intel's guide describes them."""

import hashlib
import struct
import subprocess
from pathlib import Path
from typing import List, Union

from tdxtest.images import BUILD, PAGE, clean_env, guid, run, signer_of

FIRMWARE = BUILD / "data/tests/mock-boot-firmware"
SIGSTRUCT_SIZE = 2048
INTEL = "c8572f548869a0beca19376b81c2dffc2a23b5a5f71da0b87579b43f408daa1a33bad9c149eb56c634f883737968a34c"
METAINFO = """<?xml version="1.0" encoding="UTF-8"?>
<component type="firmware">
  <id>com.example.boot</id>
  <name>TDX Module at Boot</name>
  <provides><firmware type="flashed">{guid}</firmware></provides>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>LicenseRef-proprietary</project_license>
  <custom>
    <value key="LVFS::VersionFormat">triplet</value>
    <value key="LVFS::UpdateProtocol">com.intel.tdx-module</value>
  </custom>
  <releases>
    <release version="{version}" date="2025-02-19">
      <checksum type="sha256" target="content" filename="module.blob"/>
    </release>
  </releases>
</component>
"""
MODULE, SIGSTRUCT, BLOB = "TDX-SEAM.so", "TDX-SEAM.so.sigstruct", "TDX-BLOB"


def pair_of(image: bytes) -> dict:
    """What Intel publishes as two files, from its joined image."""
    return {MODULE: image[2 * PAGE :], SIGSTRUCT: image[PAGE : PAGE + SIGSTRUCT_SIZE]}


def blob_of(image: bytes) -> dict:
    """What Intel's loader takes: the same image with header 0x100."""
    header = struct.pack("<HHI8sI", 0x100, 0, 2 * PAGE, b"TDX-BLOB", len(image)).ljust(PAGE, b"\0")
    total = sum(struct.unpack(f"<{len(image) // 2}H", header + image[PAGE:])) & 0xFFFF
    return {BLOB: header[:2] + struct.pack("<H", -total & 0xFFFF) + header[4:] + image[PAGE:]}


def mrseam_of(image: bytes) -> str:
    return hashlib.sha384(image[2 * PAGE :]).hexdigest()


def read(folder: Path) -> dict:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def write(folder: Path, files: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def boot(esp: Path, *options: str) -> dict:
    """What the simulated firmware says that a boot of this partition would run."""
    command: List[Union[str, Path]] = [FIRMWARE, f"--signer={INTEL}", f"--signer={signer_of()}"]
    done = subprocess.run(
        [*command, *options, esp], env=clean_env(), stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def make_cabinet(folder: Path, image: bytes, version: str) -> Path:
    """Of a publisher who looks at nothing, and whose release nobody knows the checksum of."""
    blob, metainfo = folder / "module.blob", folder / "module.metainfo.xml"
    blob.write_bytes(image)
    text = METAINFO.format(guid=guid("TDX\\BOOT&FMS_806F0"), version=version)
    metainfo.write_text(text, encoding="utf-8")
    cabinet = folder / "module.cab"
    cabinet.unlink(missing_ok=True)
    run("gcab", "--create", "--nopath", cabinet, blob, metainfo)
    return cabinet
