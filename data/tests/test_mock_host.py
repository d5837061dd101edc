#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that the mock TDX host behaves as the kernel and the P-SEAMLDR do.

Only open, read and write are used, so each of these is also what a user of the kernel sees.
MOCK_TDX_HOST and MAKE_TDX_BLOB name the two programs, TEST_SIGNER a key that the second has made,
and TDX_MODULE_BLOBS the folder with Intel's images, which are used where present.
"""

import contextlib
import functools
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from errno import EACCES, EBUSY, EINVAL, EIO, ENODEV, ENOENT, ENXIO, EROFS
from pathlib import Path
from struct import pack, unpack

from tdxtest import tap

HERE = Path(__file__).resolve().parent
MOCK = os.environ.get("MOCK_TDX_HOST", "mock-tdx-host")
MAKE = os.environ.get("MAKE_TDX_BLOB", "make-tdx-blob")
BLOBS = Path(os.environ.get("TDX_MODULE_BLOBS", HERE / "../../../shared/intel-tdx-blobs"))
KEY = os.environ.get("TEST_SIGNER", "test-signer.pem")
PAGE = 4096
DEVICE = "sys/devices/faux/tdx_host/"
CPU = "sys/devices/system/cpu/"
CGROUP = "sys/fs/cgroup/"
KVM = "sys/module/kvm_intel/parameters/"
UPLOAD = ["loading", "data", "status", "error", "remaining_size", "cancel"]
PHASES = ["receiving", "preparing", "transferring", "programming"]
INVALID = "firmware-invalid"
# header, folder and mode of the P-SEAMLDR attributes, and what `error` says when: the P-SEAMLDR
# refuses; a CPU is offline; the log is full (None: only the P-SEAMLDR looks)
KINDS = {
    "mainline": (0x200, "", 0o400, INVALID, None, None),
    "v10": (0x200, "", 0o400, INVALID, None, None),
    "v9": (0x200, "", 0o400, INVALID, None, None),
    "v7": (0x100, "seamldr/", 0o400, "hw-error", None, None),
    "v6": (0x100, "seamldr/", 0o400, "hw-error", None, None),
    "v4": (0x100, "seamldr/", 0o400, "hw-error", "device-busy", "flash-wearout"),
    "v3": (0x100, "seamldr/", 0o444, "hw-error", "device-busy", "flash-wearout"),
    "v2": (0x100, "seamldr/", 0o444, INVALID, INVALID, INVALID),
}


@functools.lru_cache(maxsize=None)
def make_image(*options, key=KEY):
    """Returns a new image, or what was printed instead."""
    with tempfile.NamedTemporaryFile() as f:
        command = [MAKE, f"--key={key}", "--svn=0x0107", *options, f.name]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        return out.strip() or Path(f.name).read_bytes()


def make(*options):
    """Returns the pages of a new sigstruct and of its module."""
    image = make_image(*options)
    return image[PAGE : 2 * PAGE], image[2 * PAGE :]


def patch(image, offset, data):
    return image[:offset] + data + image[offset + len(data) :]


@functools.lru_cache(maxsize=None)
def skip_reason():
    """Why nothing can be mounted here, or an empty text."""
    return subprocess.check_output([HERE / "../../contrib/ci/needs.sh"], text=True).strip()


def wrap(sigstruct, module, header=0x200):
    """Makes an image of such pages."""
    if header == 0x200:
        pages = len(sigstruct) // PAGE, len(module) // PAGE
        head = pack("<HH8sII", 0x200, 0, b"TDX-BLOB", *pages)
    else:
        end = PAGE + len(sigstruct)
        head = pack("<HHI8sI", 0x100, 0, end, b"TDX-BLOB", end + len(module))
    image = head.ljust(PAGE, b"\0") + sigstruct + module
    words = unpack(f"<{len(image) // 2}H", image)
    return patch(image, 2, pack("<H", -sum(words) & 0xFFFF))


@unittest.skipUnless(os.path.exists(MAKE), "no image maker, see MAKE_TDX_BLOB")
class MockTest(unittest.TestCase):
    def setUp(self):
        self.trust = ["--signer=" + make_image("--print-signer")]
        self.good = wrap(*make())

    def start(self, *options):
        """Starts a mock host; the one before ends."""
        reason = skip_reason()
        if reason:
            self.skipTest(reason)
        self.doCleanups()
        self.root = tempfile.mkdtemp(prefix="mock-tdx-host-")
        command = [MOCK, "--install-version=1.5.08", *self.trust, *options, self.root]
        self.mock = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.addCleanup(self.stop)
        self.assertEqual(self.mock.stdout.readline(), b"ready\n")
        old = "--kernel=v2" in options or "--kernel=v3" in options
        self.upload = DEVICE + "firmware/" + ("seamldr_upload" if old else "tdx_module")

    def stop(self):
        with self.mock:
            self.mock.terminate()
        self.assertEqual(self.mock.returncode, 0)
        os.rmdir(self.root)

    def path(self, name):
        """Of the upload or of the device, if it is only a name."""
        folder = self.upload + "/" if name in UPLOAD else "" if "/" in name else DEVICE
        return os.path.join(self.root, folder + name)

    def read(self, name):
        return Path(self.path(name)).read_bytes().decode("latin-1")

    def write(self, name, data):
        with open(self.path(name), "wb", buffering=0) as f:
            return f.write(data if isinstance(data, bytes) else data.encode())

    def set(self, *lines):
        self.write("control/set", "\n".join(lines) + "\n")

    def send(self, *steps):
        """Values for `loading`, and data in one open, however little each write takes."""
        for step in steps:
            if isinstance(step, str):
                self.write("loading", step)
                continue
            with open(self.path("data"), "wb", buffering=0) as f:
                sent = 0
                while sent < len(step):
                    sent += f.write(step[sent:])

    def wait_for(self, ready, what):
        for _ in range(2000):
            if ready():
                return
            time.sleep(0.002)
        self.fail(f"never {what}: {self.read('control/log')}")

    def wait(self, status="idle"):
        self.wait_for(lambda: self.read("status") == status + "\n", status)

    def fails(self, number, func, *args):
        with self.assertRaises(OSError) as cm:
            func(*args)
        self.assertEqual(cm.exception.errno, number, args)

    def expect(self, **attrs):
        """Reads attributes that have these lines, or errors."""
        for name, value in attrs.items():
            if isinstance(value, int):
                self.fails(value, self.read, name)
            else:
                self.assertEqual(self.read(name), value + "\n" if value else "", name)

    def exists(self, *names):
        return [os.path.lexists(self.path(name)) for name in names]

    def mode(self, name):
        return oct(os.stat(self.path(name)).st_mode & 0o7777)

    def install(self, image, error="", version="1.5.08", log=""):
        before = len(self.read("control/log"))
        self.send("1", image, "0")
        self.wait()
        self.expect(error=error, version=version)
        self.assertRegex(self.read("control/log")[before:], "(?m)^" + log)

    def refuse(self, image, error=INVALID):
        """The kernel refuses, which costs nothing."""
        version = self.read("version").strip()
        self.install(image, "transferring:" + error, version, "kernel: refused: ")

    def lose(self, image, reason, error=INVALID):
        """The P-SEAMLDR refuses, which costs the running module."""
        self.install(image, "transferring:" + error, ENXIO, "seamldr: refused: .*" + reason)
        self.set("running=1.5.06", "lost=0")


class MakeTest(MockTest):
    """What makes the images of all tests."""

    def test_image(self):
        for options, header in {(): 0x200, ("--header-v1",): 0x100}.items():
            self.assertEqual(make_image(*options), wrap(*make(), header))
        self.assertEqual(make_image("--pages=0"), wrap(make("--pages=0")[0], b""))
        sigstruct, module = make("--cpu=0xA06D0", "--cpu=49", "--date=20240101", "--pages=2")
        self.assertEqual(len(module), 2 * PAGE)
        self.assertEqual(sigstruct[900:948], hashlib.sha384(module).digest())
        self.assertEqual(unpack("<3I", sigstruct[1024:1036]), (2, 0xA06D0, 49))
        self.assertEqual(sigstruct[20:24], b"\x01\x01\x24\x20")
        numbers = ["module-hv=0x102", "min-update-hv=3", "gdt-idt-offset=0x1000"]
        sigstruct, _ = make(*["--" + n for n in numbers], "--fault-wrapper-offset=4294967295")
        self.assertEqual(unpack("<2H", sigstruct[984:988]), (0x102, 3))
        self.assertEqual(unpack("<2I", sigstruct[992:1000]), (0x1000, 0xFFFFFFFF))

    def test_fix_checksum(self):
        poked = make_image("--poke-image=0x2000=a5a5a5")
        self.assertEqual(poked, patch(make_image(), 0x2000, b"\xa5" * 3))
        fixed = make_image("--poke-image=0x2000=a5a5a5", "--fix-checksum")
        self.assertEqual(fixed, wrap(poked[PAGE : 2 * PAGE], poked[2 * PAGE :]))

    def test_invalid(self):
        for option in """svn=0x10000 svn=-1 pages=-1 module-hv=65536 min-update-hv=-1 cpu=x date=x
            gdt-idt-offset=0x100000000 poke-image=1 poke-image=0=1 poke-image=0=0g
            poke-image=0x6000=00 poke-sigstruct=x=00 key=/etc/hostname""".split():
            with self.subTest(option), tempfile.TemporaryDirectory() as folder:
                command = [MAKE, f"--key={KEY}", "--" + option, os.path.join(folder, "image")]
                done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, "^make-tdx-blob: ")
                self.assertEqual(os.listdir(folder), [])

    def test_make_key(self):
        with tempfile.TemporaryDirectory() as folder:
            key = os.path.join(folder, "key.pem")
            subprocess.run([MAKE, "--make-key", key], check=True)
            self.assertEqual(oct(os.stat(key).st_mode & 0o7777), oct(0o600))
            signer = make_image("--print-signer", key=key)
            image = make_image(key=key)
        self.assertNotEqual(signer, make_image("--print-signer"))
        self.assertEqual(hashlib.sha384(image[PAGE + 128 : PAGE + 512]).hexdigest(), signer)
        self.start()
        self.lose(image, f"signer key hash {signer}")
        self.start("--signer=" + signer)
        self.install(image)


class TreeTest(MockTest):
    def test_mainline(self):
        self.start()
        self.expect(uevent="DRIVER=faux_driver", version="1.5.06", seamldr_version="1.5.06")
        self.expect(num_remaining_updates="10", loading="0", data="", status="idle", error="")
        self.expect(remaining_size="0", cancel=EACCES, **{self.upload + "/uevent": ""})
        for mode, names in {
            0o644: ["uevent", "loading", "data"],
            0o444: ["version", "status", "error", "remaining_size"],
            0o400: ["seamldr_version", "num_remaining_updates"],
            0o200: ["cancel"],
        }.items():
            self.assertEqual([self.mode(name) for name in names], [oct(mode)] * len(names))
        self.assertEqual(os.listdir(self.path("sys/firmware")), [])
        self.fails(EACCES, self.write, "version", "1")
        for link, target in {
            "sys/bus/faux/devices/tdx_host": DEVICE[:-1],
            "sys/class/firmware/tdx_module": self.upload,
            "driver": "sys/bus/faux/drivers/faux_driver",
            "subsystem": "sys/bus/faux",
            self.upload + "/subsystem": "sys/class/firmware",
            self.upload + "/device": DEVICE[:-1],
        }.items():
            self.assertEqual(os.path.realpath(self.path(link)), self.path(target))
            self.assertTrue(os.path.isdir(self.path(link)))

    def test_not_updatable(self):
        for option, present in {
            "--erratum": [True, False, False, False, False],
            "--no-upload": [True, True, True, False, False],
            "--no-seamldr": [True, False, False, True, True],
            "--absent": [False, False, False, False, False],
        }.items():
            self.start(option)
            names = ["version", "seamldr_version", "num_remaining_updates", self.upload]
            self.assertEqual(self.exists(*names, "sys/class/firmware/tdx_module"), present)
            self.assertEqual(self.exists("sys/class/firmware", "sys/bus/faux/devices"), [True] * 2)
            erratum = "seamret_invd_vmcs" in self.read("proc/cpuinfo")
            self.assertEqual(erratum, option == "--erratum")

    def test_lost_and_absent(self):
        self.start("--lost", "--absent")
        self.assertEqual(os.listdir(self.path("sys/bus/faux/devices")), [])
        self.set("late-attrs-ms=200", "absent=0")
        self.assertEqual(sorted(os.listdir(self.path(DEVICE))), ["subsystem", "uevent"])
        time.sleep(0.25)
        self.expect(version=ENXIO)
        self.set("lost=0")
        self.expect(version="1.5.06")

    def test_cpus(self):
        cpus = ["--cpu=0x806F8", "--cpu=0xA06D1", "--cpus-per-socket=3", "--online=0-3,5"]
        self.start(*cpus, "--smt=off", "--tds=4")
        self.expect(**{CPU + "online": "0-3,5", CPU + "present": "0-5", CPU + "possible": "0-5"})
        self.expect(**{CPU + "smt/active": "0", CPU + "smt/control": "off"})
        self.expect(**{CGROUP + "misc.current": "tdx 4", CGROUP + "misc.capacity": "tdx 63"})
        cpuinfo = self.read("proc/cpuinfo")
        for key, values in {
            "processor": ["0", "1", "2", "3", "5"],
            "physical id": ["0", "0", "0", "1", "1"],
            "cpu family": ["6"] * 5,
            "model": ["143", "143", "143", "173", "173"],
            "stepping": ["8", "8", "8", "1", "1"],
        }.items():
            self.assertEqual(re.findall(rf"(?m)^{key}\t+: (.*)$", cpuinfo), values)
        self.set("cpu-offline-after-reads=2:0-2")
        for online in ["0-3,5", "0-3,5", "0-2", "0-2"]:
            self.expect(**{CPU + "online": online})

    def test_guests(self):
        """The same with options and when they are set later."""
        self.start()
        for lines, current, capacity, tdx in [
            ([], "tdx 0", "tdx 63", "Y"),
            (["tds=4"], "tdx 4", "tdx 63", "Y"),
            (["tds=4", "cgroup-namespace=1"], "tdx 0", ENOENT, "Y"),
            (["tds=4", "no-tds-line=1"], "", "", "Y"),
            (["kvm-tdx=N"], "", "", "N"),
            (["kvm-tdx=N", "tds=4"], "tdx 4", "", "N"),
            (["kvm-tdx=N", "tds=4", "cgroup-namespace=1"], "", ENOENT, "N"),
            (["kvm-tdx="], "", "", ENOENT),
            (["no-kvm-intel=1"], "", "", ENOENT),
        ]:
            files = {CGROUP + "misc.current": current, CGROUP + "misc.capacity": capacity}
            files[KVM + "tdx"] = tdx
            folders = ["sys/module", KVM.split("/par", maxsplit=1)[0], KVM]
            options = ["--" + re.sub("^(no-.*|cgroup.*)=1$", r"\1", line) for line in lines]
            for late in [False, True]:
                with self.subTest(lines, late=late):
                    self.start(*([] if late else options))
                    if late:
                        self.set(*lines)
                    self.expect(**files)
                    kvm = "no-kvm-intel=1" not in lines
                    self.assertEqual(self.exists(*folders), [True, kvm, kvm])
        self.set("no-kvm-intel=0")
        self.expect(**{CGROUP + "misc.current": "tdx 0", KVM + "tdx": "Y"})
        self.assertEqual(self.mode(KVM + "tdx"), oct(0o444))


class UploadTest(MockTest):
    def test_success(self):
        self.start()
        self.install(self.good)
        self.expect(num_remaining_updates="9", remaining_size="0")
        self.assertEqual(self.read("control/received"), self.good.decode("latin-1"))
        writes = len(self.good) // PAGE
        self.expect(**{"control/writes": f"loading=2 data={writes} uploads=1"})
        log = self.read("control/log")
        self.assertIn(f"data: {len(self.good)} bytes in {writes} writes\n", log)
        self.assertEqual(re.findall("(?m)^status: (.*)$", log), [*PHASES, "idle"])

    def test_data(self):
        self.start()
        self.write("loading", "1")
        self.assertEqual(self.write("data", b"a" * 150 * PAGE), PAGE)
        for limit, taken in {"1000": 1000, "0": 0, "": PAGE, "10": 10}.items():
            self.set("short-write=" + limit)
            self.assertEqual(self.write("data", b"b" * 5000), taken)
        self.write("data", b"c" * 5)  # as each open starts at the front
        self.send("0")
        self.wait()
        self.assertEqual(self.read("control/received"), "c" * 5 + "b" * (PAGE - 5))

    def test_data_read(self):
        """Any part of what was written so far, a page at a time."""
        self.start()
        self.expect(data="")
        self.write("loading", "1")
        self.expect(data="")
        with open(self.path("data"), "r+b", buffering=0) as f:
            self.assertEqual(f.write(self.good[:PAGE]), PAGE)
            self.assertEqual(f.write(self.good[PAGE : PAGE + 5]), 5)
            for offset, size, read in [
                (0, 2 * PAGE, self.good[:PAGE]),
                (3, PAGE, self.good[3 : PAGE + 3]),
                (PAGE - 1, 3, self.good[PAGE - 1 : PAGE + 2]),
                (PAGE, PAGE, self.good[PAGE : PAGE + 5]),
                (PAGE + 5, 1, b""),
                (1 << 30, 1, b""),
            ]:
                self.assertEqual(os.pread(f.fileno(), size, offset), read)
            f.write(self.good[PAGE + 5 : 2 * PAGE])
            self.assertEqual(os.pread(f.fileno(), PAGE, PAGE), self.good[PAGE : 2 * PAGE])
        self.assertEqual(self.read("data"), self.good[: 2 * PAGE].decode("latin-1"))
        self.assertEqual(os.stat(self.path("data")).st_size, 0)
        for end in ["-1", "1"]:
            self.write("loading", end)  # an abort frees nothing, a new start does
            self.assertEqual(len(self.read("data")), 2 * PAGE if end == "-1" else 0)
        self.install(self.good)
        self.expect(data="")

    def test_loading(self):
        self.start()
        for end in ["-1", "2", "7", "0"]:
            self.write("loading", "1\n")
            self.expect(loading="1")
            self.write("loading", end)
            self.expect(loading="0")
        self.write("loading", "1")
        for garbage in ["x", "1x", " 1", "0x1", "\n", "99999999999"]:
            self.fails(EINVAL, self.write, "loading", garbage)
        self.expect(loading="1")
        self.send(b"a" * 3 * PAGE)
        self.refuse(b"b" * PAGE)  # the second 1 of it discards what was sent before
        self.assertEqual(self.read("control/received"), "b" * PAGE)

    def test_false_success(self):
        """Every write succeeds, but nothing is uploaded, and the old error stays."""
        self.start()
        self.refuse(b"old")
        for steps in [
            (self.good, "0"),
            ("1", "0"),
            ("1", self.good, "-1", "0"),
            ("1", self.good, "2", "0"),
            ("1", self.good, "0"),  # while a udev rule aborts
        ]:
            self.set(f"abort-after={2 * PAGE if len(steps) == 3 else ''}")
            self.send(*steps)
            self.expect(status="idle", error="transferring:" + INVALID, remaining_size="3")
            self.assertIn("uploads=1\n", self.read("control/writes"))
        self.install(self.good)

    def test_busy(self):
        self.start()
        for phase in PHASES:
            with self.subTest(phase), open(self.path("status"), "rb", buffering=0) as status:
                self.refuse(b"old")
                self.set("stuck=" + phase, "running=1.5.06")
                self.assertEqual(status.read(), b"idle\n")
                self.send("1", self.good, "0")
                self.assertNotEqual(self.read("status"), "idle\n")
                self.wait(phase)
                status.seek(0)
                self.assertEqual(status.read().decode(), phase + "\n")
                for value in ["1", "0", "-1", "2"]:
                    self.write("loading", value)
                    self.expect(loading="0")
                self.write("cancel", "1")
                self.fails(EINVAL, self.write, "loading", "x")
                self.fails(ENODEV, self.write, "data", "x")
                left = 0 if phase == "programming" else len(self.good)
                self.expect(data=ENODEV, error=EBUSY, remaining_size=f"{left}", status=phase)
                self.set("stuck=")
                self.wait()
                self.expect(error="", version="1.5.08")
        self.fails(EINVAL, self.write, "cancel", "0")
        self.fails(ENODEV, self.write, "cancel", "1")
        self.set("stuck=transferring")  # and it ends nevertheless
        self.send("1", self.good, "0")
        self.wait("transferring")

    def test_second_uploader(self):
        self.start("--phase-ms=100")
        self.set("second-uploader=1")
        self.write("loading", "1")
        self.fails(ENODEV, self.write, "data", "x")
        self.expect(error=EBUSY)
        self.wait()
        self.expect(version="1.5.06")
        self.install(self.good)


class OtherTest(MockTest):
    """Another program, them, uses the upload when we do."""

    def start(self, *options):
        super().start("--seamldr=2.0.00", *options)
        self.theirs = wrap(*make("--version=1.5.13", "--embed-version"))
        self.file = tempfile.NamedTemporaryFile()
        self.addCleanup(self.file.close)
        Path(self.file.name).write_bytes(self.theirs)

    def other(self, *lines):
        self.set(*[f"other={line}" for line in lines])

    def expect_log(self, *lines):
        log = self.read("control/log").replace("loading: open\n", "")
        self.assertIn("\n".join(lines) + "\n", log)

    def test_before(self):
        """All that they have is gone with our 1."""
        self.start()
        data = b"\xa5" * 2 * PAGE
        for writes, theirs, log in [
            ("1", b"", []),
            ("1,8192@0", data, ["other: data: 8192 bytes at 0"]),
            ("1,8192@4096", bytes(PAGE) + data, ["other: data: 8192 bytes at 4096"]),
            ("1,FILE", self.theirs, [f"other: data: {len(self.theirs)} bytes at 0"]),
        ]:
            for when in ["now", "begin"]:
                with self.subTest(writes, when=when):
                    self.start()
                    self.other(f"{when}:{writes}".replace("FILE", self.file.name))
                    if when == "now":
                        self.expect(loading="1", status="idle", error="")
                        self.assertEqual(self.read("data").encode("latin-1"), theirs)
                    self.expect(**{"control/writes": "loading=0 data=0 uploads=0"})
                    self.write("loading", "1")
                    self.expect(loading="1", data="")
                    self.expect_log("other: loading: 1", *log, "loading: 1")
                    self.install(self.good)

    def test_their_image(self):
        """Whoever says 0 hands over what is there."""
        self.start()
        self.other(f"now:1,{self.file.name}")
        self.send("0")
        self.wait()
        self.expect(version="1.5.13", **{"control/writes": "loading=1 data=0 uploads=1"})
        for when, left in {"now": "8", "end": "7"}.items():
            self.set("running=1.5.06")
            self.other(f"{when}:1,{self.file.name},0")
            if when == "end":
                self.send("1", self.good, "0")
                self.expect_log("loading: 0", "loading: ignored, busy")
            self.wait()
            self.expect(version="1.5.13", num_remaining_updates=left)
            self.assertEqual(self.read("control/received").encode("latin-1"), self.theirs)
        self.assertIn("uploads=1\n", self.read("control/writes"))

    def test_after_our_start(self):
        self.start()
        for line, log in [
            ("loading:1,8192@0", ""),  # we overwrite all of it
            ("loading:1,28672@0", "kernel: refused: header: 1 . 1 . 4 pages"),
            ("data:1,28672@0", "kernel: refused: header: 1 . 1 . 4 pages"),
            ("16384:1", "kernel: refused: header: version 0x0 "),
        ]:
            with self.subTest(line):
                self.set("running=1.5.06")
                self.other(line)
                if log:
                    self.refuse(self.good)
                else:
                    self.install(self.good)
                self.assertRegex(self.read("control/log"), "(?m)^" + log)
        self.set("running=1.5.06")
        self.other("loading:1,8192@0", "8192:8192@0")  # they go on, and we overwrite half of it
        self.install(self.good[:PAGE], "transferring:" + INVALID, "1.5.06")

    def test_their_page(self):
        """After our last byte, before or after we have read back all, or before our 0 is taken."""
        self.start()
        good = len(self.good)
        for when in [str(good), "read", "end"]:
            for offset, reason in [(0, None), (PAGE, "header_type"), (4 * PAGE, "module hash")]:
                with self.subTest(when, offset=offset):
                    self.other(f"{when}:4096@{offset}")
                    self.send("1", self.good)
                    mixed = patch(self.good, offset, b"\xa5" * PAGE)
                    back = self.read("data").encode("latin-1")
                    self.assertEqual(back, mixed if when == str(good) else self.good)
                    self.send("0")
                    self.wait()
                    self.expect(version=ENXIO if reason else "1.5.06")
                    self.assertRegex(self.read("control/log"), reason or "version 0xa5a5 ")
                    self.expect_log(f"other: data: 4096 bytes at {offset}")
                    self.set("lost=0", "running=1.5.06")

    def test_they_finish(self):
        self.start()
        self.other("16384:0")
        self.write("loading", "1")
        self.fails(ENODEV, self.send, self.good)
        self.wait()
        self.expect(version="1.5.06", **{"control/writes": "loading=1 data=5 uploads=0"})
        self.assertEqual(self.read("control/received").encode("latin-1"), self.good[:16384])
        for when in [str(len(self.good)), "read", "end"]:
            self.set("running=1.5.06")
            self.other(f"{when}:0")
            self.send("1", self.good)
            if when == "read":
                self.fails(ENODEV, self.read, "data")
            self.send("0")
            self.wait()
            self.expect(version="1.5.08")
            self.assertIn("uploads=0\n", self.read("control/writes"))
        self.set("running=1.5.06")
        self.other("end:-1")
        self.send("1", self.good, "0")
        self.expect(status="idle", version="1.5.06", error="")
        self.expect_log("other: loading: -1", "loading: aborted", "loading: 0", "loading: aborted")
        self.set("stuck=preparing")
        self.send("1", self.good, "0")
        self.other("now:1,4096@0,0")  # too late
        self.expect_log(
            "other: loading: 1",
            "loading: ignored, busy",
            "other: data: 0 bytes at 0, then No such device",
            "other: loading: 0",
            "loading: ignored, busy",
        )

    def test_whose(self):
        """What waits for us does not happen because of them."""
        self.start()
        self.other("loading:1,8192@0", "12288:4096@4096")
        self.lose(self.good, "header_type")
        self.other("4096:1", f"{len(self.good)}:-1")
        self.send("1", self.good)
        self.expect_log("other: loading: -1", "loading: aborted")
        self.other("end:-1", "now:1,4096@0,0")
        self.wait()
        self.assertEqual(self.read("control/received"), "\xa5" * PAGE)
        self.send("1", self.good, "0")
        self.expect_log("other: loading: -1", "loading: aborted", "loading: 0", "loading: aborted")

    def test_once(self):
        self.start()
        self.other("end:-1", "data:1", "12288:4096@0", "")
        self.install(self.good)
        self.assertNotIn("other: ", self.read("control/log"))
        self.set("running=1.5.06")
        self.other("end:4096@0")
        self.refuse(self.good)
        self.install(self.good)


class KernelTest(MockTest):
    def test_attributes_and_errors(self):
        sigstruct, module = make()
        for kind, (header, folder, mode, error, offline, full) in KINDS.items():
            with self.subTest(kind):
                self.start(f"--kernel={kind}", "--seamldr-unpadded", "--online=0-2")
                version = DEVICE + (folder + "version" if folder else "seamldr_version")
                remaining = DEVICE + folder + "num_remaining_updates"
                self.expect(**{version: "1.5.6", remaining: "10"})
                self.assertEqual([self.mode(version), self.mode(remaining)], [oct(mode)] * 2)
                self.assertEqual(self.exists("seamldr_version"), [folder == ""])
                self.assertEqual(self.exists("seamldr"), [folder != ""])
                good = wrap(sigstruct, module, header)
                bad = wrap(sigstruct, patch(module, 0, b"\xa5"), header)
                if offline is None:
                    self.lose(good, "last-CPU", error)
                else:
                    self.refuse(good, offline)
                self.set("online=3,0-2")
                self.lose(bad, "module hash", error)
                self.set("lost=1")
                self.install(good, "transferring:" + error, ENXIO)
                self.expect(**{remaining: "10"})
                self.set("lost=0", "remaining=0")
                if full is None:
                    self.lose(good, "no updates remaining", error)
                else:
                    self.refuse(good, full)

    def test_header(self):
        sigstruct, module = make()
        for kind, (header, *_) in KINDS.items():
            good = wrap(sigstruct, module, header)
            bad = [good[:4095], good[:PAGE], good[:-1], good + b"\0", good + bytes(PAGE)]
            bad += [patch(good, 0, b"\2\1"), patch(good, 20, b"\1"), patch(good, 4095, b"\1")]
            bad += [wrap(sigstruct, bytes(497 * PAGE), header)]
            pages = [wrap(sigstruct + bytes(n * PAGE), module, header) for n in (1, 3, 4)]
            checksum = patch(good, 2, b"\0\0")
            if header == 0x200:
                taken, bad = [good, checksum], bad + pages + [patch(good, 4, b"TDX-BLOC")]
                bad += [patch(good, 12, pack("<I", 0x100001))]  # the size overflows 32 bits
            else:
                bad += [patch(good, 8, b"TDX-BLOC"), patch(good, 16, pack("<I", len(good) - 1))]
                bad += [patch(good, 4, pack("<I", end)) for end in (0, PAGE, 2 * PAGE + 2)]
                bad.append(wrap(sigstruct, b"", header))
                strict = kind in ("v3", "v2")
                taken = [good] if strict else [good, checksum, *pages[:2]]
                bad += [checksum, *pages] if strict else pages[2:]
            bad.append(wrap(sigstruct, module, 0x300 - header))
            self.start(f"--kernel={kind}")
            for i, image in enumerate(bad):
                with self.subTest(kind, i=i):
                    self.refuse(image)
            for image in taken:
                self.set("running=1.5.06")
                self.install(image)
            if header == 0x200:
                self.lose(wrap(b"", module), "no sigstruct page")
                self.lose(wrap(sigstruct, b""), "module hash .* after the wipe")
                empty = make_image("--pages=0")
                self.lose(empty, "module is empty and cannot be relocated, after the wipe")


class SeamldrTest(MockTest):
    def test_sigstruct(self):
        self.start("--cpu=0x806F6", "--cpu=0xC06F2")
        bad = [
            ("module_type", 12, pack("<I", 1)),
            ("debug", 12, pack("<I", 1 << 31)),
            ("min_update_hv", 984, pack("<HH", 0, 1)),
            ("handoff", 984, pack("<HH", 1, 1)),
            ("cpuid_table_size", 1024, pack("<I", 256)),
            ("CPU 0x806F6 of socket 0", 1024, pack("<I", 0)),
            ("CPU 0xC06F2 of socket 1", 1024, pack("<2I", 1, 0x806F8)),
            ("CPU 0x806F6 of socket 0", 1024, pack("<3I", 2, 0xC06F0, 0x906F8)),
        ]
        for svn in [0x0105, 0x0206, 0x0006, 0x0000, 0x0306]:
            bad.append((f"SVN 0x{svn:04x}", 948, pack("<H", svn)))
        fixed = {0: 6, 4: 0xE1, 8: 0x10000, 16: 0x8086, 24: 0x200, 28: 0x60, 32: 0x60, 36: 1}
        for offset, good in {**fixed, 512: 0x10001}.items():
            for value in [good + 1, good | 1 << 31, 0]:
                bad.append((f"sigstruct .* is 0x{value:x}, not", offset, pack("<I", value)))
        for offset in [40, 127, 950, 957, 978, 983, 989, 1000, 1023]:
            bad.append(("sigstruct .* is not zero", offset, b"\x80"))
        for reason, offset, data in bad:
            with self.subTest(reason, data=data.hex()):
                self.lose(wrap(*make(f"--poke-sigstruct={offset}={data.hex()}")), reason)
        # the date, the running SVN, the geometry; a newer handoff version that takes the old one
        for poke in ["20=00000000", "948=0601", "958=0102030405060708090a", "984=01000000"]:
            self.set("running=1.5.06")
            self.install(wrap(*make("--poke-sigstruct=" + poke)))

    def test_tables(self):
        """Of exceptions, in the module, which has four pages."""
        self.start()
        for gdt_idt, fault_wrapper, reason in [
            (0x1000, 0x1, None),
            (0x3000, 0x3E00, None),
            (0x1000, 0, "gdt_idt_offset is 0x1000, but fault_wrapper_offset 0x0"),
            (0, 0x1000, "gdt_idt_offset is 0x0, but fault_wrapper_offset 0x1000"),
            (0x800, 0x1000, "gdt_idt_offset 0x800 is not of a page"),
            (0x3001, 0x1000, "gdt_idt_offset 0x3001 is not of a page"),
            (0x4000, 0x1000, "gdt_idt_offset 0x4000 is outside"),
            (0xFFFFF000, 0x1000, "gdt_idt_offset 0xfffff000 is outside"),
            (0x1000, 0x3E01, "fault_wrapper_offset 0x3e01 is outside"),
            (0x1000, 0xFFFFFFFF, "fault_wrapper_offset 0xffffffff is outside"),
        ]:
            offsets = [f"--gdt-idt-offset={gdt_idt}", f"--fault-wrapper-offset={fault_wrapper}"]
            image = wrap(*make(*offsets))
            with self.subTest(offsets):
                if reason is None:
                    self.install(image)
                else:
                    self.lose(image, reason)

    def test_handoff(self):
        self.start("--running-hv=2")
        for hv, min_hv in [(1, 0), (1, 1), (3, 3)]:
            image = wrap(*make(f"--module-hv={hv}", f"--min-update-hv={min_hv}"))
            self.lose(image, f"handoff version 2 of the running module is not in {min_hv}..{hv}")
            self.set("running-hv=2")
        for hv, min_hv in [(2, 0), (2, 2), (65535, 1)]:
            self.set("running-hv=2")
            self.install(wrap(*make(f"--module-hv={hv}", f"--min-update-hv={min_hv}")))
        self.lose(self.good, "handoff version 65535 of the running module is not in 0..0")
        self.install(self.good)  # as those that were released have 0

    def test_not_checked(self):
        """What only we refuse."""
        self.start("--running-svn=0x0005")
        self.lose(wrap(*make("--svn=0x0004")), "SVN 0x0004 is lower than the running 0x0005")
        self.set("running-svn=5")
        self.install(wrap(*make("--svn=0x0006")))
        self.lose(self.good, "SVN 0x0107 has another major than the running 0x0006")
        sigstruct, module = make()
        for offset in [2048, PAGE - 1]:
            self.install(wrap(patch(sigstruct, offset, b"\xa5"), module))

    def test_crypto(self):
        sigstruct, module = make()
        self.start()
        for offset in [20, 516, 958, 2047]:
            self.lose(wrap(patch(sigstruct, offset, b"\xa5"), module), "RSA signature")
        self.lose(wrap(patch(sigstruct, 516, bytes(384)), module), "RSA signature")
        for offset in [0, len(module) - 1]:
            self.lose(wrap(sigstruct, patch(module, offset, b"\xa5")), "module hash")
        ours = self.trust[0]
        self.trust = ["--signer=" + "00" * 48]
        self.start()
        self.lose(self.good, ours.replace("--signer=", "signer key hash "))
        self.start(ours)
        self.install(self.good)

    def test_after_install(self):
        """The SVN is that of the image, and the version of the first that knows it."""
        self.start()
        self.install(self.good)
        self.lose(wrap(*make("--svn=0x0106")), "SVN 0x0106 is lower than the running 0x0107")
        self.set("install-version=1.5.77", "fault-version=1.5.07")
        self.install(self.good, version="1.5.07")
        self.install(self.good, version="1.5.77")
        self.set("install-version=")
        self.install(self.good, version="0.0.00")
        sigstruct, module = make("--embed-version", "--version=2.0.77", "--svn=0x0304")
        for version in ["2.0.42", "2.0.77"]:
            with tempfile.NamedTemporaryFile() as f:
                if version == "2.0.42":
                    Path(f.name).write_text(f"{hashlib.sha384(module).hexdigest()} 2.0.42")
                self.start("--seamldr=2.0.00", "--running=2.0.04", "--new-version-map=" + f.name)
                self.install(wrap(sigstruct, module), version=version)


class FaultTest(MockTest):
    def test_invalid(self):
        self.start()
        for line in """nonsense=1 running fault=idle:x fault=transferring stuck=x vanish=idle
            online=3-1 online=x remaining=-1 lost=2 attr-errno=version:EWHAT attr-errno=x:EIO
            attr-errno=version attr-text=x:y attr-errno=version:open-write:EIO hang=x hang=log
            running-hv=65536 running-svn=x kvm-tdx=y no-kvm-intel=2 cgroup-namespace=x no-tds-line=
            other=x other=now other=now: other=now:2 other=now:x other=now:1@ other=now:0@0
            other=now:1,x other=later:1 other=0:1 other=:1 other=99999999:1 other=now:/nowhere
            abort-after=x second-uploader=2""".split():
            self.fails(EINVAL, self.set, line)

    def test_fault(self):
        self.start()
        for fault, line, version in [
            ("preparing:hw-error", "fault-loses=1", ENXIO),
            ("transferring:unknown-error", "lost=0", "1.5.06"),
            ("programming:timeout", "fault-version=1.5.99", "1.5.99"),
        ]:
            self.set("fault=" + fault, line)
            self.install(self.good, fault, version)
            self.expect(num_remaining_updates="10")
        self.install(self.good)

    def test_attr(self):
        self.start()
        for path in [DEVICE + "version", CPU + "online", CGROUP + "misc.current", "proc/cpuinfo"]:
            attr = re.sub("sys/devices/(system|faux/tdx_host)/|sys/fs/|proc/", "", path)
            text = self.read(path)[:-1]
            for line, value in {
                f"attr-errno={attr}:read:EIO:1": EIO,
                "": text,
                f"attr-errno={attr}:EBUSY": EBUSY,
                f"attr-errno={attr}:0": text,
                f"attr-text={attr}:a\\x00\\tb:c=d\\n": "a\0\tb:c=d",
                f"attr-text={attr}:@empty": "",
                f"attr-text={attr}:": text,
            }.items():
                self.set(line)
                self.expect(**{path: value})
        self.set("attr-text=version:@garbage")
        self.assertRaises(UnicodeDecodeError, self.read("version").encode("latin-1").decode)
        self.set("attr-errno=firmware/tdx_module/loading:open:EROFS")
        self.fails(EROFS, open, self.path("loading"))
        self.set("attr-errno=firmware/tdx_module/data:write:ENODEV:2")
        self.fails(ENODEV, self.write, "data", "1")
        self.fails(ENODEV, self.write, "data", "1")
        self.write("data", "1")

    def test_data_unreadable(self):
        self.start()
        data = "attr-errno=firmware/tdx_module/data:"
        for fault, number in {"read:EIO": EIO, "read:EACCES": EACCES}.items():
            self.set(data + fault)
            self.expect(data=number)
            self.install(self.good)
        self.set(data + "open-read:EACCES")
        for mode in ["rb", "r+b"]:
            self.fails(EACCES, open, self.path("data"), mode)
        self.install(self.good)
        self.set(data + "0")
        self.expect(data="")

    def start_reading(self, path, *suppressed):
        def read():
            with contextlib.suppress(*suppressed):
                self.read(path)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def wait_for_hangs(self, path, number=1):
        text = "hang: " + path
        self.wait_for(lambda: self.read("control/log").count(text) >= number, text)

    def test_hang(self):
        self.start("--tds=3")
        paths = [DEVICE + "version", self.upload + "/status", self.upload + "/data", KVM + "tdx"]
        for path in paths:
            with self.subTest(path):
                self.set("hang=" + re.sub("sys/devices/faux/tdx_host/|sys/module/", "", path))
                thread = self.start_reading(path)
                self.wait_for_hangs(f"/{path}\n")
                self.expect(seamldr_version="1.5.06", **{CGROUP + "misc.current": "tdx 3"})
                self.write("loading", "-1")
                thread.join(0.05)
                self.assertTrue(thread.is_alive())
                self.set("hang=")
                thread.join(5)
                self.assertFalse(thread.is_alive())
        self.expect(version="1.5.06", data="", status="idle")

    def test_hang_until_the_end(self):
        self.start()
        self.set("hang=version", "hang=cpuinfo")
        threads = [
            self.start_reading(path, OSError) for path in ["version", "version", "proc/cpuinfo"]
        ]
        self.wait_for_hangs("", len(threads))
        self.doCleanups()  # which checks that the mock host can be stopped
        for thread in threads:
            thread.join(5)
            self.assertFalse(thread.is_alive())

    def test_vanish(self):
        for phase in ["loading", "data", *PHASES]:
            for key in ["vanish", "vanish-device"]:
                with self.subTest(phase=phase, key=key):
                    self.start()
                    self.set(f"{key}={phase}")
                    with self.assertRaises(OSError) as cm:
                        self.install(self.good)
                    self.assertIn(cm.exception.errno, (ENODEV, ENOENT))
                    names = [self.upload, "sys/class/firmware/tdx_module", DEVICE[:-1]]
                    self.assertEqual(self.exists(*names), [False, False, key == "vanish"])

    def test_comes_back(self):
        self.start()
        self.refuse(b"old")
        with open(self.path("data"), "wb", buffering=0) as f:
            self.set("no-upload=1")
            self.fails(ENODEV, f.write, b"x")
        self.set("no-upload=0")
        self.expect(error="", remaining_size="0")


@unittest.skipUnless(list(BLOBS.glob("*.blob")), "no real images, see TDX_MODULE_BLOBS")
class RealImageTest(MockTest):
    """Intel's images and Intel's key."""

    def test_real(self):
        self.trust = []
        new = ["--running=2.0.04", "--seamldr=2.0.00"]
        for version, options, reason in [
            ("1.5.01", ["--running=1.5.01"], ""),
            ("1.5.06", ["--running=1.5.01"], ""),
            ("1.5.16", ["--running=1.5.06", "--cpu=0xA06F3"], ""),
            ("2.0.04", [*new, "--cpu=0xA06E1"], ""),
            ("2.0.08", [*new, "--cpu=0xA06D0"], ""),
            ("1.5.06", ["--cpu=0xA06D0"], "CPU 0xA06D0 of socket 0"),
            ("1.5.06", ["--running=1.5.16"], "SVN 0x0106 is lower than the running 0x010b"),
            ("1.5.06", ["--running=2.0.04"], "SVN 0x0106 has another major"),
            ("2.0.08", ["--running=2.0.04", "--cpu=0xA06D0"], "reserved3"),
        ]:
            image = (BLOBS / f"tdx_module_{version}.blob").read_bytes()
            for kind, (header, _, _, error, _, _) in KINDS.items():
                with self.subTest(version, kind=kind, reason=reason):
                    self.start(f"--kernel={kind}", *options)
                    blob = wrap(image[PAGE : 2 * PAGE], image[2 * PAGE :], header)
                    if reason:
                        self.lose(blob, reason, error)
                    else:
                        self.install(blob, version=version)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    sys.exit(tap.run(sys.modules["__main__"]))
