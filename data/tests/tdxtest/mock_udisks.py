#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for udisksd on a bus of its own: each folder is an EFI system partition.

One that is named after a dash is not mounted, and mounting it gives the folder. Prints what was
mounted and unmounted.
"""

import functools
import sys

from gi.repository import Gio, GLib

NAME = "org.freedesktop.UDisks2"
MANAGER = "/org/freedesktop/UDisks2/Manager"
BLOCKS = "/org/freedesktop/UDisks2/block_devices"
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
INTERFACES = """<node>
  <interface name="org.freedesktop.UDisks2.Manager">
    <method name="GetBlockDevices">
      <arg type="a{sv}" name="options" direction="in"/>
      <arg type="ao" name="block_objects" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.UDisks2.Block">
    <property name="Device" type="ay" access="read"/>
    <property name="HintSystem" type="b" access="read"/>
    <property name="IdType" type="s" access="read"/>
    <property name="Size" type="t" access="read"/>
  </interface>
  <interface name="org.freedesktop.UDisks2.Partition">
    <property name="Type" type="s" access="read"/>
    <property name="UUID" type="s" access="read"/>
  </interface>
  <interface name="org.freedesktop.UDisks2.Filesystem">
    <method name="Mount">
      <arg type="a{sv}" name="options" direction="in"/>
      <arg type="s" name="mount_path" direction="out"/>
    </method>
    <method name="Unmount">
      <arg type="a{sv}" name="options" direction="in"/>
    </method>
    <property name="MountPoints" type="aay" access="read"/>
  </interface>
</node>
"""


class Partition:
    def __init__(self, number: int, argument: str) -> None:
        self.folder = argument.lstrip("-")
        mounted = [] if argument.startswith("-") else [self.folder.encode() + b"\0"]
        self.properties = {
            "Device": GLib.Variant("ay", f"/dev/tdx{number}".encode() + b"\0"),
            "HintSystem": GLib.Variant("b", True),
            "IdType": GLib.Variant("s", "vfat"),
            "MountPoints": GLib.Variant("aay", mounted),
            "Size": GLib.Variant("t", 512 << 20),
            "Type": GLib.Variant("s", ESP),
            "UUID": GLib.Variant("s", f"00000000-0000-0000-0000-{number:012}"),
        }

    def get(self, _connection, _sender, _path, _interface, name: str) -> GLib.Variant:
        return self.properties[name]

    def call(self, _connection, _sender, _path, _interface, method, _args, invocation) -> None:
        print(method, self.folder, flush=True)
        reply = GLib.Variant("(s)", (self.folder,)) if method == "Mount" else None
        invocation.return_value(reply)


def main() -> None:
    connection = Gio.bus_get_sync(Gio.BusType.SYSTEM, None)
    manager, *interfaces = Gio.DBusNodeInfo.new_for_xml(INTERFACES).interfaces
    paths = []
    for number, argument in enumerate(sys.argv[1:]):
        partition = Partition(number, argument)
        paths.append(f"{BLOCKS}/tdx{number}")
        for interface in interfaces:
            connection.register_object(
                paths[-1], interface, partition.call, partition.get, None
            )

    def list_blocks(_connection, _sender, _path, _interface, _method, _args, invocation) -> None:
        invocation.return_value(GLib.Variant("(ao)", (paths,)))

    connection.register_object(MANAGER, manager, list_blocks, None, None)
    Gio.bus_own_name_on_connection(connection, NAME, Gio.BusNameOwnerFlags.NONE, None, None)
    GLib.timeout_add(0, functools.partial(print, "ready", flush=True))
    GLib.MainLoop().run()


if __name__ == "__main__":
    sys.exit(main())
