#!/usr/bin/python3
#
# Copyright 2026 The fwupd-plugin-tdx-module authors
#
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks that the mock TDX host behaves as the kernel and the P-SEAMLDR do.

Only open, read and write are used, so each of these is also what a user of the kernel sees.
MOCK_TDX_HOST names the binary. Images are made and signed here; Intel's are used where present.
"""

import errno
import hashlib
import os
import random
import stat
import struct
import subprocess
import tempfile
import time
import unittest

MOCK = os.environ.get("MOCK_TDX_HOST", "mock-tdx-host")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BLOBS = os.environ.get(
    "TDX_MODULE_BLOBS", os.path.join(ROOT, "..", "shared", "intel-tdx-blobs")
)
PAGE = 4096
DEVICE = "sys/devices/faux/tdx_host/"
KINDS = ["mainline", "v10", "v9", "v8", "v7", "v6", "v4", "v3", "v2"]


class Key:
    """An RSA-3072 key for tests; the seeds were chosen for the numbers to be primes."""

    def __init__(self, seeds):
        p, q = (random.Random(s).getrandbits(1536) | 3 << 1534 | 1 for s in seeds)
        self.n = p * q
        self.d = pow(0x10001, -1, (p - 1) * (q - 1))
        self.modulus = self.n.to_bytes(384, "little")
        self.hash = hashlib.sha384(self.modulus).hexdigest()

    def sign(self, data):
        oid = bytes.fromhex("3041300d060960864801650304020205000430")
        digest = oid + hashlib.sha384(data).digest()
        padded = b"\0\1" + b"\xff" * (384 - 3 - len(digest)) + b"\0" + digest
        number = pow(int.from_bytes(padded, "big"), self.d, self.n)
        return number.to_bytes(384, "little")


KEY = Key((299, 2168))
OTHER_KEY = Key((2313, 2673))


def make_sigstruct(module, patches=(), key=KEY, cpus=(0x806F8, 0xC06F0), svn=0x0107):
    sig = bytearray(2048)
    struct.pack_into("<10I", sig, 0, 6, 0xE1, 0x10000, 0, 0x8086, 0x20260101, 0x200, 0x60, 0x60, 1)
    struct.pack_into("<I", sig, 512, 0x10001)
    sig[900:948] = hashlib.sha384(module).digest()
    struct.pack_into("<H", sig, 948, svn)
    struct.pack_into("<H", sig, 990, 13)
    struct.pack_into(f"<I{len(cpus)}I", sig, 1024, len(cpus), *cpus)
    sig[128:512] = key.modulus
    for offset, data in patches:
        sig[offset : offset + len(data)] = data
    sig[516:900] = key.sign(bytes(sig[0:128] + sig[900:2048]))
    return bytes(sig)


def fix_checksum(image):
    image = bytearray(image)
    image[2:4] = b"\0\0"
    words = struct.unpack(f"<{len(image) // 2}H", bytes(image[: len(image) & ~1]))
    struct.pack_into("<H", image, 2, -sum(words) & 0xFFFF)
    return bytes(image)


def make_v1(sigstruct, module, sig_pages=1):
    head = struct.pack("<HHI8sI", 0x100, 0, PAGE * (1 + sig_pages), b"TDX-BLOB", 0)
    body = sigstruct.ljust(PAGE * sig_pages, b"\0") + module
    head = head[:16] + struct.pack("<I", PAGE + len(body))
    return fix_checksum(head.ljust(PAGE, b"\0") + body)


def make_v2(sigstruct, module, sig_pages=1):
    head = struct.pack("<HH8sII", 0x200, 0, b"TDX-BLOB", sig_pages, len(module) // PAGE)
    return fix_checksum(head.ljust(PAGE, b"\0") + sigstruct.ljust(PAGE * sig_pages, b"\0") + module)


MODULE = random.Random(1).randbytes(5 * PAGE)
SIGSTRUCT = make_sigstruct(MODULE)
GOOD_V1 = make_v1(SIGSTRUCT, MODULE)
GOOD_V2 = make_v2(SIGSTRUCT, MODULE)


def patch(image, offset, data):
    return image[:offset] + data + image[offset + len(data) :]


class MockTest(unittest.TestCase):
    SIGNER = (f"--signer={KEY.hash}",)

    def start(self, *args):
        self.root = tempfile.mkdtemp(prefix="mock-tdx-host-")
        cmd = [MOCK, "--install-version=1.5.08", *self.SIGNER, *args, self.root]
        process = subprocess.Popen(cmd, stdout=subprocess.PIPE)
        self.addCleanup(self.stop, process, self.root)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        kind = ([a.split("=")[1] for a in args if a.startswith("--kernel=")] or ["mainline"])[0]
        name = "seamldr_upload" if kind in ("v2", "v3") else "tdx_module"
        self.upload = DEVICE + "firmware/" + name + "/"

    def stop(self, process, root):
        process.terminate()
        try:
            self.assertEqual(process.wait(timeout=10), 0)
        except subprocess.TimeoutExpired:
            process.kill()
            subprocess.run(["umount", "-l", root], check=False)
            raise
        finally:
            process.stdout.close()
        os.rmdir(root)

    def path(self, path):
        return os.path.join(self.root, path)

    def read(self, path):
        with open(self.path(path), "rb", buffering=0) as f:
            return f.read().decode()

    def write(self, path, data):
        data = data if isinstance(data, bytes) else data.encode()
        with open(self.path(path), "wb", buffering=0) as f:
            return f.write(data)

    def set(self, *lines):
        self.write("control/set", "\n".join(lines) + "\n")

    def log(self):
        return self.read("control/log")

    def send(self, image):
        """As the kernel demands: in one open, however little each write takes."""
        with open(self.path(self.upload + "data"), "wb", buffering=0) as f:
            sent = 0
            while sent < len(image):
                sent += f.write(image[sent:])

    def wait(self, status="idle"):
        for _ in range(2000):
            if self.read(self.upload + "status") == status + "\n":
                return
            time.sleep(0.002)
        self.fail(f"never {status}: {self.log()}")

    def install(self, image):
        self.write(self.upload + "loading", "1")
        self.send(image)
        self.write(self.upload + "loading", "0")
        self.wait()
        return self.read(self.upload + "error")

    def assertErrno(self, number, func, *args):
        with self.assertRaises(OSError) as cm:
            func(*args)
        self.assertEqual(errno.errorcode[cm.exception.errno], errno.errorcode[number])

    def assertMode(self, path, mode):
        self.assertEqual(oct(stat.S_IMODE(os.stat(self.path(path)).st_mode)), oct(mode), path)

    def assertAbsent(self, path):
        self.assertFalse(os.path.lexists(self.path(path)), path)

    def assertLost(self, reason, remaining="num_remaining_updates", left="10\n"):
        self.assertRegex(self.log(), f"(?m)^seamldr: refused: .*{reason}")
        self.assertErrno(errno.ENXIO, self.read, DEVICE + "version")
        self.assertEqual(self.read(DEVICE + remaining), left)

    def reset(self):
        """Puts the module back as it was at the start."""
        self.set("running=1.5.06", "remaining=10", "lost=0")


class Tree(MockTest):
    def test_mainline(self):
        self.start()
        self.assertEqual(os.listdir(self.path("sys/class/firmware")), ["tdx_module"])
        self.assertEqual(self.read("sys/class/firmware/tdx_module/status"), "idle\n")
        self.assertEqual(self.read("sys/bus/faux/devices/tdx_host/version"), "1.5.06\n")
        self.assertEqual(self.read(DEVICE + "seamldr_version"), "1.5.06\n")
        self.assertEqual(self.read(DEVICE + "num_remaining_updates"), "10\n")
        self.assertEqual(self.read(DEVICE + "uevent"), "DRIVER=faux_driver\n")
        self.assertEqual(self.read(self.upload + "uevent"), "")
        for link, name in [("driver", "faux_driver"), ("subsystem", "faux")]:
            target = os.path.realpath(self.path(DEVICE + link))
            self.assertTrue(os.path.isdir(target))
            self.assertEqual(os.path.basename(target), name)
        subsystem = os.path.realpath(self.path(self.upload + "subsystem"))
        self.assertEqual(subsystem, self.path("sys/class/firmware"))
        for name, mode in [
            ("version", 0o444),
            ("seamldr_version", 0o400),
            ("num_remaining_updates", 0o400),
        ]:
            self.assertMode(DEVICE + name, mode)
        for name, mode in [
            ("loading", 0o644),
            ("data", 0o644),
            ("status", 0o444),
            ("error", 0o444),
            ("remaining_size", 0o444),
            ("cancel", 0o200),
        ]:
            self.assertMode(self.upload + name, mode)
        self.assertAbsent(DEVICE + "seamldr")
        self.assertErrno(errno.ENOENT, os.listdir, self.path("sys/class/dmi"))
        self.assertEqual(os.listdir(self.path("sys/firmware")), [])
        self.assertErrno(errno.EACCES, self.write, DEVICE + "version", "1")

    def test_kinds(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.start(f"--kernel={kind}", "--seamldr-unpadded")
                flat = kind in ("mainline", "v10", "v9", "v8")
                seamldr = DEVICE + ("seamldr_version" if flat else "seamldr/version")
                self.assertEqual(self.read(seamldr), "1.5.6\n")
                self.assertMode(seamldr, 0o444 if kind in ("v2", "v3") else 0o400)
                self.assertEqual(self.read(self.upload + "status"), "idle\n")
                self.assertAbsent(DEVICE + ("seamldr" if flat else "seamldr_version"))
                self.doCleanups()

    def test_not_updatable(self):
        for args, seamldr, upload in [
            (["--erratum"], False, False),
            (["--no-upload"], True, False),
            (["--no-seamldr"], False, True),
        ]:
            with self.subTest(args=args):
                self.start(*args)
                self.assertEqual(self.read(DEVICE + "version"), "1.5.06\n")
                self.assertEqual(os.path.exists(self.path(DEVICE + "seamldr_version")), seamldr)
                self.assertEqual(os.path.exists(self.path(self.upload)), upload)
                names = os.listdir(self.path("sys/class/firmware"))
                self.assertEqual(names, ["tdx_module"] * upload)
                erratum = "seamret_invd_vmcs" in self.read("proc/cpuinfo")
                self.assertEqual(erratum, "--erratum" in args)
                self.doCleanups()

    def test_cpus(self):
        self.start("--cpu=0x806F8", "--cpu=0xA06D1", "--cpus-per-socket=3", "--smt=off", "--tds=4",
                   "--online=0-3,5", "--vendor=Other")
        self.assertEqual(self.read("sys/devices/system/cpu/online"), "0-3,5\n")
        self.assertEqual(self.read("sys/devices/system/cpu/present"), "0-5\n")
        self.assertEqual(self.read("sys/devices/system/cpu/possible"), "0-5\n")
        self.assertEqual(self.read("sys/devices/system/cpu/smt/active"), "0\n")
        self.assertEqual(self.read("sys/devices/system/cpu/smt/control"), "off\n")
        self.assertEqual(self.read("sys/fs/cgroup/misc.current"), "tdx 4\n")
        self.assertTrue(self.read("sys/fs/cgroup/misc.capacity").startswith("tdx "))
        blocks = self.read("proc/cpuinfo").strip().split("\n\n")
        cpus = [dict(map(str.strip, line.split(":")) for line in b.split("\n")) for b in blocks]
        self.assertEqual([c["processor"] for c in cpus], ["0", "1", "2", "3", "5"])
        self.assertEqual([c["physical id"] for c in cpus], ["0", "0", "0", "1", "1"])
        self.assertEqual([c["model"] for c in cpus], ["143", "143", "143", "173", "173"])
        self.assertEqual([c["stepping"] for c in cpus], ["8", "8", "8", "1", "1"])
        self.assertEqual({c["cpu family"] for c in cpus}, {"6"})
        self.assertEqual({c["vendor_id"] for c in cpus}, {"Other"})

    def test_lost_and_absent(self):
        self.start("--lost", "--absent")
        self.assertAbsent(DEVICE[:-1])
        self.assertAbsent("sys/bus/faux/devices/tdx_host")
        self.assertAbsent("sys/class/firmware/tdx_module")
        self.set("late-attrs-ms=200", "absent=0")
        self.assertEqual(sorted(os.listdir(self.path(DEVICE))), ["subsystem", "uevent"])
        time.sleep(0.25)
        self.assertErrno(errno.ENXIO, self.read, DEVICE + "version")
        self.set("lost=0")
        self.assertEqual(self.read(DEVICE + "version"), "1.5.06\n")


class Upload(MockTest):
    def test_success(self):
        self.start()
        self.assertEqual(self.install(GOOD_V2), "")
        self.assertEqual(self.read(DEVICE + "version"), "1.5.08\n")
        self.assertEqual(self.read(DEVICE + "num_remaining_updates"), "9\n")
        self.assertEqual(self.read(self.upload + "remaining_size"), "0\n")
        with open(self.path("control/received"), "rb") as f:
            self.assertEqual(f.read(), GOOD_V2)
        writes = len(GOOD_V2) // PAGE
        self.assertEqual(self.read("control/writes"), f"loading=2 data={writes} uploads=1\n")
        states = [line for line in self.log().splitlines() if line.startswith("status:")]
        phases = ["receiving", "preparing", "transferring", "programming", "idle"]
        self.assertEqual(states, ["status: " + p for p in phases])
        self.assertIn(f"data: {len(GOOD_V2)} bytes in {writes} writes\n", self.log())

    def test_running_svn_becomes_that_of_the_image(self):
        self.start()
        self.install(GOOD_V2)
        self.install(make_v2(make_sigstruct(MODULE, svn=0x0106), MODULE))
        self.assertLost("SVN 0x0106 is lower than the running 0x0107", left="9\n")

    def test_data_takes_a_page_at_a_time(self):
        self.start()
        self.write(self.upload + "loading", "1")
        self.assertEqual(self.write(self.upload + "data", bytes(150 * PAGE)), PAGE)
        self.assertEqual(self.write(self.upload + "data", bytes(100)), 100)

    def test_data_overwrites_after_a_new_open(self):
        self.start()
        self.write(self.upload + "loading", "1")
        self.write(self.upload + "data", b"a" * PAGE)
        self.write(self.upload + "data", b"b" * 10)
        self.assertEqual(self.read(self.upload + "data"), "b" * 10 + "a" * (PAGE - 10))
        self.write(self.upload + "loading", "0")
        self.wait()
        self.assertEqual(self.read("control/received"), "b" * 10 + "a" * (PAGE - 10))

    def test_loading_values(self):
        self.start()
        loading = self.upload + "loading"
        self.assertEqual(self.read(loading), "0\n")
        for end in ["-1", "2", "7", "0"]:
            self.write(loading, "1\n")
            self.assertEqual(self.read(loading), "1\n")
            self.write(loading, end)
            self.assertEqual(self.read(loading), "0\n", end)
        self.write(loading, "1")
        for garbage in ["x", "1x", " 1", "0x1", "\n", "99999999999"]:
            self.assertErrno(errno.EINVAL, self.write, loading, garbage)
        self.assertEqual(self.read(loading), "1\n")
        self.assertIn("uploads=0", self.read("control/writes"))

    def test_loading_1_discards(self):
        self.start()
        self.write(self.upload + "loading", "1")
        self.send(b"a" * 3 * PAGE)
        self.write(self.upload + "loading", "1")
        self.send(b"b" * PAGE)
        self.write(self.upload + "loading", "0")
        self.wait()
        self.assertEqual(self.read("control/received"), "b" * PAGE)

    def assertNothingUploaded(self):
        self.assertEqual(self.read(self.upload + "status"), "idle\n")
        self.assertIn("uploads=1\n", self.read("control/writes"))
        self.assertEqual(self.read(self.upload + "error"), "transferring:firmware-invalid\n")
        self.assertEqual(self.read(DEVICE + "version"), "1.5.06\n")

    def test_false_successes(self):
        self.start()
        self.assertEqual(self.install(b"old"), "transferring:firmware-invalid\n")
        with self.subTest("data without loading=1"):
            self.send(GOOD_V2)
            self.write(self.upload + "loading", "0")
            self.assertNothingUploaded()
        with self.subTest("zero length"):
            self.write(self.upload + "loading", "1")
            self.write(self.upload + "loading", "0")
            self.assertNothingUploaded()
        for abort in ["-1", "2"]:
            with self.subTest("loading=0 after an abort", abort=abort):
                self.write(self.upload + "loading", "1")
                self.send(GOOD_V2)
                self.write(self.upload + "loading", abort)
                self.write(self.upload + "loading", "0")
                self.assertNothingUploaded()
        with self.subTest("a udev rule aborts"):
            self.set(f"abort-after={2 * PAGE}")
            self.write(self.upload + "loading", "1")
            self.send(GOOD_V2)
            self.assertEqual(self.read(self.upload + "loading"), "0\n")
            self.write(self.upload + "loading", "0")
            self.assertNothingUploaded()
        self.assertEqual(self.install(GOOD_V2), "")

    def test_busy(self):
        self.start()
        for phase in ["receiving", "preparing", "transferring", "programming"]:
            with self.subTest(phase):
                self.reset()
                self.install(b"old")
                self.set("stuck=" + phase)
                self.write(self.upload + "loading", "1")
                self.send(GOOD_V2)
                self.write(self.upload + "loading", "0")
                self.assertNotEqual(self.read(self.upload + "status"), "idle\n")
                self.wait(phase)
                self.assertEqual(self.read(self.upload + "loading"), "0\n")
                self.assertErrno(errno.EBUSY, self.read, self.upload + "error")
                for value in ["1", "0", "-1", "2"]:
                    self.write(self.upload + "loading", value)
                    self.assertEqual(self.read(self.upload + "loading"), "0\n")
                self.assertErrno(errno.EINVAL, self.write, self.upload + "loading", "x")
                self.assertErrno(errno.ENODEV, self.write, self.upload + "data", b"x")
                self.assertErrno(errno.ENODEV, self.read, self.upload + "data")
                self.write(self.upload + "cancel", "1")
                left = "0\n" if phase == "programming" else f"{len(GOOD_V2)}\n"
                self.assertEqual(self.read(self.upload + "remaining_size"), left)
                self.assertEqual(self.read(self.upload + "status"), phase + "\n")
                self.set("stuck=")
                self.wait()
                self.assertEqual(self.read(self.upload + "error"), "")
                self.assertEqual(self.read(DEVICE + "version"), "1.5.08\n")

    def test_status_is_receiving_before_the_write_returns(self):
        self.start("--phase-ms=50")
        for _ in range(5):
            self.write(self.upload + "loading", "1")
            self.send(b"x")
            self.write(self.upload + "loading", "0")
            self.assertIn(self.read(self.upload + "status"), ["receiving\n", "preparing\n"])
            self.wait()

    def test_status_is_new_in_an_open_file(self):
        self.start()
        with open(self.path(self.upload + "status"), "rb", buffering=0) as f:
            self.assertEqual(f.read(), b"idle\n")
            self.set("stuck=preparing")
            self.write(self.upload + "loading", "1")
            self.send(b"x")
            self.write(self.upload + "loading", "0")
            self.wait("preparing")
            f.seek(0)
            self.assertEqual(f.read(), b"preparing\n")

    def test_failure_keeps_error_and_remaining_size(self):
        self.start()
        self.assertEqual(self.install(b"x" * 5000), "transferring:firmware-invalid\n")
        self.assertEqual(self.read(self.upload + "remaining_size"), "5000\n")
        self.assertEqual(self.read(self.upload + "error"), "transferring:firmware-invalid\n")
        self.assertEqual(self.install(GOOD_V2), "")

    def test_cancel(self):
        self.start()
        self.assertErrno(errno.EINVAL, self.write, self.upload + "cancel", "0")
        self.assertErrno(errno.ENODEV, self.write, self.upload + "cancel", "1")


class KernelHeader(MockTest):
    """Refused by the kernel: costs nothing, and the next good image still works."""

    def check(self, good, bad):
        for name, image in bad.items():
            with self.subTest(name):
                self.assertEqual(self.install(image), "transferring:firmware-invalid\n")
                self.assertIn("kernel: refused: header: ", self.log().splitlines()[-3])
                self.assertEqual(self.read(DEVICE + "version"), "1.5.06\n")
        self.assertNotIn("seamldr: refused", self.log())
        self.assertEqual(self.install(good), "")
        self.assertEqual(self.read(DEVICE + "version"), "1.5.08\n")

    def test_v2(self):
        overflow = patch(GOOD_V2, 12, struct.pack("<I", 0x100001))
        bad = {
            "short": GOOD_V2[:4095],
            "header 0x100": GOOD_V1,
            "header 0x201": patch(GOOD_V2, 0, b"\x01\x02"),
            "signature": patch(GOOD_V2, 4, b"TDX-BLOC"),
            "reserved first": patch(GOOD_V2, 20, b"\1"),
            "reserved last": patch(GOOD_V2, 4095, b"\1"),
            "truncated": GOOD_V2[:-1],
            "trailing page": GOOD_V2 + bytes(PAGE),
            "trailing byte": GOOD_V2 + b"\0",
            "2 sigstruct pages": make_v2(SIGSTRUCT, MODULE, sig_pages=2),
            "497 module pages": make_v2(SIGSTRUCT, bytes(497 * PAGE)),
            "page counts overflow 32 bits": overflow,
        }
        for kind in ["mainline", "v10", "v9"]:
            self.start(f"--kernel={kind}")
            self.check(GOOD_V2, bad)
            self.doCleanups()

    def test_v2_takes_a_wrong_checksum(self):
        self.start()
        self.assertEqual(self.install(patch(GOOD_V2, 2, b"\0\0")), "")

    def test_v1(self):
        bad = {
            "short": GOOD_V1[:4095],
            "header only": GOOD_V1[:4096],
            "header 0x200": GOOD_V2,
            "signature": patch(GOOD_V1, 8, b"TDX-BLOC"),
            "length": patch(GOOD_V1, 16, struct.pack("<I", len(GOOD_V1) - 1)),
            "reserved0": patch(GOOD_V1, 20, b"\1"),
            "reserved1": patch(GOOD_V1, 4095, b"\1"),
            "offset before sigstruct": patch(GOOD_V1, 4, struct.pack("<I", PAGE)),
            "offset 0": patch(GOOD_V1, 4, struct.pack("<I", 0)),
            "offset not a page": patch(GOOD_V1, 4, struct.pack("<I", 2 * PAGE + 2)),
            "offset at the end": patch(GOOD_V1, 4, struct.pack("<I", len(GOOD_V1))),
            "497 module pages": make_v1(SIGSTRUCT, bytes(497 * PAGE)),
            "5 sigstruct pages": make_v1(SIGSTRUCT, MODULE, sig_pages=5),
        }
        old = {
            "checksum": patch(GOOD_V1, 2, b"\0\0"),
            "2 sigstruct pages": make_v1(SIGSTRUCT, MODULE, sig_pages=2),
        }
        for kind in ["v8", "v7", "v6", "v4"]:
            self.start(f"--kernel={kind}")
            self.check(GOOD_V1, bad)
            self.reset()
            self.check(make_v1(SIGSTRUCT, MODULE, sig_pages=4), {})
            self.reset()
            self.check(old["checksum"], {})
            self.doCleanups()
        for kind in ["v3", "v2"]:
            self.start(f"--kernel={kind}")
            self.check(GOOD_V1, {**bad, **old})
            self.doCleanups()


class Seamldr(MockTest):
    """Refused by the P-SEAMLDR: the running module is lost."""

    def check(self, name, image, reason):
        with self.subTest(name):
            self.reset()
            self.assertEqual(self.install(image), "transferring:firmware-invalid\n")
            self.assertIn("seamldr: refused: ", self.log().splitlines()[-4])
            self.assertIn(reason, self.log().splitlines()[-4])
            self.assertLost(reason)
            # for ever
            self.assertEqual(self.install(GOOD_V2), "transferring:firmware-invalid\n")
            self.assertErrno(errno.ENXIO, self.read, DEVICE + "version")

    def check_sigstruct(self, name, offset, data, reason=None):
        image = make_v2(make_sigstruct(MODULE, [(offset, data)]), MODULE)
        self.check(name, image, reason or name)

    def test_fixed_fields(self):
        self.start()
        for name, offset, good in [
            ("header_type", 0, 6),
            ("header_length", 4, 0xE1),
            ("header_version", 8, 0x10000),
            ("module_vendor", 16, 0x8086),
            (" size", 24, 0x200),
            ("key_size", 28, 0x60),
            ("modulus_size", 32, 0x60),
            ("exponent_size", 36, 1),
            ("exponent", 512, 0x10001),
        ]:
            for bad in [good + 1, good | 1 << 31, 0]:
                self.check_sigstruct(name, offset, struct.pack("<I", bad))
        for name, first, last in [
            ("reserved0", 40, 127),
            ("attributes", 950, 957),
            ("reserved1", 978, 983),
            ("reserved2", 989, 989),
            ("reserved3", 1000, 1023),
        ]:
            self.check_sigstruct(name, first, b"\x80")
            self.check_sigstruct(name, last, b"\x01")

    def test_other_fields(self):
        self.start()
        self.check_sigstruct("module_type", 12, struct.pack("<I", 1))
        self.check_sigstruct("debug", 12, struct.pack("<I", 1 << 31))
        self.check_sigstruct("min_update_hv", 984, struct.pack("<HH", 0, 1))
        self.check_sigstruct("handoff", 984, struct.pack("<HH", 1, 1))
        self.check_sigstruct("cpuid_table_size", 1024, struct.pack("<I", 256))
        self.check_sigstruct("empty table", 1024, struct.pack("<I", 0), "socket 0")
        self.reset()
        for offset, data in [
            (20, b"\0\0\0\0"),  # date
            (958, b"\1\2\3\4\5\6\7\x08\x09\x0a"),  # geometry
            (984, struct.pack("<HH", 1, 0)),  # newer handoff version, takes the old one
        ]:
            image = make_v2(make_sigstruct(MODULE, [(offset, data)]), MODULE)
            self.assertEqual(self.install(image), "")

    def test_reserved3_of_a_2_0_loader(self):
        self.start("--seamldr=2.0.00", "--running=2.0.04", "--cpu=0xA06D0")
        embedded = [(1000, bytes.fromhex("4d0000025b030800"))]
        sigstruct = make_sigstruct(MODULE, embedded, cpus=[0xA06D1], svn=0x0304)
        self.assertEqual(self.install(make_v2(sigstruct, MODULE)), "")
        self.assertEqual(self.read(DEVICE + "version"), "2.0.77\n")

    def test_signer(self):
        self.start()
        image = make_v2(make_sigstruct(MODULE, key=OTHER_KEY), MODULE)
        self.check("signer", image, f"signer key hash {OTHER_KEY.hash}")

    def test_signers(self):
        self.start(f"--signer={OTHER_KEY.hash}")
        self.assertEqual(self.install(GOOD_V2), "")
        self.assertEqual(self.install(make_v2(make_sigstruct(MODULE, key=OTHER_KEY), MODULE)), "")

    def test_signature(self):
        self.start()
        for name, offset in [("of it", 516), ("before", 20), ("after", 958), ("end", 2047)]:
            image = make_v2(patch(SIGSTRUCT, offset, bytes([SIGSTRUCT[offset] ^ 1])), MODULE)
            self.check("signature " + name, image, "RSA signature")
        zeros = make_v2(patch(SIGSTRUCT, 516, bytes(384)), MODULE)
        self.check("signature zero", zeros, "RSA signature")

    def test_hash(self):
        self.start()
        for offset in [2 * PAGE, len(GOOD_V2) - 1]:
            image = patch(GOOD_V2, offset, bytes([GOOD_V2[offset] ^ 0x80]))
            self.check("hash", image, "module hash")

    def test_svn(self):
        self.start()
        for svn in [0x0105, 0x0206, 0x0006, 0x0000, 0x0306]:
            self.check("svn", make_v2(make_sigstruct(MODULE, svn=svn), MODULE), f"SVN 0x{svn:04x}")
        self.reset()
        self.assertEqual(self.install(make_v2(make_sigstruct(MODULE, svn=0x0106), MODULE)), "")

    def test_cpus_of_every_socket(self):
        self.start("--cpu=0x806F6", "--cpu=0xC06F2")
        self.assertEqual(self.install(GOOD_V2), "")
        image = make_v2(make_sigstruct(MODULE, cpus=[0x806F8]), MODULE)
        self.check("socket 1", image, "CPU 0xC06F2 of socket 1")
        image = make_v2(make_sigstruct(MODULE, cpus=[0xC06F0, 0x906F8]), MODULE)
        self.check("socket 0", image, "CPU 0x806F6 of socket 0")

    def test_zero_pages(self):
        for kind in ["mainline", "v10", "v9"]:
            self.start(f"--kernel={kind}")
            self.check("sigstruct", make_v2(b"", MODULE, sig_pages=0), "no sigstruct page")
            self.check("module", make_v2(make_sigstruct(b""), b""), "no module pages")
            self.check("both", make_v2(b"", b"", sig_pages=0), "no sigstruct page")
            self.doCleanups()

    def test_offline_cpu_and_full_log(self):
        for kind in KINDS:
            with self.subTest(kind):
                self.start(f"--kernel={kind}", "--online=0-2")
                good = GOOD_V2 if kind in ("mainline", "v10", "v9") else GOOD_V1
                checks = kind in ("v4", "v3", "v2")
                offline = self.install(good)
                self.assertEqual("last-CPU" in self.log(), not checks)
                self.set("online=3,0-2", "lost=0", "remaining=0")
                full = self.install(good)
                self.assertEqual("seamldr: refused: no updates remaining" in self.log(), not checks)
                if checks:
                    self.assertEqual(self.read(DEVICE + "version"), "1.5.06\n")
                else:
                    self.assertErrno(errno.ENXIO, self.read, DEVICE + "version")
                strings = {
                    "v7": ["hw-error", "hw-error"],
                    "v6": ["hw-error", "hw-error"],
                    "v4": ["device-busy", "flash-wearout"],
                    "v3": ["device-busy", "flash-wearout"],
                }.get(kind, ["firmware-invalid", "firmware-invalid"])
                self.assertEqual([offline, full], [f"transferring:{s}\n" for s in strings])
                self.doCleanups()

    def test_error_strings(self):
        bad = patch(GOOD_V1, len(GOOD_V1) - 1, bytes([GOOD_V1[-1] ^ 1]))
        for kind in ["v8", "v7", "v6", "v4", "v3", "v2"]:
            with self.subTest(kind):
                self.start(f"--kernel={kind}")
                error = "firmware-invalid" if kind in ("v8", "v2") else "hw-error"
                self.assertEqual(self.install(fix_checksum(bad)), f"transferring:{error}\n")
                seamldr = "" if kind == "v8" else "seamldr/"
                self.assertLost("module hash", seamldr + "num_remaining_updates")
                self.doCleanups()


class Faults(MockTest):
    def test_unknown(self):
        self.start()
        for line in [
            "nonsense=1",
            "running",
            "fault=idle:x",
            "fault=transferring",
            "stuck=x",
            "vanish=idle",
            "online=3-1",
            "online=x",
            "remaining=-1",
            "lost=2",
            "attr-errno=version:EWHAT",
            "attr-errno=nothing:EIO",
            "attr-text=nothing:x",
            "attr-errno=version",
        ]:
            self.assertErrno(errno.EINVAL, self.set, line)

    def test_fault(self):
        self.start()
        for status in ["preparing", "transferring", "programming"]:
            self.set(f"fault={status}:hw-error")
            self.assertEqual(self.install(GOOD_V2), f"{status}:hw-error\n")
            self.assertEqual(self.read(DEVICE + "version"), "1.5.06\n")
            self.assertEqual(self.read(DEVICE + "num_remaining_updates"), "10\n")
        self.set("fault=transferring:unknown-error", "fault-version=1.5.99")
        self.assertEqual(self.install(GOOD_V2), "transferring:unknown-error\n")
        self.assertEqual(self.read(DEVICE + "version"), "1.5.99\n")
        self.set("fault=programming:timeout", "fault-loses=1")
        self.assertEqual(self.install(GOOD_V2), "programming:timeout\n")
        self.assertErrno(errno.ENXIO, self.read, DEVICE + "version")
        self.assertEqual(self.read(DEVICE + "num_remaining_updates"), "10\n")
        self.set("lost=0", "fault-version=1.5.07")
        self.assertEqual(self.install(GOOD_V2), "")
        self.assertEqual(self.read(DEVICE + "version"), "1.5.07\n")
        self.assertEqual(self.install(GOOD_V2), "")
        self.assertEqual(self.read(DEVICE + "version"), "1.5.08\n")

    def test_attr_errno(self):
        self.start()
        self.set("attr-errno=firmware/tdx_module/loading:open:EROFS")
        self.assertErrno(errno.EROFS, self.write, self.upload + "loading", "1")
        self.set("attr-errno=firmware/tdx_module/loading:0")
        self.write(self.upload + "loading", "-1")
        self.set("attr-errno=firmware/tdx_module/data:write:ENODEV:2")
        for _ in range(2):
            self.assertErrno(errno.ENODEV, self.write, self.upload + "data", "1")
        self.write(self.upload + "data", "1")
        for attr, path in [
            ("version", DEVICE + "version"),
            ("cpu/online", "sys/devices/system/cpu/online"),
            ("cgroup/misc.current", "sys/fs/cgroup/misc.current"),
            ("cpuinfo", "proc/cpuinfo"),
        ]:
            self.set(f"attr-errno={attr}:read:EIO:1")
            self.assertErrno(errno.EIO, self.read, path)
            self.read(path)
            self.set(f"attr-errno={attr}:EBUSY")
            self.assertErrno(errno.EBUSY, open, self.path(path))

    def test_attr_text(self):
        self.start()
        for text, expected in [
            ("1.5\\n", b"1.5\n"),
            ("a\\x00\\tb:c=d", b"a\0\tb:c=d"),
            ("@empty", b""),
            ("", b"1.5.06\n"),
        ]:
            self.set("attr-text=version:" + text)
            with open(self.path(DEVICE + "version"), "rb") as f:
                self.assertEqual(f.read(), expected)
        self.set("attr-text=cpuinfo:@garbage")
        with open(self.path("proc/cpuinfo"), "rb") as f:
            garbage = f.read()
        self.assertEqual(len(garbage), 4096)
        self.assertRaises(UnicodeDecodeError, garbage.decode)

    def test_short_write(self):
        self.start()
        self.set("short-write=1000")
        self.write(self.upload + "loading", "1")
        self.assertEqual(self.write(self.upload + "data", bytes(5000)), 1000)
        self.set("short-write=0")
        self.assertEqual(self.write(self.upload + "data", bytes(5000)), 0)
        self.set("short-write=700")
        self.assertEqual(self.install(GOOD_V2), "")

    def test_vanish(self):
        for phase in ["loading", "data", "receiving", "preparing", "transferring", "programming"]:
            for key, device_stays in [("vanish", True), ("vanish-device", False)]:
                with self.subTest(phase=phase, key=key):
                    self.start()
                    self.set(f"{key}={phase}")
                    with self.assertRaises(OSError) as cm:
                        self.install(GOOD_V2)
                    self.assertIn(cm.exception.errno, (errno.ENODEV, errno.ENOENT))
                    self.assertAbsent(self.upload[:-1])
                    self.assertAbsent("sys/class/firmware/tdx_module")
                    self.assertEqual(os.path.exists(self.path(DEVICE)), device_stays)
                    self.doCleanups()

    def test_vanished_but_still_open(self):
        self.start()
        with open(self.path(self.upload + "data"), "wb", buffering=0) as f:
            self.set("no-upload=1")
            self.assertErrno(errno.ENODEV, f.write, b"x")

    def test_new_node_has_no_old_error(self):
        self.start()
        self.install(b"x")
        self.set("no-upload=1", "no-upload=0")
        self.assertEqual(self.read(self.upload + "error"), "")

    def test_second_uploader(self):
        self.start("--phase-ms=100")
        self.set("second-uploader=1")
        self.write(self.upload + "loading", "1")
        self.assertEqual(self.read(self.upload + "loading"), "1\n")
        self.assertErrno(errno.ENODEV, self.write, self.upload + "data", b"x")
        self.assertErrno(errno.EBUSY, self.read, self.upload + "error")
        self.wait()
        self.assertEqual(self.read(DEVICE + "version"), "1.5.06\n")
        self.assertEqual(self.install(GOOD_V2), "")

    def test_cpu_offline_after_reads(self):
        self.start()
        self.set("cpu-offline-after-reads=2:0-2")
        reads = [self.read("sys/devices/system/cpu/online") for _ in range(4)]
        self.assertEqual(reads, ["0-3\n", "0-3\n", "0-2\n", "0-2\n"])

    def test_ends_while_stuck(self):
        self.start()
        self.set("stuck=transferring")
        self.write(self.upload + "loading", "1")
        self.send(GOOD_V2)
        self.write(self.upload + "loading", "0")
        self.wait("transferring")

    def test_version_map(self):
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(f"{hashlib.sha384(MODULE).hexdigest()} 1.5.42\n")
            f.flush()
            self.start(f"--new-version-map={f.name}")
            self.install(GOOD_V2)
            self.assertEqual(self.read(DEVICE + "version"), "1.5.42\n")


@unittest.skipUnless(os.path.exists(BLOBS + "/tdx_module_1.5.06.blob"), "no real images")
class RealImages(MockTest):
    """Intel's images against Intel's key."""

    IMAGES = [
        ("1.5.01", "1.5.01", "0x806F8", "1.5.06"),
        ("1.5.06", "1.5.01", "0x806F8", "1.5.06"),
        ("1.5.16", "1.5.06", "0xA06F3", "1.5.06"),
        ("2.0.04", "2.0.04", "0xA06E1", "2.0.00"),
        ("2.0.08", "2.0.04", "0xA06D0", "2.0.00"),
    ]
    SIGNER = ()  # the mock's default

    def load(self, version):
        with open(os.path.join(BLOBS, f"tdx_module_{version}.blob"), "rb") as f:
            return f.read()

    def convert(self, image):
        """The first page becomes that of header version 0x200."""
        return make_v2(image[PAGE : 2 * PAGE], image[2 * PAGE :])

    def test_checksum_of_conversion(self):
        self.assertEqual(self.convert(self.load("1.5.16"))[2:4], b"\x3a\xc5")

    def test_install(self):
        for version, running, cpu, seamldr in self.IMAGES:
            image = self.load(version)
            for kind in KINDS:
                with self.subTest(version, kind=kind):
                    args = [f"--running={running}", f"--cpu={cpu}", f"--seamldr={seamldr}"]
                    self.start(f"--kernel={kind}", *args)
                    new = kind in ("mainline", "v10", "v9")
                    self.assertEqual(self.install(self.convert(image) if new else image), "")
                    self.assertEqual(self.read(DEVICE + "version"), version + "\n")
                    self.doCleanups()

    def test_wrong_host(self):
        for args, reason in [
            (["--cpu=0xA06D0"], "CPU 0xA06D0 of socket 0"),
            (["--running=1.5.16"], "SVN 0x0106 is lower than the running 0x010b"),
            (["--running=2.0.04"], "SVN 0x0106 has another major"),
        ]:
            with self.subTest(args):
                self.start(*args)
                self.install(self.convert(self.load("1.5.06")))
                self.assertLost(reason)
                self.doCleanups()

    def test_2_0_needs_a_2_0_loader(self):
        self.start("--running=2.0.04", "--cpu=0xA06D0")
        self.install(self.convert(self.load("2.0.08")))
        self.assertLost("reserved3")

    def test_not_signed_by_our_key(self):
        self.start(f"--signer={KEY.hash}")
        self.install(self.convert(self.load("1.5.16")))
        self.assertLost("signer key hash c8572f548869")


if __name__ == "__main__":
    unittest.main()
