#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Shows an update of the TDX module with the real fwupd over a mock host; needs no TDX hardware.
set -eu
cd "$(dirname "$0")/.."
reason=$(contrib/ci/needs.sh)
[ -z "$reason" ] || { echo "try: cannot run here: $reason" >&2 && exit 1; }
contrib/setup.sh build
PYTHONPATH=$PWD/data/tests exec /usr/bin/python3 -B contrib/demo/demo.py
