#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which releases a host may be offered: Intel's map, the CPU tables and the SVNs, and nothing else.

This is what the published metadata is measured against, so it knows nothing about GUIDs,
requirements or cabinets, and must never share code with what makes them.
"""

import json
import struct
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

STEPPING = 0xF
SIGSTRUCT = 0x1000
SEAMSVN = SIGSTRUCT + 948
CPUID_TABLE = SIGSTRUCT + 1024


class Release(NamedTuple):
    """One TDX module, with the facts that decide about it."""

    version: str
    svn: int
    minimum: str  # min_module_version_for_td_preserving
    loaders: Tuple[str, ...]  # min_seamldr_versions, one of which is enough
    strict: Tuple[str, ...]  # strict_compat_versions
    cpus: Tuple[int, ...]  # CPUID.1.EAX, as in the sigstruct


class Host(NamedTuple):
    """What an update depends on."""

    cpu: int  # CPUID.1.EAX
    running: str
    loader: Optional[str]  # P-SEAMLDR


SPR, EMR, SRF = 0x806F8, 0xC06F0, 0xA06F0  # Sapphire Rapids, Emerald Rapids, Sierra Forest
GNR, GNR_D = 0xA06D0, 0xA06E0  # Granite Rapids, Granite Rapids D
LOADER_15 = ("1.5.00",)
LOADER_20 = ("2.0.00",)
LOADER_ANY = ("1.5.00", "2.0.00")

# mapping_file.json, and the SVNs that Intel has published with each release. The CPUs of 1.5.01 to
# 1.5.16 and of 2.0.02 to 2.0.08 are those of Intel's images. The images of the others were not at
# hand: they are taken to be for the CPUs of the newest one that was, except that Sierra Forest has
# a loader of the 2.0 series, and the others for which there are 1.5 modules have one of the 1.5
# series (1.5.01 shows that: it has no Sierra Forest, and no loader of the 2.0 series). So 1.5.24 is
# not for Sierra Forest, and 1.5.25 only for that.
INTEL = (
    Release("1.5.01", 0x0104, "1.5.01", LOADER_15, (), (SPR, EMR)),
    Release("1.5.05", 0x0105, "1.5.01", LOADER_ANY, ("1.5.01",), (SPR, EMR, SRF)),
    Release("1.5.06", 0x0106, "1.5.01", LOADER_ANY, (), (SPR, EMR, SRF)),
    Release("1.5.08", 0x0107, "1.5.01", LOADER_ANY, ("1.5.06",), (SPR, EMR, SRF)),
    Release("1.5.09", 0x0108, "1.5.01", LOADER_ANY, (), (SPR, EMR, SRF)),
    Release("1.5.13", 0x010A, "1.5.01", LOADER_ANY, ("1.5.06", "1.5.08"), (SPR, EMR, SRF)),
    Release("1.5.16", 0x010B, "1.5.01", LOADER_ANY, (), (SPR, EMR, SRF)),
    Release("1.5.20", 0x010C, "1.5.01", LOADER_ANY, ("1.5.16",), (SPR, EMR, SRF)),
    Release("1.5.24", 0x010D, "1.5.01", LOADER_15, ("1.5.16", "1.5.20"), (SPR, EMR)),
    Release("1.5.25", 0x010D, "1.5.01", LOADER_20, ("1.5.16", "1.5.20", "1.5.24"), (SRF,)),
    Release(
        "1.5.28",
        0x010E,
        "1.5.01",
        LOADER_ANY,
        ("1.5.16", "1.5.20", "1.5.24", "1.5.25"),
        (SPR, EMR, SRF),
    ),
    Release(
        "1.5.34",
        0x010F,
        "1.5.01",
        LOADER_ANY,
        ("1.5.16", "1.5.20", "1.5.24", "1.5.25", "1.5.28"),
        (SPR, EMR, SRF),
    ),
    Release("2.0.02", 0x0303, "2.0.02", LOADER_20, (), (GNR,)),
    Release("2.0.04", 0x0304, "2.0.04", LOADER_20, (), (GNR, GNR_D)),
    Release("2.0.05", 0x0304, "2.0.04", LOADER_20, ("2.0.04",), (GNR, GNR_D)),
    Release("2.0.08", 0x0305, "2.0.04", LOADER_20, (), (GNR, GNR_D)),
    Release("2.0.12", 0x0306, "2.0.04", LOADER_20, ("2.0.08",), (GNR, GNR_D)),
    Release("2.0.14", 0x0307, "2.0.04", LOADER_20, ("2.0.08", "2.0.12"), (GNR, GNR_D)),
    Release("2.0.16", 0x0308, "2.0.04", LOADER_20, ("2.0.08", "2.0.12", "2.0.14"), (GNR, GNR_D)),
    Release(
        "2.0.18",
        0x0309,
        "2.0.04",
        LOADER_20,
        ("2.0.08", "2.0.12", "2.0.14", "2.0.16"),
        (GNR, GNR_D),
    ),
)

# What Intel's map does not have yet: loaders that have to be newer than the first of their series,
# three of them to choose from, and releases that ask for more than the older ones do.
MADE_UP_CHANGES = {
    "1.5.16": {"loaders": ("1.5.06", "2.0.03")},
    "1.5.20": {"loaders": ("1.6.00",)},
    "1.5.24": {"loaders": ("1.5.12",)},
    "1.5.28": {"minimum": "1.5.09", "loaders": ("1.5.01", "1.6.01", "2.0.00")},
    "1.5.34": {"minimum": "1.5.13", "loaders": ("1.5.07", "2.0.03")},
    "2.0.12": {"loaders": ("2.0.01", "2.1.00")},
    "2.0.14": {"loaders": ("2.0.10",)},
    "2.0.16": {"minimum": "2.0.08"},
    "2.0.18": {"minimum": "2.0.10", "loaders": ("2.0.04", "2.1.00")},
}
MADE_UP = tuple(r._replace(**MADE_UP_CHANGES.get(r.version, {})) for r in INTEL)


def split(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def same_series_and_not_older(version: str, minimum: str) -> bool:
    return split(version)[:2] == split(minimum)[:2] and split(version)[2] >= split(minimum)[2]


def svn_at_least(version: str) -> int:
    """The SVN never falls within a series, so an unknown version has at least an older one's."""
    return max((r.svn for r in INTEL if same_series_and_not_older(version, r.version)), default=0)


