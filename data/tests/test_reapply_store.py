#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was installed is stored, whole and in spite of failures that pass."""

import hashlib
import http.server
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, List, Optional
from xml.etree import ElementTree

from tdxtest.images import run
from tdxtest.reapply import BIOS, NEW, Disk, Reapply, ReapplyCase
from tdxtest.testbed import main, start

UNTRUSTING = """[fwupd]
DisabledPlugins=cpu;uefi_capsule;uefi_dbx
IdleTimeout=0
UpdateMotd=false
OnlyTrusted=false
"""


class StoreTest(ReapplyCase):
    """After an update."""

    def serve(self, folder: Path) -> int:
        """A web server on this machine; `answer` may take a request over."""
        case = self
        self.answer: Optional[Callable] = None
        self.requests: List[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            """Without a log, and also as a proxy."""

            def do_GET(self) -> None:  # pylint: disable=invalid-name
                case.requests.append(self.path)
                if case.answer is not None and self.path.endswith(".cab"):
                    case.answer(self)
                else:
                    super().do_GET()

            def translate_path(self, path: str) -> str:
                return str(folder / path.rsplit("/", maxsplit=1)[1])

            def log_message(self, *_args) -> None:  # pylint: disable=arguments-differ
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def make_remote(
        self, location: str, config: str = "", prepare=None, folder: str = "metadata"
    ) -> Reapply:
        """A host updated from a remote with metadata; what `config` adds to it comes after."""
        reapply = self.make_host()
        bed = reapply.bed
        web = bed.tmp / "web"
        web.mkdir()
        cabinet = bed.cabinet(bed.image("new.bin"), NEW, ["806F0"], folder=web)
        data = cabinet.read_bytes()
        tree = ElementTree.parse(bed.tmp / "images/new.bin.metainfo.xml")
        release = tree.find("releases/release")
        release.set("timestamp", "1740000000")
        del release.attrib["date"]
        for kind in ["sha1", "sha256"]:
            attrs = {"type": kind, "target": "container", "filename": cabinet.name}
            element = ElementTree.SubElement(release, "checksum", attrs)
            element.text = hashlib.new(kind, data).hexdigest()
        element = ElementTree.SubElement(release, "location")
        element.text = location.format(port=self.serve(web))
        root = ElementTree.Element("components", {"version": "0.9", "origin": "tdx"})
        root.append(tree.getroot())
        metadata = bed.tmp / folder / "firmware.xml"
        metadata.parent.mkdir(exist_ok=True)
        ElementTree.ElementTree(root).write(metadata, encoding="UTF-8", xml_declaration=True)
        run("gzip", "--keep", metadata)
        bed.stop_daemon()
        remote = bed.tmp / "etc/fwupd/remotes.d/tdx.conf"
        text = f"[fwupd Remote]\nEnabled=true\nTitle=TDX\nMetadataURI=file://{metadata}.gz\n"
        remote.write_text(text, encoding="utf-8")
        if config or prepare is not None:
            (bed.tmp / "etc/fwupd/fwupd.conf").write_text(UNTRUSTING, encoding="utf-8")
        bed.start_daemon()
        if config or prepare is not None:
            bed.fwupdmgr("install", str(cabinet), check=0)
        else:
            bed.fwupdmgr("update", check=0)
        self.assertEqual(bed.mock.attr("version"), NEW)
        if config:
            bed.stop_daemon()
            remote.write_text(text + config, encoding="utf-8")
            bed.start_daemon()
        if prepare is not None:
            prepare(metadata.parent)
        return reapply

    def test_http(self) -> None:
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        web = reapply.bed.tmp / "web/new.bin.cab"
        good = web.read_bytes()
        web.write_bytes(good + b"x")
        out = reapply("store", check=1)
        self.assertIn("has the SHA-1 " + hashlib.sha1(good + b"x").hexdigest(), out)
        web.unlink()
        self.assertIn("404", reapply("store", check=1))
        self.assertNotIn("stored_version", reapply.status())
        web.write_bytes(good)
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply("store"))
        web.unlink()
        reapply.reboot()
        self.assert_applied(reapply, prefix=["unshare", "--net"])

    def fail_once(self, handler) -> None:
        handler.send_error(404)
        self.answer = None

    def test_retry(self) -> None:
        """A failure that passes is not the end of it."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        self.answer = self.fail_once
        out = reapply.store_changed("--retry=1")
        self.assertRegex(out, f"TDX module {NEW} could not be stored: .*404.*; next try in 1 sec")
        self.assertIn(f"stored TDX module {NEW}", out)
        self.assertNotIn("missing", reapply("status"))

    def test_retry_pauses(self) -> None:
        """They grow, what is missing is said, and a new installation is looked at at once."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        self.answer = lambda handler: handler.send_error(404)
        process = reapply.start("store", f"--if-changed={reapply.history}", "--retry=1")
        reapply.bed.wait_for(
            lambda: reapply.status().get("missing_tries") == "4", "the fourth try"
        )
        status = reapply.status()
        self.assertEqual(status["state"], "nothing")
        self.assertEqual(status["missing_version"], NEW)
        self.assertEqual(status["missing_tries"], "4")
        self.assertIn("404", status["missing_reason"])
        out = reapply("status")
        self.assertIn("stored:   nothing\n", out)
        self.assertRegex(out, rf"missing:  {NEW} was installed but is not stored, seen 20.*404")
        self.answer = None
        os.utime(reapply.history)
        out, _err = process.communicate(timeout=60)
        pauses = [int(pause) for pause in re.findall(r"next try in (\d+) seconds", out)]
        self.assertEqual(pauses[:4], [1, 2, 4, 8])
        self.assertIn(f"stored TDX module {NEW}", out)

    def test_retry_ends(self) -> None:
        """With the version that was installed."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        self.answer = lambda handler: handler.send_error(404)
        process = reapply.start("store", f"--if-changed={reapply.history}", "--retry=1")
        reapply.bed.wait_for(lambda: len(self.requests) > 1, "the second try")
        reapply.reboot()
        out, _err = process.communicate(timeout=60)
        self.assertIn("is not stored, as it is not running", out)
        self.assertEqual(process.returncode, 0)
        self.assertIn(f"{NEW} was installed but is not stored", reapply("status"))
        self.assertRegex(reapply("apply", check=1), f"version {NEW} .* is not stored: .*404")

    def test_proxy(self) -> None:
        reapply = self.make_remote("http://tdx.invalid/new.bin.cab", prepare=lambda folder: None)
        self.assertIn("could not be stored", reapply("store", check=1))
        port = self.serve(reapply.bed.tmp / "web")
        out = reapply("store", http_proxy=f"http://127.0.0.1:{port}")
        self.assertIn(f"stored TDX module {NEW}", out)
        self.assertEqual(self.requests, ["http://tdx.invalid/new.bin.cab"])

    def test_endless(self) -> None:
        """What is downloaded has an end."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")

        def answer(handler) -> None:
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(bytes(1 << 20))
            except OSError:
                pass

        self.answer = answer
        out = reapply("store", check=1)
        self.assertIn("killed by signal", out)
        self.assertIn("it may use 256 MiB and 300 seconds", out)

    def test_empty_error(self) -> None:
        """With this libfwupd 2.0.20 crashes."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")

        def answer(handler) -> None:
            handler.send_response(404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answer = answer
        # the sanitizers would turn the signal into an exit status
        sanitizers = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
        out = reapply("store", check=1, ASAN_OPTIONS=sanitizers)
        self.assertRegex(out, "killed by signal 11|404")
        self.answer = None
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))

    def test_no_reason(self) -> None:
        """libfwupd cannot make an address of this, and does not say so."""
        reapply = self.make_remote(
            "http://127.0.0.1:{port}/new.bin.cab", config="FirmwareBaseURI=nonsense\n"
        )
        out = reapply("store", check=1)
        self.assertEqual(len(out.splitlines()), 1, out)
        self.assertRegex(out, "new.bin.cab: (libfwupd gives no reason|.*URL)")

    def test_locations(self) -> None:
        """What a remote names is not read wherever it is."""
        secret = "/root/secret.cab"
        for location in [f"file://{secret}", str(secret), "../secret.cab", "ipfs://secret"]:
            with self.subTest(location=location):
                reapply = self.make_remote(
                    location, prepare=lambda path: os.mkfifo(path.parent / "secret.cab")
                )
                out = reapply("store", check=1)
                self.assertIn(f"location {location} of remote tdx is not read", out)

    def test_location_blocks(self) -> None:
        reapply = self.make_remote("sub/new.bin.cab", prepare=self.make_pipe)
        begin = time.monotonic()
        self.assertIn("no remote has the cabinet with the SHA-1", reapply("store", check=1))
        self.assertLess(time.monotonic() - begin, 60)

    def make_pipe(self, folder: Path) -> None:
        (folder / "sub").mkdir()
        os.mkfifo(folder / "sub/new.bin.cab")

    def test_clear_meanwhile(self) -> None:
        """What is cleared while it is fetched stays cleared."""
        reapply = self.make_remote("http://127.0.0.1:{port}/new.bin.cab")
        data = (reapply.bed.tmp / "web/new.bin.cab").read_bytes()

        def answer(handler) -> None:
            reapply("clear")
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(data)

        self.answer = answer
        self.assertIn("is not stored, as it was cleared", reapply.store_changed())
        self.assertIn("stored:   nothing\n", reapply("status"))

    def test_local(self) -> None:
        """Beside the metadata."""
        reapply = self.make_remote("new.bin.cab", folder="web")
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply("store"))
        reapply.reboot()
        self.assert_applied(reapply)

    def test_folder(self) -> None:
        """Wherever it is in the folder of the remote, and whatever else is there."""
        reapply = self.make_host()
        bed = reapply.bed
        folder = bed.cabinets / "sub"
        folder.mkdir()
        (folder / "loop").symlink_to(bed.cabinets)
        (bed.cabinets / "other.cab").write_bytes(b"no cabinet")
        cabinet = bed.cabinet(bed.image("new.bin"), NEW, ["806F0"], folder=folder)
        cabinet.rename(folder / "NEW.CAB")
        # it only sees at once what is in the folder itself
        bed.stop_daemon()
        bed.start_daemon()
        bed.fwupdmgr("update", check=0)
        self.assertIn(f"stored TDX module {NEW} from NEW.CAB", reapply("store"))
        reapply.reboot()
        self.assert_applied(reapply)

    def test_blocked(self) -> None:
        """The update was the last one until the next reset."""
        reapply = self.make_updated("--remaining=1")
        bed = reapply.bed
        self.assertNotIn("updatable", bed.device()["Flags"])
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply.store_changed())

    def test_with_guests(self) -> None:
        reapply = self.make_updated("--tds=3")
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply.store_changed())

    def test_by_hand(self) -> None:
        """A cabinet that no remote has."""
        reapply = self.make_host(only_trusted=False)
        bed = reapply.bed
        good = bed.cabinet(bed.image("new.bin"), NEW, ["806F0"], folder=bed.tmp)
        bad = bed.cabinet(bed.image("other.bin", "--svn=0x0107"), NEW, ["806F0"], folder=bed.tmp)
        out = reapply("store", good, check=1)
        self.assertIn("the last entry of fwupd's history is not a successful installation", out)
        bed.fwupdmgr("install", str(good), check=0)
        out = reapply("store", check=1)
        self.assertEqual(len(out.splitlines()), 1, out)
        self.assertIn("run: tdx-module-reapply store FILE.cab", out)
        sha1 = hashlib.sha1(good.read_bytes()).hexdigest()
        for path in [bad, bed.tmp / "images/new.bin"]:
            self.assertIn(f"needed is {sha1} of version {NEW}", reapply("store", path, check=1))
        self.assertIn("No such file", reapply("store", bed.tmp / "none.cab", check=1))
        self.assertIn("is not a file", reapply("store", bed.tmp, check=1))
        self.assertNotIn("stored_version", reapply.status())
        self.assertIn(f"stored TDX module {NEW} from new.bin.cab", reapply("store", good))
        self.assertIn("stored already", reapply("store", good))
        self.assertIn("is not what was installed last", reapply("store", bad, check=1))
        good.unlink()
        reapply.reboot()
        self.assert_applied(reapply)

    def test_next_release(self) -> None:
        """The newer one takes the place of the older one."""
        reapply = self.make_stored()
        bed = reapply.bed
        first = reapply.cabinet()
        bed.mock.set(install_version="1.5.20")
        image = bed.image("next.bin", "--version=1.5.20", "--svn=0x0110")
        bed.cabinet(image, "1.5.20", ["806F0"])
        bed.fwupdmgr("update", check=0)
        self.assertIn("stored TDX module 1.5.20 from next.bin.cab", reapply.store_changed())
        self.assertFalse(first.exists())
        reapply.reboot()
        self.assertIn("TDX module 1.5.20 has been applied again", reapply("apply"))

    def make_second(self) -> Reapply:
        """One release is stored, another one has been installed."""
        reapply = self.make_stored()
        bed = reapply.bed
        bed.mock.set(install_version="1.5.20")
        bed.cabinet(bed.image("next.bin", "--version=1.5.20", "--svn=0x0110"), "1.5.20", ["806F0"])
        bed.fwupdmgr("update", check=0)
        return reapply

    def test_killed(self) -> None:
        """Whenever that is, what is stored is whole: the one from before, or the new one."""
        reapply = self.make_second()
        self.skip_without_strace()
        before = reapply.files()
        points = 0
        for call in ["fsync", "rename"]:
            for when in range(1, 20):
                prefix = ["strace", "-qq", "-o", os.devnull, "-e", f"trace={call}"]
                prefix += ["-e", f"inject={call}:signal=KILL:when={when}"]
                out = reapply("store", prefix=prefix, check=None)
                after = reapply.files()
                if "stored already" in out:
                    break
                points += 1
                if after["record"] == before["record"]:
                    for name, data in before.items():
                        self.assertEqual(after[name], data)
                else:
                    self.assertEqual(after["record"]["Version"], "1.5.20")
        self.assertGreater(points, 5)
        self.assertIn("1.5.20", reapply("store"))
        self.assertEqual(reapply.status()["stored_version"], "1.5.20")
        # what was left is removed with the next change
        reapply("clear")
        self.assertEqual(list(reapply.state.glob("*.*.*")), [])

    def skip_without_strace(self) -> None:
        done = subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("strace does not work here")

    def test_power_cut(self) -> None:
        """All that is renamed is on disk before, and its folder after; nothing else counts."""
        reapply = self.make_second()
        self.skip_without_strace()
        trace = reapply.bed.tmp / "trace"
        prefix = ["strace", "-qq", "-y", "-o", str(trace), "-e", "trace=fsync,rename,unlink"]
        reapply("store", prefix=prefix)
        self.assert_durable(reapply, trace)
        reapply("clear", prefix=prefix)
        self.assert_durable(reapply, trace)
        reapply("store", prefix=prefix)
        reapply.reboot()
        reapply("apply", prefix=prefix)
        self.assert_durable(reapply, trace)

    def assert_durable(self, reapply: Reapply, trace: Path) -> None:
        lines = trace.read_text(encoding="utf-8").splitlines()
        renames = 0
        for i, line in enumerate(lines):
            self.assertNotRegex(line, r'unlink\(".*\.conf"')
            match = re.match(r'rename\("([^"]+)", "([^"]+)"\) = 0', line)
            if match is None:
                continue
            renames += 1
            self.assertIn("fsync(", lines[i - 1])
            self.assertIn(f"<{match[1]}>", lines[i - 1])
            self.assertRegex(lines[i + 1], rf"fsync\(\d+<{reapply.state}>\) = 0")
        self.assertGreater(renames, 0)

    def points(self, reapply: Reapply, disk: Disk, *args: str) -> Iterator[bool]:
        """Power cuts before each change of the state and one after all; says if it ended."""
        for at in range(1, 60):
            disk.reset()
            out = reapply(*args, check=None, **disk.env(at))
            disk.cut()
            yield out != ""
            if out != "":
                self.assertGreater(at, 8)
                return
        self.fail("it has no end")

    def test_power_cut_store(self) -> None:
        """What is said to be stored is, and else what was before; never half of it."""
        if os.environ.get("TDX_PRELOAD"):
            self.skipTest("the bounds of a download are too low for the sanitizers in it")
        reapply = self.make_second()
        for ended in self.points(reapply, Disk(reapply), "store"):
            status = reapply.status()
            self.assertIn(status["state"], ["current", "refused"], status)
            self.assertIn(status["stored_version"], ["1.5.20"] if ended else [NEW, "1.5.20"])
            self.assertIn("1.5.20", reapply("store"))
            self.assertEqual(reapply.status()["stored_version"], "1.5.20")

    def test_power_cut_clear(self) -> None:
        reapply = self.make_stored()
        for ended in self.points(reapply, Disk(reapply), "clear"):
            status = reapply.status()
            self.assertIn(status["state"], ["nothing"] if ended else ["nothing", "current"])
            if status["state"] == "nothing":
                os.utime(reapply.history)
                self.assertIn("as it was cleared", reapply.store_changed())

    def test_power_cut_apply(self) -> None:
        """An attempt that has reached the kernel is never forgotten."""
        reapply = self.make_stored()
        disk = Disk(reapply)
        reached = 0
        reapply.reboot()
        before = self.uploads(reapply)
        for _ended in self.points(reapply, disk, "apply"):
            attempt = self.uploads(reapply) > before
            noted = "AttemptResult=done" in (reapply.state / "state.conf").read_text()
            reached += attempt and not noted
            reapply.reboot()
            out = reapply("apply", check=None)
            if attempt and not noted:
                self.assertIn("the last attempt has not come to its end", out)
            else:
                self.assertIn(f"TDX module {NEW} has been applied again", out)
            reapply.reboot()
            before = self.uploads(reapply)
        self.assertGreater(reached, 2)

    def test_disk_full(self) -> None:
        reapply = self.make_second()
        kept = reapply.bed.tmp / "kept"
        reapply.state.rename(kept)
        reapply.state.mkdir()
        size = (reapply.bed.cabinets / "next.bin.cab").stat().st_size
        run("mount", "-t", "tmpfs", "-o", f"size={size + size // 2}", "tmpfs", reapply.state)
        self.addCleanup(run, "umount", reapply.state)
        shutil.copytree(kept, reapply.state, dirs_exist_ok=True)
        before = reapply.files()
        out = reapply("store", check=1)
        self.assertIn("No space left on device", out)
        self.assertIn(f"which needs {size} bytes", out)
        self.assertEqual(reapply.files(), before)
        self.assertEqual(list(reapply.state.glob("*.*.*")), [])

    def test_two_at_once(self) -> None:
        reapply = self.make_second()
        processes = [reapply.start("store") for _i in range(4)]
        outs = [process.communicate(timeout=60)[0] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0] * 4, outs)
        self.assertEqual(sum("stored TDX module 1.5.20" in out for out in outs), 1, outs)
        self.assertEqual(sum("is stored already" in out for out in outs), 3, outs)

    def test_if_changed(self) -> None:
        """fwupd is not started for nothing."""
        reapply = self.make_updated()
        self.assertIn(f"stored TDX module {NEW}", reapply.store_changed())
        reapply.bed.stop_daemon()
        self.assertEqual(reapply.store_changed(), "")
        os.utime(reapply.history)
        out = reapply("store", f"--if-changed={reapply.history}", check=1)
        self.assertIn("cannot talk to fwupd", out)
        # as that would start it again and again
        self.assertEqual(reapply.store_changed(), "")

    def test_asking_changes_nothing(self) -> None:
        """Else the path unit would go round in circles."""
        reapply = self.make_updated()
        before = reapply.history.stat()
        reapply("store")
        reapply("status")
        reapply.bed.stop_daemon()
        reapply.bed.start_daemon()
        reapply("store")
        after = reapply.history.stat()
        self.assertEqual((after.st_mtime_ns, after.st_size), (before.st_mtime_ns, before.st_size))

    def test_not_running(self) -> None:
        """Of a success that is not to be seen, only a person can say that it was one."""
        reapply = self.make_updated()
        reapply.reboot()
        self.assertIn("is not stored, as it is not running", reapply.store_changed())
        self.assertNotIn("stored_version", reapply.status())
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assert_applied(reapply)

    def test_clear(self) -> None:
        reapply = self.make_stored()
        self.assertEqual(reapply("clear"), "no release is stored now\n")
        self.assertEqual(reapply("status"), "stored:   nothing\n")
        self.assertEqual(list(reapply.state.glob("*.cab")), [])
        os.utime(reapply.history)
        self.assertIn("is not stored, as it was cleared", reapply.store_changed())
        reapply.reboot()
        self.assertIn("nothing to do", reapply("apply"))
        self.assertEqual(reapply.bed.mock.attr("version"), BIOS)
        self.assertIn(f"stored TDX module {NEW}", reapply("store"))
        self.assert_applied(reapply)

    def test_usage(self) -> None:
        reapply = self.make_host()
        for args in [[], ["x"], ["apply", "x"], ["store", "a", "b"], ["--x"]]:
            self.assertIn("see --help", reapply(*args, check=2))
        self.assertIn("--if-changed", reapply("--help"))


if __name__ == "__main__":
    main()
