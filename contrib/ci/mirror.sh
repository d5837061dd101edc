#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prints the address of the Debian archive: that in $TDX_DEBIAN_MIRROR, or else the one that this
# machine was installed from.
set -eu

find_mirror()
{
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's,^Debian \(.*[^/]\)/*$,\1,p' | head -n 1
}

mirror=${TDX_DEBIAN_MIRROR:-$(find_mirror)}
if [ -z "$mirror" ]; then
    # the label is in what apt has fetched
    apt-get -qq -o DPkg::Lock::Timeout=400 update >&2
    mirror=$(find_mirror)
fi
[ -n "$mirror" ] || {
    echo "mirror: apt has no source of Debian, see sources.list(5): set TDX_DEBIAN_MIRROR" >&2
    exit 1
}
echo "$mirror"
