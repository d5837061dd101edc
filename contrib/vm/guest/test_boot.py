#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The TDX module that the next boot loads: the daemon in its sandbox, and a real reboot."""

import os
import shutil
from pathlib import Path

import firmware
import guest
from guest import GuestCase, client
from tdxtest.fwupdmgr import FAILED, SUCCESS

OLD, NEW = "1.5.06", "1.5.16"
NEEDS_REBOOT = 4
FOLDER = firmware.ESP / "EFI/TDX"
FSTAB = f"LABEL=ESP {firmware.ESP} vfat umask=0077 0 0\n"
AT_BOOT = f"""[Unit]
RequiresMountsFor={firmware.ESP}

[Service]
ExecStart=
ExecStart=/usr/bin/python3 -B /test/firmware.py
"""


class BootCase(GuestCase):
    """A host with the erratum, so there is no other way."""

    def device(self) -> dict:
        found = [d for d in client.devices() if d["Name"] == "TDX Module at Boot"]
        return found[0] if found else {}

    def history(self) -> dict:
        """Of this device, whatever other tests have updated."""
        (entry,) = [d for d in client.history() if d["Name"] == "TDX Module at Boot"]
        return entry

    def update(self) -> None:
        """From the old pair to the new one."""
        for path in (guest.TEST / "boot").glob("TDX-SEAM.so*"):
            shutil.copy(path, FOLDER)
        guest.stop_daemon()
        guest.wait_for(lambda: self.device().get("Version") == OLD, f"{OLD} on the ESP")
        guest.wait_for(
            lambda: NEW in client.fwupdmgr("get-releases", self.device()["DeviceId"]).stdout,
            f"the release {NEW}",
        )
        client.fwupdmgr("update", self.device()["DeviceId"], check=0)
        self.assertEqual(self.history()["UpdateState"], NEEDS_REBOOT)
        self.assertEqual(guest.attr("version"), OLD)
        self.assert_boot("reset_needed", "boot_module")
        self.assertEqual(firmware.boot()["source"], "pair" if self.is_heeded() else "bios")

    def assert_boot(self, state: str, *resets: str) -> None:
        report = guest.ask_status()[1]
        self.assertEqual(report["boot"]["state"], state, report["verdict"])
        self.assertEqual(report["resets"], [*resets])

    def is_heeded(self) -> bool:
        return "--ignores-files" not in firmware.OPTIONS.read_text(encoding="utf-8")

    def show(self) -> dict:
        """What an operator sees after the reboot."""
        out = client.fwupdmgr("get-devices", check=0).stdout
        lines = "".join(out.partition("TDX Module:")[1:]).splitlines()
        print("".join(f"# {line}\n" for line in lines), flush=True)
        return self.history()


class UpdateTest(BootCase):
    """The new pair is written, and the old module still runs."""

    def mount(self) -> None:
        """As an installer leaves it; udisks2 finds it and tells fwupd."""
        modules = Path("/usr/lib/modules", os.uname().release)
        shutil.copytree(guest.TEST / "modules", modules)
        guest.run("depmod")
        Path("/etc/fstab").write_text(FSTAB, encoding="utf-8")
        guest.run("systemctl", "unmask", "udisks2.service")
        guest.run("systemctl", "start", "boot-efi.mount")
        found = guest.run("findmnt", "-no", "FSTYPE,SOURCE", str(firmware.ESP)).split()
        self.assertEqual(found, ["vfat", "/dev/nvme0n1p1"])

    def test_update(self) -> None:
        self.mount()
        FOLDER.mkdir(parents=True)
        firmware.OPTIONS.write_text("", encoding="utf-8")
        Path("/etc/tdx-host").write_text("", encoding="utf-8")
        drop_in = Path("/etc/systemd/system/tdx-host.service.d/firmware.conf")
        drop_in.parent.mkdir()
        drop_in.write_text(AT_BOOT, encoding="utf-8")
        for path in (guest.TEST / "boot").glob("TDX-SEAM.so*"):
            shutil.copy(path, FOLDER)
        firmware.main()
        self.assertEqual(guest.attr("version"), OLD)
        guest.make_remote()
        guest.offer("boot/1.5.16")
        self.update()


class TakenTest(BootCase):
    """The firmware has loaded it. The next one will not."""

    def test_taken(self) -> None:
        self.assertEqual(guest.attr("version"), NEW)
        history = self.show()
        self.assertEqual(history["UpdateState"], SUCCESS, history)
        self.assert_boot("current")
        self.assertEqual(self.device()["Version"], NEW)
        firmware.OPTIONS.write_text(f"--bios={OLD} --ignores-files", encoding="utf-8")
        firmware.main()
        self.update()


class IgnoredTest(BootCase):
    """This firmware has its own."""

    def test_ignored(self) -> None:
        self.assertEqual(guest.attr("version"), OLD)
        history = self.show()
        self.assertEqual(history["UpdateState"], FAILED, history)
        for text in ["firmware did not take", NEW, OLD, "SEAM Loader"]:
            self.assertIn(text, history["UpdateError"])
        self.assert_boot("ignored")


STAGES = [UpdateTest, TakenTest, IgnoredTest]
