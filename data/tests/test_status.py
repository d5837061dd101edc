#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tdx-module-status says of every kind of host, with the real daemon."""

import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import List, Optional

from tdxtest import bootfiles, testbed
from tdxtest.bootfiles import mrseam_of, pair_of
from tdxtest.images import BUILD, PUBLISHER, QUIRK, SOURCE, run
from tdxtest.schema import find_differences
from tdxtest.testbed import NO_WRITES, Testbed, TestbedCase, main
from test_boot import BootCase  # an EFI system partition

try:
    import jsonschema
except ImportError:
    jsonschema = None

STATUS = BUILD / "contrib/status/tdx-module-status"
SCHEMA = json.loads(
    (SOURCE / "contrib/status/tdx-module-status.schema.json").read_text(encoding="utf-8")
)
OPERATORS = SOURCE / "docs/operators.md"
TCB = SOURCE.parent / "shared/tcb"
TCB_INFO = TCB / "tcbinfo-tdx-B0C06F000000-set20.json"
TCB_CHAIN = TCB / "tcb-signing-chain.pem"
TCB_TIME = "1787400000"  # 2026-08-22, while it was valid
MRSEAM = {
    "1.5.06": "5b38e33a6487958b72c3c12a938eaa5e3fd4510c51aeeab58c7d5ecee41d7c436489d6c8e4f92f160b7cad34207b00c1",
    "1.5.16": "7bf063280e94fb051f5dd7b1fc59ce9aac42bb961df8d44b709c9b0ff87a7b4df648657ba6d1189589feab1d5a3c9a9d",
}
EXITS = {
    "current": 0,
    "newer": 0,
    "available": 3,
    "blocked": 4,
    "no_release": 5,
    "failed": 6,
    "no_plugin": 7,
    "no_tdx": 8,
    "unknown": 9,
    "lost": 10,
}
FMS = ["806F0"]


class StatusCase(TestbedCase):
    """Runs the program as a person or another program would."""

    def run_status(self, bed: Testbed, *options: str, **env: str) -> subprocess.CompletedProcess:
        prefix = [*bed.on_host, f"STATE_DIRECTORY={bed.tmp}/state"]
        prefix += [f"{key}={value}" for key, value in env.items()]
        return bed.run_tool(*prefix, str(STATUS), "--timeout=10", *options)

    def status(self, bed: Testbed, *options: str, **env: str) -> dict:
        """The JSON, which is as documented, and the exit status is that of the state."""
        done = self.run_status(bed, "--json", *options, **env)
        try:
            report = json.loads(done.stdout)
        except ValueError:
            self.fail(done.stdout)
        self.assertEqual(done.returncode, EXITS[report["state"]])
        self.assertEqual(find_differences(report, SCHEMA), [])
        if jsonschema is not None:
            jsonschema.validate(report, SCHEMA)
        return report

    def assert_state(self, bed: Testbed, state: str, verdict: str, *options: str) -> dict:
        report = self.status(bed, *options)
        self.assertEqual(report["state"], state, report["verdict"])
        self.assertRegex(report["verdict"], verdict)
        return report

    def rung(self, report: dict, name: str) -> dict:
        return next(rung for rung in report["ladder"] if rung["rung"] == name)

    def results(self, report: dict) -> dict:
        return {rung["rung"]: rung["result"] for rung in report["ladder"]}

    def codes(self, report: dict) -> List[str]:
        return [reason["code"] for reason in report["reasons"]]

    def add_release(self, bed: Testbed, version: str = "1.5.16", fms: Optional[List[str]] = None) -> None:
        """Also one that the host is not offered."""
        image = bed.image(f"tdx-{version}.bin")
        bed.cabinet(image, version, fms or FMS, folder=bed.cabinets)
        bed.stop_daemon()
        bed.start_daemon()


