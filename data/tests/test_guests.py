#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an update means for the guests, and how an administrator forbids it."""

from testbed import TestbedCase, main

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
        self.assertIn("3 TDs were running", bed.fwupdmgr("update", check=0).stdout)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def test_no_guests(self) -> None:
        bed = self.bed(0, "true")
        self.assertIn("TDs running: 0", bed.device()["Summary"])
        self.assertNotIn("TDs were running", bed.fwupdmgr("update", check=0).stdout)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def test_required(self) -> None:
        bed = self.bed(3, "true")
        self.assertIn("3 TDs are running, and RequireNoGuests=true", bed.device()["UpdateError"])
        bed.fwupdmgr("update")
        self.assertEqual(bed.mock.writes()["uploads"], 0)
        bed.mock.set(tds="0")
        bed.wait_for(lambda: "updatable" in bed.device()["Flags"], "the end of the TDs")
        bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.device()["Version"], "1.5.16")

    def test_started_meanwhile(self) -> None:
        bed = self.bed(0, "true")
        bed.mock.set(tds="1")
        self.assertIn("1 TDs are running", bed.fwupdmgr("update", check=1).stdout)
        self.assertEqual(bed.mock.writes()["uploads"], 0)

    def test_mistake(self) -> None:
        """A value that means nothing must not let an update through."""
        bed = self.bed(3, "yes")
        self.assertIn("RequireNoGuests is 'yes'", bed.daemon_log())
        self.assertIn("3 TDs are running", bed.device()["UpdateError"])

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
