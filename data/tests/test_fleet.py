#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rollouts with the real Ansible over mock hosts; what was touched is what the mocks have seen."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Callable, Dict, List

from tdxtest import fleet, mirror
from tdxtest.images import BUILD, SOURCE, clean_env
from tdxtest.release_oracle import INTEL

PROGRAMS = ["ansible-playbook", "openssl"]
COLLECTION = SOURCE / "contrib/ansible"
GNR = "0xA06D1"
OLD_15 = ["--running=1.5.06", "--install-version=1.5.16"]
OLD_20 = ["--running=2.0.04", "--install-version=2.0.08", "--seamldr=2.0.04", f"--cpu={GNR}"]
CONFIG = """[defaults]
collections_path = {folder}/collections
host_key_checking = False
forks = 4
timeout = 30
retry_files_enabled = False
nocows = True
[ssh_connection]
pipelining = True
control_path_dir = {folder}/cp
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=10m -o UserKnownHostsFile=/dev/null
"""
KUBECTL = """#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >>calls
if [ "$*" = "cordon c2" ]; then echo "node/$2 already cordoned"; else echo "node/$2 $1ed"; fi
"""
TCB = SOURCE.parent / "shared/tcb"
TCB_FILES = {
    "tdx.json": TCB / "tcbinfo-tdx-B0C06F000000-set20.json",
    "tdx.pem": TCB / "tcb-signing-chain.pem",
}
# the real one, on 2026-08-22, while Intel's sample was valid
STATUS_THEN = f"""#!/bin/sh
TDX_TIME=1787400000 LD_PRELOAD={BUILD}/data/tests/libtime-preload.so exec /usr/sbin/tdx-module-status "$@"
"""
WRONG_MRSEAM = "ab" * 48
# of the firmware upload: before the TDX module is shut down, and after that
HARMLESS = {"fault": "preparing:hw-error"}
FATAL = {"fault_loses": "1", "fault": "transferring:firmware-invalid"}
NOTE = """- name: Note who it is
  ansible.builtin.lineinfile:
    path: {path}
    line: "{word} {{{{ inventory_hostname }}}}"
    create: true
    mode: "0644"
  delegate_to: localhost
  changed_when: false
"""
# when this host is done, one host loses its TDX module, and another one its power
AFTER = """- name: Let two others vanish
  ansible.builtin.shell: echo lost=1 >{control} && kill -KILL {pid}
  when: inventory_hostname == "{name}"
  delegate_to: localhost
"""


class Rollout:
    """What one run of ansible-playbook has left."""

    def __init__(self, folder: Path, process: subprocess.Popen) -> None:
        self.folder = folder
        self.out, _ = process.communicate(timeout=900)
        self.returncode = process.returncode

    def report(self) -> Dict[str, dict]:
        with (self.folder / "tdx-module-report.csv").open(encoding="utf-8", newline="") as file:
            return {row["host"]: row for row in csv.DictReader(file)}

    def states(self) -> Dict[str, str]:
        return {name: row["state"] for name, row in self.report().items()}

    def changed(self) -> Dict[str, int]:
        """What the recap says of each host."""
        found = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", self.out, re.MULTILINE)
        return {name: int(count) for name, count in found}


def offer(made: mirror.Mirror) -> Dict[str, str]:
    """Puts two releases into the mirror, and gives their MRSEAMs as the publisher prints them."""
    releases = [
        {
            "version": release.version,
            "min_module_version_for_td_preserving": release.minimum,
            "strict_compat_versions": list(release.strict),
            "min_seamldr_versions": list(release.loaders),
        }
        for release in INTEL
    ]
    made.checkout.write_map(releases)
    made.checkout.add("1.5.16")
    made.checkout.add("2.0.08", f"--cpu={GNR}", "--embed-version")
    made.update()
    mrseams = {}
    for release in mirror.read_metadata(made.current / mirror.METADATA).iter("release"):
        text = "".join(release.find("description").itertext())
        mrseams[release.get("version")] = re.search("MRSEAM: ([0-9a-f]{96})", text)[1]
    return mrseams


