#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an update means for the guests, and how an administrator forbids it."""

from tdxtest.fwupdmgr import FAILED_TRANSIENT, SUCCESS
from tdxtest.testbed import NO_WRITES, TestbedCase, main

REQUIRE_NO_GUESTS = "[tdx_module]\nRequireNoGuests={}\n"
REQUIRED = "RequireNoGuests=true in fwupd.conf needs 0"


class GuestsTest(TestbedCase):
    """Their number is known, or there can be none, or nobody can know."""

    def bed(self, *options: str, require: str = "true"):
        bed = self.make_testbed(
            "--install-version=1.5.16", *options, config=REQUIRE_NO_GUESTS.format(require)
        )
        bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"])
        return bed

    def assert_updated(self, bed) -> None:
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def assert_refused(self, bed, reason: str) -> None:
        """This passes, so the device is not inhibited."""
        self.assertIn("updatable", bed.device()["Flags"])
        out = bed.fwupdmgr("update", check=1).stdout
        self.assertRegex(out, f"{reason}.*{REQUIRED}|{REQUIRED}.*{reason}")
        self.assertEqual(bed.history()[0]["UpdateState"], FAILED_TRANSIENT)
        self.assertEqual(bed.mock.writes(), NO_WRITES)
        self.assertIn("updatable", bed.device()["Flags"])

    def test_not_required(self) -> None:
        """TDs keep running, and nothing is asked of anybody."""
        bed = self.bed("--tds=3", require="false")
        self.assertEqual(bed.device()["Summary"], "Isolates confidential guests from the host")
        self.assert_updated(bed)
        self.assertEqual(bed.history()[0]["UpdateState"], SUCCESS)
        self.assertEqual(bed.mock.writes()["uploads"], 1)

    def test_not_required_unknown(self) -> None:
        for option in ["--cgroup-namespace", "--no-tds-line", "--no-kvm-intel"]:
            with self.subTest(option=option):
                self.assert_updated(self.bed(option, require="false"))

    def test_counted(self) -> None:
        bed = self.bed("--tds=3")
        self.assert_refused(bed, "TDs running: 3, and")
        bed.mock.set(tds="0")
        self.assert_updated(bed)

    def test_started_meanwhile(self) -> None:
        bed = self.bed("--tds=0")
        bed.mock.set(tds="1")
        self.assert_refused(bed, "TDs running: 1, and")

    def test_none_possible(self) -> None:
        """Without KVM, or if it does not do TDX, there is nothing to count."""
        for option in ["--no-kvm-intel", "--kvm-tdx=N", "--kvm-tdx="]:
            with self.subTest(option=option):
                self.assert_updated(self.bed(option, "--no-tds-line"))

    def test_kvm_hidden(self) -> None:
        """What is counted is believed more than what cannot be seen."""
        bed = self.bed("--tds=3")
        bed.mock.set(attr_errno="kvm_intel/parameters/tdx:open:ENOENT")
        self.assert_refused(bed, "TDs running: 3, and")

    def test_namespace(self) -> None:
        """A container reads a 0 that says nothing about the host."""
        bed = self.bed("--cgroup-namespace", "--tds=3")
        current = bed.mock.root / "sys/fs/cgroup/misc.current"
        self.assertEqual(current.read_text(encoding="utf-8"), "tdx 0\n")
        self.assert_refused(bed, "let fwupd see the root of the cgroup tree")
        bed.mock.set(cgroup_namespace="0")
        self.assert_refused(bed, "TDs running: 3, and")

    def test_kernel_without_line(self) -> None:
        """The cgroup is there, but not its line: only KVM can say that there are none."""
        for tds in 0, 3:
            with self.subTest(tds=tds):
                bed = self.bed("--no-tds-line", f"--tds={tds}")
                self.assert_refused(bed, "remove the module kvm_intel")
                bed.mock.set(no_kvm_intel="1", tds="0")
                self.assert_updated(bed)

    def test_denied(self) -> None:
        for attr in ["cgroup/misc.capacity", "cgroup/misc.current"]:
            with self.subTest(attr=attr):
                bed = self.bed("--tds=0")
                bed.mock.set(attr_errno=f"{attr}:open:EACCES")
                self.assert_refused(bed, f"{attr} in its unit.*Permission denied")
                bed.mock.set(attr_errno=f"{attr}:0")
                self.assert_updated(bed)

    def test_denied_kvm(self) -> None:
        bed = self.bed("--no-tds-line")
        bed.mock.set(attr_errno="kvm_intel/parameters/tdx:open:EACCES")
        self.assert_refused(bed, "no line 'tdx' in misc.current")

    def test_spelling(self) -> None:
        """A typing error must not cost the guests."""
        for value in ["True", "yes", "true ", "1", ""]:
            with self.subTest(value=value):
                bed = self.bed("--tds=1", require=value)
                self.assert_refused(bed, "TDs running: 1, and")
                self.assertIn("RequireNoGuests is taken as true", bed.daemon_log())

    def test_modify_config(self) -> None:
        """What means nothing is refused here."""
        bed = self.bed("--tds=0", require="false")
        modify = ["modify-config", "tdx_module"]
        done = bed.fwupdmgr(*modify, "RequireNoGuests", "yes", check=1)
        self.assertIn("expected true|false", done.stdout)
        done = bed.fwupdmgr(*modify, "Typo", "true", check=1)
        self.assertIn("expected RequireNoGuests", done.stdout)

        # fwupd restarts itself after a change
        bed.fwupdmgr(*modify, "RequireNoGuests", "true")
        files = list(bed.tmp.glob("*etc/fwupd/fwupd.conf")) + list(
            bed.tmp.glob("var/etc/fwupd/fwupd.conf")
        )
        texts = [path.read_text(encoding="utf-8") for path in files]
        self.assertTrue(any("RequireNoGuests=true" in text for text in texts))


if __name__ == "__main__":
    main()
