#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs those of Debian's packages that are missing here.
#
# usage: contrib/ci/install.sh PACKAGE...
set -eu
missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=400 update
# shellcheck disable=SC2086 # a list
apt-get -qq -o DPkg::Lock::Timeout=400 install -y --no-install-recommends $missing >/dev/null
