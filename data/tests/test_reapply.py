#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""After a reboot the release that was last installed is applied again, and nothing else."""

import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from tdxtest.bootfiles import MODULE, pair_of, write
from tdxtest.images import clean_env, run
from tdxtest.reapply import BIOS, NEW, Reapply, ReapplyCase
from tdxtest.testbed import FWUPD, SERVANTS, main, start_bus

BOOT_LOADER = "/proc/sys/kernel/bootloader_type"


class ApplyTest(ReapplyCase):
    """At boot."""

    def test_reboot(self) -> None:
        reapply = self.make_stored()
        for _boot in range(2):
            reapply.reboot()
            self.assertEqual(reapply.bed.mock.attr("version"), BIOS)
            self.assertIn(f"would install {NEW}", reapply("status"))
            self.assert_applied(reapply)
            self.assertIn("nothing to do", reapply("status"))
            out = reapply("apply")
            self.assertEqual(out, f"nothing to do: TDX module {NEW} is running, stored is {NEW}\n")
            self.assertEqual(reapply.bed.device_updates_left(), "9")
            # the history has the same release as a new entry
            self.assertIn("stored already", reapply.store_changed())
            self.assertEqual(reapply.store_changed(), "")

    def test_old_kernel(self) -> None:
        reapply = self.make_stored("--kernel=v3")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_once_per_boot(self) -> None:
        """Whatever has happened since, a second update is not spent."""
        reapply = self.make_stored()
        reapply.reboot()
        self.assert_applied(reapply)
        bed = reapply.bed
        bed.stop_daemon()
        bed.mock.set(running=BIOS)
        reapply.bed.start_daemon()
        self.assert_refused(reapply, "there was an attempt since the machine has started")
        self.assertIn("no, there was an attempt", reapply("status"))
        self.assertEqual(bed.device_updates_left(), "9")

    def test_bios(self) -> None:
        """The same version, a newer one, and one of another series."""
        reapply = self.make_stored()
        for version in [NEW, "1.5.24", "2.0.04"]:
            with self.subTest(version=version):
                reapply.reboot(version)
                uploads = self.uploads(reapply)
                out = reapply("apply")
                self.assertIn(f"nothing to do: TDX module {version} is running", out)
                self.assertEqual(reapply.bed.mock.attr("version"), version)
                self.assertEqual(self.uploads(reapply), uploads)

    def test_cabinet(self) -> None:
        reapply = self.make_stored()
        cabinet = reapply.cabinet()
        good = cabinet.read_bytes()
        reapply.reboot()
        cabinet.unlink()
        self.assert_refused(reapply, f"{cabinet}: No such file or directory")
        self.assertIn("No such file", reapply("status", check=1))
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        for bad in [good[:-1], good[:4096], b"", flipped]:
            cabinet.write_bytes(bad)
            out = self.assert_refused(reapply, f"{cabinet} is damaged: its {len(bad)} bytes")
            self.assertIn(f"{hashlib.sha256(bad).hexdigest()}, needed is {cabinet.stem}", out)
        # the release is still in the remote, but not used
        self.assertTrue((reapply.bed.cabinets / "new.bin.cab").exists())
        cabinet.write_bytes(good)
        self.assert_applied(reapply)

    def test_store_mends(self) -> None:
        """Also what is damaged is replaced by what was installed."""
        reapply = self.make_stored()
        good = reapply.files()
        reapply.cabinet().write_bytes(b"damaged")
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assertEqual(reapply.files().keys(), good.keys())
        self.assertEqual(reapply.cabinet().read_bytes(), good[reapply.cabinet().name])

    def test_record(self) -> None:
        reapply = self.make_stored()
        record = reapply.state / "state.conf"
        good = record.read_text(encoding="utf-8")
        reapply.reboot()
        for bad, reason in {
            "": "has no Version=",
            "garbage": f"{record} is damaged",
            good.replace("Sha256=", "Sha256=x"): "needed are 64 hexadecimal digits",
            good.replace("Sha256=", "Sha256=../"): "needed are 64 hexadecimal digits",
            good[: good.index("Sha1=")]: "has Sha1=, needed are 40",
            good.replace(NEW, "1.5"): "needed is one like 1.5.06",
        }.items():
            record.write_text(bad, encoding="utf-8")
            self.assertIn(reason, reapply("apply", check=1))
        record.unlink()
        self.assertEqual(reapply("apply"), "nothing to do: no release is stored\n")
        self.assertEqual(self.uploads(reapply), 1)

    def test_history_other(self) -> None:
        """Something else was installed, and could not be stored."""
        reapply = self.make_stored(only_trusted=False)
        bed = reapply.bed
        bed.mock.set(install_version="1.5.20")
        image = bed.image("other.bin", "--version=1.5.20", "--svn=0x0110")
        cabinet = bed.cabinet(image, "1.5.20", ["806F0"], folder=bed.tmp)
        bed.fwupdmgr("install", str(cabinet), check=0)
        files = reapply.files()
        out = reapply("store", f"--if-changed={reapply.history}", check=1)
        self.assertIn("no remote has the cabinet with the SHA-1", out)
        self.assertIn("run: tdx-module-reapply store FILE.cab", out)
        self.assertEqual(reapply.files(), files)
        reapply.reboot()
        self.assert_refused(reapply, "version 1.5.20 with the SHA-1")
        self.assertIn("stored TDX module 1.5.20", reapply("store", cabinet))
        self.assertNotEqual(reapply.files().keys(), files.keys())
        self.assertIn("TDX module 1.5.20 has been applied again", reapply("apply"))

    def test_history_gone(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.stop_daemon()
        reapply.history.unlink()
        reapply.bed.start_daemon()
        self.assert_applied(reapply)

    def test_failed_since(self) -> None:
        """An installation that failed is not what was last installed successfully."""
        reapply = self.make_stored()
        bed = reapply.bed
        bed.mock.set(fault="transferring:firmware-invalid")
        image = bed.image("other.bin", "--version=1.5.20", "--svn=0x0110")
        bed.cabinet(image, "1.5.20", ["806F0"])
        bed.fwupdmgr("update", check=1)
        self.assertIn("nothing to store", reapply.store_changed())
        reapply.reboot()
        self.assert_applied(reapply)

    def test_without_network(self) -> None:
        """Nor with the remote that it came from."""
        reapply = self.make_stored(only_trusted=False)
        shutil.rmtree(reapply.bed.cabinets)
        (reapply.bed.tmp / "etc/fwupd/remotes.d/tdx.conf").unlink()
        reapply.reboot()
        self.assert_applied(reapply, prefix=["unshare", "--net"])

    def test_untrusted(self) -> None:
        """What fwupd refuses, it says why, and nothing is spent."""
        reapply = self.make_stored()
        remote = reapply.bed.tmp / "etc/fwupd/remotes.d/tdx.conf"
        config = remote.read_text(encoding="utf-8")
        shutil.rmtree(reapply.bed.cabinets)
        remote.unlink()
        reapply.reboot()
        out = self.assert_refused(reapply, f"fwupd has not installed it, now {BIOS} is running: ")
        self.assertIn("signature", out)
        # it will be trusted when the remote is back
        reapply.bed.cabinets.mkdir()
        shutil.copy(reapply.cabinet(), reapply.bed.cabinets / "new.bin.cab")
        remote.write_text(config, encoding="utf-8")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_lost(self) -> None:
        """A release that has lost the TDX module does so only once."""
        reapply = self.make_stored()
        bed = reapply.bed
        reapply.reboot()
        bed.mock.set(fault_loses="1")
        bed.mock.set(fault="transferring:firmware-invalid")
        out = reapply("apply", check=1)
        self.assertIn("now no TDX module is running", out)
        self.assertIn("lost", out)
        uploads = self.uploads(reapply)
        for _boot in range(2):
            reapply.reboot()
            self.assert_refused(reapply, "the last attempt lost the TDX module")
            reapply.store_changed()
        self.assertEqual(self.uploads(reapply), uploads)
        bed.fwupdmgr("install", str(reapply.cabinet()), check=0)
        self.assertIn("stored already", reapply.store_changed())
        reapply.reboot()
        self.assert_applied(reapply)

    def test_refused_harmlessly(self) -> None:
        """What has left the TDX module as it was is tried again at the next boot."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(fault="transferring:firmware-invalid")
        self.assertIn(f"now {BIOS} is running", reapply("apply", check=1))
        self.assert_refused(reapply, "there was an attempt since the machine has started")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_unexpected(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(fault_version="1.5.13")
        self.assertIn("now 1.5.13 is running", reapply("apply", check=1))
        reapply.reboot()
        self.assert_refused(reapply, "the last attempt lost the TDX module")

    def test_inhibited(self) -> None:
        """The reason is fwupd's, and no attempt is made."""
        reapply = self.make_stored()
        reapply.reboot()
        self.set_remaining(reapply, "0")
        self.assert_refused(reapply, "the device cannot be updated: The P-SEAMLDR has 0 updates")
        self.assertIn("The P-SEAMLDR has 0 updates left", reapply("status"))
        self.set_remaining(reapply, "10")
        self.assert_applied(reapply)

    def set_remaining(self, reapply: Reapply, remaining: str) -> None:
        """What lasts is only seen when fwupd starts."""
        reapply.bed.stop_daemon()
        reapply.bed.mock.set(remaining=remaining)
        reapply.bed.start_daemon()

    def test_cpu_offline(self) -> None:
        """What passes is refused by fwupd itself, before anything is touched."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(online="0-2")
        out = self.assert_refused(reapply, f"fwupd has not installed it, now {BIOS} is running: ")
        self.assertIn("CPUs 0-2 are online, and an update needs all of 0-3", out)
        self.assertIn(f"would install {NEW}", reapply("status"))
        reapply.bed.mock.set(online="0-3")
        self.assert_applied(reapply)
        self.assertEqual(self.uploads(reapply), 2)

    def test_busy(self) -> None:
        """What has reached the kernel is the one attempt, whatever came of it."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.mock.set(fault="transferring:device-busy")
        self.assertIn("nothing was changed", reapply("apply", check=1))
        self.assert_refused(reapply, "there was an attempt since the machine has started")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_late(self) -> None:
        reapply = self.make_stored()
        bed = reapply.bed
        bed.mock.set(absent="1")
        reapply.reboot()
        self.assertIn("fwupd shows no TDX module", reapply("apply", check=1))
        begin = time.monotonic()
        self.assertIn("fwupd shows no TDX module", reapply("apply", "--wait=2", check=1))
        self.assertGreater(time.monotonic() - begin, 1.9)
        process = reapply.start("apply", "--wait=30")
        time.sleep(1)
        bed.load_driver()
        out, _err = process.communicate(timeout=60)
        self.assertEqual(out, f"TDX module {NEW} has been applied again, {BIOS} was running\n")

    def test_restarted_meanwhile(self) -> None:
        """What waits for the device asks the fwupd that there is then."""
        reapply = self.make_stored()
        bed = reapply.bed
        bed.mock.set(absent="1")
        reapply.reboot()
        process = reapply.start("apply", "--wait=30")
        time.sleep(1)
        bed.stop_daemon()
        bed.mock.set(absent="0")
        bed.start_daemon()
        out, _err = process.communicate(timeout=60)
        self.assertEqual(out, f"TDX module {NEW} has been applied again, {BIOS} was running\n")

    def test_no_daemon(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.stop_daemon()
        self.assert_refused(reapply, "cannot talk to fwupd")
        nowhere = "unix:path=/nonexistent/bus"
        out = reapply("apply", check=1, DBUS_SYSTEM_BUS_ADDRESS=nowhere)
        self.assertIn("cannot talk to fwupd", out)

    def test_hanging_daemon(self) -> None:
        """The boot goes on."""
        reapply = self.make_stored()
        reapply.reboot()
        reapply.bed.daemon.send_signal(signal.SIGSTOP)
        self.addCleanup(reapply.bed.daemon.send_signal, signal.SIGCONT)
        begin = time.monotonic()
        out = reapply("apply", "--timeout=2", check=1, JOURNAL_STREAM="1:2")
        self.assertTrue(out.startswith(f"<3>TDX module {NEW} is not applied again: given up"), out)
        self.assertIn("given up, as fwupd has not answered in time: a remote on a network", out)
        self.assertLess(time.monotonic() - begin, 20)

    def test_journal(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        good = reapply.cabinet().read_bytes()
        reapply.cabinet().write_bytes(b"damaged")
        self.assertTrue(reapply("apply", check=1, JOURNAL_STREAM="1:2").startswith("<3>TDX"))
        reapply.cabinet().write_bytes(good)
        self.assertTrue(reapply("apply", JOURNAL_STREAM="1:2").startswith("<5>TDX"))
        self.assertTrue(reapply("apply", JOURNAL_STREAM="1:2").startswith("<6>nothing to do"))

    def test_two_at_once(self) -> None:
        reapply = self.make_stored("--phase-ms=300")
        reapply.reboot()
        uploads = self.uploads(reapply)
        processes = [reapply.start("apply") for _i in range(3)]
        outs = sorted(process.communicate(timeout=60)[0] for process in processes)
        self.assertEqual([process.returncode for process in processes], [0, 0, 0], outs)
        self.assertIn("has been applied again", outs[0])
        self.assertIn("nothing to do", outs[1])
        self.assertIn("nothing to do", outs[2])
        self.assertEqual(self.uploads(reapply), uploads + 1)

    def test_killed(self) -> None:
        """When nobody knows how it has ended, it is not repeated by itself."""
        reapply = self.make_stored("--phase-ms=1000")
        reapply.reboot()
        bed = reapply.bed
        process = reapply.start("apply")
        bed.wait_for(lambda: bed.mock.writes()["uploads"] == 2, "the upload")
        process.kill()
        process.communicate()
        bed.stop_daemon(signal.SIGKILL)
        bed.wait_for(lambda: bed.mock.attr("firmware/tdx_module/status") == "idle", "the end")
        reapply.reboot()
        self.assert_refused(reapply, "the last attempt has not come to its end")
        # the history tells nothing better
        reapply.store_changed()
        reapply.reboot()
        self.assert_refused(reapply, "the last attempt has not come to its end")
        bed.fwupdmgr("install", str(reapply.cabinet()), check=0)
        reapply.store_changed()
        reapply.reboot()
        self.assert_applied(reapply)

    def test_not_noted(self) -> None:
        """A success is one, also if that cannot be noted."""
        reapply = self.make_stored("--phase-ms=500")
        bed = reapply.bed
        reapply.reboot()
        process = reapply.start("apply")
        bed.wait_for(lambda: bed.mock.writes()["uploads"] == 2, "the upload")
        run("mount", "--bind", reapply.state, reapply.state)
        self.addCleanup(run, "umount", reapply.state)
        run("mount", "-o", "remount,bind,ro", reapply.state)
        out, _err = process.communicate(timeout=60)
        self.assertIn(f"TDX module {NEW} has been applied again", out)
        self.assertIn("as this cannot be noted", out)
        self.assertEqual(process.returncode, 0)

    def test_kexec(self) -> None:
        """It is no reset, and TDX may be off."""
        reapply = self.make_stored()
        reapply.reboot()
        loader = reapply.bed.tmp / "loader"
        loader.write_text("208\n", encoding="utf-8")
        run("mount", "--bind", loader, BOOT_LOADER)
        self.addCleanup(run, "umount", BOOT_LOADER)
        for absent in "0", "1":
            reapply.bed.mock.set(absent=absent)
            self.assertIn("nothing to do: this kernel was started with kexec", reapply("apply"))
        self.assertEqual(self.uploads(reapply), 1)
        loader.write_text("176\n", encoding="utf-8")
        reapply.bed.mock.set(absent="0")
        reapply.reboot()
        self.assert_applied(reapply)

    def test_esp(self) -> None:
        """A boot that itself brings a TDX module is respected."""
        reapply = self.make_stored()
        reapply.reboot()
        for name in ["EFI/TDX/TDX-SEAM.so", "EFI/Loader/TDX-BLOB"]:
            path = reapply.bed.tmp / "esp" / name
            path.parent.mkdir(parents=True)
            path.touch()
            out = reapply("apply")
            self.assertIn(f"nothing to do: the boot itself brings a TDX module, {path}", out)
            status = reapply("status")
            self.assertIn(f"apply:    no, the boot itself brings a TDX module, {path}", status)
            path.unlink()
        self.assertEqual(self.uploads(reapply), 1)
        self.assert_applied(reapply)

    def make_esp(self) -> Path:
        """An EFI system partition that also fwupd sees, for what is made after this."""
        esp = Path(tempfile.mkdtemp(prefix="tdx-esp-"))
        self.addCleanup(shutil.rmtree, esp)
        os.environ["FWUPD_UEFI_ESP_PATH"] = str(esp)
        self.addCleanup(os.environ.pop, "FWUPD_UEFI_ESP_PATH")
        return esp

    def load_from(self, reapply: Reapply, esp: Path, version: str, svn: str) -> None:
        image = reapply.bed.image("boot.bin", f"--version={version}", f"--svn={svn}")
        write(esp / "EFI/TDX", pair_of(image.read_bytes()))

    def test_esp_taken(self) -> None:
        """What the boot has taken from there is respected."""
        esp = self.make_esp()
        reapply = self.make_stored()
        self.load_from(reapply, esp, BIOS, "0x0106")
        reapply.reboot()
        out = reapply("apply")
        self.assertIn(f"nothing to do: the boot itself brings a TDX module, {esp}", out)
        self.assertIn(f"of version {BIOS}", out)
        self.assertEqual(reapply.status()["state"], "refused")
        self.assertEqual(self.uploads(reapply), 1)

    def test_esp_ignored(self) -> None:
        """Some firmware does not look there; then it is as if there was nothing."""
        esp = self.make_esp()
        reapply = self.make_stored()
        self.load_from(reapply, esp, "1.5.24", "0x010d")
        reapply.reboot()
        ignored = "the boot has not taken the TDX module of the EFI system partition"
        self.assertIn(f"boot:     {ignored}", reapply("status"))
        out = reapply("apply")
        self.assertIn(ignored, out)
        self.assertIn(f"TDX module {NEW} has been applied again, {BIOS} was running", out)
        self.assertEqual(reapply.bed.mock.attr("version"), NEW)

    def test_esp_unknown(self) -> None:
        """What fwupd can make nothing of may have been taken."""
        esp = self.make_esp()
        reapply = self.make_stored()
        self.load_from(reapply, esp, "1.5.24", "0x010d")
        (esp / "EFI/TDX" / MODULE).write_bytes(b"damaged")
        reapply.reboot()
        self.assertIn("that fwupd does not know", reapply("apply"))
        self.assertEqual(self.uploads(reapply), 1)

    def test_dead_remote(self) -> None:
        """A file system that never answers keeps fwupd from starting, and nothing else."""
        reapply = self.make_stored()
        bed = reapply.bed
        reapply.reboot()
        bed.stop_daemon()
        dead = bed.tmp / "dead"
        dead.mkdir()
        fuse = os.open("/dev/fuse", os.O_RDWR)
        self.addCleanup(run, "umount", "--lazy", dead)
        self.addCleanup(os.close, fuse)
        options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0"
        mount = ["mount", "--internal-only", "--types", "fuse", "--options", options, "dead", dead]
        subprocess.run(mount, env=clean_env(), pass_fds=[fuse], check=True)
        bed.set_remote(dead / "firmware.xml.gz")
        self.start_on_demand(reapply)
        for command, code in {"apply": 1, "status": 0}.items():
            begin = time.monotonic()
            out = reapply(command, "--timeout=2", check=code)
            self.assertLess(time.monotonic() - begin, 20)
            self.assertIn("given up, as fwupd has not answered in time: a remote on a net", out)
        self.assertEqual(json.loads(reapply("status", "--json", "--timeout=2"))["state"], "unknown")
        self.assertEqual(self.uploads(reapply), 1)

    def start_on_demand(self, reapply: Reapply) -> None:
        """D-Bus starts fwupd, as on a host."""
        bed = reapply.bed
        services = bed.tmp / "services"
        services.mkdir()
        program = services / "fwupd"
        env = " ".join(f"{key}='{value}'" for key, value in bed.env.items() if "FWUPD" in key)
        command = " ".join(["env", env, *bed.on_host[1:], FWUPD])
        pid = services / "pid"
        program.write_text(f"#!/bin/sh\necho $$ >{pid}\nexec setpriv --pdeathsig KILL {command}\n")
        program.chmod(0o755)
        service = "[D-BUS Service]\nName=org.freedesktop.fwupd\nUser=root\nExec={}\n"
        (services / "org.freedesktop.fwupd.service").write_text(service.format(program))
        config = start_bus().parent / "bus.conf"
        text = config.read_text()

        def configure(text: str) -> None:
            config.write_text(text)
            SERVANTS[0].send_signal(signal.SIGHUP)
            time.sleep(1)

        # the bus is there for other tests, too
        self.addCleanup(configure, text)
        self.addCleanup(lambda: os.kill(int(pid.read_text()), signal.SIGKILL))
        folder = f"  <servicedir>{services}</servicedir>\n</busconfig>"
        configure(text.replace("</busconfig>", folder))

    def test_json(self) -> None:
        reapply = self.make_host()
        self.assertEqual(reapply.status(), {"state": "nothing", "running": BIOS})
        reapply = self.make_stored()
        self.assertEqual(reapply.status()["state"], "current")
        self.assertEqual(reapply.status()["stored_version"], NEW)
        reapply.reboot()
        self.assertEqual(reapply.status()["state"], "would-apply")
        self.set_remaining(reapply, "0")
        self.assertEqual(reapply.status()["state"], "refused")
        self.assertIn("0 updates left", reapply.status()["reason"])
        reapply.bed.stop_daemon()
        self.assertEqual(reapply.status()["state"], "unknown")
        reapply.cabinet().write_bytes(b'"')
        self.assertEqual(reapply.status()["state"], "damaged")

    def other(self, reapply: Reapply, version: str = "1.5.20") -> Path:
        """A cabinet that no remote has."""
        bed = reapply.bed
        image = bed.image(f"{version}.bin", f"--version={version}", "--svn=0x0110")
        return bed.cabinet(image, version, ["806F0"], folder=bed.tmp)

    def test_other_then_failure(self) -> None:
        """A failure since does not hide that something else was installed."""
        for seen in True, False:
            with self.subTest(seen=seen):
                reapply = self.make_stored(only_trusted=False)
                bed = reapply.bed
                bed.mock.set(install_version="1.5.20")
                bed.fwupdmgr("install", str(self.other(reapply)), check=0)
                if seen:
                    reapply.store_changed(check=1)
                bed.mock.set(fault="transferring:firmware-invalid")
                bed.fwupdmgr("install", str(self.other(reapply, "1.5.24")), check=1)
                bed.mock.set(fault="")
                reapply.store_changed(check=1 if seen else 0)
                reapply.reboot()
                reason = "version 1.5.20 with the SHA-1" if seen else "it is not certain"
                self.assert_refused(reapply, reason)
                bed.mock.set(install_version=NEW)
                bed.fwupdmgr("install", str(reapply.cabinet()), check=0)
                reapply.store_changed()
                reapply.reboot()
                self.assert_applied(reapply)

    def test_account_damaged(self) -> None:
        reapply = self.make_stored()
        reapply.reboot()
        record = reapply.state / "state.conf"
        record.write_text("garbage", encoding="utf-8")
        out = reapply("apply", check=1)
        self.assertIn(f"{record} is damaged", out)
        self.assertEqual(self.uploads(reapply), 1)
        # nor is it known if there was an attempt in this boot
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assert_refused(reapply, "there was an attempt since the machine has started")

    def test_two_releases(self) -> None:
        """What fwupd would install in two uploads is not stored, nor applied if it was."""
        reapply = self.make_host(only_trusted=False)
        bed = reapply.bed
        files = [bed.image("new.bin"), bed.image("other.bin", "--version=1.5.20", "--svn=0x0110")]
        for image, version in zip(list(files), [NEW, "1.5.20"]):
            bed.cabinet(image, version, ["806F0"], folder=bed.tmp)
            files.append(bed.tmp / f"images/{image.name}.metainfo.xml")
        both = bed.tmp / "both.cab"
        run("gcab", "--create", "--nopath", both, *files)
        bed.fwupdmgr("install", str(bed.tmp / "new.bin.cab"), check=0)
        reapply("store", bed.tmp / "new.bin.cab")
        bed.stop_daemon()
        with sqlite3.connect(reapply.history) as db:
            sha1 = hashlib.sha1(both.read_bytes()).hexdigest()
            db.execute("UPDATE history SET checksum = ?", (sha1,))
        bed.start_daemon()
        found = f"needed is {NEW} and nothing else"
        self.assertIn(found, reapply("store", both, check=1))
        # as if it had been stored
        record = reapply.state / "state.conf"
        text = record.read_text(encoding="utf-8")
        for kind, key in {"sha1": "Sha1", "sha256": "Sha256"}.items():
            digest = hashlib.new(kind, both.read_bytes()).hexdigest()
            text = re.sub(f"{key}=.*", f"{key}={digest}", text)
            shutil.copy(both, reapply.state / f"{digest}.cab")
        record.write_text(text, encoding="utf-8")
        reapply.store_changed()
        reapply.reboot()
        self.assert_refused(reapply, found)

    def test_read_only(self) -> None:
        """What cannot be noted must not be tried."""
        reapply = self.make_stored()
        reapply.reboot()
        run("mount", "--bind", reapply.state, reapply.state)
        self.addCleanup(run, "umount", reapply.state)
        run("mount", "-o", "remount,bind,ro", reapply.state)
        out = reapply("apply", check=1)
        self.assertIn(f"{reapply.state}/lock: Read-only file system", out)
        self.assertEqual(self.uploads(reapply), 1)


if __name__ == "__main__":
    main()
