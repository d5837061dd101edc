#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's side: each rule of the P-SEAMLDR past the plugin and through it, and the calls."""

import re
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Dict, List

import guest
from guest import GuestCase, client
from tdxtest import rules

EXPECTED = guest.TEST / "refusals.txt"
# as an administrator would, without fwupd
# udev has a rule that aborts what is uploaded while it deals with a driver that was just loaded
BY_SHELL = """udevadm settle
cd "$1"/firmware/* || exit
echo 1 >loading; cat "$2" >data; echo 0 >loading
until [ "$(cat status)" = idle ]; do sleep 0.1; done
cat error
"""
# prints the longest time in seconds between two looks at the clock
LOOK_AT_CLOCK = """
import sys, time
longest, last, end = 0, time.monotonic(), time.monotonic() + float(sys.argv[1])
print("ready", flush=True)
while last < end:
    now = time.monotonic()
    longest, last = max(longest, now - last), now
print(longest)
"""


def setUpModule() -> None:  # pylint: disable=invalid-name
    guest.make_remote()
    Path("/etc/fwupd/fwupd.conf").write_text("[fwupd]\nOnlyTrusted=false\n", encoding="utf-8")
    guest.stop_daemon()


def log() -> str:
    return (guest.RECORDS / "log").read_text(encoding="utf-8")


def version() -> str:
    try:
        return guest.attr("version")
    except OSError:
        return ""


def by_shell(image: Path) -> str:
    """Gives what the file error says then."""
    return guest.run("sh", "-c", BY_SHELL, "sh", str(guest.DEVICE), str(image)).strip()


def set_cpu(online: bool) -> None:
    path = Path("/sys/devices/system/cpu/cpu1/online")
    path.write_text("1" if online else "0", encoding="utf-8")


class RefusalsTest(GuestCase):
    """The same table as with the mock host."""

    def tearDown(self) -> None:
        guest.unload_driver()

    def load(self, rule: rules.Rule) -> None:
        """As after a boot."""
        guest.load_driver(**{key: rule.host[key] for key in rule.host if key != "offline"})
        set_cpu("offline" not in rule.host)

    def show_sockets(self, rule: rules.Rule) -> None:
        """What the plugin reads of a second socket that the driver only says."""
        eax = int(rule.host["second_socket"], 16)
        model = eax >> 12 & 0xF0 | eax >> 4 & 0xF
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        first, second = text.strip().split("\n\n")
        lines = [
            f"model\t\t: {model}" if line.startswith("model\t") else line
            for line in second.split("\n")
        ]
        guest.replace_cpuinfo("\n\n".join([first, "\n".join(lines), ""]))

    def by_plugin(self, rule: rules.Rule) -> str:
        done = client.fwupdmgr("install", str(guest.TEST / f"{rule.file}.cab"))
        if guest.uploads() == 0:
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertEqual(version(), rules.BIOS)
            return "refuses"
        return "installs" if done.returncode == 0 else "cannot know"

    def ask_plugin(self) -> Dict[str, str]:
        """The rules that say nothing of the host share one driver, as nothing may happen there."""
        answers = {}
        self.load(rules.GOOD)
        self.wait_for_device(rules.BIOS)
        for rule in rules.RULES:
            if not rule.host:
                answers[rule.name] = self.by_plugin(rule)
        for rule in rules.RULES:
            if rule.host:
                self.load(rule)
                if "second_socket" in rule.host:
                    self.show_sockets(rule)
                self.wait_for_device(rules.BIOS)
                answers[rule.name] = self.by_plugin(rule)
                if "second_socket" in rule.host:
                    guest.restore_cpuinfo()
        return answers

    def test_table(self) -> None:
        answers = self.ask_plugin()
        guest.stop_daemon()
        rows: List[str] = []
        for rule in rules.RULES:
            self.load(rule)
            by_shell(guest.TEST / rule.file)
            rows.append(
                rules.row(
                    rule,
                    log(),
                    version(),
                    guest.attr("num_remaining_updates"),
                    answers[rule.name],
                )
            )
        set_cpu(True)
        print("".join(f"# {line}\n" for line in rules.table(rows)), flush=True)
        difference = rules.difference(rows, EXPECTED.read_text(encoding="utf-8"))
        self.assertFalse(difference, f"\n{difference}")