class SchemaTest(StatusCase):
    """The schema is one, and a validator is there."""

    def test_schema(self) -> None:
        if jsonschema is None:
            self.skipTest("no python3-jsonschema, so only the names of keys are checked")
        jsonschema.Draft7Validator.check_schema(SCHEMA)

    def test_documented(self) -> None:
        """docs/operators.md has the codes of the program, and all of them."""
        _, text = OPERATORS.read_text(encoding="utf-8").split("## What a host is\n")
        text = text.split("\n## ")[0]
        rows = [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in text.splitlines() if "|" in line]
        documented = {code for row in rows for code in row}
        reasons = SCHEMA["properties"]["reasons"]["items"]["properties"]["code"]["enum"]
        boot = SCHEMA["properties"]["boot"]["properties"]["state"]["enum"]
        resets = SCHEMA["properties"]["resets"]["items"]["enum"]
        self.assertEqual(documented, {*EXITS, *reasons, *boot, *resets})
        for state, status in EXITS.items():
            self.assertRegex(text, rf"(?m)^\| `{state}` \| {status} \|")

    def test_codes(self) -> None:
        """And so has the program: metrics have every code, whatever the host is."""
        text = subprocess.run(
            [STATUS, "--prometheus"], stdout=subprocess.PIPE, text=True, check=False
        ).stdout
        states = re.findall(r'tdx_module_state\{state="(.*)"\}', text)
        reasons = re.findall(r'tdx_module_blocked\{reason="(.*)"\}', text)
        boots = re.findall(r'tdx_module_boot_state\{state="(.*)"\}', text)
        self.assertCountEqual(states, EXITS)
        self.assertCountEqual(
            reasons, SCHEMA["properties"]["reasons"]["items"]["properties"]["code"]["enum"]
        )
        self.assertCountEqual(boots, SCHEMA["properties"]["boot"]["properties"]["state"]["enum"])


