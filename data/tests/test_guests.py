#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an update means for the guests, and how an administrator forbids it."""

from tdxtest.fwupdmgr import SUCCESS
from tdxtest.testbed import TestbedCase, main

REQUIRE_NO_GUESTS = "[tdx_module]\nRequireNoGuests={}\n"


class GuestsTest(TestbedCase):
    """TDs are counted, and never lost without a word."""

    def bed(self, tds: int, require: str = "false"):
        bed = self.make_testbed(
            f"--tds={tds}",
            "--install-version=1.5.16",
            config=REQUIRE_NO_GUESTS.format(require),
        )
        bed.cabinet(bed.image("good.bin"), "1.5.16", ["806F0"])
        return bed

    def test_message(self) -> None:
        bed = self.bed(3)
        self.assertIn("TDs running: 3", bed.device()["Summary"])
        self.assertIn("TDs that keep running (3)", bed.fwupdmgr("update", check=0).stdout)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def test_reinstall(self) -> None:
        """The same TDX module again changes nothing for TDs."""
        bed = self.bed(3)
        bed.fwupdmgr("update", check=0)
        cabinet = str(bed.cabinets / "good.bin.cab")
        done = bed.fwupdmgr("install", cabinet, "--allow-reinstall", check=0)
        self.assertNotIn("whoever checks attestation", done.stdout)
        self.assertEqual(bed.mock.writes()["uploads"], 2)

    def test_again(self) -> None:
        """After an update with TDs the next release is offered, and says the same."""
        bed = self.bed(3)
        bed.fwupdmgr("update", check=0)
        bed.mock.set(install_version="1.5.20", tds="2")
        image = bed.image("newer.bin", "--version=1.5.20", "--svn=0x010c")
        bed.cabinet(image, "1.5.20", ["806F0"])
        self.assertIn("TDs that keep running (2)", bed.fwupdmgr("update", check=0).stdout)
        self.assertEqual(bed.device()["Version"], "1.5.20")

    def test_nobody_is_there(self) -> None:
        """The client is gone before it can be told: that does not make a failure of a success."""
        bed = self.bed(3)
        bed.mock.set(phase_ms="1000")
        client = bed.start_update()
        bed.wait_for(lambda: "status: preparing" in bed.mock.log(), "the upload")
        client.kill()
        client.communicate()
        bed.wait_for(lambda: bed.mock.attr("version") == "1.5.16", "the new version")
        bed.wait_for(lambda: bed.history(), "the history")
        bed.wait_for(lambda: bed.history()[0]["UpdateState"] == SUCCESS, "the success")

    def test_no_guests(self) -> None:
        bed = self.bed(0, "true")
        self.assertIn("TDs running: 0", bed.device()["Summary"])
        self.assertNotIn("whoever checks attestation", bed.fwupdmgr("update", check=0).stdout)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def test_required(self) -> None:
        bed = self.bed(3, "true")
        self.assertIn("TDs running: 3, and RequireNoGuests=true", bed.device()["UpdateError"])
        bed.fwupdmgr("update")
        self.assertEqual(bed.mock.writes()["uploads"], 0)
        bed.mock.set(tds="0")
        bed.wait_for(lambda: "updatable" in bed.device()["Flags"], "the end of the TDs")
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def test_started_meanwhile(self) -> None:
        bed = self.bed(0, "true")
        bed.mock.set(tds="1")
        self.assertIn("TDs running: 1, and", bed.fwupdmgr("update", check=1).stdout)
        self.assertEqual(bed.mock.writes()["uploads"], 0)

    def test_mistake(self) -> None:
        """A value that means nothing must not let an update through."""
        bed = self.bed(3, "yes")
        self.assertIn("RequireNoGuests is 'yes'", bed.daemon_log())
        self.assertIn("TDs running: 3, and", bed.device()["UpdateError"])

    def test_modify_config(self) -> None:
        bed = self.bed(0)
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
