#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A screen that nobody sees, for programs of the desktop that talk to a testbed.

Widgets are found as a screen reader finds them, by what they say, and buttons are clicked as it does
that (AT-SPI). So fonts and themes do not matter, and no click can go to a wrong button.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

from gi.repository import Gio, GLib
from tdxtest.images import run
from tdxtest.testbed import Testbed, start

SCREEN = "1280x1024x24"
SCREEN_CORNER = (1279, 1023)
FRAME = 60  # pixels around a window, at most
NEEDED = {  # a program or a file, and Debian's package
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "import": "imagemagick",
    "/usr/libexec/at-spi-bus-launcher": "at-spi2-core",
}
ATSPI = "org.a11y.atspi"
WINDOW_COORDINATES = 1
TIMEOUT = 60000  # ms
SENSITIVE = 1 << 24  # among the states
BUS_FLAGS = (
    Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
)


def skip_reason(program: str) -> Optional[str]:
    """Why this program cannot be shown here."""
    for name, package in {**NEEDED, program: program}.items():
        if shutil.which(name) is None:
            return f"no {name}, which is in Debian's package {package}"
    return None


class Box(NamedTuple):
    """Where a widget is in its window."""

    x: int
    y: int
    width: int
    height: int

    def fills(self, wanted: "Box") -> bool:
        """If a window of that size has this inside of its frame."""
        frame = [wanted.width - self.width, wanted.height - self.height]
        return all(0 <= pixels <= FRAME for pixels in frame)


class Widget:
    """One node of the tree that a screen reader sees."""

    def __init__(self, bus: Gio.DBusConnection, owner: str, path: str) -> None:
        self.bus = bus
        self.owner = owner
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Widget) and (self.owner, self.path) == (other.owner, other.path)

    def _call(self, interface: str, method: str, args: Optional[GLib.Variant] = None):
        reply = self.bus.call_sync(
            self.owner, self.path, interface, method, args, None, Gio.DBusCallFlags.NONE, TIMEOUT
        )
        return reply.unpack()[0]

    @property
    def role(self) -> str:
        return self._call(f"{ATSPI}.Accessible", "GetRoleName")

    @property
    def name(self) -> str:
        args = GLib.Variant("(ss)", (f"{ATSPI}.Accessible", "Name"))
        return self._call("org.freedesktop.DBus.Properties", "Get", args)

    @property
    def sensitive(self) -> bool:
        """If it can be clicked."""
        return bool(self._call(f"{ATSPI}.Accessible", "GetState")[0] & SENSITIVE)

    @property
    def children(self) -> List["Widget"]:
        nodes = self._call(f"{ATSPI}.Accessible", "GetChildren")
        return [Widget(self.bus, owner, path) for owner, path in nodes]

    @property
    def box(self) -> Box:
        args = GLib.Variant("(u)", (WINDOW_COORDINATES,))
        return Box(*self._call(f"{ATSPI}.Component", "GetExtents", args))

    def walk(self) -> Iterator["Widget"]:
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, role: str) -> List["Widget"]:
        return [widget for widget in self.walk() if widget.role == role]

    def row(self, text: str) -> "Widget":
        """The first one that says this."""
        return next(row for row in self.find("list item") if text in row.texts())

    def button(self, text: str) -> "Widget":
        """The one with this text, or with this as its accessible name."""
        return next(button for button in self.find("button") if text in button.name)

    def click(self) -> bool:
        """Only buttons can do this, and none that is greyed out."""
        return self._call(f"{ATSPI}.Action", "DoAction", GLib.Variant("(i)", (0,)))

    def texts(self) -> List[str]:
        """What a person reads, from the top to the bottom."""
        return [label.name for label in self.find("label")]


