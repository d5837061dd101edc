#!/bin/sh
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the plugin SDK: distributions ship libfwupdplugin.so but not its headers, which are taken
# from the source package of the fwupd version that is installed.
set -eu

usage()
{
    cat <<EOF
usage: $0 [--source DIR] [--output DIR] [--libdir DIR]

  --source DIR  an unpacked fwupd source tree; default: fetched with apt-get
  --output DIR  where the SDK goes; default: build/sdk
  --libdir DIR  the folder with libfwupdplugin.so; default: that of the installed fwupd
EOF
}

die()
{
    echo "make-sdk: $1" >&2
    exit 1
}

# fetch the source package of fwupd $1 into the current folder, without changing apt's own settings
fetch_source()
{
    command -v apt-get >/dev/null ||
        die "no apt-get here: pass the source of fwupd $1 with --source DIR"
    mkdir -p lists/partial
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format 'deb-src $(REPO_URI) $(CODENAME) $(COMPONENT)' \
        'Created-By: Packages' | grep ' main$' | sort -u >sources.list
    set -- "$1" -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$PWD/lists" -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=400
    version=$1
    shift
    apt-get "$@" update -qq || die "the lists of source packages could not be fetched, see above"

    # only the upstream tarball is needed; some backports have no other file left in the archive
    apt-get "$@" source -qq --download-only "fwupd=$(dpkg-query -W -f '${source:Version}' fwupd)" ||
        true
    set -- fwupd_"$version".orig.tar.*
    [ -f "$1" ] || die "the source package of fwupd $version could not be fetched: \
download fwupd $version yourself, unpack it, and pass it with --source DIR"
    mkdir source
    tar -xf "$1" -C source --strip-components=1
}

# the headers of folder $1, which include $2; older rustgen.py expect both outputs behind the input
generate()
{
    folder=$1
    shift
    rustgen=source/libfwupdplugin/rustgen.py
    to='--outh'
    grep -q -e "$to" "$rustgen" || to='/dev/null'
    find "source/$folder/" -maxdepth 1 -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' |
        xargs -r -P "$(nproc)" -I '{}' /usr/bin/python3 -B "$rustgen" "source/$folder/{}.rs" \
            "$to" "include/$folder/{}-struct.h" --use fwupd:source/libfwupdplugin --include "$@"
}

source=
libdir=
output=$(dirname "$0")/../../build/sdk
while [ $# -gt 0 ]; do
    case $1 in
    --source) source=$(realpath "$2") && shift ;;
    --output) output=$2 && shift ;;
    --libdir) libdir=$(realpath "$2") && shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done

/usr/bin/python3 -c 'import jinja2' 2>/dev/null ||
    die "Python's jinja2 is missing: apt-get install python3-jinja2"
if [ -z "$libdir" ]; then
    for dir in /usr/lib/*/fwupd-* /usr/lib64/fwupd-* /usr/lib/fwupd-*; do
        [ -f "$dir/libfwupdplugin.so" ] && libdir=$dir
    done
    [ -n "$libdir" ] || die "no libfwupdplugin.so under /usr/lib: apt-get install fwupd"
fi
version=${libdir##*/fwupd-}
libfwupd=$(dirname "$libdir")/libfwupd.so.3
[ -f "$libfwupd" ] || die "$libfwupd is missing: apt-get install libfwupd3"

# everything is made beside its final place, so that an interrupted run leaves no half SDK behind
mkdir -p "$(dirname "$output")"
output=$(realpath -m "$output")
work=$(mktemp -d "$output.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
if [ -n "$source" ]; then
    ln -s "$source" source
else
    fetch_source "$version"
fi
found=$(sed -n "s/^  version: '\([^']*\)'.*/\1/p" source/meson.build | head -n 1)
[ "$found" = "$version" ] ||
    die "the source is that of fwupd $found, but the installed fwupd is $version: \
a plugin works only with the version that it was built for"

# what fwupd's own build would generate
mkdir -p include/libfwupd include/libfwupdplugin lib
minor=${version#*.}
sed "s/@MAJOR_VERSION@/${version%%.*}/;s/@MINOR_VERSION@/${minor%%.*}/;s/@MICRO_VERSION@/${version##*.}/" \
    source/libfwupd/fwupd-version.h.in >include/libfwupd/fwupd-version.h
generate libfwupdplugin fwupd.h --prefix Fu
generate libfwupd libfwupd/fwupd-build.h

ln -s "$libdir/libfwupdplugin.so" "$libfwupd" lib/
ln -s libfwupd.so.3 lib/libfwupd.so
echo "$version" >VERSION
rm -rf lists sources.list ./*.dsc ./*.debian.tar.* ./*.orig.tar.*
chmod 755 "$work"
rm -rf "$output"
mv "$work" "$output"
trap - EXIT
echo "plugin SDK for fwupd $version in $output"
