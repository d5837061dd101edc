#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The alert rules, and the real Prometheus and node_exporter over mock hosts."""

import json
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request
from pathlib import Path
from typing import List, Set

from tdxtest import fleet
from tdxtest.images import SOURCE, clean_env

PROGRAMS = ["prometheus", "prometheus-node-exporter", "promtool"]
MONITORING = SOURCE / "contrib/monitoring"
RULES = MONITORING / "tdx-module.rules.yml"
TEXTFILES = "/var/lib/prometheus/node-exporter"
SEVERITIES = ["critical", "warning", "info"]
CONFIG = """global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [{rules}]
scrape_configs:
  - job_name: node
    static_configs:
      - targets: [{targets}]
"""


def get_anchors(path: Path) -> Set[str]:
    """Those that a browser of Markdown makes of the headings."""
    headings = re.findall("^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub("[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class RulesTest(unittest.TestCase):
    """What is said to whoever is woken up."""

    def setUp(self) -> None:
        if shutil.which("promtool") is None:
            self.skipTest("no promtool")
        text = RULES.read_text(encoding="utf-8")
        self.rules = re.split(r"^      - alert: ", text, flags=re.MULTILINE)[1:]
        self.names = [rule.split("\n")[0] for rule in self.rules]

    def promtool(self, *args: str) -> str:
        done = subprocess.run(
            ["promtool", *args],
            cwd=MONITORING,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_rules(self) -> None:
        """Each alert fires when it should, and not when it should not."""
        self.assertIn(f"{len(self.names)} rules found", self.promtool("check", "rules", RULES.name))
        self.promtool("test", "rules", "tdx-module.test.yml")

    def test_document(self) -> None:
        """What is to be in Prometheus's own file is taken, beside the rules."""
        document = (SOURCE / "docs/monitoring.md").read_text(encoding="utf-8")
        (text,) = re.findall(r"^```yaml\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(RULES, folder)
            path = Path(folder, "prometheus.yml")
            path.write_text(text, encoding="utf-8")
            self.assertIn(f"{len(self.names)} rules found", self.promtool("check", "config", str(path)))

    def test_all_are_tested(self) -> None:
        """For each alert there is a time at which it fires, and one at which it does not."""
        tests = (MONITORING / "tdx-module.test.yml").read_text(encoding="utf-8")
        tested = re.findall(r'expr: ALERTS\{alertname=(.*)\n.*\n +exp_samples:( \[\])?', tests)
        for name in self.names:
            with self.subTest(name):
                found = [silent for text, silent in tested if re.search(rf'\b{name}"', text)]
                found += [s for t, s in tested if name.startswith("TdxModuleOutOfDate") and s]
                found += [s for t, s in tested if name == "TdxModuleTcbInfoStale" and s]
                self.assertIn("", found)
                self.assertIn(" []", found)

    def test_words(self) -> None:
        """Each has a summary, a description, and where to read on, which exists."""
        anchors = get_anchors(SOURCE / "docs/operators.md")
        for name, rule in zip(self.names, self.rules):
            with self.subTest(name):
                self.assertRegex(rule, r"\n          summary: \S")
                self.assertRegex(rule, r"\n          description: \S")
                self.assertIn(re.search(r"severity: (\S+)", rule)[1], SEVERITIES)
                document, anchor = re.search(r"runbook_url: file://\S+/(\S+)#(\S+)", rule).groups()
                self.assertEqual(document, "operators.md")
                self.assertIn(anchor, anchors)


class PrometheusTest(unittest.TestCase):
    """From a mock kernel to an alert, with Debian's programs between."""

    def setUp(self) -> None:
        reason = fleet.skip_reason(*PROGRAMS)
        if reason is not None:
            self.skipTest(reason)
        self.folder = Path(tempfile.mkdtemp(prefix="tdx-monitoring-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.fleet = fleet.Fleet()
        self.addCleanup(self.fleet.stop)

    def write_metrics(self, name: str) -> None:
        """Does what the unit does."""
        unit = (MONITORING / "tdx-module-metrics.service.in").read_text(encoding="utf-8")
        command = re.search("^ExecStart=(.*)$", unit, re.MULTILINE)[1].replace("@sbindir@", "/usr/sbin")
        self.assertIn(TEXTFILES, command)
        self.assertEqual(self.fleet.ssh(name, command).returncode, 0)

    def start_exporter(self, name: str) -> str:
        target = f"{self.fleet.hosts[name].address}:9100"
        command = ["prometheus-node-exporter", f"--web.listen-address={target}"]
        command += ["--collector.disable-defaults", "--collector.textfile"]
        command += [f"--collector.textfile.directory={TEXTFILES}"]
        self.fleet.ssh(name, f"{' '.join(command)} >/run/exporter.log 2>&1 </dev/null &")
        return target

    def start_prometheus(self, targets: List[str]) -> None:
        config = self.folder / "prometheus.yml"
        text = CONFIG.format(rules=RULES, targets=", ".join(targets))
        config.write_text(text, encoding="utf-8")
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data"]
        command.append("--web.listen-address=127.0.0.1:9090")
        with (self.folder / "log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(command, env=clean_env(), stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def query(self, expression: str) -> List[dict]:
        query = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:9090/api/v1/query?{query}") as reply:
                return [item["metric"] for item in json.load(reply)["data"]["result"]]
        except OSError:
            return []

    def wait_for(self, expression: str) -> List[dict]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found = self.query(expression)
            if found:
                return found
            time.sleep(0.2)
        log = (self.folder / "log").read_text(encoding="utf-8")
        raise AssertionError(f"no {expression} within two minutes: {log}")

    def test_lost(self) -> None:
        """A host loses its TDX module, and the alert is about that host."""
        for name in ["m1", "m2"]:
            self.fleet.add(name)
        self.fleet.wait()
        self.fleet.wake(self.fleet.hosts.values())
        for name in ["m1", "m2"]:
            self.write_metrics(name)
        targets = [self.start_exporter(name) for name in ["m1", "m2"]]
        self.start_prometheus(targets)
        well = self.wait_for('count(tdx_module_info{version="1.5.06"}) == 2')
        self.assertEqual(len(well), 1)
        self.assertEqual(self.query('ALERTS{alertname="TdxModuleLost"}'), [])
        self.fleet.hosts["m2"].mock.set(lost="1")
        self.write_metrics("m2")
        (alert,) = self.wait_for('ALERTS{alertname="TdxModuleLost", alertstate="firing"}')
        self.assertEqual(alert["instance"], targets[1])
        self.assertEqual(alert["severity"], "critical")

    def test_features(self) -> None:
        """What node-feature-discovery reads has a label for the state, and none for the version."""
        self.fleet.add("n1", "--lost")
        self.fleet.wait()
        unit = (MONITORING / "tdx-module-features.service.in").read_text(encoding="utf-8")
        command = re.search("^ExecStart=(.*)$", unit, re.MULTILINE)[1].replace("@sbindir@", "/usr/sbin")
        path = Path(command.split("--output=")[1])
        self.assertEqual(self.fleet.ssh("n1", f"mkdir -p {path.parent} && {command}").returncode, 0)
        lines = self.fleet.ssh("n1", f"cat {path}").stdout.splitlines()
        self.assertRegex(lines[0], r"^# \+expiry-time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("tdx-module.state=lost", lines)
        labels = [line.split("=")[0] for line in lines[1:]]
        self.assertFalse([label for label in labels if "version" in label])
        # and the sample asks for what there is
        rule = (MONITORING / "node-feature-rule.yaml").read_text(encoding="utf-8")
        asked = set(re.findall(r"^ +(tdx-module\.\S+): \{op", rule, re.MULTILINE))
        self.assertTrue(asked)
        self.assertLessEqual(asked, set(labels))


if __name__ == "__main__":
    fleet.main(*PROGRAMS)