class StateTest(StatusCase):
    """Each state, and nothing is written."""

    def test_update(self) -> None:
        """From nothing to install to the newest."""
        bed = self.make_testbed("--install-version=1.5.16")
        report = self.assert_state(bed, "no_release", "no remote of fwupd has a release")
        self.assertEqual(self.rung(report, "metadata")["result"], "FAIL")
        bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
        report = self.assert_state(bed, "available", "1.5.06.*can be updated to 1.5.16 now")
        self.assertTrue(report["updatable"])
        self.assertEqual(report["module"]["mrseam"], MRSEAM["1.5.06"])
        self.assertEqual(report["module"]["svn"], 0x0106)
        self.assertEqual(report["module"]["source"], "bios")
        self.assertEqual(report["module"]["updates_left"], 10)
        (release,) = report["releases"]
        self.assertEqual(release["version"], "1.5.16")
        self.assertEqual(release["urgency"], "high")
        self.assertIsNone(release["mrseam"], "this publisher says nothing of it")
        self.assertEqual(report["fwupd"]["remotes"], [{"id": "tdx", "age": None, "tdx": True}])
        self.assertEqual(bed.mock.writes(), NO_WRITES)
        bed.fwupdmgr("update", check=0)
        report = self.assert_state(bed, "current", "1.5.16.*newest")
        self.assertEqual(report["module"]["source"], "runtime")
        self.assertEqual(report["module"]["updates_left"], 9)
        self.assertEqual(report["last_update"]["result"], "success")
        self.assertEqual(report["reapply"]["state"], "nothing")
        self.assertIn("boot brings is back", self.rung(report, "reset")["found"])
        bed.mock.set(remaining="0")
        report = self.assert_state(bed, "current", "1.5.16")
        self.assertEqual(self.codes(report), ["remaining-updates"])
        self.assertFalse(report["updatable"])

    def test_newer(self) -> None:
        bed = self.make_testbed("--running=1.5.20")
        self.add_release(bed)
        self.assert_state(bed, "newer", "1.5.20 is running, newer than 1.5.16")

    def test_other_cpu(self) -> None:
        bed = self.make_testbed()
        self.add_release(bed, fms=["C06F0"])
        report = self.assert_state(bed, "no_release", "for this CPU and series")
        self.assertEqual(self.rung(report, "metadata")["result"], "PASS")
        self.assertEqual(self.rung(report, "release")["result"], "FAIL")

    def test_blocked(self) -> None:
        """For long; the reason is the plugin's own."""
        for option, code in [
            ("--erratum", "cpu-erratum"),
            ("--no-seamldr", "seamldr-missing"),
            ("--no-upload", "upload-missing"),
            ("--remaining=0", "remaining-updates"),
        ]:
            with self.subTest(option=option):
                bed = self.make_testbed(option)
                self.add_release(bed)
                report = self.assert_state(bed, "blocked", "1.5.06.*cannot be updated now")
                self.assertEqual(self.codes(report), [code])
                self.assertTrue(report["reasons"][0]["lasting"])
                self.assertFalse(report["updatable"])
                self.assertEqual(report["reasons"][0]["message"], bed.device()["UpdateError"])
                resets = ["remaining_updates"] if code == "remaining-updates" else []
                self.assertEqual(report["resets"], resets)

    def test_blocked_for_now(self) -> None:
        """All reasons at once, live, without an update being tried."""
        bed = self.make_testbed("--tds=3", config="[tdx_module]\nRequireNoGuests=maybe")
        bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
        bed.mock.set(online="0-2")
        (bed.mock.device / "firmware/tdx_module/loading").write_text("1", encoding="utf-8")
        report = self.assert_state(bed, "blocked", "cannot be updated now")
        self.assertCountEqual(self.codes(report), ["upload-busy", "cpu-offline", "guests-running"])
        self.assertFalse(any(reason["lasting"] for reason in report["reasons"]))
        self.assertEqual((report["host"]["guests"], report["host"]["guests_running"]), ("counted", 3))
        found = self.rung(report, "update")["found"]
        for reason in report["reasons"]:
            self.assertIn(reason["message"], found)
        (bed.mock.device / "firmware/tdx_module/loading").write_text("-1", encoding="utf-8")
        bed.mock.set(online="0-3", tds="0")
        self.assert_state(bed, "available", "1.5.16")

    def test_denied(self) -> None:
        bed = self.make_testbed()
        bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
        bed.set_read_only(True)
        report = self.assert_state(bed, "blocked", "ReadWritePaths")
        self.assertEqual(self.codes(report), ["upload-denied"])

    def test_cpu_unknown(self) -> None:
        bed = self.make_testbed("--cpu=0x806F8", "--cpu=0xC06F2")
        report = self.assert_state(bed, "blocked", "0x806f0 and 0xc06f0")
        self.assertEqual(self.codes(report), ["cpu-unknown"])
        self.assertEqual(self.rung(report, "erratum")["result"], "UNKNOWN")

    def test_failed(self) -> None:
        """Harmlessly; until that version runs, or there is a newer one."""
        bed = self.make_testbed("--install-version=1.5.16")
        bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
        bed.mock.set(online="0-2")
        bed.fwupdmgr("update", check=1)
        bed.mock.set(online="0-3", fault="transferring:firmware-invalid")
        self.assert_state(bed, "available", "1.5.16")
        bed.fwupdmgr("update", check=1)
        report = self.assert_state(bed, "failed", "nothing was changed, and TDX module 1.5.06")
        self.assertEqual(report["last_update"]["version"], "1.5.16")
        self.assertEqual(report["last_update"]["result"], "failed")
        bed.cabinet(bed.image("newer.bin"), "1.5.20", FMS)
        self.assert_state(bed, "available", "1.5.20")

    def test_lost(self) -> None:
        bed = self.make_testbed("--lost")
        report = self.assert_state(bed, "lost", "only a full reset")
        self.assertEqual(self.codes(report), ["module-lost"])
        self.assertEqual(report["resets"], ["module_lost"])
        self.assertIsNone(report["module"]["version"])
        bed.stop_daemon()
        self.assert_state(bed, "lost", "only a full reset")

    def test_unreadable(self) -> None:
        """Which is not the same as lost."""
        bed = self.make_testbed()
        bed.mock.set(attr_errno="version:read:EIO")
        report = self.assert_state(bed, "unknown", "version: .*Input/output error")
        self.assertEqual(self.codes(report), ["module-unknown"])

    def test_unknown_module(self) -> None:
        bed = self.make_testbed("--running=1.5.15")
        report = self.status(bed)
        self.assertFalse(report["module"]["svn_exact"])
        self.assertIsNone(report["module"]["mrseam"])
        self.assertIn("SVN at least 1.10", self.rung(report, "module")["found"])
        self.assertEqual(self.rung(report, "module")["result"], "WARN")

    def test_kernels(self) -> None:
        for kernel in ["v3", "v7", "v10"]:
            with self.subTest(kernel=kernel):
                bed = self.make_testbed(f"--kernel={kernel}")
                bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
                report = self.assert_state(bed, "available", "1.5.16")
                self.assertEqual(report["module"]["seamldr"], "1.5.06")

    def test_seamldr_too_old(self) -> None:
        """The newest that can be taken, and why the newest cannot."""
        bed = self.make_testbed()
        compatibility = bed.tmp / "mapping_file.json"
        releases = [
            {
                "version": version,
                "min_module_version_for_td_preserving": "1.5.01",
                "min_seamldr_versions": [seamldr],
                "strict_compat_versions": [],
            }
            for version, seamldr in [("1.5.13", "1.5.00"), ("1.5.16", "1.5.13")]
        ]
        compatibility.write_text(json.dumps({"tdx_module_releases": releases}), encoding="utf-8")
        command = [PUBLISHER, "build", "--map", compatibility, "--output", bed.cabinets]
        for quirk in QUIRK, bed.quirks / "test-signer.quirk":
            command += ["--quirks", quirk]
        command += ["--description", "A TDX module.", "--urgency", "high"]
        old = bed.image("tdx_module_1.5.13.blob", "--svn=0x010a", "--version=1.5.13")
        new = bed.image("tdx_module_1.5.16.blob", "--svn=0x010b", "--version=1.5.16")
        run(*command, new)
        bed.stop_daemon()
        bed.start_daemon()
        report = self.assert_state(bed, "no_release", "the P-SEAMLDR is 1.5.06, and it needs another")
        self.assertEqual(report["refused"]["version"], "1.5.16")
        self.assertIn("P-SEAMLDR is 1.5.13 or a later 1.5.", report["refused"]["reason"])
        run(*command, old)
        bed.stop_daemon()
        bed.start_daemon()
        report = self.assert_state(bed, "available", "1.5.13")
        self.assertEqual(report["refused"]["version"], "1.5.16")
        self.assertIn("the newest that it can take is 1.5.13", self.rung(report, "release")["found"])