def can_update(host: Host) -> bool:
    """Whatever the release: nothing is known of the SVNs of a series that Intel has not released."""
    series = {split(release.version)[:2] for release in INTEL}
    return host.loader is not None and split(host.running)[:2] in series


def has_cpu(release: Release, host: Host) -> bool:
    return any(cpu & ~STEPPING == host.cpu & ~STEPPING for cpu in release.cpus)


def has_minimum(release: Release, host: Host) -> bool:
    return same_series_and_not_older(host.running, release.minimum)


def has_loader(release: Release, host: Host) -> bool:
    if host.loader is None:
        return False
    return any(same_series_and_not_older(host.loader, loader) for loader in release.loaders)


def is_newer(release: Release, host: Host) -> bool:
    return split(release.version) > split(host.running)


def has_svn(release: Release, host: Host) -> bool:
    """Otherwise the P-SEAMLDR refuses it, and the running module is lost."""
    return release.svn >= svn_at_least(host.running)


def is_strict(release: Release, host: Host) -> bool:
    return host.running in release.strict


RULES = (has_cpu, has_minimum, has_loader, is_newer, has_svn)
RULES_STRICT = (*RULES, is_strict)


def unmet(release: Release, strict: bool, host: Host) -> List[str]:
    """The rules that keep the release from the host."""
    rules = RULES_STRICT if strict else RULES
    return [rule.__name__ for rule in rules if not rule(release, host)]


def offered(releases: Tuple[Release, ...], strict: bool, host: Host) -> List[str]:
    """The newest is the first, and that is the one to take."""
    good = [r.version for r in releases if not unmet(r, strict, host)]
    return sorted(good, key=split, reverse=True)


SVNS = {release.version: release.svn for release in INTEL}


def to_map(releases: Tuple[Release, ...]) -> dict:
    """The same facts as a mapping_file.json."""
    return {
        "tdx_module_releases": [
            {
                "version": release.version,
                "min_module_version_for_td_preserving": release.minimum,
                "strict_compat_versions": list(release.strict),
                "min_seamldr_versions": list(release.loaders),
            }
            for release in releases
        ]
    }


def read_map(path: Path) -> dict:
    """Intel's mapping_file.json, without what no update depends on."""
    releases = json.loads(path.read_text(encoding="utf-8"))["tdx_module_releases"]
    for release in releases:
        release.pop("tdx_feature0", None)
    return {"tdx_module_releases": releases}


def read_svn(image: Path) -> int:
    return struct.unpack_from("<H", image.read_bytes(), SEAMSVN)[0]


def read_cpus(image: Path) -> Tuple[int, ...]:
    """The CPU table of an image with one page for the sigstruct."""
    data = image.read_bytes()
    (count,) = struct.unpack_from("<I", data, CPUID_TABLE)
    return struct.unpack_from(f"<{count}I", data, CPUID_TABLE + 4)
