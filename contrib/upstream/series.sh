#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the patch series that takes the plugin into fwupd's own tree. See usage() below.
set -eu
here=$(realpath "$(dirname "$0")")

usage()
{
    cat <<TEXT
usage: contrib/upstream/series.sh [--author 'NAME <MAIL>'] [--owner @NAME] [--recording URL]
                                  TREE OUTPUT

Writes to the folder OUTPUT what \`git am\` takes on top of TREE, an fwupd source tree, which is not
changed: a cover letter, the plugin's folder as it is, and the few lines outside of it.

  --author     who has read all of it and answers for it
  --owner      who looks after it on GitHub from then on
  --recording  an update on real hardware, as fwupd has recorded it

What is not given of these stands there as NEEDED, and then each patch says that it is a draft.
TEXT
}

author='NEEDED <needed@invalid>'
owner=@NEEDED
recording=NEEDED
while [ $# -gt 2 ]; do
    case $1=$2 in
    --author=?*' <'?*@?*'>') author=$2 ;;
    --owner=@?*) owner=$2 ;;
    --recording=https://?*) recording=$2 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift 2
done
case $#${1:-} in
2[!-]*) ;;
1-h | 1--help) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac
tree=$(realpath "$1")
mkdir -p "$2"
output=$(realpath "$2")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

fill_in()
{
    sed -e "s|@AUTHOR@|$author|" -e "s|@OWNER@|$owner|" -e "s|@RECORDING@|$recording|" "$here/$1"
}

# the message is read from standard input
commit()
{
    git add -f .
    git commit -q --author "$author" -F -
}

mkdir "$tmp/tree"
tar -c -C "$tree" --exclude=./.git . | tar -x -C "$tmp/tree"
cd "$tmp/tree"
git init -q -b tdx-module
git config user.name "${author% <*}"
git config user.email "$(expr "$author" : '.* <\(.*\)>')"
echo fwupd | commit
git tag fwupd

cp -R "$here/../../plugins/tdx-module" plugins/
"$here/without-boot.sh" plugins/tdx-module
commit <<TEXT
tdx-module: Add a plugin to update the Intel TDX module

Linux 7.2 and later can replace the TDX module at run time without losing the
guests that are running.

The kernel shuts down the running TDX module before the P-SEAMLDR looks at the
new one, and if that is refused then all confidential guests are lost. So all
that can be known of the answer is asked before the kernel is touched.
TEXT

cp -R "$here/../../plugins/tdx-module" plugins/
commit <<TEXT
tdx-module: Also update the TDX module that the next boot loads

Older kernels and many CPUs cannot replace the TDX module at run time. There the
same image is put on the EFI system partition as two files, and whatever cuts
that off, a boot never finds an old and a new one together.
TEXT

fill_in outside.patch | patch -p 1 --fuzz 1 --no-backup-if-mismatch
commit <<TEXT
tdx-module: Build the plugin, fuzz it, and let the daemon write to the device

ProtectKernelTunables= makes /sys read-only for the daemon with some versions of
systemd, and the firmware upload of the TDX module is below /sys/devices/faux.
TEXT

fill_in cover-letter.txt >"$tmp/cover-letter"
git config branch.tdx-module.description "$(cat "$tmp/cover-letter")"
draft=
! grep NEEDED "$tmp/cover-letter" >&2 || draft='DRAFT '
rm -f "$output"/*.patch
git format-patch --cover-letter --cover-from-description=subject --subject-prefix="${draft}PATCH" \
    -o "$output" fwupd
