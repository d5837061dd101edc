#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each rule of the P-SEAMLDR: what an upload by a shell comes to, and what the plugin does."""

from pathlib import Path
from typing import List

from tdxtest import rules
from tdxtest.testbed import NO_WRITES, Testbed, TestbedCase, main

EXPECTED = Path(__file__).parent / "refusals.txt"
# those parameters of the test driver that are options of the mock, and no keys of it
OPTIONS = {
    "seamldr_cleanup": ["--seamldr-cleanup"],
    "second_socket": ["--cpu=0x806F8", "--cpu=0xA06F0"],
}
KEYS = {"remaining": "remaining", "bios_hv": "running_hv"}


class RefusalsTest(TestbedCase):
    """The same table as in the VM."""

    def prepare(self, bed: Testbed, rule: rules.Rule) -> None:
        """As after a boot."""
        bed.mock.set(lost="0", running=rules.BIOS, running_hv="0", remaining="10", online="0-3")
        bed.mock.set(**{KEYS[key]: rule.host[key] for key in KEYS if key in rule.host})
        if "offline" in rule.host:
            bed.mock.set(online="0-2")

    def by_plugin(self, bed: Testbed, rule: rules.Rule, image: Path) -> str:
        cabinet = bed.cabinet(image, rules.NEW, ["806F0"], folder=bed.tmp)
        done = bed.fwupdmgr("install", str(cabinet))
        if bed.mock.writes() == NO_WRITES:
            self.assertNotEqual(done.returncode, 0, done.stdout)
            return "refuses"
        return "installs" if done.returncode == 0 else "cannot know"

    def by_shell(self, bed: Testbed, image: Path) -> str:
        begin = len(bed.mock.log())
        bed.mock.set(other=f"now:1,{image},0")
        status = bed.mock.device / "firmware/tdx_module/status"
        bed.wait_for(lambda: status.read_text(encoding="utf-8") == "idle\n", "the end")
        return bed.mock.log()[begin:]

    def version(self, bed: Testbed) -> str:
        try:
            return bed.mock.attr("version")
        except OSError:
            return ""

    def check(self, bed: Testbed, rule: rules.Rule) -> str:
        image = bed.image(rule.file, *rule.options)
        self.prepare(bed, rule)
        plugin = self.by_plugin(bed, rule, image)
        if plugin == "refuses":
            self.assertEqual(self.version(bed), rules.BIOS)
        self.prepare(bed, rule)
        log = self.by_shell(bed, image)
        left = bed.mock.attr("num_remaining_updates")
        return rules.row(rule, log, self.version(bed), left, plugin)

    def test_table(self) -> None:
        rows: List[str] = []
        shared = None
        for rule in rules.RULES:
            options = [option for key in rule.host for option in OPTIONS.get(key, [])]
            if options or rule in [rules.GOOD] or not rule.known:
                bed = self.new_bed(*options)
            else:
                bed = shared = shared or self.new_bed()
            rows.append(self.check(bed, rule))
        print("".join(f"# {line}\n" for line in rules.table(rows)))
        difference = rules.difference(rows, EXPECTED.read_text(encoding="utf-8"))
        self.assertFalse(difference, f"\n{difference}")

    def new_bed(self, *options: str) -> Testbed:
        return self.make_testbed(f"--install-version={rules.NEW}", *options, only_trusted=False)


if __name__ == "__main__":
    main()
