#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs those of Debian's packages that are missing here, or says why it cannot. Where there is no
# dpkg the names are unknown, and whoever is called next says what is missing.
#
# usage: contrib/ci/install.sh PACKAGE...
set -eu
command -v dpkg-query >/dev/null || exit 0
missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" -eq 0 ] || {
    echo "only root can install what is missing here, so run this as root once, or: apt-get install$missing" >&2
    exit 1
}
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=400 update
# shellcheck disable=SC2086 # a list
apt-get -qq -o DPkg::Lock::Timeout=400 install -y --no-install-recommends $missing >/dev/null
