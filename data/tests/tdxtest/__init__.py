# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests with the real daemon share; the demo and the virtual machines use it too.

testbed         a mock TDX host with the real daemon on a D-Bus of its own: begin here
fleet           many mock hosts that can be reached with ssh
images          the folders of the project, images of TDX modules, and cabinets of them
fwupdmgr        the real client
mirror          a signed mirror, and what somebody may do to it
desktop         a screen for programs with windows
mock_polkit     stands in for polkitd
release_oracle  which releases a host may be offered, from Intel's map alone
tap             runs unit tests and reports as meson wants it

The guests of contrib/vm have a copy of fwupdmgr, rules and tap, so these import nothing else of this.
"""
