#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An operator at the screen: GNOME Firmware with the real daemon and the mock host.

The pictures in docs/images are made by this, see CONTRIBUTING.md.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import List

from tdxtest import bootfiles, desktop
from tdxtest.images import PUBLISHER, QUIRK, make_image, run
from tdxtest.testbed import Testbed, TestbedCase, main

PROGRAM = "gnome-firmware"
DEVICE = "Intel TDX Module"
BOOT = "Intel TDX Module at Boot"
PAGE = 4096
OLD, MIDDLE, NEW, LATER = "1.5.06", "1.5.13", "1.5.16", "1.5.20"
CPUS = ["--cpu=0x806F8", "--cpu=0xC06F2"]
MAP = {
    "tdx_module_releases": [
        {
            "version": version,
            "min_module_version_for_td_preserving": oldest,
            "min_seamldr_versions": ["1.5.00", "2.0.00"],
            "strict_compat_versions": [],
        }
        for version, oldest in [(MIDDLE, "1.5.01"), (NEW, "1.5.01"), (LATER, MIDDLE)]
    ]
}
SUMMARY = "Intel TDX module for Sapphire Rapids processors, replaced while guests are running"
TEXT = "Made for the tests of the fwupd plugin for the TDX module."


def publish(bed: Testbed, version: str, *options: str) -> bytes:
    """Makes a release as a publisher does, and gives what the kernel should get of it."""
    image = bed.image(f"tdx_module_{version}.blob", f"--version={version}", *CPUS, *options)
    compatibility = bed.tmp / "mapping_file.json"
    compatibility.write_text(json.dumps(MAP), encoding="utf-8")
    quirks = [QUIRK, bed.quirks / "test-signer.quirk"]
    command = [PUBLISHER, "build", "--map", compatibility, "--output", bed.cabinets]
    command += [arg for quirk in quirks for arg in ["--quirks", quirk]]
    run(*command, "--description", TEXT, "--urgency", "high", image)
    return image.read_bytes()


