#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records the emulations in plugins/tdx-module/tests, with fwupd's own recorder on the mock host.

Each is kept as upstream keeps it, with the IDs of the events hashed by fwupd's script, and without
what is of the machine and the moment, so that the same files come out each time.
"""

import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Dict, List, Optional

from tdxtest import images
from tdxtest.images import BUILD, PAGE, SOURCE, clean_env, run
from tdxtest.testbed import PRELOAD, Testbed, enter_namespace, skip_reason

TESTS = SOURCE / "plugins/tdx-module/tests"
DEVICE_TEST = TESTS / "tdx-module.json"
SDK = Path(os.environ.get("TDX_SDK", SOURCE / "build/sdk"))
MINIMIZE = SDK / "source/contrib/minimize-emulation.py"

# what is recorded: its name, and the options of mock-tdx-host
RECORDINGS = {
    "tdx-module": ["--cpu=0xA06D1", "--running=2.0.04", "--seamldr=2.0.00"],
    "tdx-module-erratum": ["--erratum"],
}
MACHINE = ["--sockets=1", "--cpus-per-socket=2"]

# the one that has an update too, to an image that is signed with a key that nobody has
UPDATE = "tdx-module"
UPDATE_IMAGE = TESTS / "tdx-blob.builder.xml"
UPDATE_SIGNER = TESTS / "tdx-module-signer.quirk"
UPDATE_VERSION = "2.0.08"
UPDATE_CPUS = ["A06D0", "A06E0"]
IMAGE_XML = """<firmware gtype="FuTdxBlobFirmware">
  <data>{image}</data>
