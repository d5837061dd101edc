#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images of TDX modules, and the cabinets that fwupd installs them from."""

import os
import struct
import subprocess
import uuid
from pathlib import Path
from typing import List, Optional

SOURCE = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("TDX_BUILD", SOURCE / "build")).resolve()
PUBLISHER = BUILD / "contrib/cabinet/tdx-module-cabinet"
QUIRK = SOURCE / "plugins/tdx-module/tdx-module.quirk"
PAGE = 4096
TEST_KEY = BUILD / "data/tests/test-signer.pem"
METAINFO = """<?xml version="1.0" encoding="UTF-8"?>
<component type="firmware">
  <id>com.intel.tdx-module.series{series_id}.firmware</id>
  <name>TDX Module</name>
  <summary>Software that isolates confidential guests</summary>
  <description><p>The TDX module isolates confidential guests from the host.</p></description>
  <provides>
{provides}
  </provides>
  <url type="homepage">https://www.intel.com/</url>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>LicenseRef-proprietary</project_license>
  <developer_name>Intel</developer_name>
  <categories><category>X-Device</category></categories>
  <requires>
    <firmware compare="ge" version="{series}.01"/>
  </requires>
  <custom>
    <value key="LVFS::VersionFormat">triplet</value>
    <value key="LVFS::UpdateProtocol">{protocol}</value>
  </custom>
  <releases>
    <release version="{version}" date="2025-02-19" urgency="high" install_duration="5">
      <checksum type="sha256" target="content" filename="{filename}"/>
      <description><p>A newer TDX module.</p></description>
    </release>
  </releases>
</component>
"""


def clean_env() -> dict:
    """Without the journal, the wrapper of umockdev, which only the daemon and uevents need, and what
    lets Python write at once here, but not for everybody."""
    unwanted = ["JOURNAL_STREAM", "LD_PRELOAD", "PYTHONUNBUFFERED", "UMOCKDEV_DIR"]
    return {k: v for k, v in os.environ.items() if k not in unwanted}


def run(*command) -> str:
    done = subprocess.run(
        [str(arg) for arg in command],
        env=clean_env(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def real_images() -> Optional[Path]:
    """The folder with Intel's images, which are not part of the project."""
    path = Path(os.environ.get("TDX_MODULE_BLOBS", SOURCE.parent / "shared/intel-tdx-blobs"))
    return path if list(path.glob("*.blob")) else None


def make_image(path: Path, *options: str, key: Path = TEST_KEY) -> Path:
    """Makes a signed image that is not Intel's."""
    run(BUILD / "data/tests/make-tdx-blob", f"--key={key}", *options, path)
    return path


def signer_of(key: Path = TEST_KEY) -> str:
    return run(BUILD / "data/tests/make-tdx-blob", f"--key={key}", "--print-signer").strip()


def write_quirk(path: Path, signer: str) -> None:
    """A quirk file that lets the plugin, and who publishes for it, take images of a key."""
    path.write_text(f"[TDX\\MODULE]\nTdxModuleSigners = {signer}\n", encoding="utf-8")


def to_header_v2(image: bytes) -> bytes:
    """The oracle: the same image with the header that Linux 7.2 takes, from the documentation."""
    pages = len(image) // PAGE - 2
    header = struct.pack("<HH8sII", 0x200, 0, b"TDX-BLOB", 1, pages).ljust(PAGE, b"\0")
    body = header + image[PAGE:]
    total = sum(struct.unpack(f"<{len(body) // 2}H", body)) & 0xFFFF
    return header[:2] + struct.pack("<H", -total & 0xFFFF) + header[4:] + image[PAGE:]


def guid(instance_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, instance_id))


def make_cabinet(
    folder: Path,
    image: Path,
    version: str,
    fms: List[str],
    protocol: str = "com.intel.tdx-module",
) -> Path:
    """Packs an image for the CPUs in fms; the metainfo stays beside the cabinet."""
    series = ".".join(version.split(".")[:2])
    guids = [guid(f"TDX\\SERIES_{series}&FMS_{cpu}") for cpu in fms]
    metainfo = folder / f"{image.name}.metainfo.xml"
    metainfo.write_text(
        METAINFO.format(
            series=series,
            series_id=series.replace(".", ""),
            version=version,
            filename=image.name,
            protocol=protocol,
            provides="\n".join(f'    <firmware type="flashed">{g}</firmware>' for g in guids),
        ),
        encoding="utf-8",
    )
    cabinet = folder / f"{image.name}.cab"
    cabinet.unlink(missing_ok=True)
    run("gcab", "--create", "--nopath", cabinet, image, metainfo)
    return cabinet
