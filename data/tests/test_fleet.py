#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rollouts with the real Ansible over mock hosts; what was touched is what the mocks have seen."""

import csv
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Dict, List

from tdxtest import fleet, mirror
from tdxtest.images import SOURCE, clean_env
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
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=/dev/null
"""
WRONG_MRSEAM = "ab" * 48


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

    @classmethod
    def setUpClass(cls) -> None:
        reason = fleet.skip_reason(*PROGRAMS)
        if reason is not None:
            raise unittest.SkipTest(reason)
        cls.folder = Path(tempfile.mkdtemp(prefix="tdx-rollout-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        made = mirror.Mirror(cls.folder, mirror.make_key(cls.folder, "operator", kind="ec"))
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
            host.disconnect()

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
        self.write_inventory()
        command = ["ansible-playbook", "-i", "hosts", f"fwupd.tdx.{playbook}", *args]
        for key, value in values.items():
            command += ["-e", f"{key}={value}"]
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
        return self.run_playbook("rollout", *args, **{"tdx_module_confirm": "true", **values})

    def uploads(self) -> Dict[str, int]:
        return {name: host.uploads() for name, host in self.hosts.items()}

    def touched(self) -> List[str]:
        return [name for name, host in self.hosts.items() if host.was_touched()]

    def versions(self) -> List[str]:
        return [host.version() for host in self.hosts.values()]


class RolloutTest(FleetCase):
    """What an operator is promised in docs/fleet.md."""

    def test_all_well(self) -> None:
        """All hosts are updated once, and a second run changes nothing."""
        self.add("w1", "w2", "w3", "w4")
        first = self.rollout()
        self.assertEqual(first.returncode, 0, first.out)
        self.assertEqual(self.versions(), ["1.5.16"] * 4)
        self.assertEqual(set(self.uploads().values()), {1})
        self.assertEqual(set(first.states().values()), {"current"})
        rows = first.report().values()
        self.assertEqual({(row["from"], row["to"]) for row in rows}, {("1.5.06", "1.5.16")})
        second = self.rollout()
        self.assertEqual(second.returncode, 0, second.out)
        self.assertEqual(set(second.changed().values()), {0}, second.out)
        self.assertEqual(set(self.uploads().values()), {1})


if __name__ == "__main__":
    fleet.main(*PROGRAMS)
