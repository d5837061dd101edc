#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for polkitd on a bus of its own: root may do everything, and nobody else anything.

Newer fwupd, if it was built with polkit, lets not even root change anything where there is none.
"""

import sys

from gi.repository import Gio, GLib

NAME = "org.freedesktop.PolicyKit1"
PATH = "/org/freedesktop/PolicyKit1/Authority"
INTERFACE = """<node>
  <interface name="org.freedesktop.PolicyKit1.Authority">
    <method name="CheckAuthorization">
      <arg type="(sa{sv})" name="subject" direction="in"/>
      <arg type="s" name="action_id" direction="in"/>
      <arg type="a{ss}" name="details" direction="in"/>
      <arg type="u" name="flags" direction="in"/>
      <arg type="s" name="cancellation_id" direction="in"/>
      <arg type="(bba{ss})" name="result" direction="out"/>
    </method>
  </interface>
</node>
"""


def ask_bus(connection: Gio.DBusConnection, method: str, arguments: GLib.Variant) -> int:
    bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    reply = connection.call_sync(*bus, method, arguments, None, Gio.DBusCallFlags.NONE, -1, None)
    return reply.unpack()[0]


def check_authorization(connection, _sender, _path, _interface, _method, args, invocation) -> None:
    _kind, subject = args.unpack()[0]
    user = ask_bus(connection, "GetConnectionUnixUser", GLib.Variant("(s)", (subject["name"],)))
    invocation.return_value(GLib.Variant("((bba{ss}))", ((user == 0, False, {}),)))


def main() -> None:
    connection = Gio.bus_get_sync(Gio.BusType.SYSTEM, None)
    interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
    connection.register_object(PATH, interface, check_authorization, None, None)
    ask_bus(connection, "RequestName", GLib.Variant("(su)", (NAME, 0)))
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    sys.exit(main())