class Desktop:
    """The screen, the session bus, and one program; there is no window manager."""

    def __init__(self, bed: Testbed, *command: str) -> None:
        self.bed = bed
        self.home = bed.tmp / "home"
        self.home.mkdir(mode=0o700)
        self.processes: List[subprocess.Popen] = []
        self._write_settings()
        self.log = (self.home / "log").open("w", encoding="utf-8")
        self.display = self._start_screen()
        self._start(
            "dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={self._session}"
        )
        bed.wait_for((self.home / "bus").exists, "the session bus")
        self.bus = self._accessibility_bus()
        self._start(*command)
        bed.wait_for(self.windows, "a window", 120)

    def _write_settings(self) -> None:
        """What moves cannot be clicked, and looks different each time."""
        folder = self.home / "gtk-4.0"
        folder.mkdir()
        text = "[Settings]\ngtk-enable-animations=false\n"
        (folder / "settings.ini").write_text(text, encoding="utf-8")

    @property
    def _session(self) -> str:
        return f"unix:path={self.home}/bus"

    @property
    def env(self) -> dict:
        """Nothing of the user who runs the tests, and no GPU."""
        return {
            **self.bed.env,
            "ADW_DISABLE_PORTAL": "1",
            "DBUS_SESSION_BUS_ADDRESS": self._session,
            "DISPLAY": self.display,
            "GDK_BACKEND": "x11",
            "GIO_USE_VFS": "local",
            "GSETTINGS_BACKEND": "memory",
            "GSK_RENDERER": "cairo",
            "HOME": str(self.home),
            "LANGUAGE": "C",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "XDG_CONFIG_HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home),
        }

    def _start(self, *command: str, **kwargs) -> subprocess.Popen:
        process = start(*command, env=self.env, stdout=self.log, stderr=self.log, **kwargs)
        self.processes.append(process)
        return process

    def _start_screen(self) -> str:
        """Takes a number that is free and tells which."""
        self.display = ""  # it has no other screen itself
        ours, theirs = os.pipe()
        options = ["-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]
        self._start("Xvfb", "-displayfd", str(theirs), *options, pass_fds=[theirs])
        os.close(theirs)
        with os.fdopen(ours, encoding="utf-8") as pipe:
            number = pipe.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb did not start: {self.log_text()}")
        return f":{number}"

    def _accessibility_bus(self) -> Gio.DBusConnection:
        session = self._connect(self._session)
        reply = session.call_sync(
            "org.a11y.Bus",
            "/org/a11y/bus",
            "org.a11y.Bus",
            "GetAddress",
            None,
            None,
            Gio.DBusCallFlags.NONE,
            TIMEOUT,
        )
        session.close_sync()
        return self._connect(reply.unpack()[0])

    def _connect(self, address: str) -> Gio.DBusConnection:
        bus = Gio.DBusConnection.new_for_address_sync(address, BUS_FLAGS, None, None)
        bus.set_exit_on_close(False)
        return bus

    def windows(self) -> List[Widget]:
        """Of the program, the newest last."""
        root = Widget(self.bus, f"{ATSPI}.Registry", f"/{ATSPI.replace('.', '/')}/accessible/root")
        try:
            return [window for program in root.children for window in program.children]
        except GLib.Error:
            return []  # one of them went away meanwhile

    def log_text(self) -> str:
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def wait_for(self, look, what: str):
        """Until something is there that is not empty, as the program draws when it likes to."""
        found = []

        def ready() -> bool:
            try:
                found[:] = [look()]
            except (GLib.Error, LookupError, StopIteration):
                return False  # what was looked at went away or is not there yet
            return bool(found[0])

        try:
            self.bed.wait_for(ready, what, 120)
        except RuntimeError as error:
            seen = [window.texts() for window in self.windows()]
            raise AssertionError(f"{error}; these are: {seen}") from error
        return found[0]

    def xdotool(self, *args) -> str:
        return run("env", f"DISPLAY={self.display}", "xdotool", *args)

    def click_row(self, window: Widget, row: Widget) -> None:
        """With the pointer, as rows cannot be clicked otherwise.

        GTK 4.18 is some pixels off, but a row is higher than that. All windows are in the upper left
        corner, as there is nobody to move them.
        """
        frame, box = window.box, row.box
        middle = [box.x - frame.x + box.width // 2, box.y - frame.y + box.height // 2]
        self.xdotool("mousemove", *middle, "click", "1")

    def front(self) -> str:
        """The window in front; each program also has some that are too small to be seen."""

        def look() -> List[str]:
            found = self.xdotool("search", "--onlyvisible", "--maxdepth", "1", "--name", ".*")
            return [window for window in found.split() if self._width(window) > 1]

        return self.wait_for(look, "a window on the screen")[-1]

    def _width(self, window: str) -> int:
        place = self.xdotool("getwindowgeometry", "--shell", window)
        return int(dict(line.split("=") for line in place.split())["WIDTH"])

    def resize(self, window: Widget, width: int, height: int) -> None:
        """The one in front, and its widgets have found their new places after that."""
        self.xdotool("windowsize", self.front(), width, height)
        wanted = Box(0, 0, width, height)
        self.wait_for(lambda: window.box.fills(wanted), f"the size {width}x{height}")

    def screenshot(self, path: Path) -> None:
        """Of the window in front, once it is drawn."""
        self.xdotool("mousemove", *SCREEN_CORNER)
        seen: List[bytes] = []

        def look() -> bool:
            time.sleep(0.2)
            seen.append(self._capture(path))
            return seen[-2:-1] == seen[-1:]

        self.wait_for(look, "a window that is drawn")

    def _capture(self, path: Path) -> bytes:
        few_colours = ["-strip", "-dither", "None", "-colors", "64"]
        command = ["import", "-window", self.front(), *few_colours, f"png8:{path}"]
        run("env", f"DISPLAY={self.display}", *command)
        return path.read_bytes()

    def stop(self) -> None:
        self.bus.close_sync()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(timeout=30)
        self.log.close()
