#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that the mock TDX host behaves as the kernel and the P-SEAMLDR do.

Only open, read and write are used, so each of these is also what a user of the kernel sees.
MOCK_TDX_HOST and MAKE_TDX_BLOB name the two programs, TDX_MODULE_BLOBS the folder with Intel's
images, which are used where present.
"""

import functools
import hashlib
import os
import re
import subprocess
import tempfile
import time
import unittest
from errno import EACCES, EBUSY, EINVAL, EIO, ENODEV, ENOENT, ENXIO, EROFS
from pathlib import Path
from struct import pack, unpack

HERE = Path(__file__).resolve().parent
MOCK = os.environ.get("MOCK_TDX_HOST", "mock-tdx-host")
MAKE = os.environ.get("MAKE_TDX_BLOB", "make-tdx-blob")
BLOBS = Path(os.environ.get("TDX_MODULE_BLOBS", HERE / "../../../shared/intel-tdx-blobs"))
KEY = HERE / "../../plugins/tdx-module/tests/tdx-module-test-signer.pem"
PAGE = 4096
DEVICE = "sys/devices/faux/tdx_host/"
CPU = "sys/devices/system/cpu/"
CGROUP = "sys/fs/cgroup/"
UPLOAD = ["loading", "data", "status", "error", "remaining_size", "cancel"]
PHASES = ["receiving", "preparing", "transferring", "programming"]
INVALID = "firmware-invalid"
# header, folder and mode of the P-SEAMLDR attributes, and what `error` says when: the P-SEAMLDR
# refuses; a CPU is offline; the log is full (None: only the P-SEAMLDR looks)
KINDS = {
    "mainline": (0x200, "", 0o400, INVALID, None, None),
    "v10": (0x200, "", 0o400, INVALID, None, None),
    "v9": (0x200, "", 0o400, INVALID, None, None),
    "v8": (0x100, "", 0o400, INVALID, None, None),
    "v7": (0x100, "seamldr/", 0o400, "hw-error", None, None),
    "v6": (0x100, "seamldr/", 0o400, "hw-error", None, None),
    "v4": (0x100, "seamldr/", 0o400, "hw-error", "device-busy", "flash-wearout"),
    "v3": (0x100, "seamldr/", 0o444, "hw-error", "device-busy", "flash-wearout"),
    "v2": (0x100, "seamldr/", 0o444, INVALID, INVALID, INVALID),
}


@functools.lru_cache(maxsize=None)
def make(*options):
    """Returns the pages of a new sigstruct and of its module, or what was printed instead."""
    with tempfile.NamedTemporaryFile() as f:
        command = [MAKE, f"--key={KEY}", "--svn=0x0107", *options, f.name]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        image = Path(f.name).read_bytes()
    return out.strip() or (image[PAGE : 2 * PAGE], image[2 * PAGE :])


def patch(image, offset, data):
    return image[:offset] + data + image[offset + len(data) :]


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
        self.trust = ["--signer=" + make("--print-signer")]
        self.good = wrap(*make())

    def start(self, *options):
        """Starts a mock host; the one before ends."""
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

    def wait(self, status="idle"):
        for _ in range(2000):
            if self.read("status") == status + "\n":
                return
            time.sleep(0.002)
        self.fail(f"never {status}: {self.read('control/log')}")

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
        self.start(*cpus, "--smt=off", "--tds=4", "--vendor=Other")
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
            "vendor_id": ["Other"] * 5,
        }.items():
            self.assertEqual(re.findall(rf"(?m)^{key}\t+: (.*)$", cpuinfo), values)
        self.set("cpu-offline-after-reads=2:0-2")
        for online in ["0-3,5", "0-3,5", "0-2", "0-2"]:
            self.expect(**{CPU + "online": online})


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
                self.lose(wrap(sigstruct, b""), "no module pages")


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
            attr-errno=version attr-text=x:y""".split():
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
    unittest.main()
