#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real fwupdmgr, run as a script would; needs nothing but Python."""

import json
import subprocess
from typing import List, Optional

NONINTERACTIVE = [
    "--assume-yes",
    "--no-reboot-check",
    "--no-unreported-check",
    "--no-metadata-check",
    "--no-remote-check",
    "--no-device-prompt",
    "--no-safety-check",
]

# of fwupd's FwupdUpdateState; it reports only the first two
SUCCESS = 2
FAILED = 3
FAILED_TRANSIENT = 5


class Client:
    """Asks the daemon of this machine, unless a subclass says otherwise."""

    prefix: List[str] = []  # what runs fwupdmgr, for example as another user
    env: Optional[dict] = None
    tmp = None  # the current folder
    timeout = 120

    def run_tool(self, *command: str, **env: str) -> subprocess.CompletedProcess:
        """Runs it without input, and gives all that it prints as one text; env is added to ours."""
        return subprocess.run(
            command,
            env={**self.env, **env} if env else self.env,
            cwd=self.tmp,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.timeout,
            check=False,
        )

    def fwupdmgr(self, *args: str, check: Optional[int] = None) -> subprocess.CompletedProcess:
        """Runs the real client and checks its exit status, if one is given."""
        done = self.run_tool(*self.prefix, "fwupdmgr", *NONINTERACTIVE, *args)
        if check is not None and done.returncode != check:
            raise AssertionError(
                f"{' '.join(args)} exited with {done.returncode}, expected {check}:\n{done.stdout}"
            )
        return done

    def start_update(self) -> subprocess.Popen:
        """Goes on with the update; the caller waits for its end."""
        return subprocess.Popen(
            [*self.prefix, "fwupdmgr", *NONINTERACTIVE, "update"],
            env=self.env,
            cwd=self.tmp,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def json(self, *args: str) -> dict:
        out = self.fwupdmgr(*args, "--json").stdout
        return json.loads(out)

    def devices(self) -> List[dict]:
        return [d for d in self.json("get-devices").get("Devices", []) if d["Plugin"] == "tdx_module"]

    def device(self) -> Optional[dict]:
        return next(iter(self.devices()), None)

    def has_release(self, version: str) -> bool:
        """If a remote has this version for the TDX module."""
        releases = (self.device() or {}).get("Releases", [])
        return any(release.get("Version") == version for release in releases)

    def history(self) -> List[dict]:
        out = self.json("get-history")
        return out.get("Devices", [])