class DriverTest(unittest.TestCase):
    """The test driver is what Linux is."""

    def tearDown(self) -> None:
        guest.unload_driver()

    def upload(self, name: str = rules.GOOD.file, **options: str) -> str:
        guest.load_driver(**options)
        return self.upload_again(name)

    def upload_again(self, name: str = rules.GOOD.file) -> str:
        return by_shell(guest.TEST / name)

    def test_calls(self) -> None:
        """The calls into the P-SEAMLDR in both styles, on each kernel."""
        for options in [
            {"vmcs_save": "Y"},
            {"vmcs_save": "N"},
            {"layout": "v4"},
        ]:
            guest.load_driver(**options)
            out = (guest.RECORDS / "selftest").read_text(encoding="utf-8")
            print("".join(f"# {line}\n" for line in [str(options), *out.splitlines()]), flush=True)
            lines = out.splitlines()
            self.assertNotIn("not ok", out)
            self.assertEqual(lines[-1], f"1..{len(lines) - 2}")
            self.assertEqual("clobbered: 0xffffffffffffffff" in out, options.get("vmcs_save") == "N")
            self.assertEqual(version(), rules.BIOS)
            guest.unload_driver()
        self.assertRegex(guest.run("dmesg"), "WARNING: .*seamldr-params.c")

    def test_second_try(self) -> None:
        """What the kernel finds after a refusal before the wipe, and after one after it."""
        for name, error in [("debug-signed", "SEAMCALL (34) failed"), ("module-hash", "")]:
            self.upload(f"{name}.rule")
            before = log()
            self.assertEqual(self.upload_again(), "transferring:firmware-invalid")
            after = log()[len(before) :]
            # shut down already, or nothing to call any more
            self.assertIn(": -5\n" if error else ": -19\n", after)
            self.assertIn(error, after)
            self.assertNotIn("seamldr: CPU", after)
            self.assertEqual(version(), "")
            self.assertEqual(guest.attr("num_remaining_updates"), "10")
            guest.unload_driver()

    def test_entropy(self) -> None:
        """Up to v3 a call is repeated, but a second call of the last CPU is a session of its own."""
        for layout, name, calls, error in [
            ("mainline", rules.GOOD.file, 2, "firmware-invalid"),
            ("v4", "good-v1.rule", 2, "hw-error"),
            ("v3", "good-v1.rule", 3, "firmware-invalid"),
        ]:
            out = self.upload(name, no_entropy="1", layout=layout)
            self.assertEqual(out, f"transferring:{error}")
            self.assertIn("ENOENTROPY before the wipe", log())
            self.assertEqual(len(re.findall("seamldr: CPU . of 2 called", log())), calls)
            self.assertEqual(version(), "")
            guest.unload_driver()
        self.upload(no_seamdb_entropy="1")
        self.assertIn("ENOENTROPY after the wipe", log())
        self.assertEqual(guest.attr("num_remaining_updates"), "10")

    def test_busy(self) -> None:
        """Only v4 asks the module, if that is new enough."""
        new = {"bios_version": "1.5.24", "bios_svn": "0x010b", "td_being_built": "1"}
        self.assertEqual(self.upload("good-v1.rule", layout="v4", **new), "transferring:device-busy")
        self.assertEqual(version(), "1.5.24")
        self.assertEqual(self.upload(layout="mainline", **new), "")
        self.assertEqual(version(), rules.NEW)

    def test_errors(self) -> None:
        """What user space is told by each kernel."""
        bad = "debug-v1.rule"
        self.assertEqual(self.upload(bad, layout="v4"), "transferring:hw-error")
        self.assertEqual(self.upload(bad, layout="v4", remaining="0"), "transferring:flash-wearout")
        self.assertEqual(version(), rules.BIOS)
        self.addCleanup(set_cpu, True)
        set_cpu(False)
        self.assertEqual(self.upload(bad, layout="v4"), "transferring:device-busy")
        self.assertEqual(version(), rules.BIOS)

    def test_pause(self) -> None:
        """All CPUs stand still for as long as all of them take, one after the other."""
        for ms in ["0", "250", "500"]:
            guest.load_driver(install_ms=ms)
            with subprocess.Popen(
                [sys.executable, "-c", LOOK_AT_CLOCK, "4"], stdout=subprocess.PIPE, text=True
            ) as other:
                other.stdout.readline()
                time.sleep(0.5)
                self.upload_again()
                seconds = float(other.communicate()[0])
            self.assertEqual(version(), rules.NEW)
            pages = (guest.TEST / rules.GOOD.file).stat().st_size // guest.PAGE
            print(
                f"# {pages} pages, {ms} ms on each of 2 CPUs: "
                f"another process stood still for {seconds * 1000:.0f} ms",
                flush=True,
            )
            # the kernel has measured the emulated processor's clock, when it was busy elsewhere
            self.assertGreaterEqual(seconds, 0.95 * 2 * int(ms) / 1000)
            guest.unload_driver()
