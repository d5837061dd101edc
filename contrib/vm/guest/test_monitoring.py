#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tells others about the host: the units as they are packaged, in their sandbox."""

import re
import stat
import subprocess
from pathlib import Path

import guest
from guest import GuestCase, client, run

# units, and what they write
FILES = {
    "tdx-module-metrics": Path("/var/lib/prometheus/node-exporter/tdx_module.prom"),
    "tdx-module-features": Path("/etc/kubernetes/node-feature-discovery/features.d/tdx-module"),
}
TIMERS = [f"{name}.timer" for name in FILES]
CHANGES = re.compile(r"^(# \+expiry-time=|tdx_module_metadata_age_seconds\{).*$", re.MULTILINE)
# at once, and not within minutes
NOW = "[Timer]\nOnBootSec=1\nRandomizedDelaySec=0\n"


def setUpModule() -> None:  # pylint: disable=invalid-name
    guest.make_remote()


class UnitTest(GuestCase):
    """An administrator switches them on."""

    def setUp(self) -> None:
        self.addCleanup(guest.unload_driver)
        guest.load_driver()
        self.wait_for_device("1.5.06")
        guest.offer("made-1.5.16.bin")
        self.wait_for_release("1.5.16")

    def assert_fails_without_folder(self, unit: str, path: Path) -> None:
        """It is not skipped in silence, and says what to do."""
        self.assertFalse(path.parent.exists())
        done = subprocess.run(["systemctl", "start", unit], stderr=subprocess.DEVNULL, check=False)
        self.assertNotEqual(done.returncode, 0)
        journal = run("journalctl", "--boot", "--output=cat", f"--unit={unit}")
        self.assertIn(f"there is no folder {path.parent}: install the program", journal)

    def assert_written(self, unit: str, path: Path) -> str:
        """The timer has started it, and it has left nothing else; others can read the file."""
        guest.wait_for(path.exists, str(path))
        guest.wait_for(
            lambda: guest.unit_property(unit, "ActiveState") == "inactive", f"the end of {unit}"
        )
        self.assertEqual(guest.unit_property(unit, "Result"), "success")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o644)
        self.assertEqual([item.name for item in path.parent.iterdir()], [path.name])
        return path.read_text(encoding="utf-8")

    def test_timers(self) -> None:
        self.assert_packaged(*TIMERS, *[f"{name}.service" for name in FILES])
        for name, path in FILES.items():
            self.assert_fails_without_folder(f"{name}.service", path)
            path.parent.mkdir(parents=True)
            drop_in = Path(f"/run/systemd/system/{name}.timer.d/now.conf")
            drop_in.parent.mkdir(parents=True)
            drop_in.write_text(NOW, encoding="utf-8")
        self.addCleanup(run, "systemctl", "disable", "--now", *TIMERS)
        run("systemctl", "enable", "--now", *TIMERS)
        metrics, features = [self.assert_written(f"{n}.service", p) for n, p in FILES.items()]
        self.assertEqual(run("systemctl", "is-active", *TIMERS).split(), ["active"] * 2)

        self.assert_status("available", 3)
        self.assertIn('tdx_module_state{state="available"} 1\n', metrics)
        self.assertIn("tdx-module.state=available\n", features)
        # the sandbox hides nothing
        for option, text in ("--prometheus", metrics), ("--nfd", features):
            done = client.run_tool("tdx-module-status", option)
            self.assertEqual(CHANGES.sub("", text), CHANGES.sub("", done.stdout))