class LowerRungsTest(StatusCase):
    """What is missing is said, and what depends on it is not pretended."""

    def test_no_tdx_host(self) -> None:
        bed = self.make_testbed("--absent")
        report = self.assert_state(bed, "no_tdx", "KVM does TDX, but Linux .* has no tdx_host")
        results = self.results(report)
        self.assertEqual((results["cpu"], results["kernel"]), ("PASS", "FAIL"))
        for name in ["erratum", "module", "seamldr", "updates-left", "tcb", "update", "reset"]:
            self.assertEqual(results[name], "SKIP")
        self.assertEqual(results["fwupd"], "PASS")

    def test_no_sign_of_tdx(self) -> None:
        bed = self.make_testbed("--absent", "--no-kvm-intel")
        bed.mock.set(attr_text="cpuinfo:vendor_id\\t: GenuineIntel\\nflags\\t\\t: fpu\\n")
        report = self.assert_state(bed, "no_tdx", "has no tdx_host")
        self.assertEqual(self.rung(report, "cpu")["result"], "UNKNOWN")
        self.assertIn("BIOS", self.rung(report, "cpu")["advice"])

    def test_other_cpu(self) -> None:
        bed = self.make_testbed("--absent", "--no-kvm-intel")
        for text, verdict in [
            ("vendor_id\\t: AuthenticAMD\\n", "the CPU is AuthenticAMD, and TDX is a feature of Intel's"),
            ("vendor_id\\t: GenuineIntel\\nflags\\t\\t: fpu hypervisor\\n", "virtual machine"),
        ]:
            with self.subTest(text=text):
                bed.mock.set(attr_text=f"cpuinfo:{text}")
                report = self.assert_state(bed, "no_tdx", verdict)
                self.assertEqual(self.rung(report, "cpu")["result"], "FAIL")
                self.assertEqual(self.rung(report, "kernel")["result"], "SKIP")
        bed.mock.set(attr_text="cpuinfo:vendor_id\\t: GenuineIntel\\nflags\\t\\t: tdx_host_platform\\n")
        self.assertEqual(self.rung(self.status(bed), "cpu")["result"], "PASS")
        bed.mock.set(attr_errno="cpuinfo:open:EACCES")
        self.assertEqual(self.rung(self.status(bed), "cpu")["result"], "UNKNOWN")

    def test_this_machine(self) -> None:
        """Whatever it is, the first line can be understood, and there is a way out."""
        done = subprocess.run([STATUS], stdout=subprocess.PIPE, text=True, check=False)
        self.assertIn(done.returncode, EXITS.values())
        first, empty, *_ = done.stdout.splitlines()
        self.assertRegex(first, "TDX")
        self.assertEqual(empty, "")

    def test_no_fwupd(self) -> None:
        bed = self.make_testbed()
        bed.stop_daemon()
        report = self.assert_state(bed, "no_plugin", "not installed")
        self.assertEqual(report["fwupd"]["state"], "missing")
        self.assertEqual(report["module"]["version"], "1.5.06")
        self.assertEqual(self.rung(report, "module")["result"], "PASS")
        for name in ["release", "update"]:
            self.assertEqual(self.rung(report, name)["result"], "SKIP")

    def test_no_bus(self) -> None:
        bed = self.make_testbed()
        report = self.status(bed, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent")
        self.assertEqual(report["state"], "unknown")
        self.assertEqual(report["module"]["version"], "1.5.06")

    def test_no_plugin(self) -> None:
        bed = self.make_testbed(config="")
        bed.stop_daemon()
        text = (bed.tmp / "etc/fwupd/fwupd.conf").read_text(encoding="utf-8")
        (bed.tmp / "etc/fwupd/fwupd.conf").write_text(
            text.replace("DisabledPlugins=", "DisabledPlugins=tdx_module;"), encoding="utf-8"
        )
        bed.start_daemon()
        report = self.assert_state(bed, "no_plugin", "its plugin tdx_module is missing")
        self.assertIn("just this fwupd", self.rung(report, "fwupd")["advice"])


class HangTest(StatusCase):
    """Nothing that does not answer stops it."""

    def test_attributes(self) -> None:
        """Each of them: the others are still known, and it is named."""
        bed = self.make_testbed()
        bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
        for attr in [
            "version",
            "seamldr_version",
            "num_remaining_updates",
            "cpu/online",
            "cgroup/misc.current",
            "cpuinfo",
        ]:
            with self.subTest(attr=attr):
                bed.mock.set(hang="")
                bed.mock.set(hang=attr)
                start = time.monotonic()
                report = self.assert_state(bed, "unknown", f"{attr} has not answered within 2 s")
                self.assertLess(time.monotonic() - start, 15)
                if attr != "version":
                    self.assertEqual(report["module"]["version"], "1.5.06")
                if attr != "num_remaining_updates":
                    self.assertEqual(report["module"]["updates_left"], 10)
                self.assertIsNone(report["updatable"])
        bed.mock.set(hang="")
        self.assert_state(bed, "available", "1.5.16")

    def test_daemon(self) -> None:
        bed = self.make_testbed()
        bed.daemon.send_signal(signal.SIGSTOP)
        self.addCleanup(lambda: bed.daemon and bed.daemon.send_signal(signal.SIGCONT))
        start = time.monotonic()
        report = self.assert_state(bed, "unknown", "fwupd: it has not answered within 2 s", "--timeout=2")
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual(report["module"]["version"], "1.5.06")
        self.assertEqual(report["reapply"]["state"], "unknown")
        bed.daemon.send_signal(signal.SIGCONT)

    def test_reapply(self) -> None:
        """It cannot tell one boot from another, and says so."""
        bed = self.make_testbed()
        inside = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /proc/sys; exec "$@"', "sh"]
        done = bed.run_tool(*inside, *bed.on_host, str(STATUS), "--json")
        reapply = json.loads(done.stdout)["reapply"]
        self.assertEqual(reapply["state"], "unknown")
        self.assertIn("it is not known which boot this is", reapply["reason"])

    def test_read_once(self) -> None:
        """The P-SEAMLDR is slow."""
        bed = self.make_testbed()
        for attr in ["seamldr_version", "num_remaining_updates"]:
            with self.subTest(attr=attr):
                bed.mock.set(attr_errno=f"{attr}:open:EIO:2")
                self.run_status(bed)
                with self.assertRaises(OSError):
                    bed.mock.attr(attr)
                self.assertTrue(bed.mock.attr(attr))


class UserTest(StatusCase):
    """An ordinary user learns less, and is told so."""

    def run_status(self, bed: Testbed, *options: str, **env: str) -> subprocess.CompletedProcess:
        root = Path(bed.umockdev.get_root_dir())
        for path in bed.tmp, root, root / "ioctl/_default":
            path.chmod(0o777)  # umockdev of Debian 13 ends who cannot write to its socket
        # where a build that measures coverage may write
        writable = bed.tmp / "nobody"
        writable.mkdir(exist_ok=True)
        writable.chmod(0o777)
        env["GCOV_PREFIX"] = str(writable)
        prefix = [f"{key}={value}" for key, value in env.items()]
        user = ["setpriv", "--reuid=nobody", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
        # the source may be where only root can look
        status = Path(shutil.copy(STATUS, bed.tmp))
        status.chmod(0o755)
        return bed.run_tool(*user, *bed.on_host, *prefix, str(status), *options)

    def test_user(self) -> None:
        bed = self.make_testbed()
        bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
        report = self.assert_state(bed, "available", "1.5.16")
        self.assertFalse(report["root"])
        self.assertIsNone(report["module"]["updates_left"])
        self.assertEqual(report["module"]["seamldr"], "1.5.06")  # of fwupd
        self.assertTrue(any("num_remaining_updates" in text for text in report["unknown"]))
        rung = self.rung(report, "updates-left")
        self.assertEqual((rung["result"], rung["advice"]), ("UNKNOWN", "run this as root"))
        self.assertEqual(self.rung(report, "update")["advice"], "root learns more")
        bed.mock.set(online="0-2")
        self.assert_state(bed, "blocked", "CPUs 0-2 are online")

    def test_user_blocked(self) -> None:
        """Only fwupd knows, and it tells."""
        bed = self.make_testbed("--remaining=0")
        self.add_release(bed)
        report = self.assert_state(bed, "blocked", "0 updates left")
        self.assertEqual(self.codes(report), ["fwupd"])
        bed.stop_daemon()
        self.assertEqual(self.status(bed)["state"], "no_plugin")


class PersonTest(StatusCase):
    """The verdict first, colours on a terminal only."""

    def on_terminal(self, bed: Testbed, *env: str) -> str:
        leader, follower = pty.openpty()
        with subprocess.Popen(
            [*bed.on_host, *env, STATUS], env=bed.env, stdout=follower, stdin=subprocess.DEVNULL
        ) as process:
            os.close(follower)
            process.wait(timeout=30)
        text = os.read(leader, 65536).decode()
        os.close(leader)
        return text

    def test_text(self) -> None:
        bed = self.make_testbed()
        bed.cabinet(bed.image("good.bin"), "1.5.16", FMS)
        report = self.status(bed)
        done = self.run_status(bed)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stdout.splitlines()[0], report["verdict"])
        for rung in report["ladder"]:
            self.assertIn(rung["found"], done.stdout)
        self.assertNotIn("\033", done.stdout)
        short = self.run_status(bed, "--short")
        self.assertEqual((short.returncode, short.stdout), (3, report["verdict"] + "\n"))
        self.assertIn("\033[32mPASS", self.on_terminal(bed))
        self.assertNotIn("\033", self.on_terminal(bed, "NO_COLOR=1"))
        self.assertEqual(bed.mock.writes(), NO_WRITES)

    def test_command_line(self) -> None:
        for args in [["--nonsense"], ["argument"], ["--json", "--nfd"], ["--timeout=0"], ["--timeout=x"]]:
            done = subprocess.run([STATUS, *args], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("see --help", done.stderr)


class OutputTest(StatusCase):
    """For node_exporter and node-feature-discovery."""

    def value(self, text: str, metric: str) -> str:
        (found,) = re.findall(rf"(?m)^{re.escape(metric)} (\S+)$", text)
        return found

    def check_metrics(self, text: str) -> None:
        if shutil.which("promtool") is None:
            self.skipTest("no promtool of the package prometheus")
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True)

    def test_prometheus(self) -> None:
        bed = self.make_testbed("--running=1.5.13", "--cpu=0xC06F2")
        bed.cabinet(bed.image("good.bin", "--cpu=0xC06F8"), "1.5.16", ["C06F0"])
        bed.mock.set(online="0")
        options = ["--tcb-info", str(TCB_INFO), "--tcb-chain", str(TCB_CHAIN)] if TCB.exists() else []
        text = self.run_status(bed, "--prometheus", *options).stdout
        self.assertEqual(self.value(text, 'tdx_module_state{state="blocked"}'), "1")
        self.assertEqual(len(re.findall(r"(?m)^tdx_module_state\{.* 1$", text)), 1)
        self.assertEqual(self.value(text, 'tdx_module_blocked{reason="cpu-offline"}'), "1")
        self.assertEqual(self.value(text, 'tdx_module_blocked{reason="module-lost"}'), "0")
        self.assertEqual(self.value(text, "tdx_module_updates_left"), "10")
        offered = 'tdx_module_update_offered{version="1.5.16",urgency="high"}'
        self.assertEqual(self.value(text, offered), "1")
        self.assertIn('version="1.5.13",svn="266"', text)
        if options:
            self.assertRegex(text, r'tdx_module_tcb_status\{.*set="20",status="stale"\} 1')
            self.assertRegex(text, r'tdx_module_tcb_status\{.*set="20",status="UpToDate"\} 0')
        self.check_metrics(text)
        bed.stop_daemon()
        self.check_metrics(self.run_status(bed, "--prometheus").stdout)

    def test_output(self) -> None:
        """As a whole or not at all; then the exit status says only that."""
        bed = self.make_testbed()
        folder = bed.tmp / "collector"
        folder.mkdir()
        target = folder / "tdx_module.prom"
        target.write_text("old", encoding="utf-8")
        done = self.run_status(bed, "--prometheus", "--output", str(target))
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("tdx_module_state", target.read_text(encoding="utf-8"))
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o644)
        self.assertEqual(os.listdir(folder), [target.name])
        done = self.run_status(bed, "--json", "--output", str(folder / "nowhere/file"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"there is no folder {folder}/nowhere: install the program", done.stdout)
        (folder / "taken").mkdir()
        done = self.run_status(bed, "--json", "--output", str(folder / "taken"))
        self.assertEqual(done.returncode, 1)
        self.assertCountEqual(os.listdir(folder), [target.name, "taken"])

    def test_features(self) -> None:
        bed = self.make_testbed("--remaining=0")
        text = self.run_status(bed, "--nfd").stdout
        expiry, *lines = text.splitlines()
        self.assertRegex(expiry, r"^# \+expiry-time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("tdx-module.state=blocked", lines)
        self.assertIn("tdx-module.blocked.remaining-updates=true", lines)
        self.assertNotIn("version", text)


class StatusBootTest(BootCase, StatusCase):
    """What the next boot brings."""

    def boot_status(self) -> dict:
        report = self.status(self.bed)
        self.assertEqual(self.results(report)["cpu"], "PASS")
        return report

    def test_boot(self) -> None:
        """Until the reset, after it, and when the firmware ignores the files."""
        self.start(files=pair_of(self.make("1.5.06")))
        report = self.boot_status()
        self.assertEqual((report["boot"]["state"], report["boot"]["version"]), ("current", "1.5.06"))
        self.assertEqual(report["module"]["source"], "esp")
        self.publish(self.make("1.5.16"), "1.5.16")
        report = self.boot_status()
        self.assertEqual(report["boot"]["state"], "available")
        releases = [(r["version"], r["mrseam"]) for r in report["boot"]["releases"]]
        self.assertEqual(releases, [("1.5.16", mrseam_of(self.make("1.5.16")))])
        self.update()
        report = self.boot_status()
        self.assertEqual(report["boot"]["state"], "reset_needed")
        self.assertEqual(report["resets"], ["boot_module"])
        self.assertEqual(self.rung(report, "boot")["result"], "WARN")
        self.reset(running="1.5.16")
        report = self.boot_status()
        self.assertEqual((report["boot"]["state"], report["module"]["source"]), ("current", "esp"))
        self.assertEqual(report["resets"], [])

    def test_ignored(self) -> None:
        self.start(files=pair_of(self.make("1.5.06")))
        self.publish(self.make("1.5.16"), "1.5.16")
        self.update()
        self.reset(running="1.5.06")
        report = self.boot_status()
        self.assertEqual(report["boot"]["state"], "ignored")
        self.assertIn("did not take the TDX module 1.5.16", self.rung(report, "boot")["found"])

    def test_damaged(self) -> None:
        self.start(files={**pair_of(self.make("1.5.06")), bootfiles.MODULE: b"\0" * 8192})
        report = self.boot_status()
        self.assertEqual(report["boot"]["state"], "damaged")
        self.assertEqual(self.rung(report, "boot")["result"], "FAIL")


class TcbTest(StatusCase):
    """The TDX module's half of what Intel says."""

    def setUp(self) -> None:
        if not TCB_INFO.exists():
            self.skipTest("no TCB info of Intel's")

    def start(self, running: str, cpu: str = "0xC06F2") -> Testbed:
        return self.make_testbed(f"--cpu={cpu}", f"--running={running}")

    def look(self, bed: Testbed, info: Path = TCB_INFO, chain: Path = TCB_CHAIN, **env: str) -> dict:
        report = self.status(bed, "--tcb-info", str(info), "--tcb-chain", str(chain), **env)
        (tcb,) = report["tcb"]
        rung = self.rung(report, "tcb")
        self.assertIn("half", rung["advice"])
        return {**tcb, "rung": rung}

    def while_valid(self, bed: Testbed) -> dict:
        return {
            "LD_PRELOAD": bed.on_host[-1].split("=")[1] + f":{BUILD}/data/tests/libtime-preload.so",
            "TDX_TIME": TCB_TIME,
        }

    def test_levels(self) -> None:
        for version, status, advisories in [
            ("1.5.06", "OutOfDate", ["INTEL-SA-01192", "INTEL-SA-01245", "INTEL-SA-01312"]),
            ("1.5.16", "UpToDate", []),
        ]:
            with self.subTest(version=version):
                bed = self.start(version)
                tcb = self.look(bed, **self.while_valid(bed))
                self.assertEqual(tcb["status"], status, tcb)
                self.assertCountEqual(tcb["advisories"], advisories)
                self.assertEqual((tcb["set"], tcb["up_to_date_version"]), (20, "1.5.16"))
                self.assertEqual(tcb["rung"]["result"], "PASS" if status == "UpToDate" else "WARN")

    def test_stale(self) -> None:
        """Never up to date, and it is said what it was."""
        bed = self.start("1.5.16")
        tcb = self.look(bed)
        self.assertEqual((tcb["status"], tcb["rung"]["result"]), ("stale", "UNKNOWN"))
        self.assertIn("has expired", tcb["rung"]["found"])

    def test_unknown_svn(self) -> None:
        bed = self.start("1.5.15")
        tcb = self.look(bed, **self.while_valid(bed))
        self.assertEqual((tcb["status"], tcb["rung"]["result"]), ("unknown", "UNKNOWN"))

    def test_beside(self) -> None:
        """Two sets side by side, each with its certificates beside it."""
        bed = self.start("1.5.06")
        options = []
        for name in ["standard", "early"]:
            shutil.copy(TCB_INFO, bed.tmp / f"{name}.json")
            shutil.copy(TCB_CHAIN, bed.tmp / f"{name}.pem")
            options += ["--tcb-info", str(bed.tmp / f"{name}.json")]
        report = self.status(bed, *options, **self.while_valid(bed))
        self.assertEqual([tcb["status"] for tcb in report["tcb"]], ["OutOfDate", "OutOfDate"])

    def refuse(self, bed: Testbed, reason: str, **paths: Path) -> None:
        with self.subTest(reason=reason):
            tcb = self.look(bed, **paths)
            self.assertEqual(tcb["status"], "refused")
            self.assertRegex(tcb["error"], reason)
            self.assertEqual(tcb["rung"]["result"], "FAIL")

    def test_refused(self) -> None:
        """Each for its own reason."""
        bed = self.start("1.5.16")
        info = TCB_INFO.read_text(encoding="utf-8")
        files = {
            "altered": info.replace('"tcbStatus":"OutOfDate"', '"tcbStatus":"UpToDate!"', 1),
            "empty": "{}",
            "huge": info + " " * (1 << 20),
            "sgx": info.replace('"id":"TDX"', '"id":"SGX"', 1),
            "deep": '{"tcbInfo":' + "[" * 100000,
        }
        paths = {}
        for name, text in files.items():
            self.assertNotEqual(text, info)
            paths[name] = bed.tmp / f"{name}.json"
            paths[name].write_text(text, encoding="utf-8")
        self.refuse(bed, "its signature is not that of the signer", info=paths["altered"])
        self.refuse(bed, "its signature is not that of the signer", info=paths["sgx"])
        self.refuse(bed, "expected .*tcbInfo", info=paths["empty"])
        self.refuse(bed, "expected .*tcbInfo", info=paths["deep"])
        self.refuse(bed, "at most 1 MiB", info=paths["huge"])
        self.refuse(bed, "No such file", info=bed.tmp / "nowhere.json")
        self.refuse(bed, "No such file", chain=bed.tmp / "nowhere.pem")
        self.refuse(bed, "expected the certificate", chain=paths["empty"])
        root = bed.tmp / "root.pem"
        run(
            *["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            *["-nodes", "-subj", "/CN=Intel SGX Root CA", "-keyout", "/dev/null", "-out", root],
        )
        leaf = TCB_CHAIN.read_text(encoding="utf-8").split("-----END CERTIFICATE-----")[0]
        forged = bed.tmp / "forged.pem"
        forged.write_text(
            leaf + "-----END CERTIFICATE-----\n" + root.read_text(encoding="utf-8"), encoding="utf-8"
        )
        self.refuse(bed, "the key of its root is", chain=forged)

    def test_other_platform(self) -> None:
        bed = self.start("1.5.16", "0x806F8")
        self.refuse(bed, "for the FMSPC 'B0C06F000000', and this CPU is 0x806F0")


if __name__ == "__main__":
    main()