class GnomeFirmwareTest(TestbedCase):
    """What is on the screen, and what its buttons do."""

    def open(self, *mock_options: str) -> None:
        reason = desktop.skip_reason(PROGRAM)
        if reason is not None:
            self.skipTest(reason)
        options = ["--cpu=0x806F8", f"--install-version={NEW}", *mock_options]
        self.bed = self.make_testbed(*options)
        publish(self.bed, LATER, "--svn=0x010c", "--date=20250611")
        publish(self.bed, MIDDLE, "--svn=0x010a", "--date=20250114")
        self.image = publish(self.bed, NEW, "--svn=0x010b", "--date=20250219")
        # fwupd would go on saying that it decompresses what was published last
        self.bed.stop_daemon()
        self.bed.start_daemon()
        self.desktop = desktop.Desktop(self.bed, PROGRAM)
        self.addCleanup(self.desktop.stop)
        self.window = self.desktop.windows()[0]
        device = self.desktop.wait_for(lambda: self.window.row(DEVICE), "the device")
        self.desktop.resize(self.window, 1000, 760)
        self.desktop.click_row(self.window, device)
        self.desktop.wait_for(self.releases, "the releases")

    def picture(self, name: str) -> Path:
        folder = Path(os.environ.get("TDX_SCREENSHOTS", self.bed.tmp))
        path = folder / f"gnome-firmware-{name}.png"
        self.desktop.screenshot(path)
        return path

    def rows(self) -> dict:
        """What the device says about itself."""
        rows = [row.texts() for row in self.window.find("list item")]
        return {row[0]: row[1] for row in rows if len(row) == 2}

    def releases(self) -> dict:
        """The rows that have a version and a button."""
        rows = self.window.find("list item")
        rows = [row for row in rows if len(row.texts()) == 3 and row.find("button")]
        return {row.texts()[1]: row for row in rows}

    def buttons(self) -> List[List[str]]:
        """What can be done with which release, as people read it."""
        return [
            [version, row.texts()[2].rstrip("…")] for version, row in self.releases().items()
        ]

    def sensitive(self) -> List[bool]:
        return [row.find("button")[0].sensitive for row in self.releases().values()]

    def dialogs(self) -> List[desktop.Widget]:
        return [window for window in self.desktop.windows() if window != self.window]

    def dialog(self, text: str) -> desktop.Widget:
        """Waits for one that says something that starts with this."""

        def look() -> List[desktop.Widget]:
            return [d for d in self.dialogs() if any(t.startswith(text) for t in d.texts())]

        return self.desktop.wait_for(look, f"a dialog with '{text}'")[0]

    def close_dialogs(self, button: str) -> None:
        """All, as some versions show more than others."""

        def look() -> bool:
            for dialog in self.dialogs():
                dialog.button(button).click()
            return not self.dialogs()

        self.desktop.wait_for(look, "the end of the dialogs")

    def click_upgrade(self, name: str = "TDX Module") -> desktop.Widget:
        def look() -> bool:
            return self.releases()[NEW].button("Upgrade").click()

        self.desktop.wait_for(look, "a button that can be clicked")
        return self.dialog(f"Upgrade {name} firmware version {NEW}")

    def check_details(self) -> None:
        """What the publisher wrote, and what a verifier of attestation has to know."""
        self.desktop.click_row(self.window, self.releases()[NEW])
        dialog = self.dialog("Summary")
        self.desktop.resize(dialog, 860, 560)
        texts = dialog.texts()
        self.assertIn(SUMMARY, texts)
        description = "\n".join(texts)
        mrseam = hashlib.sha384(self.image[2 * PAGE :]).hexdigest()
        for text in [TEXT, mrseam, "1.11 (0x010b)", "2025-02-19", "Sapphire Rapids"]:
            self.assertIn(text, description)
        self.picture("release")
        self.close_dialogs("Close")

    def test_update(self) -> None:
        self.open()
        rows = self.rows()
        self.assertEqual(rows["Current Version"], OLD)
        self.assertEqual(rows["Vendor"], "Intel")
        self.assertNotIn("Update Error", rows)
        # there is one more, but it cannot follow the old version
        wanted = [[NEW, "Upgrade"], [MIDDLE, "Upgrade"]]
        self.desktop.wait_for(lambda: self.buttons() == wanted, "what is newer")
        self.assertEqual(self.releases()[NEW].texts()[0], "TDX Module")
        before = self.picture("device")
        self.check_details()

        self.click_upgrade()
        self.close_dialogs("Cancel")
        self.assertEqual(self.bed.mock.writes()["uploads"], 0)

        dialog = self.click_upgrade()
        self.assertIn("remain usable for the duration of the update", " ".join(dialog.texts()))
        dialog.button("Upgrade").click()
        done = self.dialog("Installation successful")
        self.assertIn(f"Installed firmware version {NEW} on TDX Module.", done.texts())
        self.assertEqual(self.bed.device()["Version"], NEW)
        self.assertEqual(self.bed.mock.attr("version"), NEW)
        self.assertEqual(self.bed.mock.writes()["uploads"], 1)
        self.assertEqual(self.bed.mock.received(), self.image)
        self.close_dialogs("OK")
        self.check_after()
        after = self.picture("updated")
        self.assertNotEqual(before.read_bytes(), after.read_bytes())

    def check_after(self) -> None:
        """Now the release is there that could not follow the old version."""
        self.desktop.wait_for(lambda: self.rows()["Current Version"] == NEW, NEW)
        self.desktop.wait_for(lambda: self.buttons() == [[LATER, "Upgrade"]], "what can follow")

    def make_esp(self) -> Path:
        """An EFI system partition with the old version."""
        esp = Path(tempfile.mkdtemp(prefix="tdx-esp-"))
        self.addCleanup(shutil.rmtree, esp)
        image = make_image(esp / "image", f"--version={OLD}", "--svn=0x0106").read_bytes()
        bootfiles.write(esp / "EFI/TDX", bootfiles.pair_of(image))
        os.environ["FWUPD_UEFI_ESP_PATH"] = str(esp)
        self.addCleanup(os.environ.pop, "FWUPD_UEFI_ESP_PATH")
        return esp

    def is_boot(self) -> bool:
        """If the releases are those of that device."""
        names = {row.texts()[0] for row in self.releases().values()}
        return names == {"TDX Module at Boot"}

    def check_flag(self, text: str) -> None:
        """Newer versions show flags only to those who ask for them."""
        if text not in self.window.texts():
            self.desktop.click_row(self.window, self.window.row("Flags"))
        self.desktop.wait_for(lambda: text in self.window.texts(), text)

    def test_boot(self) -> None:
        """What the next boot loads is a device of its own, with a name that says so."""
        esp = self.make_esp()
        self.open()
        self.desktop.click_row(self.window, self.window.row(BOOT))
        self.desktop.wait_for(self.is_boot, "the device at boot")
        self.assertEqual(self.rows()["Current Version"], OLD)
        self.picture("boot")
        self.check_flag("Needs a reboot after installation")
        # nothing runs that one of them could not follow
        self.assertEqual([row[0] for row in self.buttons()], [LATER, NEW, MIDDLE])
        self.click_upgrade("TDX Module at Boot").button("Upgrade").click()
        message = self.dialog("The new TDX module is loaded at the next boot.")
        self.assertIn("Some firmware ignores the files", " ".join(message.texts()))
        # newer versions ask only then
        message.button("OK").click()
        self.dialog("The update requires a reboot").button("No").click()
        self.assertEqual(bootfiles.boot(esp)["mrseam"], bootfiles.mrseam_of(self.image))
        # not the one that runs
        self.assertEqual(self.bed.mock.attr("version"), OLD)
        self.assertEqual(self.bed.mock.writes()["uploads"], 0)

    def test_guests(self) -> None:
        """Whoever runs TDs is not asked for anything, and can go on with the next release."""
        self.open("--tds=3")
        self.click_upgrade().button("Upgrade").click()
        self.dialog("Installation successful")
        self.assertEqual(self.bed.mock.attr("version"), NEW)
        self.close_dialogs("OK")
        self.check_after()

    def test_blocked(self) -> None:
        """The device stays on the screen, with the reason."""
        self.open("--remaining=0")
        reason = self.desktop.wait_for(lambda: self.rows()["Update Error"], "the reason")
        self.assertIn("0 updates left until the next full reset", reason)
        self.desktop.wait_for(lambda: self.sensitive() == [False, False], "grey buttons")
        self.picture("blocked")

    def test_refused(self) -> None:
        """A CPU that went offline while the operator was thinking."""
        self.open()
        dialog = self.click_upgrade()
        self.bed.mock.set(online="0-2")
        dialog.button("Upgrade").click()
        error = self.dialog("Failed to install firmware")
        self.assertIn("CPUs 0-2 are online", " ".join(error.texts()))
        self.assertEqual(self.bed.mock.writes()["uploads"], 0)
        self.close_dialogs("Close")
        self.assertEqual(self.rows()["Current Version"], OLD)


if __name__ == "__main__":
    main()