class FleetCase(unittest.TestCase):
    """All tests share a fleet, to which each adds hosts of its own."""

    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        reason = fleet.skip_reason(*PROGRAMS)
        if reason is not None:
            raise unittest.SkipTest(reason)
        cls.folder = Path(tempfile.mkdtemp(prefix="tdx-rollout-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        made = cls.mirror = mirror.Mirror(cls.folder, mirror.make_key(cls.folder, "operator", kind="ec"))
        cls.mrseams = offer(made)
        cls.fleet = fleet.Fleet(made.remote())
        cls.addClassCleanup(cls.fleet.stop)
        collections = cls.folder / "collections/ansible_collections/fwupd"
        collections.mkdir(parents=True)
        (collections / "tdx").symlink_to(COLLECTION)

    def setUp(self) -> None:
        self.here = self.folder / self._testMethodName
        self.here.mkdir()
        self.hosts: Dict[str, fleet.Host] = {}
        self.vars: Dict[str, Dict[str, str]] = {}
        config = CONFIG.format(folder=self.folder)
        (self.here / "ansible.cfg").write_text(config, encoding="utf-8")

    def tearDown(self) -> None:
        for host in self.hosts.values():
            host.stop()

    def add(self, *names: str, options: List[str] = (), version: str = "1.5.16", **kwargs) -> None:
        """Starts hosts that shall get this version; OLD_15 or OLD_20 is what they are."""
        old = OLD_20 if version.startswith("2.0") else OLD_15
        for name in names:
            self.hosts[name] = self.fleet.add(name, *old, *options, **kwargs)
            self.vars[name] = {
                "ansible_host": self.hosts[name].address,
                "tdx_module_version": version,
                "tdx_module_mrseam": self.mrseams[version],
            }

    def write_inventory(self) -> None:
        lines = ["[tdx]"]
        for name, values in self.vars.items():
            lines.append(" ".join([name, *(f"{key}={value}" for key, value in values.items())]))
        lines += ["[tdx:vars]", "ansible_user=root", "ansible_python_interpreter=/usr/bin/python3"]
        lines.append(f"ansible_ssh_private_key_file={self.fleet.key}")
        (self.here / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def start(self, playbook: str, *args: str, **values) -> subprocess.Popen:
        self.fleet.wait()
        self.fleet.wake(host for host in self.hosts.values() if not host.gone)
        self.write_inventory()
        command = ["ansible-playbook", "-i", "hosts", f"fwupd.tdx.{playbook}", *args]
        command += ["-e", json.dumps(values)]
        return subprocess.Popen(
            command,
            cwd=self.here,
            env=self.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def env(self) -> Dict[str, str]:
        here = {"HOME": str(self.folder), "PWD": str(self.here), "LC_ALL": "C.UTF-8"}
        return {**clean_env(), **here}

    def run_playbook(self, playbook: str, *args: str, **values) -> Rollout:
        done = Rollout(self.here, self.start(playbook, *args, **values))
        if os.environ.get("TDX_FLEET_VERBOSE"):
            print(done.out)
        return done

    def rollout(self, *args: str, **values) -> Rollout:
        return self.run_playbook("rollout", *args, **{"tdx_module_confirm": True, **values})

    def uploads(self) -> Dict[str, int]:
        return {name: host.uploads() for name, host in self.hosts.items()}

    def touched(self) -> List[str]:
        return [name for name, host in self.hosts.items() if host.was_touched()]

    def versions(self) -> List[str]:
        return [host.version() for host in self.hosts.values()]


class NothingTest(FleetCase):
    """What stops a rollout before the first host is touched."""

    def test_start(self) -> None:
        """Each of these has a reason, and no mock has seen a write."""
        self.add("n1", "n2")
        self.add("n3", options=["--remaining=0"])
        refused = {
            "tdx_module_mrseam": WRONG_MRSEAM,
            "tdx_module_confirm": False,
            "tdx_module_blocked_max": 0,
            "tdx_module_version": "",
            "tdx_module_tcb_status": "UpToDate",
        }
        expected = {
            "tdx_module_mrseam": f"expected {WRONG_MRSEAM}",
            "tdx_module_confirm": "tdx_module_confirm=true",
            "tdx_module_blocked_max": "n3: blocked: The P-SEAMLDR has 0 updates left",
            "tdx_module_version": "Set tdx_module_version",
            "tdx_module_tcb_status": "this host has no TCB info",
        }
        for key, value in refused.items():
            with self.subTest(key):
                done = self.rollout(**{key: value})
                self.assertNotEqual(done.returncode, 0, done.out)
                self.assertIn("Nothing was started", done.out)
                self.assertIn(expected[key], done.out)
                self.assertEqual(self.touched(), [])
        with self.subTest("check mode"):
            done = self.rollout("--check", "--diff", tdx_module_confirm=False)
            self.assertEqual(done.returncode, 0, done.out)
            self.assertEqual(done.out.count("1.5.06 -> 1.5.16"), 2, done.out)
            self.assertEqual(done.changed(), {"n1": 1, "n2": 1, "n3": 0})
            self.assertEqual(self.touched(), [])
        with self.subTest("blocked within the limit"):
            done = self.rollout(tdx_module_blocked_max=1)
            self.assertEqual(done.returncode, 0, done.out)
            self.assertEqual(self.touched(), ["n1", "n2"])
            row = done.report()["n3"]
            self.assertEqual((row["state"], row["action"]), ("blocked", "skip"))
            self.assertIn("0 updates left", row["reason"])
            self.assertEqual(row["reset_needed"], "remaining_updates")

    def test_tcb_status(self) -> None:
        """A status that the release cannot have, or that nobody knows any more, stops it."""
        if not TCB.exists():
            self.skipTest("no TCB info of Intel's")
        self.add("t1", "t2", options=["--cpu=0xC06F2"])
        self.fleet.wait()
        self.fleet.wake(self.hosts.values())
        wanted = {"tdx_module_tcb_status": "UpToDate"}
        for name in self.hosts:
            commands = ["mkdir -p /etc/tdx-module/tcb-info"]
            commands += [f"cp {path} /etc/tdx-module/tcb-info/{to}" for to, path in TCB_FILES.items()]
            self.assertEqual(self.fleet.ssh(name, " && ".join(commands)).returncode, 0)
        stale = self.rollout(**wanted)
        self.assertNotEqual(stale.returncode, 0, stale.out)
        self.assertIn("tdx.json does not say which TDX module is up to date", stale.out)
        self.assertEqual(self.touched(), [])
        status = self.here / "tdx-module-status"
        status.write_text(STATUS_THEN, encoding="utf-8")
        status.chmod(0o755)
        for name in self.hosts:
            command = f"mount -t tmpfs tmpfs /usr/local/sbin && cp {status} /usr/local/sbin"
            self.assertEqual(self.fleet.ssh(name, command).returncode, 0)
        before = self.run_playbook("status")
        self.assertEqual(before.report()["t1"]["tcb"], "OutOfDate")
        done = self.rollout(**wanted)
        self.assertEqual(done.returncode, 0, done.out)
        self.assertEqual([row["tcb"] for row in done.report().values()], ["UpToDate"] * 2)
        other = self.rollout(tdx_module_tcb_status="OutOfDate")
        self.assertNotEqual(other.returncode, 0, other.out)
        self.assertIn("TCB status is UpToDate by", other.out)

    def test_states(self) -> None:
        """A fleet with every state, each as tdx-module-status says; a rollout stops there."""
        count = 20
        self.add("lost", options=["--lost"])
        self.add("no-tdx", options=["--absent"])
        self.add("no-plugin", disabled="tdx_module")
        self.add("blocked", options=["--erratum", "--no-upload"])
        self.add("blocked2", options=["--online=0-2"])
        self.add("no-release", options=["--cpu=0xC06D1"])
        self.add("current", options=["--running=1.5.16"])
        self.add("newer", options=["--running=1.5.20"])
        self.add("unknown", "unreachable")
        self.hosts["unknown"].mock.set(attr_errno="version:EIO")
        available = [f"available{i}" for i in range(count - len(self.hosts))]
        self.add(*available)
        self.fleet.wait()
        self.hosts["unreachable"].disconnect()
        seen = self.run_playbook("status")
        self.assertEqual(seen.returncode, 0, seen.out)
        expected = {name: re.sub("[0-9]", "", name).replace("-", "_") for name in self.hosts}
        self.assertEqual(seen.states(), expected)
        done = self.rollout()
        self.assertNotEqual(done.returncode, 0, done.out)
        for name in ["lost", "no-plugin", "unknown", "unreachable"]:
            self.assertIn(f"{name}: {expected[name]}: ", done.out)
        self.assertEqual(self.touched(), [])


class RolloutTest(FleetCase):
    """What an operator is promised in docs/fleet.md."""

    def hooks(self) -> Dict[str, str]:
        """Hooks that note who comes when."""
        for word in ["before", "after"]:
            text = NOTE.format(path=self.here / "notes", word=word)
            (self.here / f"{word}.yml").write_text(text, encoding="utf-8")
        return {"tdx_module_hook_before": "before.yml", "tdx_module_hook_after": "after.yml"}

    def notes(self) -> List[str]:
        return (self.here / "notes").read_text(encoding="utf-8").splitlines()

    def wait_for(self, process: subprocess.Popen, ready: Callable[[], bool]) -> None:
        while not ready():
            if process.poll() is not None:
                raise AssertionError(f"the rollout ended before that:\n{process.stdout.read()}")
            time.sleep(0.05)

    def test_all_well(self) -> None:
        """Two kinds of CPU get their releases, a canary of each first; a second run does nothing."""
        self.add("w1", "w2")
        self.add("w3", "w4", version="2.0.08")
        self.add("w5", kernel="setarch --uname-2.6")
        first = self.rollout(**self.hooks())
        self.assertEqual(first.returncode, 0, first.out)
        self.assertEqual(self.versions(), ["1.5.16", "1.5.16", "2.0.08", "2.0.08", "1.5.16"])
        self.assertEqual(set(self.uploads().values()), {1})
        self.assertEqual(set(first.states().values()), {"current"})
        rows = first.report()
        self.assertEqual((rows["w1"]["from"], rows["w1"]["to"]), ("1.5.06", "1.5.16"))
        self.assertEqual((rows["w4"]["from"], rows["w4"]["to"]), ("2.0.04", "2.0.08"))
        notes = self.notes()
        # one after the other, then a batch of two
        canaries = [[f"before {name}", f"after {name}"] for name in ["w1", "w3", "w5"]]
        self.assertEqual(sorted(notes[i : i + 2] for i in [0, 2, 4]), canaries)
        self.assertEqual(sorted(notes[6:8]), ["before w2", "before w4"])
        second = self.rollout(**self.hooks())
        self.assertEqual(second.returncode, 0, second.out)
        self.assertEqual(set(second.changed().values()), {0}, second.out)
        self.assertEqual(set(self.uploads().values()), {1})
        self.assertEqual(self.notes(), notes)

    def test_canary_fails(self) -> None:
        """Nobody else is touched; that host is tried again only when the operator says so."""
        self.add("f1", "f2")
        self.hosts["f1"].mock.set(**HARMLESS)
        done = self.rollout(**self.hooks())
        self.assertNotEqual(done.returncode, 0, done.out)
        self.assertEqual(self.touched(), ["f1"])
        self.assertEqual(done.states(), {"f1": "failed", "f2": "available"})
        self.assertIn("hw-error", done.report()["f1"]["reason"])
        # its guests are well
        self.assertEqual(self.notes(), ["before f1", "after f1"])
        uploads = self.uploads()
        again = self.rollout()
        self.assertNotEqual(again.returncode, 0, again.out)
        self.assertIn("Nothing was started", again.out)
        self.assertEqual(self.uploads(), uploads)
        last = self.rollout(tdx_module_retry_failed=True)
        self.assertEqual(last.returncode, 0, last.out)
        self.assertEqual(self.versions(), ["1.5.16"] * 2)

    def test_canary_is_lost(self) -> None:
        """Everything stops, the logs are kept, and the host is not given back."""
        self.add("x1", "x2")
        self.hosts["x1"].mock.set(**FATAL)
        done = self.rollout(**self.hooks())
        self.assertNotEqual(done.returncode, 0, done.out)
        self.assertIn("nothing is reset", done.out)
        self.assertEqual(self.touched(), ["x1"])
        self.assertEqual(done.states(), {"x1": "lost", "x2": "available"})
        self.assertEqual(done.report()["x1"]["reset_needed"], "module_lost")
        self.assertEqual(self.notes(), ["before x1"])
        logs = self.here / "tdx-module-logs/x1"
        names = ["devices.json", "fwupd.log", "history.json", "kernel.log", "status.json"]
        self.assertEqual(sorted(path.name for path in logs.iterdir()), names)
        self.assertEqual(json.loads((logs / "status.json").read_bytes())["state"], "lost")
        self.assertTrue(json.loads((logs / "history.json").read_bytes())["Devices"])

    def test_later_host_is_lost(self) -> None:
        """The batch is what it costs at most, and the next one does not begin."""
        self.add("y1", "y2", "y3", "y4", "y5")
        self.hosts["y2"].mock.set(**FATAL)
        done = self.rollout(tdx_module_batches=[2], **self.hooks())
        self.assertNotEqual(done.returncode, 0, done.out)
        self.assertEqual(self.touched(), ["y1", "y2", "y3"])
        self.assertEqual(self.versions()[2:], ["1.5.16", "1.5.06", "1.5.06"])
        states = ["current", "lost", "current", "available", "available"]
        self.assertEqual(list(done.states().values()), states)
        self.assertNotIn("after y2", self.notes())
        self.assertIn("after y3", self.notes())

    def test_unreachable(self) -> None:
        """A host that vanishes between batches stops the rollout, as Ansible alone would not."""
        self.add("u1", "u2", "u3", "u4")
        process = self.start("rollout", tdx_module_confirm=True, tdx_module_batches=[1])
        self.wait_for(process, lambda: self.hosts["u1"].uploads() == 1)
        self.hosts["u3"].disconnect()
        done = Rollout(self.here, process)
        self.assertNotEqual(done.returncode, 0, done.out)
        self.assertEqual(self.touched(), ["u1", "u2"])
        states = {"u1": "current", "u2": "current", "u3": "unreachable", "u4": "available"}
        self.assertEqual(done.states(), states)

    def test_look_back(self) -> None:
        """Hosts that were well after their update, and are not before a later batch, stop the rollout."""
        self.add("e1", "e2", "e3", "e4")
        control, process = self.hosts["e1"].mock.root / "control/set", self.hosts["e2"].process
        text = AFTER.format(name="e3", control=control, pid=process.pid)
        (self.here / "vanish.yml").write_text(text, encoding="utf-8")
        done = self.rollout(tdx_module_batches=[1], tdx_module_hook_after="vanish.yml")
        self.assertNotEqual(done.returncode, 0, done.out)
        states = {"e1": "lost", "e2": "unreachable", "e3": "current", "e4": "available"}
        self.assertEqual(done.states(), states)
        self.assertEqual(self.uploads(), {"e1": 1, "e2": 1, "e3": 1, "e4": 0})
        rows = done.report()
        self.assertEqual((rows["e1"]["from"], rows["e3"]["from"]), ("1.5.06", "1.5.06"))
        for name in ["e1", "e2"]:
            self.assertIn(f"{name}: {states[name]}: ", done.out)
        self.assertTrue((self.here / "tdx-module-logs/e1/status.json").exists())

    def test_soak(self) -> None:
        """What happens while a batch soaks stops the rollout too."""
        self.add("s1", "s2")
        process = self.start("rollout", tdx_module_confirm=True, tdx_module_soak=15)
        report = self.here / "tdx-module-report.csv"
        self.wait_for(process, lambda: report.exists() and "current" in report.read_text(encoding="utf-8"))
        self.hosts["s1"].mock.set(lost="1")
        done = Rollout(self.here, process)
        self.assertNotEqual(done.returncode, 0, done.out)
        self.assertEqual(done.states(), {"s1": "lost", "s2": "available"})
        self.assertEqual(self.touched(), ["s1"])
        self.assertTrue((self.here / "tdx-module-logs/s1/status.json").exists())

    def test_killed(self) -> None:
        """Started again, a rollout goes on where it was; no host is updated twice."""
        self.add("k1", "k2", "k3", "k4")
        process = self.start("rollout", tdx_module_confirm=True, tdx_module_batches=[1])
        self.wait_for(process, lambda: self.hosts["k2"].uploads() == 1)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.assertEqual(self.touched(), ["k1", "k2"])
        # what runs on a host goes on without Ansible
        while self.hosts["k2"].version() != "1.5.16":
            time.sleep(0.05)
        done = self.rollout()
        self.assertEqual(done.returncode, 0, done.out)
        self.assertEqual(self.versions(), ["1.5.16"] * 4)
        self.assertEqual(set(self.uploads().values()), {1})


class SetupTest(FleetCase):
    """What is beside a rollout."""

    def test_remote(self) -> None:
        """A host gets the remote of a mirror when told to, and then the release is offered."""
        self.add("r1", remotes=False)
        files = {
            "tdx_module_remote": str(self.mirror.folder / "tdx-module.conf"),
            "tdx_module_certificate": str(self.mirror.key.certificate),
        }
        untagged = self.run_playbook("setup", **files)
        self.assertEqual(untagged.returncode, 0)
        self.assertIn("--tags remote", untagged.out)
        before = self.run_playbook("status").report()["r1"]
        self.assertEqual(before["state"], "unknown")
        self.assertIn("No remotes configured", before["reason"])
        done = self.run_playbook("setup", "--tags", "remote", **files)
        self.assertEqual(done.returncode, 0, done.out)
        self.assertEqual(self.run_playbook("status").states(), {"r1": "available"})

    def test_forgotten(self) -> None:
        """A setting that is missing is named."""
        self.add("r2", remotes=False)
        for tag, setting in [("package", "tdx_module_package"), ("remote", "tdx_module_certificate")]:
            done = self.run_playbook("setup", "--tags", tag)
            self.assertNotEqual(done.returncode, 0, done.out)
            self.assertIn(f"'{setting}' is undefined", done.out)

    def test_remote_without_lvfs(self) -> None:
        """A host that cannot reach LVFS gets the remote of a mirror when that is said."""
        self.add("r3", remotes=False)
        self.fleet.wait()
        config = "[fwupd Remote]\\nEnabled=true\\nMetadataURI=http://127.0.0.1:9/firmware.xml.zst\\n"
        self.fleet.ssh("r3", f"printf '{config}' >/etc/fwupd/remotes.d/lvfs.conf")
        wanted = {
            "tdx_module_remote": str(self.mirror.folder / "tdx-module.conf"),
            "tdx_module_certificate": str(self.mirror.key.certificate),
        }
        done = self.run_playbook("setup", "--tags", "remote", **wanted)
        self.assertNotEqual(done.returncode, 0, done.out)
        self.assertIn("lvfs", done.out)
        wanted["tdx_module_disable_remotes"] = ["lvfs"]
        done = self.run_playbook("setup", "--tags", "remote", **wanted)
        self.assertEqual(done.returncode, 0, done.out)
        self.assertEqual(self.run_playbook("status").states(), {"r3": "available"})

    def test_cordon(self) -> None:
        """Nodes are cordoned for the update only, and nobody else's cordon is taken away."""
        (self.here / "kubectl").write_text(KUBECTL, encoding="utf-8")
        (self.here / "kubectl").chmod(0o755)
        self.add("c1", "c2")
        hooks = {
            f"tdx_module_hook_{when}": str(COLLECTION / f"examples/{name}.yml")
            for when, name in [("before", "cordon"), ("after", "uncordon")]
        }
        done = self.rollout(**hooks)
        self.assertEqual(done.returncode, 0, done.out)
        calls = (self.here / "calls").read_text(encoding="utf-8").splitlines()
        self.assertEqual(calls, ["cordon c1", "uncordon c1", "cordon c2"])

    def env(self) -> Dict[str, str]:
        return {**super().env(), "PATH": f"{self.here}:{os.environ['PATH']}"}

    def test_libvirt_hook(self) -> None:
        """Only TDs are held, and only while the file of the hooks is there."""
        hold = Path("/run/tdx-module-hold")
        self.assertFalse(hold.exists())
        for held, kind, operation, expected in [
            (False, "tdx", "prepare", 0),
            (True, "tdx", "prepare", 1),
            (True, "tdx", "migrate", 1),
            (True, "tdx", "release", 0),
            (True, "sev", "prepare", 0),
        ]:
            with self.subTest(held=held, kind=kind, operation=operation):
                if held:
                    hold.touch()
                done = subprocess.run(
                    [COLLECTION / "examples/libvirt-hook", "guest", operation, "begin", "-"],
                    input=f"<domain><launchSecurity type='{kind}'/></domain>",
                    stderr=subprocess.PIPE,
                    text=True,
                    check=False,
                )
                hold.unlink(missing_ok=True)
                self.assertEqual(done.returncode, expected)
                self.assertEqual("try again" in done.stderr, expected == 1)

    def test_lint(self) -> None:
        """ansible-lint has nothing to say, with its strictest profile."""
        if shutil.which("ansible-lint") is None:
            self.skipTest("no ansible-lint")
        copy = self.here / "ansible_collections/fwupd/tdx"
        shutil.copytree(COLLECTION, copy)
        done = subprocess.run(
            ["ansible-lint", "--offline", "--nocolor", "--strict", "--profile", "production"],
            cwd=copy,
            env={**self.env(), "NO_COLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(self.here)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("Passed", done.stdout)


class SizeTest(FleetCase):
    """How long a rollout takes; TDX_FLEET_HOSTS says over how many hosts."""

    def test_size(self) -> None:
        count = int(os.environ.get("TDX_FLEET_HOSTS", "0"))
        if count == 0:
            self.skipTest("no TDX_FLEET_HOSTS")
        self.add(*[f"h{i}" for i in range(count)])
        self.fleet.wait()
        self.fleet.wake(self.hosts.values())
        begin = time.monotonic()
        done = self.rollout(tdx_module_batches=[2, 10, 40])
        seconds = time.monotonic() - begin
        self.assertEqual(done.returncode, 0, done.out)
        self.assertEqual(set(self.uploads().values()), {1})
        with open("/proc/meminfo", encoding="utf-8") as file:
            memory = dict(line.split(":") for line in file)
        used = int(memory["MemTotal"].split()[0]) - int(memory["MemAvailable"].split()[0])
        print(f"# {count} hosts in {seconds:.0f} s, {60 * count / seconds:.0f} per minute, "
              f"{used / 2**20:.1f} GiB in use on this machine")


if __name__ == "__main__":
    fleet.main(*PROGRAMS)