</firmware>
"""

# the phases of an update that do something with this device: fwupd goes on with the recording of one
# phase for as long as there is none of the next
PHASES = ["install", "reload"]
# what comes last is recorded too, but left out in a replay
LEFT_OUT = ["composite-cleanup"]
# fwupd takes the phases for the same device when they have the same time
CREATED = "2026-01-01T00:00:00Z"
STATUS = "ReadAttr:Attr=firmware/tdx_module/status"
STATUSES = ["receiving", "preparing", "transferring", "programming"]


def filename(name: str, phase: str) -> str:
    return f"{name}-{phase}.json"


def fwupdtool(env: dict, *args) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["fwupdtool", *[str(arg) for arg in args]],
        env={**env, "LD_PRELOAD": PRELOAD},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def build_image(path: Path, builder: Path = UPDATE_IMAGE) -> Path:
    """Makes the image of the recorded update, always the same."""
    env = {**clean_env(), "FWUPD_LIBDIR_PKG": str(BUILD / "plugins/tdx-module")}
    done = fwupdtool(env, "firmware-build", builder, path)
    if done.returncode != 0:
        raise RuntimeError(f"no image: {done.stdout}")
    return path


def make_image(path: Path, quirk: Path) -> None:
    """Describes a new image and who has signed it, and throws the key away."""
    with tempfile.TemporaryDirectory(prefix="tdx-emulation-") as folder:
        key = Path(folder) / "key.pem"
        run(BUILD / "data/tests/make-tdx-blob", f"--make-key={key}")
        options = [f"--version={UPDATE_VERSION}", "--embed-version", "--svn=0x0305", "--pages=1"]
        options += [f"--cpu=0x{cpu}" for cpu in UPDATE_CPUS]
        image_path = images.make_image(Path(folder) / "image.bin", *options, key=key)
        image = image_path.read_bytes()
        images.write_quirk(quirk, signer_of(image_path))
    data = base64.b64encode(image).decode()
    path.write_text(IMAGE_XML.format(image=data), encoding="utf-8")


def signer_of(image: Path) -> str:
    """What the plugin has to trust: the hash of the modulus in the sigstruct."""
    return hashlib.sha384(image.read_bytes()[PAGE + 128 : PAGE + 512]).hexdigest()


def update(bed: Testbed, image: Path) -> None:
    """Holds the kernel in each phase of the upload until the plugin has seen it."""
    bed.cabinet(image, UPDATE_VERSION, UPDATE_CPUS)
    bed.mock.set(stuck=STATUSES[0])
    with bed.start_update() as client:
        for status, following in zip(STATUSES, [*STATUSES[1:], ""]):
            bed.wait_for(lambda s=status: f"is still '{s}'" in bed.daemon_log(), status)
            bed.mock.set(stuck=following)
        out = client.communicate(timeout=60)[0]
    if client.returncode != 0 or bed.device().get("Version") != UPDATE_VERSION:
        raise RuntimeError(f"the update failed: {out}")


def record_phases(options: List[str], image: Optional[Path]) -> Dict[str, dict]:
    """What fwupd has saved, as it is."""
    signer = [f"--signer={signer_of(image)}"] if image is not None else []
    bed = Testbed(*MACHINE, *signer, *options)
    try:
        bed.fwupdmgr("emulation-tag", bed.device()["DeviceId"], check=0)
        bed.stop_daemon()
        if image is not None:
            bed.trust(signer_of(image), "recording")
        bed.start_daemon()
        if image is not None:
            update(bed, image)
        path = bed.tmp / "emulation.zip"
        bed.fwupdmgr("emulation-save", str(path), check=0)
        with zipfile.ZipFile(path) as archive:
            return {Path(name).stem: json.loads(archive.read(name)) for name in archive.namelist()}
    finally:
        bed.stop()


def fold_polls(events: List[dict]) -> List[dict]:
    """Keeps the first look at each status: how many there were is a matter of speed."""
    folded: List[dict] = []
    last: Optional[str] = None
    skipping = False
    for event in events:
        if event["Id"] == STATUS:
            skipping = last in STATUSES and event.get("Data") == last
            last = event.get("Data")
        elif "remaining_size" not in event["Id"]:
            skipping = False
            last = None
        if not skipping:
            folded.append(event)
    return folded


def normalize(phase: dict) -> None:
    """Drops what is different each time."""
    phase.pop("FwupdVersion")
    for device in phase["UsbDevices"]:
        device["Created"] = CREATED
        for event in device.get("Events", []):
            if event["Id"] == "ListAttr":
                event["Data"] = "\n".join(sorted(event["Data"].split("\n")))
        if "Events" in device:
            device["Events"] = fold_polls(device["Events"])


def merge(phases: List[dict]) -> dict:
    """The events of all of them, one after the other."""
    first = phases[0]
    events = [event for phase in phases for event in phase["UsbDevices"][0]["Events"]]
    first["UsbDevices"][0]["Events"] = events
    return first


def write(path: Path, phase: dict) -> Path:
    normalize(phase)
    path.write_text(json.dumps(phase), encoding="utf-8")
    run(sys.executable, "-B", MINIMIZE, path)
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    return path


def record(folder: Path, name: str, options: List[str]) -> List[Path]:
    with tempfile.TemporaryDirectory(prefix="tdx-emulation-") as tmp:
        image = build_image(Path(tmp) / "update.bin") if name == UPDATE else None
        phases = record_phases(options, image)
    paths = [write(folder / filename(name, "setup"), phases["setup"])]
    if name == UPDATE:
        known = ["setup", *PHASES, *LEFT_OUT]
        others = [phase for key, phase in phases.items() if key not in known]
        if any(device.get("Events") for phase in others for device in phase["UsbDevices"]):
            raise RuntimeError(f"of {', '.join(phases)} more than {', '.join(known)} has events")
        install = merge([phases[phase] for phase in PHASES])
        paths.append(write(folder / filename(name, "install"), install))
    return paths


def pack(path: Path, name: str, folder: Path = TESTS) -> Path:
    """Makes of the phases what emulation-load takes."""
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for phase in ["setup", "install"]:
            archive.write(folder / filename(name, phase), f"{phase}.json")
    return path


def compare(fresh: Path, kept: Path) -> Optional[str]:
    """Says what is different, if anything."""
    if not kept.exists():
        return f"{kept.name} is missing"
    new = json.loads(fresh.read_text(encoding="utf-8"))
    old = json.loads(kept.read_text(encoding="utf-8"))
    if new == old:
        return None
    for number, (event_new, event_old) in enumerate(
        zip(new["UsbDevices"][0].pop("Events"), old["UsbDevices"][0].pop("Events"))
    ):
        if event_new != event_old:
            return f"{kept.name}: event {number} is {event_old}, but now {event_new}"
    return f"{kept.name}: {old}, but now {new}"


def check(folder: Path) -> List[str]:
    """Records everything again, and says what is different from the files in the folder."""
    differences = []
    with tempfile.TemporaryDirectory(prefix="tdx-emulation-") as tmp:
        paths = [p for name, opts in RECORDINGS.items() for p in record(Path(tmp), name, opts)]
        for path in paths:
            differences.append(compare(path, folder / path.name))
        kept = {p.name for p in folder.glob("*.json")} - {DEVICE_TEST.name}
        for name in sorted(kept - {p.name for p in paths}):
            differences.append(f"{name} is no recording of this program")
    return [difference for difference in differences if difference is not None]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare only, and change nothing")
    parser.add_argument("--new-image", action="store_true", help="make the image anew, too")
    parser.add_argument("--output", type=Path, default=TESTS, metavar="FOLDER")
    parser.add_argument(
        "--mock",
        action="append",
        metavar="OPTION",
        help="an option of mock-tdx-host, instead of those of NAME; may be repeated",
    )
    parser.add_argument(
        "name", nargs="?", help=f"{', '.join(RECORDINGS)}, or a new one; default: all"
    )
    args = parser.parse_args()
    if args.mock and not args.name:
        parser.error("--mock needs a NAME")
    if args.name and not args.mock and args.name not in RECORDINGS:
        parser.error(f"{args.name} needs --mock, as it is none of {', '.join(RECORDINGS)}")

    reason = skip_reason() or (None if MINIMIZE.exists() else f"no {MINIMIZE}")
    if reason is not None:
        sys.exit(f"record_emulation: {reason}")
    enter_namespace()
    if args.check:
        differences = check(args.output)
        print("\n".join(differences) or "nothing has changed")
        return 1 if differences else 0
    if args.new_image:
        make_image(UPDATE_IMAGE, UPDATE_SIGNER)
    recordings = {args.name: args.mock or RECORDINGS[args.name]} if args.name else RECORDINGS
    for name, options in recordings.items():
        print("\n".join(str(path) for path in record(args.output, name, options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
